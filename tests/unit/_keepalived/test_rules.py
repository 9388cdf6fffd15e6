# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role keepalived refuses or warns of beside the plan: every message by its words."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.model import prepare
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import ROLES, specification

from tests.unit._cluster.plan_data import plan
from tests.unit.findings import each_case, each_kind, said, silent, unpinned

DEFAULTS = yaml.safe_load((ROLES / "keepalived" / "defaults" / "main.yml").read_text(encoding="utf-8"))
PAIR = ["lb-1", "lb-2"]
PUBLIC = {
    "name": "public",
    "virtual_router_id": 55,
    "interface": "eth0",
    "virtual_addresses": ["198.51.100.28/24"],
    "track": ["haproxy"],
}


def found(kind: str, case: dict[str, Any]) -> list[str]:
    """Findings of one kind about a sound pair with these laid over its instance and its variables."""
    cluster = {"evenkeel_nodes": PAIR, "keepalived_instances": [{**PUBLIC, **case.get("instance", {})}]}
    hosts = [
        {"name": name, "vars": {"ansible_host": f"198.51.100.{11 + number}", **cluster}}
        for number, name in enumerate(PAIR)
    ]
    variables = {**DEFAULTS, **case.get("variables", {})}
    node, names = case.get("node", "lb-1"), case.get("names", [])
    return said(prepare(plan("default", hosts), node, variables, specification("keepalived"), names), kind)


@each_kind
def test_a_sound_pair_has_none(kind: str) -> None:
    assert found(kind, {}) == []


@each_case("keepalived")
def test_finding(kind: str, case: dict[str, Any]) -> None:
    assert found(kind, case) == case["expected"]


def test_every_rule_has_a_case() -> None:
    assert silent("keepalived") == set()


def test_every_rule_of_the_core_is_pinned() -> None:
    """Each sentence that a rule can say is said by a case."""
    assert unpinned("keepalived", "_keepalived/model.py", least=5) == []
