# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every traffic feature of a proxy is used by a scenario that sends requests through it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tools.docs import ROOT, specification

# Of each proxy: the variables that make traffic, and the scenarios that send it.
PROXIES = {
    "haproxy": (("haproxy_frontends", "haproxy_backends", "haproxy_listens"), ("haproxy", "default")),
    "traefik": (
        (
            "traefik_entry_points",
            "traefik_routers",
            "traefik_services",
            "traefik_backends",
            "traefik_tcp_routers",
            "traefik_udp_routers",
        ),
        ("traefik",),
    ),
    "nginx": (("nginx_servers", "nginx_streams", "nginx_backends"), ("nginx",)),
}
# What is in the items of these is a feature of its own.
INNER = ("servers", "locations")
# How long, how many, how it is logged: the golden files show them, a request does not.
TUNING = {"timeouts", "log", "redispatch", "retry_on", "http_reuse", "fullconn", "options", "init_addr", "resolvers"}


def used(scenarios: Iterable[str]) -> set[str]:
    """The keys of every mapping in the scenarios' inventories and tests."""
    files = [
        path for name in scenarios for path in (ROOT / "molecule" / name).rglob("*") if path.suffix in {".yml", ".py"}
    ]
    return {key for path in files for key in re.findall(r"\b(\w+)\b['\"]?\s*:", path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("proxy", PROXIES)
def test_every_traffic_feature_is_used_by_a_scenario(proxy: str) -> None:
    sections, scenarios = PROXIES[proxy]
    options = specification(ROOT / "roles" / proxy)["options"]
    features = set()
    for section in sections:
        of_section = options[section]["options"]
        features |= set(of_section).union(*(of_section.get(name, {}).get("options", {}) for name in INNER))
    assert features - used(scenarios) - TUNING == set()
