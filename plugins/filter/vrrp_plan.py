# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vrrp_plan
short_description: Plan the VRRP instances of a cluster from its inventory
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - The same as M(evenkeel.lb.vrrp_plan) for one cluster, where an expression is handier than a task.
  - Fails with every fault that the plan has. Warnings that C(evenkeel_accept) of the nodes does not list are in C(warnings).
positional: hostvars
options:
  _input:
    description: The nodes of the cluster in order of preference.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  cluster:
    description: The name of the cluster. The C(evenkeel_cluster) of its first node by default.
    type: str
seealso:
  - module: evenkeel.lb.vrrp_plan
"""

EXAMPLES = r"""
- name: Who holds the public address when all are healthy?
  ansible.builtin.debug:
    msg: "{{ (evenkeel_nodes | evenkeel.lb.vrrp_plan(hostvars)).instances.public.order | first }}"
"""

RETURN = r"""
_value:
  description: The plan, as RV(evenkeel.lb.vrrp_plan#module:plan).
  type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.inventory import CLUSTER_DEFAULT
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import require
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._plan.accept import plan
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import variables
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options

NAME = "evenkeel.lb.vrrp_plan"


def vrrp_plan(nodes: Sequence[str], hostvars: Mapping[str, Any], cluster: str | None = None) -> dict[str, Any]:
    """The plan of the cluster that consists of `nodes`."""
    if isinstance(nodes, str) or not isinstance(nodes, Sequence):
        raise AnsibleFilterError(f"{NAME}: the input must be a list of host names, not {type(nodes).__name__}.")
    if not isinstance(hostvars, Mapping):
        raise AnsibleFilterError(f"{NAME}: `hostvars` must be Ansible's hostvars, not {type(hostvars).__name__}.")
    read = [{"name": str(name), "vars": variables(hostvars, str(name))} for name in nodes]
    first: Mapping[str, Any] = (read[0]["vars"] if read else None) or {}  # type: ignore[assignment]
    planned = plan(cluster or first.get("evenkeel_cluster") or CLUSTER_DEFAULT, read, plan_options())
    try:
        require(planned)
    except CoreError as error:
        raise AnsibleFilterError(f"{NAME}: {error}") from error
    return planned


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"vrrp_plan": vrrp_plan}
