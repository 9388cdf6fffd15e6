# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up inventories of many pairs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cluster_variables(number: int) -> dict[str, Any]:
    """What the inventory says about a pair, as inventories/lab says it."""
    network = "198.51.100" if number < 254 else "192.0.2"
    virtual = [f"2001:db8:{number:x}::28/64", f"{network}.{number % 254 + 1}/24"]
    return {
        "evenkeel_cluster": f"edge-{number:04}",
        "evenkeel_nodes": f"{{{{ groups['edge_{number:04}'] }}}}",
        # Every pair in a network of its own: router ids are unique within one only.
        "keepalived_instances": [
            {
                "name": "public",
                "virtual_router_id": number % 255 + 1,
                "interface": f"eth{number // 255}",
                "virtual_addresses": virtual,
                "track": ["haproxy"],
            }
        ],
        "haproxy_frontends": [
            {
                "name": "web",
                "bind": [f"[{virtual[0].split('/')[0]}]:80", f"{virtual[1].split('/')[0]}:80"],
                "default_backend": "app",
            }
        ],
        "haproxy_backends": [
            {
                "name": "app",
                "check": {"http": "/health"},
                "critical": True,
                "servers": [
                    {"name": f"web-{web}", "address": f"2001:db8:{number:x}::2{web}", "port": 8080} for web in (1, 2, 3)
                ],
            }
        ],
    }


def node_names(number: int) -> list[str]:
    return [f"lb-{number:04}-{node}" for node in (1, 2)]


def node_address(number: int, node: int) -> str:
    return f"2001:db8:{number:x}::1{node}"


def inventory(nodes: int, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """An inventory of that many nodes, two to a cluster, as Ansible reads it from JSON; what else it says is `defaults`."""
    groups = {
        f"edge_{number:04}": {
            "hosts": {
                name: {"ansible_host": node_address(number, index)}
                for index, name in enumerate(node_names(number), start=1)
            },
            "vars": cluster_variables(number),
        }
        for number in range(nodes // 2)
    }
    return {"balancers": {"children": groups, "vars": {**defaults, "ansible_connection": "local"}}}


def hostvars(nodes: int) -> dict[str, dict[str, Any]]:
    """The same as the core gets it: every host's variables, templates resolved."""
    found: dict[str, dict[str, Any]] = {}
    for number in range(nodes // 2):
        names = node_names(number)
        shared = {**cluster_variables(number), "evenkeel_nodes": names}
        for index, name in enumerate(names, start=1):
            found[name] = {**shared, "ansible_host": node_address(number, index)}
    return found
