# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: undo
short_description: Which run a rollback undoes, and in what order
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Finds the newest run that the nodes of a cluster remember, or the one that is asked for, and puts the nodes that have it in
    force in order, standbys first. Reads nothing of the plan.
  - Reads the registered variables C(__evenkeel_live) and C(__evenkeel_committed) of the nodes, results of M(evenkeel.lb.vrrp_info) and
    M(evenkeel.lb.commit_info).
positional: hostvars, run
options:
  _input:
    description: The nodes of the cluster, the most preferred first.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  run:
    description: The run, or how its name begins. Empty for the newest.
    type: str
    default: ""
seealso:
  - module: evenkeel.lb.commit
  - module: evenkeel.lb.commit_info
"""

EXAMPLES = r"""
- name: Which run was the last?
  ansible.builtin.debug:
    msg: "{{ (evenkeel_nodes | evenkeel.lb.undo(hostvars)).run }}"
"""

RETURN = r"""
_value:
  description:
    - V(run); V(nodes) that have it in force, in order; V(turns) maps each to its place, from 1; V(first) are services that were
      not there before the run; V(done) says why nothing is left to undo, V(problem) why nothing can be.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.live import Cluster
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.undo import undo as find
from ansible_collections.evenkeel.lb.plugins.plugin_utils.answers import answers

NAME = "evenkeel.lb.undo"


def undo(nodes: list[str], hostvars: Mapping[str, Any], run: str = "") -> dict[str, Any]:
    if isinstance(nodes, str) or not isinstance(nodes, (list, tuple)):
        raise AnsibleFilterError(f"{NAME}: the input must be a list of nodes, not {type(nodes).__name__}")
    committed = {node: said for node, said in answers(nodes, hostvars, "__evenkeel_committed").items() if said}
    found = find(committed, str(run))
    order = Cluster(answers(nodes, hostvars, "__evenkeel_live")).order
    found["nodes"] = sorted(found["nodes"], key=lambda node: order.index(node) if node in order else -1)
    return {**found, "turns": {node: turn for turn, node in enumerate(found["nodes"], start=1)}}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"undo": undo}
