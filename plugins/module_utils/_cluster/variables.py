# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan knows of the role keepalived's variables beyond roles/keepalived/meta/argument_specs.yml.

`spec` reads them by that specification, refined by FIELDS: the rule that a mistake breaks, bounds, and how a text reads on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any

from .._core.findings import Finding
from .._core.register import Rule
from .._core.spec import SPEC, Refused, refine, show
from . import demands
from .model import Tracked, Vip, literals
from .tracking import CHECK, STRONGEST

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
NODE_KEYS = ("keepalived_address", "keepalived_priority", "keepalived_interface", "keepalived_state", "ansible_host")
# Everything the plan reads from a host; the shells fetch these and nothing else.
KEYS: tuple[str, ...] = ("evenkeel_cluster", "evenkeel_accept", *CLUSTER_KEYS, *NODE_KEYS)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*\Z")
INTERFACE = re.compile(r"[^\s/\"'#!{}]{1,15}\Z")
# keepalived takes 8 bytes as they are, so other letters are cut and a backslash escapes nothing.
PASSWORD = re.compile(r"[^\s\"'#!{}\\]{1,8}\Z")

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


# --- how a value reads on ---------------------------------------------------------------------------------------------


def _placed(value: Mapping[str, Any], where: str, _findings: list[Finding]) -> dict[str, Any]:
    """An item with its place: whatever stands before it may be refused and left out."""
    return {**value, "path": where}


def _number(value: float, _where: str, _findings: list[Finding]) -> float:
    """Whole where it is whole, so that it is written as people write it."""
    return int(value) if value == int(value) else value


def _filled(value: str, _where: str, _findings: list[Finding]) -> str:
    if not value.strip():
        raise Refused("The value is empty.", "Write it, or remove the key.")
    return value


def _name(value: str, _where: str, _findings: list[Finding]) -> str:
    if not NAME.match(value):
        raise Refused(
            "keepalived needs a name in one word.",
            "Give it a name without blanks and quotes.",
            "letters, digits and . _ : -",
        )
    return value


def _interface(value: str, _where: str, _findings: list[Finding]) -> str:
    if not INTERFACE.match(value) or value == "lo":
        raise Refused(
            "This is not the name of a network interface that can carry VRRP.",
            "Write the name as `ip link` shows it.",
            "1 to 15 characters without blanks, not lo",
            demands.INTERFACE,
        )
    return value


def _password(value: str, _where: str, _findings: list[Finding]) -> str | None:
    if value and not (value.isascii() and value.isprintable() and PASSWORD.match(value)):
        problem = (
            "is longer than 8 characters" if len(value) > 8 else "holds a character that keepalived reads differently"
        )
        raise Refused(
            f"The password {problem}: keepalived would use another one without a word.",
            "Choose another password.",
            "1 to 8 ASCII characters without blanks, quotes, braces, backslashes, # and !",
        )
    return value or None


def _raw_line(value: str, _where: str, _findings: list[Finding]) -> str:
    word = (*value.split(), "")[0]
    if word in PLANNED:
        what = "A raw line must not repeat what the plan computes for each node."
        raise Refused(what, f"Use {PLANNED[word]} instead.", rule=demands.RAW)
    return _filled(value, "", [])


def _script(value: str, where: str, _findings: list[Finding]) -> Tracked:
    return Tracked(where, value, None)


def _watched(value: str | Mapping[str, Any], where: str, _findings: list[Finding]) -> Tracked | None:
    if isinstance(value, str):
        return Tracked(where, _interface(value, where, []), None)
    return Tracked(where, value["name"], value["weight"] or None) if value["name"] else None


def _vips(value: Sequence[Vip], where: str, findings: list[Finding]) -> Sequence[Vip]:
    if not value and not any(finding.where.startswith(where) for finding in findings):
        what = "An instance needs at least one virtual address."
        raise Refused(what, "List the addresses that shall move, like 198.51.100.28/24.")
    return value


