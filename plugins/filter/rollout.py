# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout
short_description: The order in which the nodes of a cluster are changed
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Puts the nodes of one cluster in the order in which a change reaches them - nodes that leave, standbys, holders of a
    virtual IP, nodes that join - and names what forbids the change.
  - A lease of a run whose process is known to be gone does not count.
  - Reads the registered variables C(__evenkeel_live) of the cluster's nodes and C(__evenkeel_live_outside) of those in the
    play, both results of M(evenkeel.lb.vrrp_info). A node without either counts as unreachable.
positional: hostvars, play_hosts
options:
  _input:
    description: The plan of one cluster, as M(evenkeel.lb.vrrp_plan) returns it.
    type: dict
    required: true
  hostvars:
    description: Ansible's C(hostvars). Of each node also C(evenkeel_guard) and C(evenkeel_drain), which have to be settings.
    type: dict
    required: true
  play_hosts:
    description: The hosts that this run may change.
    type: list
    elements: str
    required: true
  playbook:
    description: V(propagate) starts from a cluster that is whole, and also makes changes that need more than one node after the other.
    type: str
    choices: [site, propagate]
    default: site
  allow:
    description: What V(propagate) goes on with all the same - V(dead) nodes, instances in V(fault), not exactly one of V(holders).
    type: list
    elements: str
    default: []
seealso:
  - module: evenkeel.lb.vrrp_plan
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: In what order
  ansible.builtin.debug:
    msg: "{{ (plan | evenkeel.lb.rollout(hostvars, ansible_play_hosts_all)).turns }}"
"""

RETURN = r"""
_value:
  description:
    - V(mode) is V(new) or V(running); V(change) is the gravest class of change, V(none), V(rolling), V(two-step) or V(switch); with
      the last two the nodes change V(together); V(unsettled) where a VIP had two holders or none at the moment of the looks;
      V(gather) are the holders that give up their VIPs first; V(turns) maps a node to its place in the order, from 1, V(back) to
      that on the way back; V(holders) maps an instance to the nodes that hold its anchor; V(joining), V(dead) and V(healthy) are
      lists of nodes; V(returning) maps a node to the anchors that come back to it after a drain; V(errors) and V(warnings) are findings.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.order import SITE, roll_out, wrong_settings
from ansible_collections.evenkeel.lb.plugins.plugin_utils.answers import answers
from ansible_collections.evenkeel.lb.plugins.plugin_utils.controller import gone

NAME = "evenkeel.lb.rollout"


def _unleased(answer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Without the lease of a run whose process is known to be gone."""
    lease = (answer or {}).get("lease")
    dead = lease and lease["expires"] and gone(lease.get("controller") or {})
    return {**answer, "lease": None} if answer and dead else answer


def rollout(
    plan: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    play_hosts: list[str],
    playbook: str = SITE,
    allow: list[str] | str = "",
) -> dict[str, Any]:
    if not isinstance(plan, Mapping) or "nodes" not in plan:
        raise AnsibleFilterError(
            f"{NAME}: the input must be a plan as evenkeel.lb.vrrp_plan returns it, not {type(plan).__name__}"
        )
    answered = answers(plan["nodes"], {node: hostvars[node] for node in play_hosts}, "__evenkeel_live")
    live = {node: _unleased(answer) for node, answer in answered.items()}
    # On the command line a list of names is a text.
    allowed = allow.replace(",", " ").split() if isinstance(allow, str) else allow
    found = roll_out(plan, live, play_hosts, playbook, allowed)
    found.findings += [
        finding
        for node in plan["nodes"]
        if node in play_hosts
        for finding in wrong_settings(node, hostvars[node].get("evenkeel_guard"), hostvars[node].get("evenkeel_drain"))
    ]
    return found.as_dict()


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"rollout": rollout}
