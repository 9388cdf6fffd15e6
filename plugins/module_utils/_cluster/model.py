# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster consists of, as the plan's rules and arithmetic see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from typing import Any, Union

from .._core.findings import ERROR, Finding

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


def literals(value: Any) -> list[IPAddress]:
    """The literal addresses in a string or a list; a host name is none."""
    found = [_literal(str(item)) for item in (value if isinstance(value, (list, tuple)) else [value])]
    return [address for address in found if address is not None]


@lru_cache(maxsize=4096)
def _literal(text: str) -> IPAddress | None:
    # A node's address is asked for by several rules.
    try:
        return ip_address(text)
    except ValueError:
        return None
