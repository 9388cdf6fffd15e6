"""What the nodes of a cluster say of themselves, put together."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter.cluster import cluster
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.live import Cluster

VIP, VIP6 = "198.51.100.28", "2001:db8::28"


def instance(priority, **extra):
    return {
        "name": "public",
        "priority": priority,
        "anchor": f"{VIP}/24",
        "addresses": [f"{VIP}/24", f"{VIP6}/64"],
        **extra,
    }


def node(priority, state="BACKUP", held=(), drain=(), **extra):
    return {
        "running": True,
        "held": list(held),
        "drain": [{"owner": owner} for owner in drain],
        "instances": [{"name": "public", "state": state}],
        "configured": {"instances": [instance(priority, **extra)]},
    }


def pair(first=None, second=None):
    return Cluster({"lb-1": first or node(250, "MASTER", [VIP, VIP6]), "lb-2": second or node(240)})


def test_a_healthy_pair():
    found = pair()
    assert (found.healthy, found.dead, found.holders) == (["lb-1", "lb-2"], [], ["lb-1"])
    assert found.where() == [f"{VIP} (public): lb-1", f"{VIP6} (public): lb-1"]


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (None, "lb-2 (can't be reached)"),
        ({"running": False}, "lb-2 (keepalived does not run)"),
        (node(240, drain=["operator", "run-1"]), "lb-2 (drained by operator, run-1)"),
        (node(240, "FAULT"), "lb-2 (public in FAULT)"),
        (node(240, "INIT"), "lb-2 (public in INIT)"),
    ],
)
def test_a_node_that_would_take_over_nothing(second, why):
    found = Cluster({"lb-1": node(250, "MASTER", [VIP]), "lb-2": second}).as_dict()
    assert found["healthy"] == ["lb-1"]
    assert found["unfit"] == {"lb-2": why}


def test_standbys_come_first_and_among_them_the_least_preferred():
    found = Cluster({"lb-1": node(250), "lb-2": node(240, "MASTER", [VIP]), "lb-3": node(230), "lb-4": None})
    assert found.order == ["lb-3", "lb-1", "lb-2"]


def test_two_holders_and_none():
    assert pair(second=node(240, "MASTER", [VIP])).where()[0] == f"{VIP} (public): lb-1 and lb-2"
    assert pair(first=node(250)).where()[0] == f"{VIP} (public): nobody"


def test_what_comes_back_to_a_node_that_is_drained():
    drained = node(250, drain=["operator"])
    holder = node(240, "MASTER", [VIP])
    assert pair(drained, holder).returning("lb-1") == [VIP]
    assert pair(drained, holder).giving("lb-1") == ["lb-2"]
    assert pair(drained, holder).returning("lb-2") == []
    # The only one that is fit gets everything.
    assert Cluster({"lb-1": drained, "lb-2": None}).returning("lb-1") == [VIP]


@pytest.mark.parametrize(
    "drained",
    [
        node(250, drain=["operator", "run-1"]),
        node(250, "FAULT", drain=["operator"]),
        node(250, drain=["operator"], nopreempt=True),
        node(230, drain=["operator"]),
    ],
    ids=["drained by a run too", "in FAULT", "nopreempt", "less preferred"],
)
def test_what_does_not_come_back(drained):
    assert pair(drained, node(240, "MASTER", [VIP])).returning("lb-1") == []


def test_answers_come_from_the_nodes_themselves_or_through_another():
    hostvars = {
        "lb-1": {
            "__evenkeel_live": node(250, "MASTER", [VIP]),
            "__evenkeel_live_outside": {
                "results": [
                    {"__evenkeel_node": "lb-2", **node(240)},
                    {"__evenkeel_node": "lb-3", "unreachable": True},
                    {"__evenkeel_node": "lb-9", **node(240)},
                ]
            },
        },
        "lb-2": {},
        "lb-3": {"__evenkeel_live": {"skipped": True}},
    }
    found = cluster(["lb-1", "lb-2", "lb-3", "lb-4"], hostvars)
    assert (found["healthy"], found["dead"]) == (["lb-1", "lb-2"], ["lb-3", "lb-4"])


def test_an_input_that_is_no_list():
    with pytest.raises(AnsibleFilterError, match="the input must be a list of nodes, not str"):
        cluster("lb-1", {})  # type: ignore[arg-type]
