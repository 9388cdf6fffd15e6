# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: run_times
short_description: When a run began, and when a VIP moved in it
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Reads the registered variables C(__evenkeel_noted), C(__evenkeel_moved) and C(__evenkeel_live) of the nodes, results of
    M(evenkeel.lb.show), M(evenkeel.lb.drain) and M(evenkeel.lb.vrrp_info).
positional: hostvars
options:
  _input:
    description: The nodes of a cluster.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: When did it begin?
  ansible.builtin.debug:
    msg: "{{ (evenkeel_nodes | evenkeel.lb.run_times(hostvars)).began }}"
"""

RETURN = r"""
_value:
  description: V(began), null where nothing was noted, and V(moves), both in seconds since the epoch.
  type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import ending


def run_times(nodes: Sequence[str], hostvars: Mapping[str, Any]) -> dict[str, Any]:
    return ending.run_times({node: hostvars[node] for node in nodes if node in hostvars})


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"run_times": run_times}
