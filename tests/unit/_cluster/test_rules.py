# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of the plan: what breaks it, and the very words in which it is refused or warned about."""

from __future__ import annotations

from typing import Any

from tests.unit._cluster.plan_data import INSTANCE, SECOND, instance, nodes, plan, plan_all
from tests.unit.findings import KINDS, each_case, each_kind, said, silent, unpinned

PAIR = ["lb-1", "lb-2"]


def cluster(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The sound pair, or other nodes like it, with a case's instances and variables laid over its own."""
    given = case.get("instances", [{}])
    if isinstance(given, list):
        given = [laid(over, one) for over, one in zip([INSTANCE, SECOND, *[{}] * len(given)], given, strict=False)]
    hosts = nodes(case.get("nodes", PAIR), given, case.get("hosts"), **case.get("variables", {}))
    return [{**one, "vars": None} if one["name"] in case.get("missing", []) else one for one in hosts]


def laid(over: dict[str, Any], one: Any) -> Any:
    """An instance with changes; null takes a key out."""
    if not isinstance(one, dict):
        return one
    return {key: value for key, value in {**over, **one}.items() if value is not None}


def found(case: dict[str, Any]) -> dict[str, list[str]]:
    """Findings about the cluster of a case. With `beside` (another cluster) or `play` (its hosts) all clusters are planned."""
    mine = cluster(case)
    if "beside" not in case and "play" not in case:
        planned = plan("edge", mine)
    else:
        hosts = {one["name"]: one["vars"] for one in [*mine, *(cluster(case["beside"]) if "beside" in case else [])]}
        planned = plan_all(case.get("play", hosts), hosts.get)
    return {kind: said(planned, kind) for kind in KINDS}


@each_kind
def test_a_sound_pair_has_none(kind: str) -> None:
    assert found({})[kind] == []


@each_case("cluster")
def test_finding(kind: str, case: dict[str, Any]) -> None:
    assert found(case) == {"errors": [], "warnings": case.get("warnings", []), kind: case["expected"]}


def test_every_rule_has_a_case() -> None:
    assert silent("cluster") == set()


def test_every_rule_of_the_core_is_pinned() -> None:
    """Each sentence that a rule can say is said by a case."""
    files = ("_cluster/rules.py", "_cluster/variables.py", "_cluster/inventory.py", "_cluster/plan.py")
    assert unpinned("cluster", *files, least=90) == []


def test_all_faults_are_named_at_once() -> None:
    broken = nodes(
        instances=[instance(virtual_router_id=300, interface=None, track=["haprxy"]), {**SECOND, "prefer": "lb-9"}],
        per_node={"lb-2": {"ansible_host": "lb-2.example.com"}},
        keepalived_advert_interval=0.125,
    )
    rules = [finding["rule"] for finding in plan("edge", broken)["errors"]]
    assert sorted(rules) == ["A1", "A10", "A8", "B17", "C5", "C7"]


def test_no_message_shows_a_password() -> None:
    """Whatever is wrong around it: a canary in every place where a password may stand."""
    canary = "CANARY-SECRET"
    other = {"keepalived_instances": [{"auth_pass": canary, "name": "else"}], "keepalived_auth_pass": canary}
    for data in (
        nodes(keepalived_auth_pass=canary),
        nodes(keepalived_auth_pass=[canary]),
        nodes(keepalived_auth_pass={"password": canary}),
        nodes(instances=[instance(auth_pass=canary)], keepalived_vrrp_version=2),
        nodes(per_node={"lb-2": other}),
        nodes(per_node={"lb-1": other}),
        nodes(instances=[[{"auth_pass": canary}]]),
        nodes(keepalived_auth_pass=f"{{{{ {canary} }}}}"),
    ):
        planned = plan("edge", data)
        assert planned["errors"]
        assert "CANARY" not in repr(planned)
