#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard_look
short_description: Which WireGuard keys a host has, and which peers its files name
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - What the role P(evenkeel.lb.wireguard#role) has to know of a host before it renders. Public keys only; changes nothing.
  - Runs on the controller, with one call of the host by a bare shell, or none where the playbook has looked at the host already
    (M(evenkeel.lb.node_info)) and the task is in check mode.
options:
  interfaces:
    description: The tunnels.
    type: list
    elements: str
    required: true
  given:
    description: Tunnels whose private key the inventory has, so that the host needs none of its own.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Announces the keys that would be made.
    support: full
  diff_mode:
    description: There are no files to compare.
    support: none
seealso:
  - module: evenkeel.lb.wireguard_key
  - module: evenkeel.lb.wireguard_info
"""

EXAMPLES = r"""
- name: Look for the public keys
  evenkeel.lb.wireguard_look:
    interfaces: [wg0]
  register: found
"""

RETURN = r"""
stdout_lines:
  description: Lines C(key TUNNEL KEY), C(peer TUNNEL NAME KEY), C(skew JSON) and C(kernel).
  type: list
  elements: str
  returned: always
kernel:
  description: Whether the kernel has WireGuard.
  type: bool
  returned: always
keyless:
  description: The tunnels whose private key is to be made. None in check mode.
  type: list
  elements: str
  returned: always
msg:
  description: The keys that would be made.
  type: str
  returned: in check mode, if any is missing
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interfaces": {"type": "list", "elements": "str", "required": True},
            "given": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="evenkeel.lb.wireguard_look runs on the controller: call it as evenkeel.lb.wireguard_look from a task."
    )


if __name__ == "__main__":
    main()
