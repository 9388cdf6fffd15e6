# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster
short_description: A cluster as its nodes describe it
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Puts together what the nodes of one cluster say of themselves - who holds which virtual IP, and who would take one over. Reads
    nothing of the plan.
  - Reads the registered variables C(__evenkeel_live) of the nodes and C(__evenkeel_live_outside) of those in the play, both results of
    M(evenkeel.lb.vrrp_info). A node without either counts as unreachable.
positional: hostvars
options:
  _input:
    description: The nodes, the most preferred first.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
seealso:
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: Where is each VIP?
  ansible.builtin.debug:
    msg: "{{ (evenkeel_nodes | evenkeel.lb.cluster(hostvars)).where }}"
"""

RETURN = r"""
_value:
  description:
    - V(dead), V(healthy) and V(holders) are lists of nodes; V(unfit) maps a node that would take over nothing to its name and
      the reason; V(order) are the nodes that answer, standbys first; V(returning) maps a node to the anchors that come to it
      once its operator's drain is lifted, V(giving) to the nodes that hold them now; V(where) has a line per virtual IP.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.live import Cluster
from ansible_collections.evenkeel.lb.plugins.plugin_utils.answers import answers

NAME = "evenkeel.lb.cluster"


def cluster(nodes: list[str], hostvars: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(nodes, str) or not isinstance(nodes, (list, tuple)):
        raise AnsibleFilterError(f"{NAME}: the input must be a list of nodes, not {type(nodes).__name__}")
    return Cluster(answers(nodes, hostvars, "__evenkeel_live")).as_dict()


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"cluster": cluster}
