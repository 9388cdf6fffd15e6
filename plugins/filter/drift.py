# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: drift
short_description: What is not as it should be on a node
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Compares a node with its last commit, its last commit with that of the first node of its cluster, and the node with the inventory.
  - Reads the registered variables C(__evenkeel_committed) of the cluster's nodes, results of M(evenkeel.lb.commit_info) with
    O(evenkeel.lb.commit_info#module:contents=true) (or C(__evenkeel_committed_outside), where another node asked in a loop over
    C(__evenkeel_node)), and the node's C(haproxy_commit), C(keepalived_commit), ..., results of the roles in check mode. What is missing is
    not compared.
  - Between nodes their names, addresses, interfaces, priorities and preemption delays may differ, and the comments.
  - A change by hand that the inventory would just take back is named once.
positional: hostvars, plan
options:
  _input:
    description: The node's name.
    type: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  plan:
    description: The plan of its cluster, as M(evenkeel.lb.vrrp_plan) returns it.
    type: dict
    required: true
  services:
    description: The services that were compared with the inventory.
    type: list
    elements: str
    default: []
  own:
    description: Paths, with C(*) and C(?), that the nodes of a cluster need not share.
    type: list
    elements: str
    default: []
seealso:
  - module: evenkeel.lb.commit_info
  - module: evenkeel.lb.vrrp_plan
"""

EXAMPLES = r"""
- name: Show what differs
  ansible.builtin.debug:
    msg: "{{ inventory_hostname | evenkeel.lb.drift(hostvars, plan, ['haproxy', 'keepalived']) | map(attribute='line') }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary for each thing that differs. V(node) and V(service) say whose it is; V(against) is V(last commit), V(inventory) or
      the name of a node; V(path) is the path, kernel value or unit; V(what) says what is the matter; V(line) is all that in one line;
      V(diff) is a unified diff with secrets masked, V(text) that line and the diff.
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._report.drift import (
    beside,
    beside_inventory,
    once,
    since_commit,
)
from ansible_collections.evenkeel.lb.plugins.plugin_utils.answers import answer, answers

NAME = "evenkeel.lb.drift"


def drift(
    node: str,
    hostvars: Mapping[str, Any],
    plan: Mapping[str, Any],
    services: Sequence[str] = (),
    own: Sequence[str] = (),
) -> list[dict[str, str]]:
    if not isinstance(plan, Mapping) or node not in plan.get("nodes", ()):
        raise AnsibleFilterError(f"{NAME}: {node} is not in the plan; give it the plan of the node's own cluster")
    said = answers(plan["nodes"], hostvars, "__evenkeel_committed")
    committed = {name: result for name, result in said.items() if result}
    compared = {name: answer(hostvars[node].get(f"{name}_commit")) for name in services}
    found = [
        *(since_commit(node, committed[node]) if node in committed else ()),
        *beside(plan, node, committed, own),
        *beside_inventory(node, {name: result for name, result in compared.items() if result}),
    ]
    return [one.as_dict() for one in once(found)]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"drift": drift}
