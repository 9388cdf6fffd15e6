"""The order of the nodes, and what site.yml refuses to roll."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.order import PROPAGATE, roll_out, wrong_settings

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


def test_what_comes_back_after_a_drain():
    planned = plan(*PAIR)
    first, second = (planned["nodes"][name]["instances"] for name in PAIR)
    first[0]["role"], second[0]["role"] = "MASTER", "BACKUP"
    states = {"lb-1": live("lb-1", PAIR, held=VIP), "lb-2": live("lb-2", PAIR, held=VIP)}
    assert roll_out(planned, states, PAIR).returning == {"lb-1": VIP, "lb-2": []}
    first[0]["nopreempt"] = True
    assert roll_out(planned, states, PAIR).returning == {"lb-1": [], "lb-2": []}
    first[0]["nopreempt"] = False
    assert roll_out(planned, {**states, "lb-1": None}, PAIR).returning == {"lb-1": [], "lb-2": []}


def test_the_way_back_is_the_newest_first_unless_the_nodes_changed_together():
    states = {"lb-1": live("lb-1", PAIR, held=VIP), "lb-2": live("lb-2", PAIR)}
    found = roll_out(plan(*PAIR), states, PAIR)
    assert (found.turns, found.back) == ({"lb-2": 1, "lb-1": 2}, {"lb-2": 2, "lb-1": 1})
    found.change = "switch"
    assert found.back == found.turns


def test_a_cluster_that_does_not_run_is_new():
    found = roll_out(plan(*PAIR), {"lb-1": {"running": False}, "lb-2": {"running": False}}, PAIR)
    assert found.mode == "new"
    assert found.findings == []


def test_the_standby_goes_first_and_the_holder_last():
    found = roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR)}, PAIR)
    assert (found.mode, found.turns) == ("running", {"lb-2": 1, "lb-1": 2})
    assert found.holders == {"public": ["lb-1"]}


def test_the_holder_is_whoever_holds_the_anchor_not_who_should():
    found = roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR), "lb-2": live("lb-2", PAIR, VIP, "MASTER")}, PAIR)
    assert found.turns == {"lb-1": 1, "lb-2": 2}


def test_a_vip_that_is_changing_hands_is_unsettled():
    """Each node looks at a moment of its own; a cluster without a keepalived has nothing to wait for."""
    off = {"running": False}
    assert roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR, VIP), "lb-2": live("lb-2", PAIR, VIP)}, PAIR).unsettled
    assert roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR), "lb-2": live("lb-2", PAIR)}, PAIR).unsettled
    assert not roll_out(plan(*PAIR), {"lb-1": live("lb-1", PAIR, VIP), "lb-2": live("lb-2", PAIR)}, PAIR).unsettled
    assert not roll_out(plan(*PAIR), {"lb-1": off, "lb-2": off}, PAIR).unsettled


def test_a_limit_does_not_change_the_order():
    states = {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR)}
    assert roll_out(plan(*PAIR), states, ["lb-1"]).turns == roll_out(plan(*PAIR), states, PAIR).turns


def test_nodes_that_leave_go_first_and_nodes_that_join_last():
    three = ("lb-1", "lb-2", "lb-3")
    joined = roll_out(
        plan(*three),
        {"lb-1": live("lb-1", PAIR, VIP, "MASTER"), "lb-2": live("lb-2", PAIR), "lb-3": {"running": False}},
        three,
    )
    assert joined.turns == {"lb-2": 1, "lb-1": 2, "lb-3": 3}
    assert joined.joining == ["lb-3"]
    left = roll_out(
        plan(*three, leaving=["lb-3"]),
        {node: live(node, three, VIP if node == "lb-1" else ()) for node in three},
        three,
    )
    assert left.turns == {"lb-3": 1, "lb-2": 2, "lb-1": 3}


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
    assert found.turns == {"lb-2": 1, "lb-1": 2}


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
    assert (found.change, found.turns) == ("switch", {"lb-2": 1, "lb-1": 2})


def anchored(address):
    wanted = plan(*PAIR)
    for node in wanted["nodes"].values():
        node["instances"][0]["virtual_ipaddress"] = [{"address": address}]
    return wanted


def test_a_change_that_the_nodes_make_together_is_refused_with_a_limit():
    found = propagate(pair_of(), wanted=anchored("198.51.100.27/24"), hosts=["lb-1"])
    assert rules(found) == ["propagate-switch-limit"]
    assert "leaves out lb-2" in str(found.findings[0])


LEAVES = plan(*PAIR, leaving=["lb-2"])
for one in LEAVES["nodes"].values():
    one["instances"][0]["unicast_peers"] = []


def test_a_node_that_leaves_is_stopped_before_the_others_forget_it():
    refused = roll_out(LEAVES, pair_of(), ["lb-1"])
    assert [str(finding) for finding in refused.findings] == [
        "lb-2: This node leaves but still runs, and the others would stop speaking to it. Found: outside the limit. "
        "Accepted: a node that is stopped before the others change. "
        "Run with --limit lb-2 first, or without a limit. [site-leaving-limit]"
    ]
    assert rules(propagate(pair_of(), wanted=LEAVES, hosts=["lb-1"])) == ["propagate-leaving-limit"]
    assert roll_out(LEAVES, pair_of(), PAIR).findings == []
    assert roll_out(LEAVES, pair_of(), ["lb-2"]).findings == []
    assert roll_out(LEAVES, {**pair_of(), "lb-2": {"running": False}}, ["lb-1"]).findings == [], "it has left"
    assert roll_out(plan(*PAIR, leaving=PAIR), pair_of(), ["lb-1"]).findings == [], (
        "nobody is left to be a second holder"
    )


def test_a_leaving_node_is_still_heard_by_multicast():
    wanted = copy.deepcopy(LEAVES)
    for node in wanted["nodes"].values():
        node["instances"][0].update(unicast=False, unicast_src_ip=None)
    states = {name: live(name, PAIR, unicast=False, unicast_src_ip=None, unicast_peers=[]) for name in PAIR}
    assert roll_out(wanted, states, ["lb-1"]).findings == []


def test_a_node_that_leaves_and_can_not_be_reached_may_still_run():
    """Site would go around a dead peer, but it keeps that one in the plan; this one it would drop."""
    states = {**pair_of(), "lb-2": None}
    assert [str(finding) for finding in roll_out(LEAVES, states, PAIR).findings] == [
        "lb-2: This node leaves and can't be reached, so it may still run: the others would stop speaking to it, and both "
        "sides would hold the VIPs. Found: no connection. Accepted: a node that has been stopped. "
        "Make sure that it is off, then take it out of evenkeel_nodes. [site-dead]"
    ]
    assert rules(roll_out(LEAVES, states, PAIR)) == ["site-dead"]
    assert rules(propagate(states, wanted=LEAVES)) == ["propagate-dead"]
    allowed = propagate(states, wanted=LEAVES, allow=["dead"])
    assert (rules(allowed), rules(allowed, "warning")) == ([], ["propagate-dead"])
    assert rules(roll_out(LEAVES, states, ["lb-2"])) == [], "nobody else changes"


def test_a_node_that_left_and_is_off_stops_nobody():
    states = {"lb-1": live("lb-1", ["lb-1"], VIP, "MASTER"), "lb-2": None}
    assert [(finding.severity, str(finding)) for finding in roll_out(LEAVES, states, PAIR).findings] == [
        (
            "warning",
            "lb-2: This node leaves and can't be reached, so it may still run. Found: no connection. "
            "Make sure that it is off, then take it out of evenkeel_nodes. [site-dead]",
        )
    ]


def readdressed(before="198.51.100.22"):
    """A pair whose lb-2 sends from another address than the plan says."""
    states = pair_of()
    states["lb-1"]["configured"]["instances"][0]["unicast_peers"] = [before] if before else []
    states["lb-2"]["configured"]["instances"][0]["unicast_src_ip"] = before
    return states


@pytest.mark.parametrize("playbook", ["site", "propagate"])
@pytest.mark.parametrize("hosts", [PAIR, ["lb-1"], ["lb-2"]], ids=["both", "its peer", "itself"])
def test_another_source_address_beside_a_running_peer_is_refused(playbook, hosts):
    found = roll_out(plan(*PAIR), readdressed(), hosts, playbook)
    (text,) = [str(finding) for finding in found.findings if finding.rule == f"{playbook}-address"]
    assert text == (
        "lb-2: The adverts of public would come from another address, and those who don't know it yet drop them: two "
        "nodes would be MASTER. Found: 198.51.100.22 now, 198.51.100.12 in the inventory. "
        "Accepted: keepalived_address: 198.51.100.22 while the node runs beside others. "
        "Take the node out with keepalived_state: absent, run, change its address, and bring it back. "
        f"[{playbook}-address]"
    )


def test_another_source_address_where_nobody_hears_it():
    states = readdressed()
    assert roll_out(plan(*PAIR), {**states, "lb-1": {"running": False}}, PAIR).findings == [], "it runs alone"
    assert rules(roll_out(plan(*PAIR), {**states, "lb-1": None}, PAIR)) == ["site-address"], "it may not"
    assert roll_out(plan(*PAIR, leaving=["lb-1"]), states, PAIR).findings == [], "the only peer goes first"
    assert roll_out(plan(*PAIR, leaving=["lb-2"]), states, PAIR).findings == [], "it is stopped"
    assert roll_out(plan(*PAIR), {**states, "lb-2": {"running": False}}, PAIR).findings == [], "it comes back"


@pytest.mark.parametrize("before", [None, "2001:db8::12"], ids=["none", "of the other family"])
def test_an_address_that_can_not_be_compared_is_left_to_the_class_of_the_change(before):
    assert "site-address" not in rules(roll_out(plan(*PAIR), readdressed(before), PAIR))


def test_a_source_address_has_one_spelling():
    wanted = plan(*PAIR)
    wanted["nodes"]["lb-2"]["instances"][0]["unicast_src_ip"] = "2001:db8::12"
    assert "site-address" not in rules(roll_out(wanted, readdressed("2001:DB8:0::12"), PAIR))


def test_a_run_is_made_as_somebody_asked_or_not_at_all():
    assert [*wrong_settings("lb-1", None, None), *wrong_settings("lb-1", "60", "never")] == []
    assert [*wrong_settings("lb-1", 0, "auto")] == []
    assert [str(finding) for finding in wrong_settings("lb-1", "2m", "Always")] == [
        "lb-1: evenkeel_guard: This is no number of seconds. Found: '2m'. Accepted: whole seconds, such as 60; 0 is no trial. "
        "Correct it. [setting]",
        "lb-1: evenkeel_drain: There is no such way to drain. Found: 'Always'. Accepted: auto, always, never. Correct it. [setting]",
    ]
