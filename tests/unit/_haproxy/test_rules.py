# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role haproxy refuses or warns of: every message by its words, and all of them at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.model import build

from tests.haproxy import options
from tests.unit.findings import each_case, each_kind, said, silent, unpinned

WEB = {"name": "web", "bind": ["198.51.100.28:80"], "default_backend": "app"}
APP = {"name": "app", "servers": [{"name": "web-1", "address": "198.51.100.21", "port": 8080}]}


def found(
    kind: str = "errors", nodes: list[dict[str, Any]] | None = None, names: list[str] | None = None, **variables: Any
) -> list[str]:
    """Findings of one kind about a sound model with these variables laid over it."""
    given = {"haproxy_frontends": [WEB], "haproxy_backends": [APP], **variables}
    model = build(given, options(), "lb-1", nodes or [], names=names or [], now=1_800_000_000)
    return said(model, kind)


@each_kind
def test_a_sound_model_has_none(kind: str) -> None:
    assert found(kind) == []


@each_case("haproxy")
def test_finding(kind: str, case: dict[str, Any]) -> None:
    assert found(kind, case.get("nodes"), case.get("names"), **case.get("variables", {})) == case["expected"]


def test_every_rule_has_a_case() -> None:
    assert silent("haproxy") == set()


def test_every_rule_of_the_core_is_pinned() -> None:
    """Each sentence that a rule can say is said by a case."""
    files = ("_haproxy/rules.py", "_proxy/rules.py", "_proxy/listeners.py", "_haproxy/model.py", "_core/spec.py")
    assert unpinned("haproxy", *files, least=100) == []


def test_everything_is_said_at_once() -> None:
    wrong = {"name": "web", "bind": ["198.51.100.28:80", "*:80"], "default_backend": "nowhere", "cache": "none"}
    assert len(found(haproxy_frontends=[wrong])) == 3


def test_secrets_are_in_no_message() -> None:
    canary = "canary\nsecret"
    certificates = [{"name": "a", "content": canary, "key": canary}, {"name": "b", "content": ["canary"]}]
    users = [{"name": "staff", "users": [{"name": "a", "password": canary, "password_hash": canary}]}]
    for variables in (
        {"haproxy_certificates": certificates[:1]},
        {"haproxy_certificates": certificates[1:]},
        {"haproxy_userlists": users},
    ):
        messages = found(**variables)
        assert messages
        assert "canary" not in "".join(messages)


@pytest.mark.parametrize(
    "server",
    [
        {"address": "_http._tcp.app.service.example.com", "options": ["resolvers dns"]},
        {"address": "198.51.100.21", "options": ["addr 198.51.100.22:9000"]},
        {"address": "[2001:db8::21]:8080"},
        {"address": "/run/app.sock"},
    ],
)
def test_a_port_may_be_said_elsewhere(server: dict[str, Any]) -> None:
    backend = {**APP, "servers": [{"name": "web-1", **server}], "check": {"tcp": True}}
    assert [text for text in found(haproxy_backends=[backend]) if "[F8-port]" in text] == []
