# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's model from the variables of one host: what the roles' tasks and templates are given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.inventory import CLUSTER_DEFAULT
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import no_nodes, plan
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import variables
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options

# Variables of other roles that a role's model reads.
READS: Mapping[str, Sequence[str]] = {"wireguard": ("haproxy_backends", "haproxy_listens")}


@dataclass(frozen=True)
class Role:
    """One role on one host.

    `given` are the variables that the role knows, resolved; `names` all of the host that begin like them; `packages` are
    lines `NAME VERSION` of `dpkg-query`; `others` are those of `READS`, resolved.
    """

    name: str
    host: str
    options: Mapping[str, Any]
    given: Mapping[str, Any]
    names: Sequence[str]
    nodes: Sequence[str]
    hostvars: Mapping[str, Any]
    packages: Sequence[str] = ()
    others: Mapping[str, Any] = field(default_factory=dict)

    def model(self) -> dict[str, Any]:
        """`errors` and `warnings` (findings as dicts); without errors also what is rendered."""
        return MODELS[self.name](self)

    def inventory(self, node: str) -> dict[str, Any] | None:
        """What the plan reads of a node; None if the inventory does not have it."""
        return variables(self.hostvars, node)


def node_names(host: str, value: Any) -> list[str]:
    """The names in `evenkeel_nodes`; refuses what lists none."""
    if not isinstance(value, list) or any(isinstance(name, bool) or not isinstance(name, (str, int)) for name in value):
        raise CoreError([no_nodes(host, value, "a list of host names")])
    return [str(name) for name in value]


def _haproxy(role: Role) -> dict[str, Any]:
    from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy import model as haproxy

    addressed = [{"name": node, "address": _address(role.inventory(node) or {})} for node in role.nodes]
    return haproxy.build(role.given, role.options, role.host, addressed, role.packages, role.names, time.time())


def _address(own: Mapping[str, Any]) -> str | None:
    """Where peers find a node; one of its addresses is enough."""
    address = own.get("keepalived_address") or own.get("ansible_host")
    if isinstance(address, (list, tuple)):
        address = next(iter(address), None)
    return str(address) if address else None


def _keepalived(role: Role) -> dict[str, Any]:
    from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived import model as keepalived_model

    nodes: list[dict[str, Any]] = [{"name": node, "vars": role.inventory(node)} for node in role.nodes]
    cluster = (nodes[0]["vars"] or {}).get("evenkeel_cluster") if nodes else None
    planned = plan(cluster or CLUSTER_DEFAULT, nodes, plan_options())
    return keepalived_model.prepare(planned, role.host, role.given, role.options, role.names)


def _nginx(role: Role) -> dict[str, Any]:
    from ansible_collections.evenkeel.lb.plugins.module_utils._nginx import model as nginx

    return nginx.build(role.given, role.options, role.packages, role.names, time.time())


def _traefik(role: Role) -> dict[str, Any]:
    from ansible_collections.evenkeel.lb.plugins.module_utils._traefik import model as traefik

    return traefik.build(role.given, role.options, role.nodes, role.names)


def _wireguard(role: Role) -> dict[str, Any]:
    from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard import model as wireguard
    from ansible_collections.evenkeel.lb.plugins.plugin_utils import tunnels

    hosts = tunnels.hosts(role.host, role.given.get("wireguard_interfaces"), role.hostvars)
    return wireguard.build(role.given, role.options, role.host, hosts, role.names, tunnels.reached(role.others))


# Each imports its own core: a task is a process of its own, and needs but one of them.
MODELS: Mapping[str, Callable[[Role], dict[str, Any]]] = {
    "haproxy": _haproxy,
    "keepalived": _keepalived,
    "nginx": _nginx,
    "traefik": _traefik,
    "wireguard": _wireguard,
}
