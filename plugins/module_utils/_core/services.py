# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a node, a record each: what the playbooks, the roles, the plan, the report and the tests read. Data only.

A new service is one record here, its own package beside the others, and its role.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

LIBRARIES = "/usr/local/lib/evenkeel"


@dataclass(frozen=True)
class Service:
    """One service. Its name is that of its role and of its commits, and begins the names of its variables."""

    name: str
    unit: str
    # Variables that give it to a host; NAME_state does so too.
    selected_by: tuple[str, ...]
    # Debian packages of which its role asks whether they are there, or in which version.
    packages: tuple[str, ...] = ()
    # Where it answers /alive and /ready on the loopback address: what a virtual IP can track.
    health_port: int | None = None
    # Variables of other services that its model reads.
    reads: tuple[str, ...] = ()
    # Its closed tree of our code on a node, where that is not called as the service is.
    library: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """Any of these gives it to a host."""
        return (*self.selected_by, f"{self.name}_state")

    @property
    def on_drift(self) -> str:
        """The variable that says what becomes of an edit by hand."""
        return f"{self.name}_on_drift"

    @property
    def room(self) -> str:
        """Its package in module_utils."""
        return f"_{self.name}"

    @property
    def tree(self) -> str:
        """Where its part of our code lies on a node; its tool is `ctl` in there."""
        return f"{LIBRARIES}/{self.library or self.name}"


# In the order of their commits: keepalived comes last, so that what it tracks is there.
SERVICES: tuple[Service, ...] = (
    Service(
        name="haproxy",
        unit="haproxy.service",
        selected_by=("haproxy_frontends", "haproxy_listens"),
        packages=("haproxy", "libssl3", "libssl3t64", "base-files"),
        health_port=8405,
    ),
    Service(
        name="nginx",
        unit="nginx.service",
        selected_by=("nginx_servers", "nginx_streams"),
        packages=("nginx", "libnginx-mod-stream", "libssl3", "libssl3t64", "base-files"),
        health_port=8406,
    ),
    Service(
        name="traefik",
        unit="traefik.service",
        selected_by=("traefik_entry_points",),
        health_port=8407,
    ),
    Service(
        name="wireguard",
        unit="evenkeel-wireguard.service",
        selected_by=("wireguard_interfaces",),
        # What a proxy asks through a tunnel has to be somebody's there.
        reads=("haproxy_backends", "haproxy_listens"),
        packages=("wireguard-tools", "wireguard-go", "nftables", "openssl"),
    ),
    Service(
        name="keepalived",
        unit="keepalived.service",
        selected_by=("keepalived_instances",),
        packages=("keepalived", "nftables"),
        library="vrrp",
    ),
)
NAMES: tuple[str, ...] = tuple(service.name for service in SERVICES)


def service(name: str) -> Service:
    """The service of this name. KeyError, with those that there are, where there is none."""
    for one in SERVICES:
        if one.name == name:
            return one
    raise KeyError(f"{name!r} is no service; there are {', '.join(NAMES)}")


def selected(variables: Container[str]) -> list[str]:
    """The services that a host with these variables has, in the order of their commits."""
    return [one.name for one in SERVICES if any(name in variables for name in one.variables)]
