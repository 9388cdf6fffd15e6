# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as the inventory describes it: who is in it, what its nodes agree on, and each variable read by `spec`.

What several values have to do with each other is in rules.py. Reading never stops at a fault: it notes a finding,
leaves the value out and goes on, so that one run names everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import cache
from ipaddress import ip_interface
from typing import Any

from .._core.findings import Finding
from .._core.register import Rule
from .._core.spec import conform, conform_dict, nearest, secret, show
from . import demands
from .model import Cluster, Instance, IPAddress, Node, SyncGroup, Tracked, Vip, literals
from .tracking import CHECK, NODES, SERVICES
from .variables import CLUSTER_KEYS, DEVICE, KEYS, PRIORITY, SERVICE, SERVICE_NAME

CLUSTER_DEFAULT = "default"
# Where nodes disagree on an instance: the rule that a disagreement on this key of it breaks.
INSTANCE_RULES: Mapping[str, Rule] = {
    "version": demands.VERSION,
    "advert_interval": demands.INTERVAL,
    "auth_pass": demands.SAME_PASSWORD,
    "unicast": demands.UNICAST,
}
# What the name of a unit ends in; systemd itself takes a name without for a service.
_KINDS = "service, socket, target, mount, automount, device, path, scope, slice, swap, timer"
UNITS = tuple(f".{kind}" for kind in _KINDS.split(", "))
OF_AN_INSTANCE = {one.name for one in fields(Instance)} | {"virtual_addresses"}


