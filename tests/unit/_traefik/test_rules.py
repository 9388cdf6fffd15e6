# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role traefik refuses or warns of: every message by its words, and all of them at once."""

from __future__ import annotations

from typing import Any

from tests.traefik import model
from tests.unit.findings import each_case, each_kind, said, silent, unpinned

WEB = {"name": "web", "bind": ["198.51.100.28:80"]}
APP = {"name": "app", "servers": [{"name": "web-1", "address": "198.51.100.21", "port": 8080}]}
ALL = {"name": "all", "rule": "PathPrefix(`/`)", "service": "app"}


def found(kind: str = "errors", nodes: Any = ("lb-1",), names: Any = (), **variables: Any) -> list[str]:
    """Findings of one kind about a sound model with these variables laid over it."""
    given = {"traefik_entry_points": [WEB], "traefik_backends": [APP], "traefik_routers": [ALL], **variables}
    return said(model(given, nodes, names), kind)


@each_kind
def test_a_sound_model_has_none(kind: str) -> None:
    assert found(kind) == []


@each_case("traefik")
def test_finding(kind: str, case: dict[str, Any]) -> None:
    told = found(kind, case.get("nodes", ["lb-1"]), case.get("names", []), **case.get("variables", {}))
    assert told == case["expected"]


def test_every_rule_has_a_case() -> None:
    assert silent("traefik") == set()


def test_every_rule_of_the_core_is_pinned() -> None:
    """Each sentence that a rule can say is said by a case."""
    assert unpinned("traefik", "_traefik/rules.py", "_traefik/services.py", least=90) == []


def test_everything_is_said_at_once() -> None:
    wrong = {"name": "other", "bind": ["*:80"], "middlewares": ["none"], "redirect_to": "nowhere"}
    assert len(found(traefik_entry_points=[WEB, wrong])) == 3


def test_secrets_are_in_no_message() -> None:
    for variables in (
        {"traefik_certificates": [{"name": "a", "content": "canary", "key": "canary"}]},
        {"traefik_dashboard": {"bind": ["192.0.2.11:8404"], "users": ["operator:canary"]}},
    ):
        messages = found(**variables)
        assert messages
        assert "canary" not in "".join(messages)