def _vip(value: str | Mapping[str, Any], where: str, findings: list[Finding]) -> Vip | None:
    if isinstance(value, str):
        return Vip(where, _virtual(value, where, findings))
    interface, label, broadcast = value["address"], value["label"], value["broadcast"]
    if interface is None:
        return None
    wrong: list[tuple[str, str, str, str]] = []
    if label is not None and interface.version == 6:
        wrong.append(("label", "An IPv6 address has no label.", "Remove the label.", ""))
    elif label is not None and not INTERFACE.match(label):
        what, accepted = "The kernel does not take this label.", "1 to 15 characters without blanks"
        wrong.append(("label", what, "Shorten it, for instance to eth0:vip.", accepted))
    if broadcast is not None and interface.version == 6:
        wrong.append(("broadcast", "IPv6 has no broadcast.", "Remove the broadcast address.", ""))
    elif broadcast is not None and not any(found.version == 4 for found in literals(broadcast)):
        remedy = f"Write {interface.network.broadcast_address}, or leave it out."
        wrong.append(("broadcast", "This is not an IPv4 address.", remedy, ""))
    for key, what, remedy, accepted in wrong:
        findings.append(demands.ADDRESS.finding(f"{where}.{key}", what, show(value[key]), remedy, accepted))
    return Vip(where, interface, label, broadcast, value["dev"])


def _virtual(value: str, where: str, findings: list[Finding]) -> IPv4Interface | IPv6Interface:
    try:
        if "%" in value:
            raise ValueError
        interface = ip_interface(value)
    except ValueError:
        remedy = "Write it like 198.51.100.28/24 or 2001:db8::28/64."
        raise Refused("This is not an address with a prefix.", remedy, rule=demands.ADDRESS) from None
    if "/" not in value:
        what = "Without a prefix keepalived adds the address alone, and no route to its network."
        remedy = f"Write {value}/{interface.max_prefixlen} if that is meant, else the prefix of its network."
        findings.append(demands.PREFIX.finding(where, what, show(value), remedy))
    problem = _not_a_hosts(interface)
    if problem:
        raise Refused(problem, "Choose a host's address.", rule=demands.VIP)
    return interface


def _not_a_hosts(interface: IPv4Interface | IPv6Interface) -> str:
    """Why no host can have this address; empty if one can."""
    ip, network = interface.ip, interface.network
    if ip.is_multicast or ip.is_unspecified or ip.is_loopback:
        return "This address cannot be a virtual one."
    if network.prefixlen < interface.max_prefixlen - 1 and ip == network.network_address:
        return "This is the address of the network itself."
    if interface.version == 4 and network.prefixlen < 31 and ip == network.broadcast_address:
        return "This is the broadcast address of its network."
    return ""


# --- the rule, the bounds and the reading of each variable ------------------------------------------------------------

