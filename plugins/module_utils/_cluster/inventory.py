# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as the inventory describes it: read, converted, and each value checked by itself.

What several values have to do with each other is in rules.py. Reading never stops at a fault: it notes a finding,
leaves the value out and goes on, so that one run names everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Any, Callable, TypeVar, Union

from .._core.findings import ERROR, Finding
from .._core.register import Rule
from .._core.spec import SPEC
from . import demands
from .reader import INTERFACE, Reader, nearest, show, show_secret
from .tracking import CHECK, NODES, SERVICES, STRONGEST

# What the inventory need not say. The keepalived role's defaults are the same; a contract test compares them.
DEFAULTS: Mapping[str, Any] = {
    "keepalived_state": "present",
    "keepalived_instances": [],
    "keepalived_vrrp_version": 3,
    "keepalived_advert_interval": 0.2,
    "keepalived_down_timer_adverts": 3,
    "keepalived_unicast": True,
    "keepalived_preempt_delay": 5,
    "keepalived_spread": "pair",
    "keepalived_sync_groups": [],
    "keepalived_auth_pass": "",
    "keepalived_track_services": {},
    "keepalived_scripts": [],
}
CLUSTER_DEFAULT = "default"

# Keys on which the nodes of a cluster must agree, with the rule that a disagreement breaks.
CLUSTER_KEYS: Mapping[str, Rule] = {
    "evenkeel_nodes": demands.NODES,
    "keepalived_instances": demands.INSTANCES,
    "keepalived_vrrp_version": demands.VERSION,
    "keepalived_advert_interval": demands.INTERVAL,
    "keepalived_down_timer_adverts": demands.ADVERTS,
    "keepalived_unicast": demands.UNICAST,
    "keepalived_preempt_delay": demands.AGREE,
    "keepalived_spread": demands.AGREE,
    "keepalived_sync_groups": demands.AGREE,
    "keepalived_auth_pass": demands.SAME_PASSWORD,
    "keepalived_track_services": demands.AGREE,
    "keepalived_scripts": demands.AGREE,
}
# The same for what an instance says by itself.
INSTANCE_RULES: Mapping[str, Rule] = {
    "version": demands.VERSION,
    "advert_interval": demands.INTERVAL,
    "auth_pass": demands.SAME_PASSWORD,
    "unicast": demands.UNICAST,
}
NODE_KEYS = ("keepalived_address", "keepalived_priority", "keepalived_interface", "keepalived_state", "ansible_host")
# Everything the plan reads from a host; the shells fetch these and nothing else.
KEYS: tuple[str, ...] = ("evenkeel_cluster", "evenkeel_accept", *CLUSTER_KEYS, *NODE_KEYS)

PASS_THROUGH = (
    "garp_master_refresh",
    "notify_master",
    "notify_backup",
    "notify_fault",
    "notify_stop",
    "smtp_alert",
    "options",
)
INSTANCE_KEYS = (
    "name",
    "virtual_router_id",
    "interface",
    "virtual_addresses",
    "anchor",
    "track",
    "track_scripts",
    "track_interfaces",
    "prefer",
    "version",
    "advert_interval",
    "unicast",
    "preempt_delay",
    "nopreempt",
    "initial_state",
    "auth_pass",
    *PASS_THROUGH,
)
VIP_KEYS = ("address", "label", "broadcast", "dev")
SCRIPT_KEYS = ("name", "command", "interval", "timeout", "fall", "rise", "weight")
GROUP_KEYS = ("name", "instances", "options")
SERVICE_KEYS = ("unit", "alive", "ready")
CHECK_KEYS = ("host", "port", "path", *CHECK)

Value = TypeVar("Value")

# What the name of a unit ends in; systemd itself takes a name without for a service.
UNITS = (
    ".service",
    ".socket",
    ".target",
    ".mount",
    ".automount",
    ".device",
    ".path",
    ".scope",
    ".slice",
    ".swap",
    ".timer",
)

