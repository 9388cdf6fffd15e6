# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy on a node: what it is doing, and the drains that its operators wish.

Shared by the modules `haproxy_info` and `haproxy_server` and, installed as /usr/local/lib/evenkeel/haproxy, by the unit of the
node. Standard library only.
"""
