#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard_info
short_description: Which tunnels of a node are up, and with whom it has spoken when
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Looks at the tunnels that the role wireguard has put on the node, and at the running interfaces. Of keys it returns public ones only.
  - A node without the role is an answer too - RV(interfaces) is empty.
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
seealso:
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: Look at the tunnels
  evenkeel.lb.wireguard_info:
  register: tunnels

- name: Say who has been silent for three minutes
  ansible.builtin.debug:
    msg: "{{ tunnels.interfaces | map(attribute='peers') | flatten | rejectattr('handshake_seconds', 'lt', 180) | map(attribute='name') }}"
"""

RETURN = r"""
interfaces:
  description: The node's tunnels.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
      sample: wg0
    unit:
      description: The unit that brings it up.
      type: str
      sample: evenkeel-wireguard@wg0.service
    follows:
      description: The VRRP instance that it follows; empty for a tunnel of the node's own.
      type: str
    wanted:
      description: Whether it belongs on this node now.
      type: bool
    up:
      description: Whether it is there.
      type: bool
    peers:
      description: Its peers; none where it is not up.
      type: list
      elements: dict
      contains:
        name:
          description: How the inventory calls it, for an identity its address; empty for one that is not in the tunnel's file.
          type: str
        public_key:
          description: Its public key.
          type: str
        endpoint:
          description: Where it was seen last; empty if it never was.
          type: str
        handshake_seconds:
          description: How long ago the two shook hands; null if they never did. Those who speak do it every two minutes.
          type: int
problems:
  description: What is not as the node's files say.
  type: list
  elements: str
  returned: success
clocks:
  description: Addresses of nodes whose clocks differ by more than a second, and by how many.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused, fail
from ansible_collections.evenkeel.lb.plugins.module_utils._node.verbs import Trouble
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node.live import look


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **look())
    except (Trouble, OSError) as trouble:
        where = getattr(trouble, "filename", None) or "wg"
        remedy = "Run with become: true, and see journalctl -u evenkeel-wireguard."
        fail(module, Refused("The tunnels can't be looked at.", where, str(trouble), remedy))


if __name__ == "__main__":
    main()
