"""The order of the nodes, and what site.yml refuses to roll."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.rollout import roll_out

ADDRESSES = {"lb-1": "198.51.100.11", "lb-2": "198.51.100.12", "lb-3": "198.51.100.13"}


def instance(node, nodes, **extra):
    return {
        "name": "public",
        "virtual_router_id": 55,
        "interface": "eth0",
        "version": 3,
        "unicast": True,
        "unicast_src_ip": ADDRESSES[node],
        "unicast_peers": [ADDRESSES[peer] for peer in nodes if peer != node],
        "priority": 250,
        "advert_interval": 0.2,
        "auth_pass": None,
        "virtual_ipaddress": [{"address": "198.51.100.28/24"}],
        "virtual_ipaddress_excluded": [],
        **extra,
    }


def plan(*nodes, leaving=()):
    return {
        "nodes": {
            node: {"name": node, "leaving": node in leaving, "instances": [instance(node, nodes)]} for node in nodes
        }
    }


def live(node, nodes, held=(), state="BACKUP", **extra):
    configured = {
        **instance(node, nodes),
        "anchor": "198.51.100.28/24",
        "addresses": ["198.51.100.28/24"],
        **extra,
    }
    return {
        "running": True,
        "held": list(held),
        "drain": [],
        "instances": [{"name": "public", "state": state}],
        "configured": {"instances": [configured]},
    }


PAIR = ("lb-1", "lb-2")
VIP = ["198.51.100.28"]


def test_a_cluster_that_does_not_run_is_new():
    found = roll_out(plan(*PAIR), {"lb-1": {"running": False}, "lb-2": {"running": False}}, PAIR)
    assert found.mode == "new"
    assert found.findings == []


def test_the_standby_goes_first_and_the_holder_last():
    found = roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR)}, PAIR)
    assert (found.mode, found.waves) == ("running", {"lb-2": 1, "lb-1": 2})
    assert found.holders == {"public": ["lb-1"]}


def test_the_holder_is_whoever_holds_the_anchor_not_who_should():
    found = roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR), "lb-2": live("lb-2", PAIR, VIP, "MASTER")}, PAIR)
    assert found.waves == {"lb-1": 1, "lb-2": 2}


def test_a_limit_does_not_change_the_order():
    states = {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR)}
    assert roll_out(plan(*PAIR), states, ["lb-1"]).waves == roll_out(plan(*PAIR), states, PAIR).waves


def test_nodes_that_leave_go_first_and_nodes_that_join_last():
    three = ("lb-1", "lb-2", "lb-3")
    joined = roll_out(
        plan(*three),
        {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR), "lb-3": {"running": False}},
        three,
    )
    assert joined.waves == {"lb-2": 1, "lb-1": 2, "lb-3": 3}
    assert joined.joining == ["lb-3"]
    left = roll_out(
        plan(*three, leaving=["lb-3"]),
        {node: live(node, three, VIP if node == "lb-1" else ()) for node in three},
        three,
    )
    assert left.waves == {"lb-3": 1, "lb-2": 2, "lb-1": 3}


def test_a_dead_node_is_named_and_stops_nobody():
    found = roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": None}, PAIR)
    assert found.dead == ["lb-2"]
    assert [finding.severity for finding in found.findings] == ["warning"]
    assert "lb-2: The node can't be reached" in str(found.findings[0])


def test_a_node_in_fault_or_drained_can_not_take_over():
    drained = live("lb-1", PAIR)
    drained["drain"] = [{"owner": "operator"}]
    found = roll_out(plan(*PAIR), {"lb-1": drained, "lb-2": live("lb-2", PAIR, state="FAULT")}, PAIR)
    assert found.healthy == []


def test_a_limit_to_a_node_that_its_running_peer_does_not_list_is_refused():
    three = ("lb-1", "lb-2", "lb-3")
    states = {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR), "lb-3": {"running": False}}
    refused = roll_out(plan(*three), states, ["lb-3"])
    texts = [str(finding) for finding in refused.findings if finding.severity == "error"]
    assert len(texts) == 2
    assert texts[0] == (
        "lb-3: The running node lb-1 does not list this node as a peer of public, "
        "and the limit keeps lb-1 out of this run: both would become MASTER. "
        "Found: unicast peers on lb-1: 198.51.100.12. "
        "Accepted: a run that includes lb-1, or one after lb-1 was committed. "
        "Run without --limit, or with --limit lb-1 first. [site-unlisted]"
    )
    assert roll_out(plan(*three), states, three).findings == []


@pytest.mark.parametrize(
    "change",
    [{"virtual_router_id": 56}, {"version": 2}, {"interface": "eth1"}, {"unicast": False}],
    ids=lambda change: next(iter(change)),
)
def test_a_switch_on_a_running_cluster_is_refused(change):
    wanted = copy.deepcopy(plan(*PAIR))
    for node in wanted["nodes"].values():
        node["instances"][0].update(change)
    found = roll_out(wanted, {node: live(node, PAIR) for node in PAIR}, PAIR)
    assert [finding.rule for finding in found.findings] == ["site-switch", "site-switch"]
    assert "evenkeel.lb.propagate" in str(found.findings[0])


def test_a_node_that_runs_alone_may_switch():
    wanted = copy.deepcopy(plan(*PAIR))
    for node in wanted["nodes"].values():
        node["instances"][0]["virtual_router_id"] = 56
    states = {"lb-1": live("lb-1", ["lb-1"], VIP, "MASTER"), "lb-2": {"running": False}}
    assert roll_out(wanted, states, PAIR).findings == []
    assert [finding.rule for finding in roll_out(wanted, {**states, "lb-2": None}, PAIR).findings] == [
        "site-dead",
        "site-switch",
    ]
