"""The order of the nodes, and what site.yml refuses to roll."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.rollout import PROPAGATE, roll_out

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


def test_a_vip_that_is_changing_hands_is_unsettled():
    """Each node looks at a moment of its own; a cluster without a keepalived has nothing to wait for."""
    off = {"running": False}
    assert roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR, VIP), "lb-2": live("lb-2", PAIR, VIP)}, PAIR).unsettled
    assert roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR), "lb-2": live("lb-2", PAIR)}, PAIR).unsettled
    assert not roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR, VIP), "lb-2": live("lb-2", PAIR)}, PAIR).unsettled
    assert not roll_out(plan(*PAIR), {"lb-1": off, "lb-2": off}, PAIR).unsettled


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


def test_nobody_takes_over_from_a_cluster_that_leaves_as_a_whole():
    states = {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR)}
    leaving = plan(*PAIR, leaving=PAIR)
    assert roll_out(leaving, states, PAIR).healthy == []
    assert roll_out(leaving, states, ["lb-1"]).healthy == ["lb-2"], "it stays for now"


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


def propagate(states, allow=(), wanted=None, hosts=PAIR):
    return roll_out(wanted or plan(*PAIR), states, hosts, PROPAGATE, allow)


def pair_of(**changed):
    """A pair that is whole, but for what is changed on a node: lb_2={...}."""
    states = {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR)}
    for name, change in changed.items():
        states[name.replace("_", "-")].update(change)
    return states


def rules(found, severity="error"):
    return [finding.rule for finding in found.findings if finding.severity == severity]


def test_propagate_starts_from_a_cluster_that_is_whole():
    assert propagate(pair_of()).findings == []


FAULT = {"instances": [{"name": "public", "state": "FAULT", "reasons": ["haproxy is down"]}]}


@pytest.mark.parametrize(
    ("states", "rule", "word"),
    [
        ({**pair_of(), "lb-2": None}, "propagate-dead", "dead"),
        (pair_of(lb_2=FAULT), "propagate-fault", "fault"),
        (pair_of(lb_2={"held": VIP}), "propagate-holders", "holders"),
        (pair_of(lb_1={"held": []}), "propagate-holders", "holders"),
    ],
    ids=["dead", "fault", "two holders", "no holder"],
)
def test_propagate_stops_before_a_cluster_that_is_not_whole_unless_allowed_by_name(states, rule, word):
    refused = propagate(states)
    assert rules(refused) == [rule]
    assert f"-e evenkeel_allow={word}" in str(refused.findings[0])
    allowed = propagate(states, allow=[word])
    assert (rules(allowed), rules(allowed, "warning")) == ([], [rule])


@pytest.mark.parametrize(
    "meant",
    [{"joining": True}, {"drain": [{"owner": "operator"}]}],
    ids=["waits for its peers", "drained"],
)
def test_a_fault_that_is_meant_stops_nobody(meant):
    assert propagate(pair_of(lb_2={**FAULT, **meant})).findings == []


def test_propagate_sends_a_new_cluster_to_site():
    found = propagate({node: {"running": False} for node in PAIR})
    assert rules(found) == ["propagate-new"]
    assert "evenkeel.lb.site" in str(found.findings[0])


def test_a_word_that_allows_nothing_is_refused():
    found = propagate(pair_of(), allow=["everything"])
    assert str(found.findings[0]) == (
        "evenkeel_allow: There is nothing of this name to allow. Found: 'everything'. Accepted: dead, fault, holders. "
        "Correct the name. [propagate-allow]"
    )


@pytest.mark.parametrize("playbook", ["site", "propagate"])
def test_somebody_elses_lease_stops_both(playbook):
    lease = {"run_id": "r1", "playbook": "propagate", "who": "ann@desk", "since": 0, "expires": 900}
    found = roll_out(plan(*PAIR), pair_of(lb_2={"lease": lease}), PAIR, playbook)
    assert rules(found) == ["lease"]
    assert "ann@desk" in str(found.findings[0])


def two_instances(**second):
    """Both instances of a pair, the second preferring the other node."""
    wanted = plan(*PAIR)
    for name, node in wanted["nodes"].items():
        node["instances"].append(
            instance(
                name,
                PAIR,
                **{
                    "name": "inner",
                    "virtual_router_id": 60,
                    "virtual_ipaddress": [{"address": "198.51.100.29/24"}],
                    **second,
                },
            )
        )
    return wanted


def live_both(held):
    """What the nodes of that pair say; `held` by node."""
    states = {}
    for name in PAIR:
        states[name] = live(name, PAIR, held[name])
        inner = {**instance(name, PAIR, name="inner", virtual_router_id=60)}
        inner.update(anchor="198.51.100.29/24", addresses=["198.51.100.29/24"])
        states[name]["configured"]["instances"].append(inner)
    return states


BOTH_HOLD = {"lb-1": ["198.51.100.28"], "lb-2": ["198.51.100.29"]}


def test_a_change_that_the_nodes_make_together_is_made_from_one_holder():
    found = propagate(live_both(BOTH_HOLD), wanted=two_instances(virtual_router_id=61))
    assert (found.change, found.gather, found.findings) == ("switch", ["lb-2"], [])
    assert found.waves == {"lb-2": 1, "lb-1": 2}


def test_a_vip_that_changes_its_instance_is_moved_from_one_holder():
    moved = [{"address": "198.51.100.30/24"}]
    states = live_both(BOTH_HOLD)
    for state in states.values():
        state["configured"]["instances"][0]["addresses"].append("198.51.100.30/24")
    found = propagate(states, wanted=two_instances(virtual_ipaddress_excluded=moved))
    assert (found.change, found.gather, found.findings) == ("two-step", ["lb-2"], [])


def test_a_change_that_can_be_rolled_gathers_nothing():
    found = propagate(live_both(BOTH_HOLD), wanted=two_instances(advert_interval=0.5))
    assert (found.change, found.gather) == ("rolling", [])


def test_the_holder_is_known_by_the_anchor_it_has_not_by_the_one_it_gets():
    found = propagate(pair_of(), wanted=anchored("198.51.100.27/24"))
    assert (found.change, found.waves) == ("switch", {"lb-2": 1, "lb-1": 2})


def anchored(address):
    wanted = plan(*PAIR)
    for node in wanted["nodes"].values():
        node["instances"][0]["virtual_ipaddress"] = [{"address": address}]
    return wanted


def test_a_change_that_the_nodes_make_together_is_refused_with_a_limit():
    found = propagate(pair_of(), wanted=anchored("198.51.100.27/24"), hosts=["lb-1"])
    assert rules(found) == ["propagate-switch-limit"]
    assert "leaves out lb-2" in str(found.findings[0])
