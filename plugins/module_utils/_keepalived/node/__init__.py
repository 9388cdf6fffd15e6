# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived on a node: what it is doing, and the files that steer it.

Shared by the modules `vrrp_info` and `drain` and, installed as /usr/local/lib/evenkeel/vrrp, by the units of the node.
Standard library only.
"""
