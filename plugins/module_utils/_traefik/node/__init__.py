# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""traefik on a node: tries a candidate, and tells what the running daemon has in force.

Installed as /usr/local/lib/evenkeel/traefik and run by commit. Standard library only.
"""
