#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard_key
short_description: Make a WireGuard private key on its host, or hand it to a node that shares it
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - The private key lies in C(/etc/wireguard/INTERFACE.key), mode 0600, and is in no argument and no answer of this module. A key
    that is there is never made anew, and one in a C(INTERFACE.conf) that somebody wrote is read from there.
  - For an identity that several nodes share, one node wraps its key for another (CMS with AES-256, by OpenSSL) and that node
    unwraps it. Only the other node's host can read what travels.
options:
  interface:
    description: The tunnel's name.
    type: str
    required: true
  action:
    description:
      - V(look) tells whether there is a key; V(make) makes it if there is none; V(recipient) prepares to be given one;
        V(wrap) makes it if there is none and wraps it for O(recipient); V(unwrap) takes O(wrapped).
    type: str
    choices: [look, make, recipient, wrap, unwrap]
    default: look
  recipient:
    description: For V(wrap), what V(recipient) returned on the other node.
    type: str
  wrapped:
    description: For V(unwrap), what V(wrap) returned.
    type: str
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Keys are not shown.
    support: none
"""

EXAMPLES = r"""
- name: Make a key that stays where it is
  evenkeel.lb.wireguard_key:
    interface: wg0
    action: make
"""

RETURN = r"""
public_key:
  description: The public key, or an empty text where there is none yet.
  type: str
  returned: always
ready:
  description: Whether the node has what making and wrapping a key takes.
  type: bool
  returned: always
recipient:
  description: A certificate that the key can be wrapped for.
  type: str
  returned: O(action=recipient)
wrapped:
  description: The key, for the recipient's eyes only.
  type: str
  returned: O(action=wrap)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import fail
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node.keys import Keys, KeyTrouble


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "action": {"type": "str", "choices": ["look", "make", "recipient", "wrap", "unwrap"], "default": "look"},
            "recipient": {"type": "str"},
            "wrapped": {"type": "str"},
        },
        required_if=[("action", "wrap", ["recipient"]), ("action", "unwrap", ["wrapped"])],
        supports_check_mode=True,
    )
    keys, action = Keys(module.params["interface"]), module.params["action"]
    result: dict[str, object] = {"changed": False, "ready": keys.ready()}
    try:
        # One in a configuration that somebody wrote is there, and not yet where it belongs.
        kept = bool(keys.public()) and keys.path.exists()
        if action in ("make", "wrap", "unwrap") and not kept:
            result["changed"] = True
            if not module.check_mode and action == "unwrap":
                keys.unwrap(module.params["wrapped"])
            elif not module.check_mode:
                keys.make()
        if not module.check_mode:
            if action == "recipient":
                result["recipient"] = keys.recipient()
            elif action == "wrap":
                result["wrapped"] = keys.wrap(module.params["recipient"])
        module.exit_json(public_key=keys.public(), **result)
    except KeyTrouble as trouble:
        fail(module, trouble)


if __name__ == "__main__":
    main()