# Directives that the plan computes; a raw line that repeats one would contradict it on some node.
PLANNED = {
    "state": "initial_state",
    "interface": "interface",
    "virtual_router_id": "virtual_router_id",
    "priority": "keepalived_priority",
    "advert_int": "advert_interval",
    "version": "version",
    "nopreempt": "nopreempt",
    "preempt_delay": "preempt_delay",
    "authentication": "auth_pass",
    "unicast_src_ip": "keepalived_address",
    "unicast_peer": "evenkeel_nodes",
    "virtual_ipaddress": "virtual_addresses",
    "virtual_ipaddress_excluded": "virtual_addresses",
    "down_timer_adverts": "keepalived_down_timer_adverts",
}


IPAddress = Union[IPv4Address, IPv6Address]


@dataclass(frozen=True)
class Vip:
    """One virtual address, written the one way in which it is compared and rendered."""

    path: str
    interface: IPv4Interface | IPv6Interface
    label: str | None = None
    broadcast: str | None = None
    dev: str | None = None

    @property
    def ip(self) -> IPAddress:
        return self.interface.ip

    @property
    def family(self) -> int:
        return self.interface.version

    def as_dict(self) -> dict[str, str]:
        extras = {"dev": self.dev, "label": self.label, "broadcast": self.broadcast}
        return {"address": str(self.interface), **{key: value for key, value in extras.items() if value}}


@dataclass(frozen=True)
class Tracked:
    """A script or an interface with its weight; None means that its failure is a FAULT."""

    path: str
    name: str
    weight: int | None

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "weight": self.weight}


@dataclass(frozen=True)
class Instance:
    """One VRRP instance, the same on every node."""

    index: int
    path: str
    name: str
    virtual_router_id: int | None
    interface: str | None
    vips: tuple[Vip, ...]
    anchor: Vip | None
    track: tuple[str, ...]
    track_scripts: tuple[Tracked, ...]
    track_interfaces: tuple[Tracked, ...]
    prefer: str | None
    version: int | None
    advert_interval: float | None
    unicast: bool
    preempt_delay: float | None
    nopreempt: bool
    initial_state: str
    auth_pass: str | None
    pass_through: Mapping[str, Any]
    own_keys: frozenset[str]  # what it says itself; the rest is the cluster's

    @property
    def user_weights(self) -> tuple[Tracked, ...]:
        return tuple(item for item in (*self.track_scripts, *self.track_interfaces) if item.weight)

    @property
    def excluded(self) -> tuple[Vip, ...]:
        return tuple(vip for vip in self.vips if vip is not self.anchor)


@dataclass(frozen=True)
class Node:
    """One host of the cluster."""

    name: str
    position: int
    leaving: bool
    addresses: Mapping[int, IPAddress]  # where adverts come from, by family
    address_given: str
    real: tuple[IPAddress, ...]  # every address the inventory names for this host
    priority: None | int | Mapping[str, int]
    interface: None | str | Mapping[str, str]

    def interface_of(self, instance: Instance) -> str | None:
        """The node's own word goes before the instance's."""
        if isinstance(self.interface, Mapping):
            return self.interface.get(instance.name, instance.interface)
        return self.interface or instance.interface

    def priority_in(self, instance: str) -> int | None:
        return self.priority.get(instance) if isinstance(self.priority, Mapping) else self.priority


@dataclass(frozen=True)
class SyncGroup:
    path: str
    name: str
    instances: tuple[str, ...]
    options: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """All of it. `findings` holds what reading noticed; a value with a finding is left out."""

    name: str
    nodes: tuple[Node, ...] = ()
    instances: tuple[Instance, ...] = ()
    sync_groups: tuple[SyncGroup, ...] = ()
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scripts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spread: str = "pair"
    down_timer_adverts: int = 3
    findings: tuple[Finding, ...] = ()

    @property
    def staying(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if not node.leaving)

    @property
    def refused(self) -> bool:
        return any(finding.severity == ERROR for finding in self.findings)


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


