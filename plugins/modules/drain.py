#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drain
short_description: Move a node's VIPs to its peers, and let them come back
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - A drained node lowers its priority below that of every healthy peer; it serves on until one of them has taken over, so that
    nothing is lost but what is in flight at that moment. A node whose peers are all worse keeps its VIPs.
  - Who drains is kept by owner. An operator's drain holds until it is lifted, also over reboots; a run's is a timed one, which ends by
    itself. Lifting one leaves those of the others.
  - "The role P(evenkeel.lb.keepalived#role) has to be on the node."
options:
  state:
    description: Whether O(owner) wishes the node drained.
    type: str
    choices: [drained, undrained]
    required: true
  owner:
    description: Who wishes it; letters, digits and C(. _ -).
    type: str
    default: operator
  reason:
    description: Why, for whoever finds the node drained.
    type: str
    default: ""
  value:
    description:
      - What to add to the priority, at least what the plan asks for (its C(drain_value)), which is the default. V(-254) means FAULT,
        which leaves the VIPs without a holder for a moment, or for good when there is no peer.
    type: int
  expires_seconds:
    description: Makes the drain a timed one, which ends by itself. Draining again renews it, which does not count as a change.
    type: int
  wait_seconds:
    description:
      - Waits so long until the node holds none of its anchors (O(state=drained)) and fails if it still does; the drain stays.
      - V(0) does not wait.
    type: float
    default: 0
attributes:
  check_mode:
    description: Says what would change and waits for nothing.
    support: full
  diff_mode:
    description: Shows who wishes the node drained, before and after.
    support: full
seealso:
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: Take the node out until somebody puts it back
  evenkeel.lb.drain:
    state: drained
    reason: new memory
    wait_seconds: 30

- name: Put it back
  evenkeel.lb.drain:
    state: undrained

- name: Take it out for the length of a run
  evenkeel.lb.drain:
    state: drained
    owner: "run-{{ evenkeel_run_id }}"
    expires_seconds: 900
    wait_seconds: 30
"""

RETURN = r"""
drained_by:
  description: Who wishes the node drained now.
  type: list
  elements: str
  returned: always
  sample: [operator]
drain_value:
  description: What is added to the priority now; in check mode what would be.
  type: int
  returned: always
held:
  description: The anchors that the node holds at the end.
  type: list
  elements: str
  returned: always
waited_seconds:
  description: How long it took until it held none; 0 when it was not waited for.
  type: float
  returned: always
left_at:
  description: When the last anchor had left, in seconds since the epoch; null where it was not waited for, or nothing was held.
  type: float
  returned: always
note:
  description: What may surprise, or an empty text.
  type: str
  returned: always
"""

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node import live as looking
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.files import OWNER, Drain, Files
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused, fail

POLL_SECONDS = 0.02


def held(files: Files) -> list[str]:
    """The anchors of this node that the kernel has."""
    kernel = {address for link in looking.show_interfaces(files.run).values() for address in link.addresses}
    anchors = [looking.bare(instance["anchor"]) for instance in files.facts().get("instances") or []]
    return [anchor for anchor in anchors if anchor in kernel]


def check(params: Mapping[str, Any], files: Files) -> None:
    """Refuse what cannot be done, before anything is."""
    if not OWNER.match(params["owner"]):
        raise Refused(
            "an owner is a name that can be a file's.",
            "owner",
            repr(params["owner"]),
            "Use letters, digits and . _ - only, at most 100.",
        )
    if params["value"] is not None and not -254 <= params["value"] < 0:
        raise Refused(
            "a drain lowers the priority.", "value", str(params["value"]), "Leave it out, or write -254 to -1."
        )
    if params["expires_seconds"] is not None and params["expires_seconds"] <= 0:
        raise Refused(
            "a timed drain lasts a while.",
            "expires_seconds",
            str(params["expires_seconds"]),
            "Write 1 or more, or leave it out.",
        )
    if params["state"] == "drained" and not files.facts():
        raise Refused(
            "keepalived of this collection is not on this node, so nothing would read the drain.",
            str(files.facts_path), "no such file", "Run the role evenkeel.lb.keepalived (site.yml) first.",
        )  # fmt: skip


def change(params: Mapping[str, Any], files: Files, check_mode: bool) -> tuple[bool, list[Drain], str]:
    """Write or lift the wish and derive; whether it changed, who drains then, and a note."""
    owner, now = params["owner"], time.time()
    current = files.drained_by(now)
    others = [drain for drain in current if drain.owner != owner]
    if params["state"] == "drained":
        seconds = params["expires_seconds"]
        wish = Drain(
            owner,
            params["reason"],
            round(now, 3),
            None if seconds is None else round(now + seconds, 3),
            params["value"],
        )
        wish, changed = files.settle(wish, now)
        if not check_mode:
            with files.locked():
                files.drain(wish)
                files.derive()
        return changed, [*others, wish], ""
    mine = len(current) > len(others)
    if mine and not check_mode:
        with files.locked():
            files.undrain(owner)
            files.derive()
    notes = [] if mine else [f"{owner} had not drained this node."]
    if others:
        notes.append(f"It stays drained by {', '.join(drain.owner for drain in others)}.")
    return mine, others, " ".join(notes)


def wait(files: Files, seconds: float) -> float:
    """Wait until no anchor is held; how long that took."""
    start = time.monotonic()
    while held(files):
        if time.monotonic() - start >= seconds:
            raise Refused(
                f"the node is drained, but after {seconds:g} s it still holds {', '.join(held(files))}: no peer has taken over.",
                "wait_seconds", f"{seconds:g}", "Look at the peers (evenkeel.lb.vrrp_info); lift the drain with state: undrained.",
            )  # fmt: skip
        time.sleep(POLL_SECONDS)
    return round(time.monotonic() - start, 3)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["drained", "undrained"], "required": True},
            "owner": {"type": "str", "default": "operator"},
            "reason": {"type": "str", "default": ""},
            "value": {"type": "int"},
            "expires_seconds": {"type": "int"},
            "wait_seconds": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    files = Files()
    result: dict[str, Any] = {"changed": False, "waited_seconds": 0.0, "left_at": None}
    try:
        check(module.params, files)
        before = files.drained_by()
        result["changed"], after, result["note"] = change(module.params, files, module.check_mode)
        result["drained_by"] = [drain.owner for drain in after]
        result["drain_value"] = files.value_of(after)
        result["diff"] = {"before": lines(before), "after": lines(after)}
        if module.params["state"] == "drained" and module.params["wait_seconds"] and not module.check_mode:
            result["waited_seconds"] = wait(files, module.params["wait_seconds"])
            result["left_at"] = time.time() if result["waited_seconds"] >= POLL_SECONDS else None
        result["held"] = held(files)
    except (Refused, OSError) as problem:
        fail(module, problem, **result)
    module.exit_json(**result)


def lines(drains: list[Drain]) -> str:
    """The two sides of the diff."""
    return (
        "".join(f"drained by {drain.owner}\n" for drain in sorted(drains, key=lambda drain: drain.owner))
        or "not drained\n"
    )


if __name__ == "__main__":
    main()
