# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role traefik refuses or warns of: every message by its words, and all of them at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._core.errors import Finding

from tests.traefik import model

CORE = Path(__file__).parents[2] / "plugins" / "module_utils" / "_core"
WEB = {"name": "web", "bind": ["198.51.100.28:80"]}
APP = {"name": "app", "servers": [{"name": "web-1", "address": "198.51.100.21", "port": 8080}]}
ALL = {"name": "all", "rule": "PathPrefix(`/`)", "service": "app"}
CASES = yaml.safe_load(Path(__file__).with_name("traefik_findings.yml").read_text(encoding="utf-8"))


def found(kind: str = "errors", nodes: Any = ("lb-1",), names: Any = (), **variables: Any) -> list[str]:
    """Findings of one kind about a sound model with these variables laid over it."""
    given = {"traefik_entry_points": [WEB], "traefik_backends": [APP], "traefik_routers": [ALL], **variables}
    return [str(Finding(**finding)) for finding in model(given, nodes, names)[kind]]


@pytest.mark.parametrize("kind", ["errors", "warnings"])
def test_a_sound_model_has_none(kind: str) -> None:
    assert found(kind) == []


@pytest.mark.parametrize(
    ("kind", "case"),
    [(kind, case) for kind in ("errors", "warnings") for case in CASES[kind]],
    ids=lambda value: value["case"] if isinstance(value, dict) else value,
)
def test_finding(kind: str, case: dict[str, Any]) -> None:
    said = found(kind, case.get("nodes", ["lb-1"]), case.get("names", []), **case.get("variables", {}))
    assert said == case["expected"]


def test_every_rule_of_the_core_is_pinned() -> None:
    """Each sentence that a rule can say is said by a case."""
    said = "\n".join(line for kind in CASES.values() for case in kind for line in case["expected"])
    source = "".join((CORE / name).read_text(encoding="utf-8") for name in ("traefik_rules.py", "traefik_services.py"))
    calls = re.findall(r"(?:Finding|finding)\((.*?)\n\s*\)\n", source, re.DOTALL)
    sentences = [re.findall(r'f?"([A-Z][^"]*\.)"', call) for call in calls]
    parts = [re.split(r"\{.*?\}", sentence) for found in sentences for sentence in found[:1]]
    assert len(parts) > 30
    assert [one for one in parts if not all(part in said for part in one)] == []


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
