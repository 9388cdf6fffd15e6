# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend that is described once: every word of haproxy's is a word of nginx's, or is refused with a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import Finding
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.model import build as haproxy
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx.model import build as nginx
from ansible_collections.evenkeel.lb.plugins.module_utils._proxy import backends

from tests import haproxy as haproxy_role
from tests import nginx as nginx_role

PAGE = Path(__file__).parents[3] / "docs" / "backends.md"
SHARED: dict[str, Any] = {
    "name": "app",
    "description": "The site itself",
    "critical": True,
    "balance": "leastconn",
    "check": {"http": "/health", "fall": 2, "down_interval": "5s"},
    "cookie": {"name": "SRV", "secure": True},
    "timeouts": {"connect": "500ms", "server": "1m"},
    "retries": 2,
    "servers": [
        {"name": "web-1", "address": "198.51.100.21", "port": 8080, "weight": 20, "id": 7, "maxconn": 100},
        {"name": "web-2", "address": "198.51.100.22", "port": 8080, "backup": True, "cookie": "b"},
        {"name": "web-3", "address": "198.51.100.23", "port": 8080, "disabled": True},
    ],
}


def paths(options: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for name, option in options.items():
        yield where + name
        yield from paths(option.get("options") or {}, f"{where}{name}.")


def test_the_same_item_serves_both() -> None:
    bind = ["198.51.100.28:80"]
    one = haproxy(
        {
            "haproxy_frontends": [{"name": "web", "bind": bind, "default_backend": "app"}],
            "haproxy_backends": [SHARED],
        },
        haproxy_role.options(),
        "lb-1",
    )
    other = nginx(
        {"nginx_servers": [{"name": "web", "bind": bind, "default_backend": "app"}], "nginx_backends": [SHARED]},
        nginx_role.options(),
    )
    assert (one["errors"], other["errors"]) == ([], [])
    assert (one["warnings"], other["warnings"]) == ([], [])


def test_every_word_of_haproxy_is_one_of_nginx_or_refused() -> None:
    theirs = set(paths(haproxy_role.options()["haproxy_backends"]["options"]))
    ours = set(paths(nginx_role.options()["nginx_backends"]["options"]))
    refused = {word for path in theirs for word in backends.NGINX if path == word or path.startswith(f"{word}.")}
    # Of what every server starts from, what holds for a server holds.
    unknown = {
        path.replace("default_server.", "servers.")
        for path in theirs - ours
        if not any(path == word or path.startswith(f"{word}.") for word in refused)
    }
    unknown = {path for path in unknown if not any(path == w or path.startswith(f"{w}.") for w in backends.NGINX)}
    assert unknown - set(backends.REMARKS) == set()


def test_no_word_is_refused_that_nobody_can_write() -> None:
    theirs = set(paths(haproxy_role.options()["haproxy_backends"]["options"]))
    assert set(backends.NGINX) - theirs == set()


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        (None, "roundrobin", ""),
        ("roundrobin", "roundrobin", ""),
        ("leastconn", "leastconn", ""),
        ("source", "source", ""),
        ("uri", "uri", ""),
        ("random", "random", ""),
        ("hdr(X-User)", "header", "X-User"),
        ("hash $arg_key", "hash", "$arg_key"),
    ],
)
def test_ways_to_choose(text: str | None, kind: str, key: str) -> None:
    assert backends.balance(text) == backends.Balance(kind, key)


@pytest.mark.parametrize("text", ["first", "hdr()", "hash", "round-robin"])
def test_ways_that_are_none(text: str) -> None:
    assert backends.balance(text) is None


@pytest.mark.parametrize(
    ("address", "port", "target"),
    [
        ("198.51.100.21", 80, "198.51.100.21:80"),
        ("2001:db8::21", 80, "[2001:db8::21]:80"),
        ("[2001:db8::21]", 80, "[2001:db8::21]:80"),
        ("web-1.example.com", None, "web-1.example.com"),
        ("/run/app.sock", None, "unix:/run/app.sock"),
    ],
)
def test_targets(address: str, port: int | None, target: str) -> None:
    assert backends.target({"address": address, "port": port}) == target


def test_a_word_inside_is_refused_at_its_place_and_left_out() -> None:
    findings: list[Finding] = []
    given = [
        {"name": "app", "servers": [{"name": "a", "resolvers": "dns"}], "default_server": {"tls": {"alpn": ["h2"]}}}
    ]
    kept = backends.foreign(given, "nginx_backends", backends.NGINX, "nginx", findings)
    assert kept == [{"name": "app", "servers": [{"name": "a"}], "default_server": {"tls": {}}}]
    assert [finding.where for finding in findings] == [
        "nginx_backends[0].servers[0].resolvers",
        "nginx_backends[0].default_server.tls.alpn",
    ]


@pytest.mark.parametrize("proxy", ["haproxy", "nginx", "traefik"])
def test_the_page_says_something_of_every_proxy(proxy: str) -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    column = [cell.strip() for cell in rows[0]].index(proxy)
    assert all(row[column].strip() for row in rows)
