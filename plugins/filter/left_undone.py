# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: left_undone
short_description: Why a node is not at what the inventory says
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Says how a run ended on a node, from what the plays noted of the nodes of its cluster -
    C(__evenkeel_failed), C(__evenkeel_touched) and C(__evenkeel_left).
positional: hostvars, nodes, dead, playbook, guard
options:
  _input:
    description: The node.
    type: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  nodes:
    description: The nodes of its cluster.
    type: list
    elements: str
    required: true
  dead:
    description: Those that can't be reached.
    type: list
    elements: str
    required: true
  playbook:
    description: Which playbook to run again.
    type: str
    required: true
  guard:
    description: Seconds after which the node puts itself back; V(0) where it does not.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Name what was left undone
  ansible.builtin.fail:
    msg: "{{ inventory_hostname | evenkeel.lb.left_undone(hostvars, evenkeel_nodes, [], 'site', 60) | join('\n') }}"
"""

RETURN = r"""
_value:
  description: A line for each thing; empty where all was done.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import ending


def left_undone(
    node: str, hostvars: Mapping[str, Any], nodes: Sequence[str], dead: Sequence[str], playbook: str, guard: int
) -> list[str]:
    noted = {name: hostvars[name] for name in dict.fromkeys([*nodes, node]) if name in hostvars}
    return ending.left_undone(node, noted, node in dead, playbook, guard)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"left_undone": left_undone}