_NAME = {"rule": demands.NAMES, "read": _name}
_VERSION = {"rule": demands.VERSION, "remedy": "Use 3, or 2 where old routers have to take part."}
_INTERVAL = {"rule": demands.INTERVAL, "low": 0.01, "high": 255, "read": _number}
_DELAY = {"rule": demands.DELAY, "low": 0, "high": 1000, "read": _number}
_DEVICE = {"rule": demands.INTERFACE, "read": _interface}
_TIMES = {key: {"rule": demands.CHECK, "low": 1, "high": 4294} for key in ("interval", "timeout", "fall", "rise")}
_WEIGHT = {
    "rule": demands.WEIGHT,
    "low": -STRONGEST,
    "high": STRONGEST,
    "remedy": "Choose a weight in range, or none: then a failure is a FAULT.",
}
_VRID = {
    "rule": demands.ROUTER_ID,
    "low": 1,
    "high": 255,
    "remedy": "Choose a number that no other VRRP router on this network uses.",
}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "keepalived_vrrp_version": _VERSION,
    "keepalived_advert_interval": _INTERVAL,
    "keepalived_down_timer_adverts": {"rule": demands.ADVERTS, "low": 1, "high": 100},
    "keepalived_preempt_delay": _DELAY,
    "keepalived_auth_pass": {"rule": demands.PASSWORD, "read": _password},
    "keepalived_scripts[]": {"read": _placed},
    "keepalived_scripts[].name": _NAME,
    "keepalived_scripts[].command": {"read": _filled},
    **{f"keepalived_scripts[].{key}": bounds for key, bounds in _TIMES.items()},
    "keepalived_scripts[].weight": _WEIGHT,
    "keepalived_sync_groups[]": {"read": _placed},
    "keepalived_sync_groups[].name": _NAME,
    "keepalived_instances[]": {"read": _placed},
    "keepalived_instances[].name": _NAME,
    "keepalived_instances[].virtual_router_id": _VRID,
    "keepalived_instances[].interface": _DEVICE,
    "keepalived_instances[].virtual_addresses": {"rule": demands.ADDRESSES, "read": _vips},
    "keepalived_instances[].virtual_addresses[]": {"rule": SPEC, "read": _vip},
    "keepalived_instances[].virtual_addresses[].address": {"rule": demands.ADDRESS, "read": _virtual},
    "keepalived_instances[].virtual_addresses[].label": {"rule": demands.ADDRESS},
    "keepalived_instances[].virtual_addresses[].broadcast": {"rule": demands.ADDRESS},
    "keepalived_instances[].virtual_addresses[].dev": _DEVICE,
    "keepalived_instances[].anchor": {"rule": demands.INSTANCES},
    "keepalived_instances[].track_scripts[]": {"read": _script},
    "keepalived_instances[].track_interfaces[]": {"read": _watched},
    "keepalived_instances[].track_interfaces[].name": _DEVICE,
    "keepalived_instances[].track_interfaces[].weight": _WEIGHT,
    "keepalived_instances[].version": _VERSION,
    "keepalived_instances[].advert_interval": _INTERVAL,
    "keepalived_instances[].preempt_delay": _DELAY,
    "keepalived_instances[].auth_pass": {"rule": demands.PASSWORD, "read": _password},
    "keepalived_instances[].garp_master_refresh": {"low": 0, "high": 86400},
    "keepalived_instances[].options[]": {"read": _raw_line},
}
# What a host says of one instance, or of all; a specification of Ansible describes no dictionary whose keys are names.
PRIORITY: Mapping[str, Any] = {
    "type": "int",
    "rule": demands.PRIORITY,
    "low": 1,
    "high": 254,
    "remedy": "Choose a number from 2 to 254; 255 belongs to an owner of the address, and a virtual one has none.",
}
DEVICE: Mapping[str, Any] = {"type": "str", **_DEVICE}
# So it is with an entry of keepalived_track_services.
SERVICE_NAME: Mapping[str, Any] = {"type": "str", **_NAME}
_CHECK: Mapping[str, Any] = {
    "type": "dict",
    "options": {
        "host": {"type": "str", "default": "127.0.0.1"},
        "port": {"type": "int", "required": True},
        "path": {"type": "str", "default": "/"},
        **{key: {"type": "int", "default": CHECK[key]} for key in _TIMES},
        "answer_within": {"type": "float", "default": CHECK["answer_within"]},
    },
}
_CHECK_FIELDS: Mapping[str, Mapping[str, Any]] = {
    ".host": {"read": _filled},
    ".port": {"rule": demands.CHECK, "low": 1, "high": 65535},
    ".path": {"read": _filled},
    **{f".{key}": bounds for key, bounds in _TIMES.items()},
    ".answer_within": {"rule": demands.CHECK, "low": 0.01, "high": 4294, "read": _number},
}
SERVICE: Mapping[str, Any] = refine(
    {"service": {"type": "dict", "options": {"unit": {"type": "str"}, "alive": _CHECK, "ready": _CHECK}}},
    {
        "service.unit": {"read": _filled},
        **{f"service.{kind}{key}": more for kind in ("alive", "ready") for key, more in _CHECK_FIELDS.items()},
    },
)["service"]


def plan_options(role: Mapping[str, Any]) -> dict[str, Any]:
    """Of the role's options those that the plan reads, with what it adds to them."""
    return refine({key: role[key] for key in KEYS if key in role}, FIELDS)
