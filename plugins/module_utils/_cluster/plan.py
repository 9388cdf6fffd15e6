# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the inventory of a cluster to what every node of it is told. docs/architecture.md describes the result.

The same variables give the same bytes, on whichever host and for whichever part of the play's hosts it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any, Callable, Optional

from .._core.findings import ERROR, CoreError, Finding
from .._core.spec import show
from .demands import NODES
from .inventory import CLUSTER_DEFAULT, read
from .model import Cluster, Instance, Node, literals
from .ranking import Order, orders
from .rules import ROUTER_IDS_APART, VIPS_APART, Context, check, load, ready_checks
from .tracking import Weights, clamp, detection_seconds, hang_seconds, weights


def plan(cluster: str, nodes: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of one cluster.

    `nodes` are its hosts in order of preference, each `{name, vars}`: the host's inventory variables, or None
    for a host that the inventory does not have. `options` are those of the role keepalived that `variables.plan_options`
    gives. With errors, nothing but the findings is returned.
    """
    cluster = str(cluster)
    model = read(cluster, nodes, options)
    ranked = orders(model)
    preempting = [instance for instance in model.instances if not instance.nopreempt]
    strength = weights(
        gap=max((ranked[instance.name].gap for instance in preempting), default=0),
        loads=[load(model, instance) for instance in preempting],
        drain_is_fault=len(preempting) < len(model.instances),
    )
    findings = [*model.findings, *check(Context(model, ranked, strength))]
    errors = [finding.as_dict() for finding in findings if finding.severity == ERROR]
    result: dict[str, Any] = {"cluster": cluster, "nodes": {}, "instances": {}, "sync_groups": []}
    if not errors:
        result["nodes"] = {node.name: _node(model, ranked, strength, node) for node in model.nodes}
        result["instances"] = {
            instance.name: {"order": [node.name for node in ranked[instance.name].nodes]}
            for instance in model.instances
        }
        # Without tracking_weight keepalived drops every weight of a member; B9 makes sure that they are the same.
        result["sync_groups"] = [
            {
                "name": group.name,
                "instances": list(group.instances),
                "options": list(group.options),
                "tracking_weight": True,
            }
            for group in model.sync_groups
        ]
    result["errors"] = errors
    result["warnings"] = [finding.as_dict() for finding in findings if finding.severity != ERROR]
    return result


def require(planned: Mapping[str, Any]) -> None:
    """Raise what the plan found wrong, if anything."""
    if planned["errors"]:
        raise CoreError(Finding(**finding) for finding in planned["errors"])


def _node(model: Cluster, ranked: Mapping[str, Order], strength: Weights, node: Node) -> dict[str, Any]:
    tracked = {name for instance in model.instances for name in instance.track}
    weighing = {name for instance in model.instances if not instance.nopreempt for name in instance.track}
    used = {item.name for instance in model.instances for item in instance.track_scripts}
    groups = {name: group.name for group in model.sync_groups for name in group.instances}
    return {
        "name": node.name,
        "leaving": node.leaving,
        "router_id": node.name,
        "address": str(next(iter(node.addresses.values()))) if node.addresses else None,
        "drain_value": strength.drain_value,
        "services": [
            _service(service, strength, name in weighing) for name, service in model.services.items() if name in tracked
        ],
        "scripts": [
            {key: value for key, value in script.items() if key != "path"}
            for name, script in model.scripts.items()
            if name in used
        ],
        "instances": [
            {**_instance(model, ranked[instance.name], instance, node), "sync_group": groups.get(instance.name)}
            for instance in model.instances
        ],
    }


def _service(service: Mapping[str, Any], strength: Weights, weighing: bool) -> dict[str, Any]:
    ready = {**service["ready"], "weight": -strength.ready} if service["ready"] and weighing else None
    return {**service, "ready": ready}


def _instance(model: Cluster, order: Order, instance: Instance, node: Node) -> dict[str, Any]:
    # A finding stands for each of these where it is missing, and then there is no plan.
    if instance.anchor is None or instance.version is None or instance.advert_interval is None:
        raise AssertionError(instance)
    family = instance.anchor.family
    preferred = bool(order.nodes) and order.nodes[0] is node
    preempting = not instance.nopreempt and not (preferred and instance.initial_state == "MASTER")
    peers = [peer for peer in model.staying if peer is not node] if instance.unicast else []
    return {
        "name": instance.name,
        "virtual_router_id": instance.virtual_router_id,
        "interface": node.interface_of(instance),
        "version": instance.version,
        "role": "MASTER" if preferred else "BACKUP",
        "initial_state": instance.initial_state if preferred else "BACKUP",
        "priority": order.numbers.get(node.name),
        "advert_interval": instance.advert_interval,
        "down_timer_adverts": model.down_timer_adverts,
        "unicast": instance.unicast,
        "unicast_src_ip": str(node.addresses[family]) if instance.unicast else None,
        "unicast_peers": [str(peer.addresses[family]) for peer in peers],
        "virtual_ipaddress": [instance.anchor.as_dict()],
        "virtual_ipaddress_excluded": [vip.as_dict() for vip in instance.excluded],
        "preempt_delay": (instance.preempt_delay or None) if preferred and preempting else None,
        "nopreempt": instance.nopreempt,
        "auth_pass": instance.auth_pass,
        "track": list(instance.track),
        "track_ready": ready_checks(model, instance),
        "track_scripts": [item.as_dict() for item in instance.track_scripts],
        "track_interfaces": [item.as_dict() for item in instance.track_interfaces],
        "detection_seconds": _detection(model, order, instance, node),
        **instance.pass_through,
    }


def _detection(model: Cluster, order: Order, instance: Instance, node: Node) -> dict[str, float | None]:
    """How long clients wait when this node is MASTER and fails: the next in line is the best of the others."""
    if instance.version is None or instance.advert_interval is None:
        raise AssertionError(instance)
    heir = next((other for other in order.nodes if other is not node), None)
    if heir is None:
        return {"crash": None, "hang": None, "dead_node": None}
    bonus = sum(item.weight for item in instance.user_weights if item.weight and item.weight > 0)
    hangs = [hang_seconds(model.services[name]["alive"]) for name in instance.track]
    return detection_seconds(
        clamp(order.numbers[heir.name] + bonus),
        instance.advert_interval,
        instance.version,
        model.down_timer_adverts,
        max((seconds for seconds in hangs if seconds is not None), default=None),
    )


# --- several clusters -----------------------------------------------------------------------------------------

Lookup = Callable[[str], Optional[Mapping[str, Any]]]
Planner = Callable[[str, Sequence[Mapping[str, Any]], Mapping[str, Any]], "dict[str, Any]"]


def plan_all(
    hosts: Iterable[str], lookup: Lookup, options: Mapping[str, Any], planner: Planner = plan
) -> dict[str, Any]:
    """The plans of every cluster among `hosts`, and what clusters have to do with each other.

    `lookup` returns a host's inventory variables, or None, and is called once per host. A cluster's nodes are its
    `evenkeel_nodes`, among `hosts` or not. `options` are as those of `plan`, and `planner` plans each.
    """
    seen: dict[str, Mapping[str, Any] | None] = {}

    def variables(name: str) -> Mapping[str, Any] | None:
        if name not in seen:
            seen[name] = lookup(name)
        return seen[name]

    findings: list[Finding] = []
    members: dict[str, list[str]] = {}
    for host in dict.fromkeys(hosts):
        own = variables(host)
        if own is None:
            findings.append(
                NODES.finding(f"{host}: hosts", "This host is not in the inventory.", show(host), "Correct its name.")
            )
        else:
            members.setdefault(str(own.get("evenkeel_cluster") or CLUSTER_DEFAULT), []).append(host)
    plans: dict[str, dict[str, Any]] = {}
    for cluster, names in members.items():
        listed = (variables(names[0]) or {}).get("evenkeel_nodes")
        outside = _not_listed(cluster, names, listed)
        findings += outside
        if not isinstance(listed, (list, tuple)):
            continue
        nodes = [{"name": str(name), "vars": variables(str(name))} for name in listed]
        plans[cluster] = planner(cluster, nodes, options)
    findings += _across(plans, seen)
    return {
        "plans": plans,
        "errors": [
            *(finding.as_dict() for finding in findings if finding.severity == ERROR),
            *(error for planned in plans.values() for error in planned["errors"]),
        ],
        "warnings": [
            *(finding.as_dict() for finding in findings if finding.severity != ERROR),
            *(warning for planned in plans.values() for warning in planned["warnings"]),
        ],
    }


def no_nodes(host: str, listed: Any, accepted: str = "") -> Finding:
    return NODES.finding(
        f"{host}: evenkeel_nodes",
        "A cluster must name its nodes in order of preference.",
        show(listed),
        "Set evenkeel_nodes in the vars of the cluster's group, like \"{{ groups['balancers'] }}\".",
        accepted,
    )


def _not_listed(cluster: str, names: Sequence[str], listed: Any) -> Iterable[Finding]:
    if not isinstance(listed, (list, tuple)):
        yield no_nodes(names[0], listed)
        return
    known = {str(name) for name in listed}
    for name in names:
        if name not in known:
            yield NODES.finding(
                f"{name}: evenkeel_nodes",
                f"This host is of cluster {cluster}, whose list of nodes lacks it.",
                ", ".join(str(item) for item in listed),
                "Add it to the list, or give it an evenkeel_cluster of its own.",
            )


def _across(plans: Mapping[str, Mapping[str, Any]], hosts: Mapping[str, Mapping[str, Any] | None]) -> list[Finding]:
    """Over all clusters, in one pass: adverts of a number in a network where another cluster multicasts it, and a virtual
    address that two of them have, or that is another one's host."""
    findings: list[Finding] = []
    owner: dict[str, tuple[str, str]] = {}
    for cluster, planned in plans.items():
        for name in planned["nodes"]:
            own = hosts.get(name) or {}
            for given in (own.get("ansible_host", name), own.get("keepalived_address")):
                for address in literals(given):
                    owner.setdefault(str(address), (cluster, name))
    home: dict[str, str] = {}
    loud: dict[tuple[int, int, Any], str] = {}
    for cluster, planned in plans.items():
        first: Mapping[str, Any] = next(iter(planned["nodes"].values()), {"instances": []})
        for instance in first["instances"]:
            heard = _multicast_in(instance)
            if heard and loud.setdefault(heard, cluster) != cluster:
                where = f"{cluster}: keepalived_instances ({instance['name']}).virtual_router_id"
                what = f"Cluster {loud[heard]} multicasts with this number there too, so the nodes of both hear each other."
                remedy = "Give one of them another number, or use unicast."
                findings.append(ROUTER_IDS_APART.finding(where, what, f"{heard[0]} in {heard[2]}", remedy))
            where = f"{cluster}: keepalived_instances ({instance['name']}).virtual_addresses"
            for vip in [*instance["virtual_ipaddress"], *instance["virtual_ipaddress_excluded"]]:
                text = vip["address"].split("/")[0]
                if home.setdefault(text, cluster) != cluster:
                    what, remedy = f"Cluster {home[text]} has this address too.", "Keep it in one cluster."
                elif owner.get(text, (cluster, ""))[0] != cluster:
                    what = f"This is the own address of {owner[text][1]} in cluster {owner[text][0]}."
                    remedy = "Choose a free address."
                else:
                    continue
                findings.append(VIPS_APART.finding(where, what, show(vip["address"]), remedy))
    return findings


def _multicast_in(instance: Mapping[str, Any]) -> tuple[int, int, Any] | None:
    """Number, family of the adverts and network of an instance that multicasts; None if it doesn't, or where cannot be told.

    Every network has the same link-local addresses, so the first other one says where the instance is.
    """
    if instance["unicast"]:
        return None
    vips = [
        ip_interface(vip["address"])
        for vip in [*instance["virtual_ipaddress"], *instance["virtual_ipaddress_excluded"]]
    ]
    network = next((vip.network for vip in vips if not vip.ip.is_link_local), None)
    return (instance["virtual_router_id"], vips[0].version, network) if network else None


# --- for people -----------------------------------------------------------------------------------------------


def describe(planned: Mapping[str, Any]) -> list[str]:
    """The plan of a cluster as lines of text, without secrets."""
    nodes = planned["nodes"]
    lines = [f"cluster {planned['cluster']}: {', '.join(nodes)}"]
    for position, name in enumerate(planned["instances"]):
        per_node = [(node, node["instances"][position]) for node in nodes.values()]
        lines += _describe_instance(name, sorted(per_node, key=lambda item: -(item[1]["priority"] or 0)))
    for node in list(nodes.values())[:1]:
        lost = [f"{item['name']} {item['ready']['weight']}" for item in node["services"] if item["ready"]]
        lines.append(f"  when drained {node['drain_value']}" + "".join(f", backends lost: {one}" for one in lost))
    return lines


def _describe_instance(name: str, nodes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[str]:
    first = nodes[0][1]
    way = "unicast" if first["unicast"] else "multicast"
    lines = [
        f"  {name}: VRID {first['virtual_router_id']}, VRRPv{first['version']}, {way},"
        f" an advert every {first['advert_interval']} s"
    ]
    lines += [f"    {vip['address']} (anchor)" for vip in first["virtual_ipaddress"]]
    lines += [f"    {vip['address']}" for vip in first["virtual_ipaddress_excluded"]]
    for node, instance in nodes:
        role = "leaving" if node["leaving"] else instance["role"]
        source = f", {instance['unicast_src_ip']}" if instance["unicast_src_ip"] else ""
        lines.append(f"    {node['name']}: {role}, priority {instance['priority']}, {instance['interface']}{source}")
        waits = [(fault, seconds) for fault, seconds in instance["detection_seconds"].items() if seconds is not None]
        if waits and not node["leaving"]:
            words = ", ".join(f"{fault.replace('_', ' ')} {seconds} s" for fault, seconds in waits)
            lines.append(f"      as MASTER, lost and replaced after: {words}")
    return lines
