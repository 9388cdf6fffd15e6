# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories for the tests of the plan: the pair that people copy, and variations of it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._cluster import plan as core
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options

INSTANCE: dict[str, Any] = {
    "name": "public",
    "virtual_router_id": 55,
    "interface": "eth0",
    "virtual_addresses": ["198.51.100.28/24", "2001:db8::28/64"],
    "track": ["haproxy"],
}
SECOND: dict[str, Any] = {
    "name": "private",
    "virtual_router_id": 56,
    "interface": "eth1",
    "virtual_addresses": ["192.0.2.28/24"],
    "track": ["haproxy"],
}


def plan(cluster: str, nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The plan by the role's own specification."""
    return core.plan(cluster, nodes, plan_options())


def plan_all(hosts: Iterable[str], lookup: core.Lookup) -> dict[str, Any]:
    return core.plan_all(hosts, lookup, plan_options())


def instance(**changes: Any) -> dict[str, Any]:
    """The pair's instance with changes; None takes a key out."""
    changed = {**copy.deepcopy(INSTANCE), **changes}
    return {key: value for key, value in changed.items() if value is not None}


def nodes(
    names: Any = ("lb-1", "lb-2"),
    instances: list[Any] | None = None,
    per_node: dict[str, dict[str, Any]] | None = None,
    **common: Any,
) -> list[dict[str, Any]]:
    """What `plan` takes. `common` are group variables, `per_node` those of single hosts; a value of None is unset."""
    group: dict[str, Any] = {
        "evenkeel_cluster": "edge",
        "evenkeel_nodes": list(names),
        "keepalived_instances": [instance()] if instances is None else instances,
        **common,
    }
    found = []
    for position, name in enumerate(names):
        address = {"ansible_host": f"198.51.100.{11 + position}"}
        own = {**address, **copy.deepcopy(group), **(per_node or {}).get(name, {})}
        found.append({"name": name, "vars": {key: value for key, value in own.items() if value is not None}})
    return found


def five(count: int) -> list[str]:
    """The first names of a cluster."""
    return [f"lb-{number}" for number in range(1, count + 1)]
