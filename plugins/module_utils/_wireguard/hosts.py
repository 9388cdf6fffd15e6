# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role wireguard has to know of the hosts around one: their inventory, and what its one look at each of them found."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from .pairs import public_of

LOOK = "__wireguard_look"


@dataclass(frozen=True)
class Host:
    """What is read of a host of the inventory. Keys are public ones."""

    name: str
    address: str = ""
    state: str = "present"
    nodes: Sequence[str] = ()
    # As written; only those of the host that is configured are reported about.
    interfaces: Sequence[Mapping[str, Any]] = ()
    instances: Sequence[Mapping[str, Any]] = ()
    vrrp_address: str = ""
    vrrp_interface: Any = None
    # Its own key for each interface, and those of the peers that its files name: {interface: {peer: key}}.
    keys: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # Addresses of other nodes whose clocks differ too much from its own, as it heard when one of them held an identity; in seconds.
    skews: Mapping[str, float] = field(default_factory=dict)


def hosts(host: str, interfaces: Any, hostvars: Mapping[str, Any]) -> dict[str, Host | None]:
    """This host with these interfaces, its cluster's nodes, and all that the interfaces name; None where the inventory has no such host."""
    # Laid over, not copied: of everything else a host has only what is read is templated.
    own = ChainMap({"wireguard_interfaces": interfaces}, hostvars[host])
    wanted = dict.fromkeys((host, *_named(own)))
    # The nodes that share an identity are read with the first of them.
    for name in list(wanted):
        if name in hostvars and name != host:
            wanted.update(dict.fromkeys(_nodes(hostvars[name])))
    return {
        name: _host(name, own if name == host else hostvars[name]) if name in hostvars else None  # noqa: SIM401 - no dict
        for name in wanted
    }


def reached(proxy: Mapping[str, Any]) -> list[str]:
    """Where this host's proxy sends requests to."""
    backends = (*_items(proxy, "haproxy_backends"), *_items(proxy, "haproxy_listens"))
    return [str(one["address"]) for backend in backends for one in _items(backend, "servers") if one.get("address")]


def _items(variables: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = variables.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, (list, tuple)) else []


def _nodes(variables: Mapping[str, Any]) -> list[str]:
    found = variables.get("evenkeel_nodes")
    return [str(one) for one in found] if isinstance(found, (list, tuple)) else []


def _named(variables: Mapping[str, Any]) -> Iterator[str]:
    """Every host that the interfaces of a host name, and its cluster's nodes."""
    for item in _items(variables, "wireguard_interfaces"):
        for key in ("hosts", "hubs"):
            yield from (str(one) for one in item.get(key) or () if isinstance(item.get(key), (list, tuple)))
    yield from _nodes(variables)


def _host(name: str, variables: Mapping[str, Any]) -> Host:
    look = variables.get(LOOK)
    lines = [str(line) for line in (look.get("stdout_lines") or ())] if isinstance(look, Mapping) else []
    words = [line.split() for line in lines]
    interfaces = _items(variables, "wireguard_interfaces")
    keys = {line[1]: line[2] for line in words if line[:1] == ["key"] and len(line) == 3}
    known: dict[str, dict[str, str]] = {}
    for line in words:
        if line[:1] == ["peer"] and len(line) == 4:
            known.setdefault(line[1], {})[line[2]] = line[3]
    skews: dict[str, float] = {}
    for text in lines:
        if text.startswith("skew "):
            with suppress(ValueError):
                skews = dict(json.loads(text.partition(" ")[2]))
    for item in interfaces:
        if item.get("private_key"):
            keys[str(item.get("name"))] = public_of(str(item["private_key"]))
    # Ansible's own default; as an endpoint a name would have to be known to every peer, and that is `endpoint`'s to say.
    address = str(variables.get("ansible_host") or (name if _literal(name) else ""))
    vrrp = variables.get("keepalived_address") or address
    literal = next((str(one) for one in ([vrrp] if isinstance(vrrp, str) else vrrp) if _literal(str(one))), "")
    return Host(
        name=name,
        address=address,
        state=str(variables.get("wireguard_state") or "present"),
        nodes=_nodes(variables),
        interfaces=interfaces,
        instances=_items(variables, "keepalived_instances"),
        vrrp_address=literal,
        vrrp_interface=variables.get("keepalived_interface"),
        keys={name: key for name, key in keys.items() if key},
        known=known,
        skews=skews,
    )


def _literal(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