def _disagreements(nodes: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterable[Finding]:
    """Cluster-wide keys that a node sees differently from the first node."""
    first, reference = nodes[0]
    for key, rule in CLUSTER_KEYS.items():
        expected = reference.get(key, DEFAULTS.get(key))
        for name, own in nodes[1:]:
            actual = own.get(key, DEFAULTS.get(key))
            if actual == expected:
                continue
            path, ours, theirs = _first_difference(key, actual, expected)
            leaf = path.rsplit(".", 1)[-1].split("[")[0]
            shown = show_secret if leaf.endswith("auth_pass") else show
            broken = INSTANCE_RULES.get(leaf, rule) if key == "keepalived_instances" else rule
            yield broken.finding(
                f"{name}: {path}",
                f"The nodes of a cluster must agree on {key}.",
                f"{shown(ours)}, where {first} has {shown(theirs)}"
                + (", other ones" if shown is show_secret and len(str(ours)) == len(str(theirs)) else ""),
                "Set it once, in the vars of the cluster's group, and not per host.",
            )


def _read_vip(reader: Reader, path: str, value: Any) -> Vip | None:
    given = {"address": value} if isinstance(value, str) else reader.mapping(path, value, VIP_KEYS)
    if not given:
        return None
    address = given.get("address")
    where = path if isinstance(value, str) else f"{path}.address"
    try:
        if not isinstance(address, str) or "%" in address:
            raise ValueError
        interface = ip_interface(str(address))
    except ValueError:
        reader.refuse(
            demands.ADDRESS,
            where,
            "This is not an address with a prefix.",
            show(address),
            "Write it like 198.51.100.28/24 or 2001:db8::28/64.",
        )
        return None
    ip, network = interface.ip, interface.network
    if "/" not in address:
        reader.refuse(
            demands.PREFIX,
            where,
            "Without a prefix keepalived adds the address alone, and no route to its network.",
            show(address),
            f"Write {address}/{interface.max_prefixlen} if that is meant, else the prefix of its network.",
        )
    if ip.is_multicast or ip.is_unspecified or ip.is_loopback:
        reader.refuse(
            demands.VIP, where, "This address cannot be a virtual one.", show(address), "Choose a host's address."
        )
        return None
    if network.prefixlen < interface.max_prefixlen - 1 and ip == network.network_address:
        reader.refuse(
            demands.VIP,
            where,
            "This is the address of the network itself.",
            show(address),
            "Choose a host's address in it.",
        )
        return None
    if interface.version == 4 and network.prefixlen < 31 and ip == network.broadcast_address:
        reader.refuse(
            demands.VIP,
            where,
            "This is the broadcast address of its network.",
            show(address),
            "Choose a host's address.",
        )
        return None

    label, broadcast, dev = given.get("label"), given.get("broadcast"), given.get("dev")
    if label is not None:
        if interface.version == 6:
            reader.refuse(
                demands.ADDRESS, f"{path}.label", "An IPv6 address has no label.", show(label), "Remove the label."
            )
        elif not isinstance(label, str) or not INTERFACE.match(label):
            reader.refuse(
                demands.ADDRESS,
                f"{path}.label",
                "The kernel does not take this label.",
                show(label),
                "Shorten it, for instance to eth0:vip.",
                "1 to 15 characters without blanks",
            )
    if broadcast is not None:
        if interface.version == 6:
            reader.refuse(
                demands.ADDRESS,
                f"{path}.broadcast",
                "IPv6 has no broadcast.",
                show(broadcast),
                "Remove the broadcast address.",
            )
        else:
            try:
                IPv4Address(str(broadcast))
            except ValueError:
                reader.refuse(
                    demands.ADDRESS,
                    f"{path}.broadcast",
                    "This is not an IPv4 address.",
                    show(broadcast),
                    f"Write {network.broadcast_address}, or leave it out.",
                )
    if dev is not None:
        dev = reader.interface(f"{path}.dev", dev)
    return Vip(
        path,
        interface,
        label=None if label is None else str(label),
        broadcast=None if broadcast is None else str(broadcast),
        dev=dev,
    )


def _read_vips(reader: Reader, path: str, value: Any) -> tuple[Vip, ...]:
    items = reader.sequence(path, value)
    if not items:
        reader.refuse(
            demands.ADDRESSES,
            path,
            "An instance needs at least one virtual address.",
            show(value),
            "List the addresses that shall move, like 198.51.100.28/24.",
        )
    vips = [_read_vip(reader, f"{path}[{position}]", item) for position, item in enumerate(items)]
    return tuple(vip for vip in vips if vip is not None)


def _find_anchor(reader: Reader, path: str, wanted: Any, vips: Sequence[Vip]) -> Vip | None:
    if not vips:
        return None
    if wanted is None:
        return vips[0]
    try:
        ip = ip_interface(str(wanted)).ip
    except ValueError:
        ip = None
    for vip in vips:
        if vip.ip == ip:
            return vip
    reader.refuse(
        demands.INSTANCES,
        f"{path}.anchor",
        "The anchor must be one of the instance's virtual addresses.",
        show(wanted),
        "Write one of them, or leave `anchor` out for the first.",
        ", ".join(str(vip.interface) for vip in vips),
    )
    return None


def _read_weight(reader: Reader, path: str, value: Any) -> int | None:
    if value is None:
        return None
    return reader.integer(
        demands.WEIGHT,
        path,
        value,
        -STRONGEST,
        STRONGEST,
        "Choose a weight in range, or none: then a failure is a FAULT.",
    )


def _read_track_interfaces(reader: Reader, path: str, value: Any) -> tuple[Tracked, ...]:
    found = []
    for position, item in enumerate(reader.sequence(path, value)):
        here = f"{path}[{position}]"
        given = {"name": item} if isinstance(item, str) else reader.mapping(here, item, ("name", "weight"))
        if not given:
            continue
        name = reader.interface(f"{here}.name", given.get("name"))
        weight = _read_weight(reader, f"{here}.weight", given.get("weight"))
        if name is not None:
            found.append(Tracked(here, name, weight or None))
    return tuple(found)


def _read_auth_pass(reader: Reader, path: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    # keepalived takes 8 bytes as they are, so other letters are cut and a backslash escapes nothing.
    plain = text.isascii() and text.isprintable() and re.match(r"[^\s\"'#!{}\\]{1,8}\Z", text)
    if plain and not isinstance(value, (bool, list, dict)):
        return text
    problem = "is longer than 8 characters" if len(text) > 8 else "holds a character that keepalived reads differently"
    reader.refuse(
        demands.PASSWORD,
        path,
        f"The password {problem}: keepalived would use another one without a word.",
        show_secret(text),
        "Choose another password.",
        "1 to 8 ASCII characters without blanks, quotes, braces, backslashes, # and !",
    )
    return None


def _read_advert_interval(reader: Reader, path: str, value: Any, version: int | None) -> float | None:
    interval = reader.number(demands.INTERVAL, path, value, 0.01, 255)
    if interval is None or version is None:
        return interval
    if version == 2 and interval != int(interval):
        reader.refuse(
            demands.INTERVAL,
            path,
            "VRRPv2 counts adverts in whole seconds.",
            show(interval),
            "Set keepalived_advert_interval: 1 (or advert_interval at the instance), or use version 3.",
            "1 to 255",
        )
        return None
    if version == 3 and (interval >= 40.96 or abs(interval * 100 - round(interval * 100)) > 1e-6):
        reader.refuse(
            demands.INTERVAL,
            path,
            "VRRPv3 counts adverts in hundredths of a second.",
            show(interval),
            "Choose a multiple of 0.01 below 40.96.",
            "0.01 to 40.95",
        )
        return None
    return interval


def _read_pass_through(reader: Reader, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(PASS_THROUGH)
    if "smtp_alert" in given:
        found["smtp_alert"] = reader.boolean(f"{path}.smtp_alert", given["smtp_alert"], False)
    if "garp_master_refresh" in given:
        found["garp_master_refresh"] = reader.integer(
            SPEC, f"{path}.garp_master_refresh", given["garp_master_refresh"], 0, 86400
        )
    for key in ("notify_master", "notify_backup", "notify_fault", "notify_stop"):
        if key in given:
            found[key] = reader.text(f"{path}.{key}", given[key])
    found["options"] = list(reader.words(f"{path}.options", given.get("options")))
    for position, line in enumerate(found["options"]):
        word = line.split()[0] if line.split() else ""
        if word in PLANNED:
            reader.refuse(
                demands.RAW,
                f"{path}.options[{position}]",
                "A raw line must not repeat what the plan computes for each node.",
                show(line),
                f"Use {PLANNED[word]} instead.",
            )
    return found


def _read_instance(reader: Reader, index: int, value: Any, common: Mapping[str, Any]) -> Instance | None:
    path = f"keepalived_instances[{index}]"
    given = reader.mapping(path, value, INSTANCE_KEYS)
    if not given:
        return None

    def of(key: str, default: Any = None) -> Any:
        return given.get(key, common.get(f"keepalived_{key}", default))

    name = reader.name(f"{path}.name", given.get("name"))
    version = reader.integer(
        demands.VERSION,
        f"{path}.version" if "version" in given else "keepalived_vrrp_version",
        given.get("version", common["keepalived_vrrp_version"]),
        2,
        3,
        "Use 3, or 2 where old routers have to take part.",
    )
    vips = _read_vips(reader, f"{path}.virtual_addresses", given.get("virtual_addresses"))
    interface = given.get("interface")
    preempt_delay = reader.number(
        demands.DELAY,
        f"{path}.preempt_delay" if "preempt_delay" in given else "keepalived_preempt_delay",
        of("preempt_delay"),
        0,
        1000,
    )
    scripts = [
        Tracked(f"{path}.track_scripts[{position}]", name, None)
        for position, name in enumerate(reader.words(f"{path}.track_scripts", given.get("track_scripts")))
    ]
    return Instance(
        index=index,
        path=path,
        name=name or f"#{index}",
        virtual_router_id=reader.integer(
            demands.ROUTER_ID,
            f"{path}.virtual_router_id",
            given.get("virtual_router_id"),
            1,
            255,
            "Choose a number that no other VRRP router on this network uses.",
        ),
        interface=None if interface is None else reader.interface(f"{path}.interface", interface),
        vips=vips,
        anchor=_find_anchor(reader, path, given.get("anchor"), vips),
        track=reader.words(f"{path}.track", given.get("track")),
        track_scripts=tuple(scripts),
        track_interfaces=_read_track_interfaces(reader, f"{path}.track_interfaces", given.get("track_interfaces")),
        prefer=str(given["prefer"]) if "prefer" in given else None,
        version=version,
        advert_interval=_read_advert_interval(
            reader,
            f"{path}.advert_interval" if "advert_interval" in given else "keepalived_advert_interval",
            of("advert_interval"),
            version,
        ),
        unicast=reader.boolean(f"{path}.unicast" if "unicast" in given else "keepalived_unicast", of("unicast"), True),
        preempt_delay=preempt_delay,
        nopreempt=reader.boolean(f"{path}.nopreempt", given.get("nopreempt", False), False),
        initial_state=reader.choice(f"{path}.initial_state", given.get("initial_state", "BACKUP"), ("BACKUP", "MASTER"))
        or "BACKUP",
        auth_pass=_read_auth_pass(
            reader, f"{path}.auth_pass" if "auth_pass" in given else "keepalived_auth_pass", of("auth_pass")
        ),
        pass_through=_read_pass_through(reader, path, given),
        own_keys=frozenset(given),
    )


def _read_scripts(reader: Reader, value: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for position, item in enumerate(reader.sequence("keepalived_scripts", value)):
        path = f"keepalived_scripts[{position}]"
        given = reader.mapping(path, item, SCRIPT_KEYS)
        if not given:
            continue
        name = reader.name(f"{path}.name", given.get("name"))
        command = reader.text(f"{path}.command", given.get("command"))
        interval = reader.integer(demands.CHECK, f"{path}.interval", given.get("interval", CHECK["interval"]), 1, 4294)
        # As in keepalived itself, a run may take as long as its interval.
        paces = {**CHECK, "timeout": interval or CHECK["timeout"], **given}
        script = {
            "interval": interval,
            **{
                key: reader.integer(demands.CHECK, f"{path}.{key}", paces[key], 1, 4294)
                for key in ("timeout", "fall", "rise")
            },
        }
        weight = _read_weight(reader, f"{path}.weight", given.get("weight"))
        if name in found:
            reader.refuse(
                demands.NAMES, f"{path}.name", "Two scripts have this name.", show(name), "Rename one of them."
            )
        elif name is not None:
            found[name] = {"name": name, "command": command, **script, "weight": weight or None, "path": path}
    return found


def _read_check(reader: Reader, path: str, value: Any) -> dict[str, Any] | None:
    given = {**CHECK, "host": "127.0.0.1", "path": "/", **reader.mapping(path, value, CHECK_KEYS)}
    check: dict[str, Any] = {
        "host": reader.text(f"{path}.host", given["host"]),
        "port": reader.integer(demands.CHECK, f"{path}.port", given.get("port"), 1, 65535),
        "path": reader.text(f"{path}.path", given["path"]),
    }
    for key in ("interval", "timeout", "fall", "rise"):
        check[key] = reader.integer(demands.CHECK, f"{path}.{key}", given[key], 1, 4294)
    check["answer_within"] = reader.number(demands.CHECK, f"{path}.answer_within", given["answer_within"], 0.01, 4294)
    return None if any(part is None for part in check.values()) else check


def _read_services(reader: Reader, value: Any) -> dict[str, dict[str, Any]]:
    """The built-in table with the user's entries merged over it, key by key."""
    table: dict[str, dict[str, Any]] = {name: dict(entry) for name, entry in SERVICES.items()}
    path = "keepalived_track_services"
    if value is not None and not isinstance(value, Mapping):
        reader.refuse(SPEC, path, "This must be a dictionary.", show(value), "Write it as `service: {unit: ...}`.")
        value = {}
    for name, entry in (value or {}).items():
        here = f"{path}.{name}"
        if reader.name(here, name) is None:
            continue
        given = reader.mapping(here, entry, SERVICE_KEYS)
        cleared = {key: None for key in ("alive", "ready") if isinstance(entry, Mapping) and entry.get(key, 0) is None}
        base = table.get(name, {})
        for key in ("alive", "ready"):
            if isinstance(given.get(key), Mapping) and isinstance(base.get(key), Mapping):
                given[key] = {**base[key], **given[key]}
        table[name] = {**base, **given, **cleared}
    services: dict[str, dict[str, Any]] = {}
    for name, entry in table.items():
        here = f"{path}.{name}"
        unit = reader.text(f"{here}.unit", entry.get("unit", f"{name}.service"))
        services[name] = {
            "name": name,
            # Drop-ins are read from the directory of the whole name only.
            "unit": f"{unit}.service" if unit and not unit.endswith(UNITS) else unit,
            **{
                key: None if entry.get(key) is None else _read_check(reader, f"{here}.{key}", entry[key])
                for key in ("alive", "ready")
            },
        }
    return services


def _read_sync_groups(reader: Reader, value: Any) -> tuple[SyncGroup, ...]:
    groups = []
    for position, item in enumerate(reader.sequence("keepalived_sync_groups", value)):
        path = f"keepalived_sync_groups[{position}]"
        given = reader.mapping(path, item, GROUP_KEYS)
        if not given:
            continue
        name = reader.name(f"{path}.name", given.get("name"))
        groups.append(
            SyncGroup(
                path,
                name or f"#{position}",
                reader.words(f"{path}.instances", given.get("instances")),
                reader.words(f"{path}.options", given.get("options")),
            )
        )
    return tuple(groups)


def literals(value: Any) -> list[IPAddress]:
    """The literal addresses in a string or a list; a host name is none."""
    found: list[IPAddress] = []
    for item in value if isinstance(value, (list, tuple)) else [value]:
        with suppress(ValueError):
            found.append(ip_address(str(item)))
    return found


def _read_addresses(reader: Reader, value: Any) -> dict[int, IPAddress]:
    """At most one address per family, by family. rules.py says whether one is missing."""
    addresses: dict[int, IPAddress] = {}
    for address in literals(value):
        if address.is_loopback or address.is_unspecified or address.is_multicast:
            reader.refuse(
                demands.SOURCE,
                "keepalived_address",
                "The other nodes cannot send adverts to this address.",
                str(address),
                "Set keepalived_address to the node's address on the network of the virtual addresses.",
            )
        elif address.version in addresses:
            reader.refuse(
                demands.SOURCE,
                "keepalived_address",
                f"A node sends from one IPv{address.version} address.",
                f"{addresses[address.version]} and {address}",
                "Leave one of them out.",
            )
        else:
            addresses[address.version] = address
    return addresses


def _by_instance(
    reader: Reader,
    name: str,
    given: Mapping[Any, Any],
    instances: Sequence[str],
    read: Callable[[str, Any], Value | None],
) -> dict[str, Value]:
    """What a node says of its instances one by one, each value read by `read`."""
    found: dict[str, Value] = {}
    for key, value in given.items():
        path = f"{name}.{key}"
        if key not in instances:
            reader.refuse(
                demands.PRIORITIES,
                path,
                "No instance has this name.",
                show(key),
                nearest(key, instances),
                ", ".join(instances),
            )
        elif (one := read(path, value)) is not None:
            found[str(key)] = one
    return found


def _read_node(
    position: int, name: str, own: Mapping[str, Any], instances: Sequence[str]
) -> tuple[Node, list[Finding]]:
    reader = Reader(name)
    given = own.get("keepalived_address") or own.get("ansible_host") or name
    priority = own.get("keepalived_priority")
    remedy = "Choose a number from 2 to 254; 255 belongs to an owner of the address, and a virtual one has none."
    if isinstance(priority, Mapping):
        priority = _by_instance(
            reader,
            "keepalived_priority",
            priority,
            instances,
            lambda path, it: reader.integer(demands.PRIORITY, path, it, 1, 254, remedy),
        )
    elif priority is not None:
        priority = reader.integer(demands.PRIORITY, "keepalived_priority", priority, 1, 254, remedy)
    interface = own.get("keepalived_interface")
    if isinstance(interface, Mapping):
        interface = _by_instance(reader, "keepalived_interface", interface, instances, reader.interface)
    elif interface is not None:
        interface = reader.interface("keepalived_interface", interface)
    state = reader.choice("keepalived_state", own.get("keepalived_state", "present"), ("present", "absent"))
    addresses = _read_addresses(reader, given)
    real = dict.fromkeys([*addresses.values(), *literals(own.get("ansible_host", name))])
    node = Node(name, position, state == "absent", addresses, show(given), tuple(real), priority, interface)
    return node, reader.findings


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
            show_secret(text) if path.endswith("auth_pass") else show(text),
            "Use inventory variables only: facts of another node may be missing.",
        )
        for name, own in known.items()
        for key in KEYS
        for path, text in _templates(key, own.get(key))
    ]


def _membership(cluster: str, nodes: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Who is in the cluster, before anything else is read."""
    findings: list[Finding] = []
    names = [str(node["name"]) for node in nodes]
    where = f"{cluster}: evenkeel_nodes"
    if not names:
        findings.append(
            demands.NODES.finding(where, "A cluster needs nodes.", "nothing", "Name its nodes in order of preference.")
        )
    if len(names) > NODES:
        findings.append(
            demands.NODES.finding(
                where,
                "A cluster has at most nine nodes.",
                f"{len(names)}",
                "Make several clusters, each with its own evenkeel_cluster and evenkeel_nodes.",
                f"1 to {NODES}",
            )
        )
    for name in sorted({name for name in names if names.count(name) > 1}):
        findings.append(demands.NODES.finding(where, "A node is named twice.", show(name), "Name each node once."))
    for node in nodes:
        own = node.get("vars")
        name = str(node["name"])
        if own is None:
            findings.append(
                demands.NODES.finding(
                    where,
                    "A node of the cluster is not in the inventory.",
                    show(name),
                    f"Add {name} to the inventory, or take it out of evenkeel_nodes.",
                )
            )
            continue
        theirs = str(own.get("evenkeel_cluster") or CLUSTER_DEFAULT)
        if theirs != cluster:
            findings.append(
                demands.NODES.finding(
                    f"{name}: evenkeel_cluster",
                    "A node belongs to one cluster.",
                    f"{theirs}, but {cluster} lists it in evenkeel_nodes",
                    f"Set evenkeel_cluster: {cluster} on {name}, or take it out of that list.",
                )
            )
    listed = nodes[0].get("vars", {}) if nodes else {}
    listed = (listed or {}).get("evenkeel_nodes")
    if isinstance(listed, list) and [str(name) for name in listed] != names:
        findings.append(
            demands.NODES.finding(
                where,
                "The plan needs all nodes of the cluster, whatever the play's hosts.",
                f"asked for {', '.join(names)}, where {names[0]} has {', '.join(str(name) for name in listed)}",
                "Pass evenkeel_nodes itself.",
            )
        )
    return findings


def read(cluster: str, nodes: Sequence[Mapping[str, Any]]) -> Cluster:
    """The cluster that these hosts' variables describe; its `findings` say what is wrong with single values."""
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

    findings += _disagreements(list(known.items()))
    first = next(iter(known.values()))
    common = {key: first.get(key, default) for key, default in DEFAULTS.items()}
    reader = Reader(cluster)
    raw_instances = reader.sequence("keepalived_instances", common["keepalived_instances"])
    read_instances = [_read_instance(reader, index, item, common) for index, item in enumerate(raw_instances)]
    instances = [instance for instance in read_instances if instance is not None]
    scripts = _read_scripts(reader, common["keepalived_scripts"])
    instances = [_with_script_weights(instance, scripts) for instance in instances]

    read_nodes = []
    for position, (name, own) in enumerate(known.items()):
        one, problems = _read_node(position, name, own, [instance.name for instance in instances])
        read_nodes.append(one)
        findings += problems
    services = _read_services(reader, common["keepalived_track_services"])
    sync_groups = _read_sync_groups(reader, common["keepalived_sync_groups"])
    spread = reader.choice("keepalived_spread", common["keepalived_spread"], ("pair", "all")) or "pair"
    adverts = reader.integer(
        demands.ADVERTS, "keepalived_down_timer_adverts", common["keepalived_down_timer_adverts"], 1, 100
    )
    findings += dict.fromkeys(reader.findings)  # what several instances inherit is said once
    return Cluster(
        name=cluster,
        nodes=tuple(read_nodes),
        instances=tuple(instances),
        sync_groups=sync_groups,
        services=services,
        scripts=scripts,
        spread=spread,
        down_timer_adverts=adverts or 3,
        findings=tuple(findings),
    )


def _with_script_weights(instance: Instance, scripts: Mapping[str, Mapping[str, Any]]) -> Instance:
    """The weight of a script is written where the script is defined."""
    tracked = tuple(
        Tracked(item.path, item.name, scripts.get(item.name, {}).get("weight")) for item in instance.track_scripts
    )
    return replace(instance, track_scripts=tracked)
