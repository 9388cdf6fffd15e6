#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lease
short_description: Keep other runs from changing a node
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - One run at a time changes a node. It takes the lease before it starts and releases it at the end; the playbooks take it for 15
    minutes. A run that finds somebody else's lease stops and names who holds it.
  - A lease ends by itself at its time. That of a run whose controller process is known to be gone, because it ran on this very
    machine, is taken over at once.
  - A lease without an end is a hold. The playbook C(evenkeel.lb.rollback) leaves one, so that the next run does not bring back at once
    what was rolled back.
options:
  state:
    description:
      - V(taken) takes the lease or renews it. V(released) gives it back, if it is that of O(run_id).
    type: str
    choices: [taken, released]
    default: taken
  run_id:
    description:
      - The run. Required to take one. With O(state=released), V(omit) releases whoever's it is.
    type: str
  playbook:
    description: What the run does, for whoever finds the lease.
    type: str
    default: a playbook
  reason:
    description: Why, for whoever finds the lease.
    type: str
    default: ""
  expires_seconds:
    description: Ends the lease so many seconds from now. Without it, it is a hold.
    type: int
  who:
    description: Who runs it. Found out by the controller's half of this module.
    type: str
  controller:
    description: The process that runs the playbook. Found out by the controller's half of this module.
    type: dict
  instead_of:
    description: The run whose lease may be taken over. Set by the controller's half of this module.
    type: str
attributes:
  check_mode:
    description: Says whether the lease could be taken, and takes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: Keep other runs out
  evenkeel.lb.lease:
    run_id: "{{ evenkeel_run_id }}"
    playbook: propagate
    expires_seconds: 900

- name: Let them in again
  evenkeel.lb.lease:
    state: released
    run_id: "{{ evenkeel_run_id }}"
"""

RETURN = r"""
lease:
  description: The lease in force at the end - C(run_id), C(playbook), C(who), C(reason), C(since), C(expires), C(controller) - or null.
  type: dict
  returned: always
note:
  description: What may surprise, or an empty text.
  type: str
  returned: always
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.lease import Lease, Leases
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused, fail


class Held(Refused):
    """Somebody else has it."""

    def __init__(self, lease: Lease, where: str) -> None:
        super().__init__("Another run holds this node.", where, str(lease), lease.remedy)
        self.lease = lease


def take(leases: Leases, wish: Lease, instead_of: str | None, check_mode: bool) -> tuple[bool, Lease]:
    """Whether anything changed, and the lease. Renewing one's own is no change."""
    current = leases.read()
    if current and current.run_id not in (wish.run_id, instead_of):
        raise Held(current, str(leases.path))
    if not check_mode:
        leases.take(wish)
    return current is None or current.run_id != wish.run_id, wish


def release(leases: Leases, run_id: str | None, check_mode: bool) -> tuple[bool, Lease | None, str]:
    """Whether anything changed, the lease that is left, and a note."""
    current = leases.read()
    if current is None:
        return False, None, "Nobody held this node."
    if run_id not in (None, current.run_id):
        return False, current, f"It is not this run's: {current}."
    if not check_mode:
        leases.release()
    return True, None, ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["taken", "released"], "default": "taken"},
            "run_id": {"type": "str"},
            "playbook": {"type": "str", "default": "a playbook"},
            "reason": {"type": "str", "default": ""},
            "expires_seconds": {"type": "int"},
            "who": {"type": "str"},
            "controller": {"type": "dict"},
            "instead_of": {"type": "str"},
        },
        required_if=[("state", "taken", ("run_id",))],
        supports_check_mode=True,
    )
    given, leases, now = module.params, Leases(), round(time.time(), 3)
    result: dict[str, Any] = {"note": ""}
    try:
        with leases.locked():
            if given["state"] == "released":
                changed, left, result["note"] = release(leases, given["run_id"], module.check_mode)
            else:
                mine = leases.read()
                since = mine.since if mine and mine.run_id == given["run_id"] else now
                ends = None if given["expires_seconds"] is None else now + given["expires_seconds"]
                wish = Lease(
                    given["run_id"],
                    given["playbook"],
                    given["who"] or "",
                    given["reason"],
                    since,
                    ends,
                    given["controller"] or {},
                )
                changed, left = take(leases, wish, given["instead_of"], module.check_mode)
        module.exit_json(changed=changed, lease=left.as_dict() if left else None, **result)
    except Held as held:
        fail(module, held, lease=held.lease.as_dict(), **result)
    except OSError as error:
        fail(module, error, **result)


if __name__ == "__main__":
    main()
