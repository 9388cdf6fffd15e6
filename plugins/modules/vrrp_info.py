#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vrrp_info
short_description: What keepalived on a node holds, why not, and which configuration is in force
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Reads the addresses from the kernel, the configuration in force from the daemon's memory, states and effective priorities
    from the daemon's report, and drain and crash from their files. Needs no facts and one remote call, and works on a node that
    runs somebody else's keepalived.conf, or none.
  - The report is asked for only where keepalived has a C(/tmp) of its own, as the role P(evenkeel.lb.keepalived#role) sets it up;
    nothing is ever written to the C(/tmp) that everybody shares. Without a report states are derived from the
    kernel and the track files, and priorities are unknown.
options:
  history_since:
    description:
      - Also return RV(history), from this moment on, in seconds since the epoch.
      - Read from the journal, which takes a little longer.
    type: float
  wait_for:
    description:
      - Looks again and again until the node is in this state, in one call, and returns what it is then.
      - It does not fail when that does not come about in time; RV(missing) says what is not so.
    type: dict
    suboptions:
      able:
        description: No instance is in V(FAULT) or V(unknown).
        type: bool
        default: false
      joining:
        description: With O(wait_for.able), a node that still waits to hear its peers will do.
        type: bool
        default: false
      held:
        description: The kernel has these addresses.
        type: list
        elements: str
        default: []
  wait_seconds:
    description: How long O(wait_for) waits.
    type: float
    default: 30
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: evenkeel.lb.drain
  - module: evenkeel.lb.vrrp_plan
"""

EXAMPLES = r"""
- name: Look at the node
  evenkeel.lb.vrrp_info:
  register: live

- name: Show who holds what, and why not
  ansible.builtin.debug:
    msg: "{{ live.held }} {{ live.instances | map(attribute='reasons') | flatten }}"

- name: Wait until the node can hold its VIPs
  evenkeel.lb.vrrp_info:
    wait_for:
      able: true
    wait_seconds: 45
  register: live
  failed_when: live.missing | length > 0
"""

RETURN = r"""
running:
  description: Whether keepalived runs.
  type: bool
  returned: always
since:
  description: When it was started, as systemd says it. Empty when it does not run.
  type: str
  returned: always
  sample: "Sat 2026-11-21 12:10:21 UTC"
version:
  description: Version of the installed keepalived. Empty when there is none.
  type: str
  returned: always
  sample: 2.2.7
instances:
  description: The instances that run, or that would run if keepalived was started.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the instance.
      type: str
    state:
      description: >-
        V(MASTER), V(BACKUP), V(FAULT), V(INIT) for a moment after a start, V(STOP) while keepalived does not run, V(unknown) while
        it does not know the instance yet.
      type: str
    priority:
      description: The effective priority, trackers included; null without a report.
      type: int
    since:
      description: Time of the last change of state, in seconds since the epoch; null without a report.
      type: float
    held:
      description: Which of its addresses the kernel has.
      type: list
      elements: str
    reasons:
      description: What keeps it in FAULT. Empty in any other state.
      type: list
      elements: str
held:
  description: All addresses of all instances that the kernel has, sorted.
  type: list
  elements: str
  returned: always
  sample: ["192.0.2.28", "2001:db8::28"]
configured:
  description: What the configuration in force says, in the words of the plan; that of the file when keepalived does not run.
  type: dict
  returned: always
  contains:
    router_id:
      description: The node's name for itself.
      type: str
    instances:
      description: >-
        Per instance C(name), C(virtual_router_id), C(version), C(interface), C(state), C(priority), C(advert_interval),
        C(down_timer_adverts), C(unicast), C(unicast_src_ip), C(unicast_peers), C(anchor), C(addresses), C(virtual_ipaddress),
        C(virtual_ipaddress_excluded), C(nopreempt), C(preempt_delay), C(sync_group), C(track_files), C(track_scripts),
        C(track_interfaces), and C(auth_digest), 16 bits of a digest of the password, or null.
      type: list
      elements: dict
    sync_groups:
      description: Name and members of each sync group.
      type: list
      elements: dict
    scripts:
      description: Name, command and weight of each check script.
      type: list
      elements: dict
    track_files:
      description: Name and path of each track file.
      type: list
      elements: dict
in_force:
  description: Whether keepalived runs what its file says; null where it cannot be told.
  type: bool
  returned: always
problem:
  description: Why the configuration could not be read, or an empty text.
  type: str
  returned: always
drain:
  description: Who wishes that this node holds no VIP. Those that have ended are left out.
  type: list
  elements: dict
  returned: always
  contains:
    owner:
      description: Who wishes it.
      type: str
    reason:
      description: Why.
      type: str
    since:
      description: Since when, in seconds since the epoch.
      type: float
    expires:
      description: Until when; null for a drain that holds until it is lifted.
      type: float
    value:
      description: What it asks to be added to the priority; null for what the plan says.
      type: int
drain_value:
  description: What is added to the priority because of it, 0 when nobody wishes it; null where the role has not run.
  type: int
  returned: always
crash:
  description: The value of each tracked service's crash file, 0 or -254.
  type: dict
  returned: always
  sample: {haproxy: 0}
joining:
  description: Whether the node is new and still waits to hear its peers.
  type: bool
  returned: always
lease:
  description: >-
    Which run may change this node (M(evenkeel.lb.lease)) - C(run_id), C(playbook), C(who), C(reason), C(since), C(expires) and
    C(controller) - or null. One that has ended is left out.
  type: dict
  returned: always
history:
  description: The changes of state since O(history_since) that the journal has, oldest first.
  type: list
  elements: dict
  returned: with O(history_since)
  contains:
    at:
      description: When, in seconds since the epoch.
      type: float
    instance:
      description: Name of the instance.
      type: str
    state:
      description: The state that it entered. V(STOP) is a MASTER that stopped.
      type: str
missing:
  description: What O(wait_for) waited for in vain. Empty where all is so.
  type: list
  elements: str
  returned: with O(wait_for)
  sample: ["public is in FAULT"]
waited_seconds:
  description: How long that took.
  type: float
  returned: with O(wait_for)
units:
  description: State of keepalived's unit and of each tracked one.
  type: dict
  returned: always
  sample: {keepalived.service: active, haproxy.service: active}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.files import Files
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.info import info
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import fail

ARGUMENT_SPEC: dict[str, Any] = {
    "history_since": {"type": "float"},
    "wait_for": {
        "type": "dict",
        "options": {
            "able": {"type": "bool", "default": False},
            "joining": {"type": "bool", "default": False},
            "held": {"type": "list", "elements": "str", "default": []},
        },
    },
    "wait_seconds": {"type": "float", "default": 30},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **info(Files(), **module.params))
    except PermissionError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
