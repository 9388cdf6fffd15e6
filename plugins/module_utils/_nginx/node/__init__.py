# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx on a node: whether it takes a candidate, and what its workers run.

Installed as /usr/local/lib/evenkeel/nginx and run by commit. Standard library only.
"""