def read(cluster: str, nodes: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Cluster:
    """The cluster that these hosts' variables describe; its `findings` say what is wrong with single values.

    `options` are those of `variables.plan_options`.
    """
    findings = _membership(cluster, nodes)
    # Unset and null are the same; what is missing or too much has its finding and is left out from here on.
    known = {
        str(node["name"]): {key: value for key, value in node["vars"].items() if value is not None}
        for node in nodes
        if node.get("vars") is not None
    }
    known = dict(list(known.items())[:NODES])
    unresolved = _unresolved(known)
    if unresolved or not known:
        return Cluster(cluster, findings=(*findings, *unresolved))

    findings += _disagreements(list(known.items()), {key: option.get("default") for key, option in options.items()})
    first = next(iter(known.values()))
    noted: list[Finding] = []
    shared = {key: options[key] for key in CLUSTER_KEYS if key in options}
    common = conform_dict({key: first.get(key) for key in shared}, shared, "", noted)
    scripts = _scripts(common["keepalived_scripts"] or (), noted)
    instances = tuple(
        _instance(index, given, common, scripts, noted)
        for index, given in enumerate(common["keepalived_instances"] or ())
    )
    read_nodes = []
    for position, (name, own) in enumerate(known.items()):
        node, problems = _node(position, name, own, [instance.name for instance in instances], options)
        read_nodes.append(node)
        findings += problems
    return Cluster(
        name=cluster,
        nodes=tuple(read_nodes),
        instances=instances,
        sync_groups=tuple(
            SyncGroup(
                one["path"], one["name"] or one["path"], tuple(one["instances"] or ()), tuple(one["options"] or ())
            )
            for one in common["keepalived_sync_groups"] or ()
        ),
        services=_services(common["keepalived_track_services"] or {}, noted),
        scripts=scripts,
        spread=common["keepalived_spread"] or "pair",
        down_timer_adverts=common["keepalived_down_timer_adverts"] or 3,
        findings=(*findings, *_about(cluster, noted)),
    )


def _about(whom: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings with the node or the cluster that they are about; what several instances inherit is said once."""
    return [replace(finding, where=f"{whom}: {finding.where}") for finding in dict.fromkeys(findings)]


# --- what the cluster has in common -----------------------------------------------------------------------------------


def _instance(
    index: int,
    given: Mapping[str, Any],
    common: Mapping[str, Any],
    scripts: Mapping[str, Mapping[str, Any]],
    findings: list[Finding],
) -> Instance:
    path = given["path"]
    own = frozenset(key for key, value in given.items() if value is not None)

    def of(key: str, name: str = "") -> Any:
        return given[key] if key in own else common[name or f"keepalived_{key}"]

    version, interval = of("version", "keepalived_vrrp_version"), of("advert_interval")
    where = f"{path}.advert_interval" if "advert_interval" in own else "keepalived_advert_interval"
    vips = tuple(given["virtual_addresses"] or ())
    return Instance(
        index=index,
        path=path,
        name=given["name"] or path,
        virtual_router_id=given["virtual_router_id"],
        interface=given["interface"],
        vips=vips,
        anchor=_anchor(path, given["anchor"], vips, findings),
        track=tuple(given["track"] or ()),
        # The weight of a script is written where the script is defined.
        track_scripts=tuple(
            Tracked(item.path, item.name, scripts.get(item.name, {}).get("weight"))
            for item in given["track_scripts"] or ()
        ),
        track_interfaces=tuple(given["track_interfaces"] or ()),
        prefer=given["prefer"],
        version=version,
        advert_interval=_in_adverts(interval, version, where, findings),
        unicast=of("unicast") is not False,
        preempt_delay=of("preempt_delay"),
        nopreempt=bool(given["nopreempt"]),
        initial_state=given["initial_state"] or "BACKUP",
        auth_pass=of("auth_pass"),
        pass_through={key: value for key, value in given.items() if key not in OF_AN_INSTANCE},
        own_keys=own,
    )


def _anchor(path: str, wanted: str | None, vips: Sequence[Vip], findings: list[Finding]) -> Vip | None:
    if not vips or wanted is None:
        return vips[0] if vips else None
    with suppress(ValueError):
        ip = ip_interface(wanted).ip
        for vip in vips:
            if vip.ip == ip:
                return vip
    findings.append(
        demands.INSTANCES.finding(
            f"{path}.anchor",
            "The anchor must be one of the instance's virtual addresses.",
            show(wanted),
            "Write one of them, or leave `anchor` out for the first.",
            ", ".join(str(vip.interface) for vip in vips),
        )
    )
    return None


def _in_adverts(interval: float | None, version: int | None, where: str, findings: list[Finding]) -> float | None:
    """The interval, if adverts of this version can carry it."""
    if interval is None or version is None:
        return interval
    if version == 2 and interval != int(interval):
        what = "VRRPv2 counts adverts in whole seconds."
        remedy = "Set keepalived_advert_interval: 1 (or advert_interval at the instance), or use version 3."
        findings.append(demands.INTERVAL.finding(where, what, show(interval), remedy, "1 to 255"))
        return None
    if version == 3 and (interval >= 40.96 or abs(interval * 100 - round(interval * 100)) > 1e-6):
        what = "VRRPv3 counts adverts in hundredths of a second."
        findings.append(
            demands.INTERVAL.finding(
                where, what, show(interval), "Choose a multiple of 0.01 below 40.96.", "0.01 to 40.95"
            )
        )
        return None
    return interval


def _scripts(given: Iterable[Mapping[str, Any]], findings: list[Finding]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for script in given:
        name = script["name"]
        if name in found:
            what, remedy = "Two scripts have this name.", "Rename one of them."
            findings.append(demands.NAMES.finding(f"{script['path']}.name", what, show(name), remedy))
        elif name is not None:
            # As in keepalived itself, a run may take as long as its interval.
            timeout = script["timeout"] or script["interval"] or CHECK["timeout"]
            found[name] = {**script, "timeout": timeout, "weight": script["weight"] or None}
    return found


def _services(given: Mapping[Any, Any], findings: list[Finding]) -> dict[str, dict[str, Any]]:
    """The built-in table with the user's entries merged over it, key by key."""
    services = dict(_built_in())
    for key, entry in given.items():
        path = f"keepalived_track_services.{key}"
        name = conform(key, SERVICE_NAME, path, findings)
        if name is None:
            continue
        base, merged = SERVICES.get(name, {}), entry
        if isinstance(entry, Mapping):
            merged = {**base, **entry}
            for kind in ("alive", "ready"):
                if isinstance(entry.get(kind), Mapping):
                    merged[kind] = {**(base.get(kind) or {}), **entry[kind]}
        services[name] = _service(name, merged, findings)
    return services


@cache
def _built_in() -> dict[str, dict[str, Any]]:
    return {name: _service(name, entry, []) for name, entry in SERVICES.items()}


def _service(name: str, entry: Any, findings: list[Finding]) -> dict[str, Any]:
    given = conform(entry, SERVICE, f"keepalived_track_services.{name}", findings) or {"alive": None, "ready": None}
    unit = given.get("unit") or f"{name}.service"
    # Drop-ins are read from the directory of the whole name only.
    return {
        "name": name,
        "unit": unit if unit.endswith(UNITS) else f"{unit}.service",
        "alive": given["alive"],
        "ready": given["ready"],
    }


# --- what a node says of itself ---------------------------------------------------------------------------------------


def _node(
    position: int, name: str, own: Mapping[str, Any], instances: Sequence[str], options: Mapping[str, Any]
) -> tuple[Node, list[Finding]]:
    noted: list[Finding] = []
    given = own.get("keepalived_address") or own.get("ansible_host") or name
    state = conform(own.get("keepalived_state"), options["keepalived_state"], "keepalived_state", noted)
    addresses = _addresses(given, noted)
    node = Node(
        name=name,
        position=position,
        leaving=state == "absent",
        addresses=addresses,
        address_given=show(given),
        real=tuple(dict.fromkeys([*addresses.values(), *literals(own.get("ansible_host", name))])),
        priority=_by_instance("keepalived_priority", own, PRIORITY, instances, noted),
        interface=_by_instance("keepalived_interface", own, DEVICE, instances, noted),
    )
    return node, _about(name, noted)


def _addresses(value: Any, findings: list[Finding]) -> dict[int, IPAddress]:
    """At most one address per family, by family. rules.py says whether one is missing."""
    addresses: dict[int, IPAddress] = {}
    for address in literals(value):
        if address.is_loopback or address.is_unspecified or address.is_multicast:
            what = "The other nodes cannot send adverts to this address."
            remedy = "Set keepalived_address to the node's address on the network of the virtual addresses."
            findings.append(demands.SOURCE.finding("keepalived_address", what, str(address), remedy))
        elif address.version in addresses:
            what = f"A node sends from one IPv{address.version} address."
            got = f"{addresses[address.version]} and {address}"
            findings.append(demands.SOURCE.finding("keepalived_address", what, got, "Leave one of them out."))
        else:
            addresses[address.version] = address
    return addresses


def _by_instance(
    key: str, own: Mapping[str, Any], option: Mapping[str, Any], instances: Sequence[str], findings: list[Finding]
) -> Any:
    """What a node says of all its instances, or of them one by one."""
    given = own.get(key)
    if not isinstance(given, Mapping):
        return conform(given, option, key, findings)
    found = {}
    for name, value in given.items():
        path = f"{key}.{name}"
        if name not in instances:
            what, remedy = "No instance has this name.", nearest(name, instances)
            findings.append(demands.PRIORITIES.finding(path, what, show(name), remedy, ", ".join(instances)))
        elif (one := conform(value, option, path, findings)) is not None:
            found[str(name)] = one
    return found


# --- who is in the cluster, and what its nodes agree on -----------------------------------------------------------------


def _first_difference(path: str, ours: Any, theirs: Any) -> tuple[str, Any, Any]:
    """Where two values part: the path and both values there."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            if ours.get(key) != theirs.get(key):
                return _first_difference(f"{path}.{key}", ours.get(key), theirs.get(key))
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for position, (one, other) in enumerate(zip(ours, theirs)):
            if one != other:
                return _first_difference(f"{path}[{position}]", one, other)
    return path, ours, theirs


def _disagreements(nodes: Sequence[tuple[str, Mapping[str, Any]]], defaults: Mapping[str, Any]) -> Iterable[Finding]:
    """Cluster-wide keys that a node sees differently from the first node."""
    first, reference = nodes[0]
    for key, rule in CLUSTER_KEYS.items():
        expected = reference.get(key, defaults.get(key))
        for name, own in nodes[1:]:
            actual = own.get(key, defaults.get(key))
            if actual == expected:
                continue
            path, ours, theirs = _first_difference(key, actual, expected)
            leaf = path.rsplit(".", 1)[-1].split("[")[0]
            broken = INSTANCE_RULES.get(leaf, rule) if key == "keepalived_instances" else rule
            yield broken.finding(
                f"{name}: {path}",
                f"The nodes of a cluster must agree on {key}.",
                f"{show(ours, leaf)}, where {first} has {show(theirs, leaf)}"
                + (", another one" if secret(leaf) and len(str(ours)) == len(str(theirs)) else ""),
                "Set it once, in the vars of the cluster's group, and not per host.",
            )


def _templates(path: str, value: Any) -> Iterable[tuple[str, str]]:
    """Strings that still are templates: Ansible could not resolve them from the inventory alone."""
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _templates(f"{path}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from _templates(f"{path}[{position}]", item)


def _unresolved(known: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    return [
        demands.NODES.finding(
            f"{name}: {path}",
            "This template cannot be resolved from the inventory alone.",
            show(text, path),
            "Use inventory variables only: facts of another node may be missing.",
        )
        for name, own in known.items()
        for key in KEYS
        for path, text in _templates(key, own.get(key))
    ]


def _membership(cluster: str, nodes: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Who is in the cluster, before anything else is read."""
    where, names = f"{cluster}: evenkeel_nodes", [str(node["name"]) for node in nodes]
    findings: list[Finding] = []

    def refuse(what: str, got: str, remedy: str, accepted: str = "", at: str = where) -> None:
        findings.append(demands.NODES.finding(at, what, got, remedy, accepted))

    if not names:
        refuse("A cluster needs nodes.", "nothing", "Name its nodes in order of preference.")
    if len(names) > NODES:
        remedy = "Make several clusters, each with its own evenkeel_cluster and evenkeel_nodes."
        refuse("A cluster has at most nine nodes.", f"{len(names)}", remedy, f"1 to {NODES}")
    for name in sorted({name for name in names if names.count(name) > 1}):
        refuse("A node is named twice.", show(name), "Name each node once.")
    for name, own in ((str(node["name"]), node.get("vars")) for node in nodes):
        theirs = str((own or {}).get("evenkeel_cluster") or CLUSTER_DEFAULT)
        if own is None:
            remedy = f"Add {name} to the inventory, or take it out of evenkeel_nodes."
            refuse("A node of the cluster is not in the inventory.", show(name), remedy)
        elif theirs != cluster:
            got = f"{theirs}, but {cluster} lists it in evenkeel_nodes"
            remedy = f"Set evenkeel_cluster: {cluster} on {name}, or take it out of that list."
            refuse("A node belongs to one cluster.", got, remedy, at=f"{name}: evenkeel_cluster")
    listed = (nodes[0].get("vars") or {}).get("evenkeel_nodes") if nodes else None
    if isinstance(listed, list) and [str(name) for name in listed] != names:
        got = f"asked for {', '.join(names)}, where {names[0]} has {', '.join(str(name) for name in listed)}"
        refuse(
            "The plan needs all nodes of the cluster, whatever the play's hosts.", got, "Pass evenkeel_nodes itself."
        )
    return findings
