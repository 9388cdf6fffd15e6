# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drift.yml says about a node: by its last commit, by the first node of its cluster, by the inventory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter.drift import FilterModule, drift

from tests.unit._cluster.plan_data import five, nodes, plan

PLAN = plan("edge", nodes(five(3)))
CONF = "/etc/haproxy/haproxy.cfg"
BY_HAND = "--- a\n+++ a\n@@ -1 +1 @@\n-ours\n+theirs"
BACK = {"before_header": CONF, "after_header": CONF, "before": "theirs\n", "after": "ours\n"}


def committed(content: str = "ours\n", drift: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    service = {
        "service": "haproxy",
        "generation": 3,
        "run_id": "run-7",
        "files": [{"path": CONF, "content": content}],
        "drift": drift or [],
    }
    return {"services": [service], "busy": "", "interrupted": [], **more}


def changed(path: str = CONF, kind: str = "changed", diff: str = BY_HAND) -> dict[str, Any]:
    return {"path": path, "kind": kind, "since": 3, "diff": diff}


def said(node: str = "lb-2", *services: str, **variables: dict[str, Any]) -> list[str]:
    """Lines about a node; lb_1 and so on are what hosts have registered."""
    hostvars: dict[str, Any] = {name: {"__evenkeel_committed": committed()} for name in PLAN["nodes"]}
    for name, own in variables.items():
        hostvars[name.replace("_", "-")].update(own)
    return [one["line"] for one in drift(node, hostvars, PLAN, services)]


def test_nothing_to_say() -> None:
    assert FilterModule().filters() == {"drift": drift}
    assert said("lb-2", "haproxy", lb_2={"haproxy_commit": {"changed": False, "diff": []}}) == []


@pytest.mark.parametrize(
    ("kind", "path", "words"),
    [
        ("changed", CONF, "was changed by hand since generation 3 (run-7)."),
        ("missing", CONF, "is gone since generation 3 (run-7)."),
        ("access", CONF, "has another owner or mode since generation 3 (run-7)."),
        ("sysctl", "sysctl net.ipv4.ip_nonlocal_bind", "has another value since generation 3 (run-7)."),
        ("unit", "haproxy.service at boot", "is in another state since generation 3 (run-7)."),
    ],
)
def test_since_the_last_commit(kind: str, path: str, words: str) -> None:
    found = said(lb_2={"__evenkeel_committed": committed(drift=[changed(path, kind)])})
    assert found == [f"lb-2: haproxy: {path} {words}"]


def test_a_commit_that_was_cut_off_or_is_under_way() -> None:
    assert said(lb_2={"__evenkeel_committed": committed(interrupted=["haproxy"])}) == [
        "lb-2: haproxy: a commit was cut off; the next run undoes it."
    ]
    under_way = committed(interrupted=["haproxy"], busy="commit of haproxy, run 9, pid 7")
    assert said(lb_2={"__evenkeel_committed": under_way}) == [
        "lb-2: a commit is under way, so nothing is sure: commit of haproxy, run 9, pid 7."
    ]


def test_a_run_on_trial() -> None:
    trial = {"run_id": "run-9", "deadline": "2026-11-21T15:11:09Z", "seconds": 60, "services": ["haproxy"]}
    assert said(lb_2={"__evenkeel_committed": committed(guard=trial)}) == [
        "lb-2: run run-9 is on trial until 2026-11-21T15:11:09Z."
    ]


def test_beside_the_first_node_that_answered() -> None:
    other = {"__evenkeel_committed": committed("older\n")}
    assert said("lb-2", lb_2=other) == [f"lb-2: haproxy: {CONF} was committed otherwise on lb-1."]
    assert said("lb-1", lb_2=other) == [], "it is said once"
    silent = {"__evenkeel_committed": {"unreachable": True}}
    assert said("lb-3", lb_1=silent, lb_2=other) == [f"lb-3: haproxy: {CONF} was committed otherwise on lb-2."]
    assert said("lb-2", lb_2=silent) == []


def test_a_node_outside_the_limit_that_another_asked() -> None:
    results = [{"__evenkeel_node": "lb-1", **committed("older\n")}]
    outside = {"__evenkeel_committed_outside": {"results": results}, "__evenkeel_committed": committed()}
    assert said("lb-2", lb_1={"__evenkeel_committed": None}, lb_2=outside) == [
        f"lb-2: haproxy: {CONF} was committed otherwise on lb-1."
    ]


def test_what_nodes_need_not_share() -> None:
    hostvars = {name: {"__evenkeel_committed": committed(name)} for name in ("lb-1", "lb-2", "lb-3")}
    hostvars["lb-2"]["__evenkeel_committed"] = committed("other\n")
    assert len(drift("lb-2", hostvars, PLAN)) == 1
    assert drift("lb-2", hostvars, PLAN, own=["/etc/haproxy/*"]) == []


def test_a_node_that_leaves_is_compared_with_nobody() -> None:
    leaving = plan("edge", nodes(five(3), per_node={"lb-1": {"keepalived_state": "absent"}}))
    hostvars = {name: {"__evenkeel_committed": committed(name == "lb-1" and "x" or "y")} for name in leaving["nodes"]}
    assert [drift(name, hostvars, leaving) for name in leaving["nodes"]] == [[], [], []]


def test_beside_the_inventory() -> None:
    wanted = {**BACK, "after": "new\n"}
    (found,) = drift("lb-1", {**dict.fromkeys(PLAN["nodes"], {}), "lb-1": {"haproxy_commit": {"changed": True, "diff": [wanted]}}},
                     PLAN, ["haproxy"])  # fmt: skip
    assert found["line"] == f"lb-1: haproxy: {CONF} is not what the inventory says."
    assert found["diff"].splitlines() == [f"--- {CONF}", f"+++ {CONF}", "@@ -1 +1 @@", "-theirs", "+new"]
    assert (found["node"], found["against"], found["path"]) == ("lb-1", "inventory", CONF)
    assert said("lb-1", "haproxy", lb_1={"haproxy_commit": {"changed": True, "diff": []}}) == [
        "lb-1: haproxy: site.yml would commit it, though nothing of it shows a difference."
    ]
    for nothing in ({"failed": True, "diff": [wanted]}, {"skipped": True}, None):
        assert said("lb-1", "haproxy", lb_1={"haproxy_commit": nothing}) == []


def test_an_edit_that_the_inventory_would_take_back_is_named_once() -> None:
    own = {"__evenkeel_committed": committed(drift=[changed()])}
    assert said("lb-2", "haproxy", lb_2={**own, "haproxy_commit": {"changed": True, "diff": [BACK]}}) == [
        f"lb-2: haproxy: {CONF} was changed by hand since generation 3 (run-7)."
    ]
    more = {**BACK, "after": "ours and more\n"}
    assert len(said("lb-2", "haproxy", lb_2={**own, "haproxy_commit": {"changed": True, "diff": [more]}})) == 2


def test_a_node_of_another_plan_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"evenkeel\.lb\.drift: lb-9 is not in the plan"):
        drift("lb-9", {}, PLAN)
