#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard_member
short_description: Add, revoke or list the people who come in through a WireGuard tunnel
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Works on the controller only, on the inventory's file of C(wireguard_members), which it alone writes.
  - A new member's configuration is written once, mode 0600, as a file and, where the Python library segno is installed, as a QR
    code beside it and as text. No copy is kept. A private key is made only if no public key is given.
  - The nodes know of it after the next run of C(evenkeel.lb.site).
options:
  name:
    description: Who it is. Without it the members are listed.
    type: str
  state:
    description: V(absent) revokes.
    type: str
    choices: [present, absent]
    default: present
  members_file:
    description: The inventory's file of members.
    type: path
    required: true
  members:
    description: C(wireguard_members) as the inventory has it, to find a list that is written somewhere else.
    type: list
    elements: dict
    default: []
  interface:
    description: The tunnel, as M(evenkeel.lb.role_model) returns it.
    type: dict
    required: true
  server_key:
    description: The public key of the tunnel's other end.
    type: str
  endpoint:
    description: Where the member finds it, V(address:port).
    type: str
  public_key:
    description: The member's public key, if the member made a pair.
    type: str
  addresses:
    description: The member's addresses. Unset, the first that are free.
    type: list
    elements: str
  dns:
    description: Name servers for the member.
    type: list
    elements: str
    default: []
  output:
    description: Directory for the configuration.
    type: path
    default: .
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: The list of members is returned and shown instead.
    support: none
"""

EXAMPLES = r"""
- name: See who may come in
  evenkeel.lb.wireguard_member:
    members_file: "{{ inventory_dir }}/group_vars/balancers/wireguard_members.yml"
    members: "{{ wireguard_members }}"
    interface: "{{ tunnel }}"
"""

RETURN = r"""
members:
  description: Everybody, with addresses and public keys.
  type: list
  elements: dict
  returned: always
lines:
  description: What to show.
  type: list
  elements: str
  returned: always
files:
  description: What was written for the member.
  type: list
  elements: str
  returned: always
"""
