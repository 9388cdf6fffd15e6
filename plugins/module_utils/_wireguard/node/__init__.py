# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard on a node: bringing a configuration into force, and an identity that follows a virtual IP.

Installed on the node as the role's `ctl`; the keys' part is shared with the module `wireguard_key`. Standard library only.
"""
