# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings that are accepted: what is shown then, and what cannot be accepted."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._plan import accept
from ansible_collections.evenkeel.lb.plugins.module_utils._plan.accept import of_host
from ansible_collections.evenkeel.lb.plugins.module_utils._plan.rules import known
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options

from tests.suite.steps import ROOT
from tests.unit._cluster import plan_data
from tests.unit._cluster.plan_data import instance, nodes
from tests.unit.findings import each_case, said, unpinned

# Two warnings: C12 about each address, A9 about the state.
COSTLY = [instance(virtual_addresses=["198.51.100.28", "198.51.100.29"], initial_state="MASTER")]
WARNED = ["C12", "C12", "A9"]


def plan(cluster: str, hosts: list[dict[str, Any]]) -> dict[str, Any]:
    return accept.plan(cluster, hosts, plan_options())


def rules(planned: dict[str, Any], kind: str = "warnings") -> list[str]:
    return [finding["rule"] for finding in planned[kind]]


@pytest.mark.parametrize(
    ("accepted", "shown"),
    [(None, WARNED), ([], WARNED), (["A9"], ["C12", "C12"]), (["C12", "A9"], []), (["F8", "spec-name"], WARNED)],
)
def test_the_plan_shows_no_warning_that_all_nodes_accept(accepted: list[str] | None, shown: list[str]) -> None:
    hosts = nodes(instances=COSTLY, evenkeel_accept=accepted)
    planned = plan("edge", hosts)
    assert rules(planned) == shown
    assert {**planned, "warnings": []} == {**plan_data.plan("edge", hosts), "warnings": []}


def test_what_one_node_accepts_is_shown_in_the_plan() -> None:
    own = {"lb-1": {"evenkeel_accept": ["C12", "A9"]}, "lb-2": {"evenkeel_accept": ["A9"]}}
    assert rules(plan("edge", nodes(instances=COSTLY, per_node=own))) == ["C12", "C12"]
    del own["lb-2"]
    assert rules(plan("edge", nodes(instances=COSTLY, per_node=own))) == WARNED


def test_each_cluster_accepts_for_itself() -> None:
    other = [{**COSTLY[0], "virtual_addresses": ["192.0.2.28"]}]
    addresses = {f"other-{number}": {"ansible_host": f"192.0.2.{number}"} for number in (1, 2)}
    inner = nodes(list(addresses), other, addresses, evenkeel_cluster="inner")
    hosts = {one["name"]: one["vars"] for one in [*nodes(instances=COSTLY, evenkeel_accept=["C12", "A9"]), *inner]}
    planned = accept.plan_all(hosts, hosts.get, plan_options())
    assert (planned["errors"], rules(planned)) == ([], ["C12", "A9"])
    assert {name: rules(one) for name, one in planned["plans"].items()} == {"edge": [], "inner": ["C12", "A9"]}


def test_a_cluster_that_cannot_accept_what_it_says_has_no_plan() -> None:
    planned = plan("edge", nodes(instances=[instance(virtual_router_id=0)], evenkeel_accept=["A1"]))
    assert (rules(planned, "errors"), planned["nodes"], planned["instances"]) == (["A1", "accept"], {}, {})


def test_a_list_of_the_group_is_judged_once_and_each_other_one_by_itself() -> None:
    own = {"lb-3": {"evenkeel_accept": ["A0"]}}
    planned = plan("edge", nodes(["lb-1", "lb-2", "lb-3"], per_node=own, evenkeel_accept=["B0", "C0"]))
    where = [error["where"] for error in planned["errors"]]
    assert where == ["lb-1: evenkeel_accept[0]", "lb-1: evenkeel_accept[1]", "lb-3: evenkeel_accept[0]"]


def test_a_host_that_is_not_in_the_inventory_accepts_nothing() -> None:
    hosts = [*nodes(evenkeel_accept=["A9"], evenkeel_nodes=["lb-1", "lb-2", "lb-9"]), {"name": "lb-9", "vars": None}]
    assert rules(plan("edge", hosts), "errors") == ["A23"]


@pytest.mark.parametrize(("accepted", "shown"), [(None, ["F8", "F7-unit"]), (["F8"], ["F7-unit"])])
def test_a_role_shows_no_warning_that_its_host_accepts(accepted: list[str] | None, shown: list[str]) -> None:
    model = {"errors": [], "warnings": [{"rule": "F8"}, {"rule": "F7-unit"}], "files": [1]}
    found = of_host(model, accepted)
    assert (rules(found), found["errors"], found["files"]) == (shown, [], [1])


@each_case("plan")
def test_refused(kind: str, case: dict[str, Any]) -> None:
    """With what the model says anyway."""
    model = of_host({"errors": [], "warnings": [{"rule": "F8"}], "files": [1]}, case["accept"])
    assert (set(model), model["warnings"], said(model, kind)) == (
        {"errors", "warnings"},
        [{"rule": "F8"}],
        case["expected"],
    )


def test_every_sentence_is_pinned() -> None:
    assert unpinned("plan", "_plan/accept.py", least=5) == []


def test_every_room_with_rules_is_known() -> None:
    """A room that is not imported would have rules that nobody can accept."""
    written = {
        path.relative_to(ROOT / "plugins/module_utils").with_suffix("").as_posix().replace("/", ".")
        for path in (ROOT / "plugins/module_utils").rglob("*.py")
        if "Rules(" in path.read_text(encoding="utf-8") and path.parent.name != "_core"
    }
    known()
    loaded = {name.partition("module_utils.")[2] for name in sys.modules if "module_utils." in name}
    assert written <= loaded
