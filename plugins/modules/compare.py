#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: compare
short_description: Tell from one look at a host which of its services need nothing
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Runs the roles' own tasks in this process for as long as none of them has anything to do, with the variables of the host and what
    M(evenkeel.lb.node_info) saw there. A service whose tasks all had nothing to do is at what the inventory says.
  - Of every other service it says nothing but that. Its role in check mode says what differs, and asks the host.
  - Runs on the controller, calls no host and changes nothing.
options:
  services:
    description: The roles to run.
    type: list
    elements: str
    required: true
  look:
    description: RV(evenkeel.lb.node_info#module:seen) of this run. Without it all services are returned as RV(differs).
    type: str
    default: ""
attributes:
  check_mode:
    description: Does the same in check mode.
    support: full
  diff_mode:
    description: Only the roles show what differs.
    support: none
seealso:
  - module: evenkeel.lb.node_info
  - module: evenkeel.lb.commit
"""

EXAMPLES = r"""
- name: Look at the node, once
  evenkeel.lb.node_info:
  register: look

- name: Tell what needs nothing
  evenkeel.lb.compare:
    services: [haproxy, keepalived]
    look: "{{ look.seen }}"
  register: compared
"""

RETURN = r"""
quiet:
  description: The services that need nothing, each with what M(evenkeel.lb.commit) returns for it.
  type: dict
  returned: always
differs:
  description: The other services.
  type: list
  elements: str
  returned: always
why:
  description: What each of RV(differs) stopped at. For those who look for a fault.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "str", "required": True},
            "look": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="evenkeel.lb.compare runs on the controller: call it as evenkeel.lb.compare from a task.")


if __name__ == "__main__":
    main()
