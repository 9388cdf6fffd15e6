# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every cluster that the plan accepts, and that it never stumbles over one that it does not."""

from __future__ import annotations

import copy
import json
from itertools import product
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import describe
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.tracking import SPAN
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.variables import KEYS, SERVICE
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit._cluster.plan_data import five, nodes, plan, plan_all

FEW = settings(max_examples=60, deadline=None)
SERVICES = ["haproxy", "nginx"]
Plan = dict[str, Any]


def instances(count: int, track: list[str], **changes: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": f"i{index}",
            "virtual_router_id": 50 + index,
            "interface": "eth0",
            "virtual_addresses": [f"192.0.2.{100 + index}/24", f"2001:db8:1::{100 + index}/64"],
            "track": track,
            **changes,
        }
        for index in range(count)
    ]


@st.composite
def clusters(draw: st.DrawFn, least: int = 2) -> list[dict[str, Any]]:
    """One or two to nine nodes, one to eight instances, up to two tracked services; priorities computed, pinned or written."""
    names = five(draw(st.integers(least, 9)))
    items = instances(draw(st.integers(1, 8)), SERVICES[: draw(st.integers(0, 2))])
    common: dict[str, Any] = {"keepalived_spread": draw(st.sampled_from(["pair", "all"]))}
    per_node: dict[str, dict[str, Any]] = {name: {} for name in names}
    for item in items:
        way = draw(st.sampled_from(["computed", "pinned", "written"]))
        if way == "pinned":
            item["prefer"] = draw(st.sampled_from(names))
        elif way == "written":
            base, step = draw(st.integers(130, 210)), draw(st.integers(1, min(10, 40 // len(names))))
            for rank, name in enumerate(draw(st.permutations(names))):
                per_node[name].setdefault("keepalived_priority", {})[item["name"]] = base + step * rank
    return nodes(names, instances=items, per_node=per_node, **common)


def accepted(data: list[dict[str, Any]]) -> Plan:
    planned = plan("edge", data)
    assert planned["errors"] == []
    return planned


def entries(planned: Plan, index: int) -> dict[str, dict[str, Any]]:
    """The instance with this index as each node has it."""
    return {name: node["instances"][index] for name, node in planned["nodes"].items()}


def count(planned: Plan) -> range:
    return range(len(planned["instances"]))


# What happens to a node, as keepalived adds it up: the weights of lost services and the drain file.
FAULT = None
STATES = {"healthy": (0, False), "lost one": (1, False), "lost two": (2, False), "drained": (0, True), "all": (2, True)}


def unclamped(node: dict[str, Any], instance: dict[str, Any], lost: int, drained: bool, hung: int = 0) -> int:
    weights = {service["name"]: service["ready"]["weight"] for service in node["services"] if service["ready"]}
    total = instance["priority"] + sum(weights[name] for name in instance["track_ready"][:lost])
    return int(total + drained * node["drain_value"] - hung * hung_weight(node))


def hung_weight(node: dict[str, Any]) -> int:
    """The smallest that beats a drained node which has lost everything, and the order of the nodes."""
    return -int(node["drain_value"] + sum(service["ready"]["weight"] for service in node["services"])) + SPAN + 1


def effective(node: dict[str, Any], instance: dict[str, Any], lost: int, drained: bool, hung: int = 0) -> int | None:
    if drained and node["drain_value"] <= -254:
        return FAULT
    return max(1, min(254, unclamped(node, instance, lost, drained, hung)))


def master(priorities: dict[str, int | None]) -> list[str]:
    """Who holds the address when every node hears all others: the highest priority that is not in FAULT."""
    alive = {name: number for name, number in priorities.items() if number is not None}
    return [name for name, number in alive.items() if number == max(alive.values())]


@FEW
@given(clusters())
def test_peers_are_symmetric_and_never_oneself(data: list[dict[str, Any]]) -> None:
    planned = accepted(data)
    for index in count(planned):
        sources = {name: item["unicast_src_ip"] for name, item in entries(planned, index).items()}
        for name, item in entries(planned, index).items():
            assert item["unicast_peers"] == [address for other, address in sources.items() if other != name]


@FEW
@given(clusters(least=1))
def test_priorities_are_a_total_order_and_one_node_is_preferred(data: list[dict[str, Any]]) -> None:
    planned = accepted(data)
    for index, order in enumerate(entry["order"] for entry in planned["instances"].values()):
        items = entries(planned, index)
        numbers = [items[name]["priority"] for name in order]
        assert sorted(set(numbers), reverse=True) == numbers
        assert all(1 <= number <= 254 for number in numbers)
        assert [name for name, item in items.items() if item["role"] == "MASTER"] == order[:1]
        assert [name for name, item in items.items() if item["preempt_delay"]] == order[:1]


@FEW
@given(clusters())
def test_losing_any_nodes_leaves_one_master_the_next_in_line(data: list[dict[str, Any]]) -> None:
    planned = accepted(data)
    for index, order in enumerate(entry["order"] for entry in planned["instances"].values()):
        items = entries(planned, index)
        for dead in product([True, False], repeat=len(order)):
            left = [name for name, gone in zip(order, dead, strict=True) if not gone]
            if left:
                assert master({name: items[name]["priority"] for name in left}) == left[:1]


@FEW
@given(clusters())
def test_health_goes_before_preference(data: list[dict[str, Any]]) -> None:
    """healthy > lost a service > lost two > drained > FAULT, for every two nodes, after keepalived's clamping."""
    planned = accepted(data)
    order = [state for state in STATES if state != "all"]
    for index in count(planned):
        items = entries(planned, index)
        tracked = len(next(iter(items.values()))["track_ready"])
        states = [state for state in order if STATES[state][0] <= tracked]
        for better, worse in zip(states, states[1:], strict=False):
            lowest = min(effective(node, items[name], *STATES[better]) or 0 for name, node in planned["nodes"].items())
            highest = max(effective(node, items[name], *STATES[worse]) or 0 for name, node in planned["nodes"].items())
            assert lowest > highest >= 1


@FEW
@given(st.integers(1, 9), st.integers(1, 8), st.integers(1, 2))
def test_computed_numbers_leave_room_for_a_daemon_that_hangs(size: int, number: int, services: int) -> None:
    """healthy > lost > drained > hung > FAULT, for any two nodes, and no two are equal in any state, nor clamped."""
    planned = accepted(nodes(five(size), instances=instances(number, SERVICES[:services])))
    tiers = [*product([0], [False], range(services + 1)), *product([0], [True], range(services + 1))]
    tiers += [*product([1], [False, True], range(services + 1)), *product([2], [False, True], range(services + 1))]
    tiers = [tier for tier in tiers if tier[0] <= services]
    for index in count(planned):
        items = entries(planned, index)
        numbers = [
            [unclamped(node, items[name], lost, drained, hung) for name, node in planned["nodes"].items()]
            for hung, drained, lost in tiers
        ]
        for state in numbers:
            assert len(set(state)) == size
            assert min(state) > 1
        for better, worse in zip(numbers, numbers[1:], strict=False):
            assert min(better) > max(worse)


@FEW
@given(st.integers(2, 9), st.integers(1, 8), st.integers(0, 2))
def test_computed_numbers_are_total_in_every_state(size: int, number: int, services: int) -> None:
    """Even drained with everything lost: nothing is clamped, so no two nodes are ever equal."""
    planned = accepted(nodes(five(size), instances=instances(number, SERVICES[:services])))
    for index in count(planned):
        items = entries(planned, index)
        for lost, drained in STATES.values():
            numbers = [effective(node, items[name], lost, drained) for name, node in planned["nodes"].items()]
            assert len(set(numbers)) == size
            assert min(number or 0 for number in numbers) > 1


@FEW
@given(st.integers(2, 9), st.sampled_from(["drain", "lose"]))
def test_one_misfortune_moves_the_address_and_the_same_for_all_keeps_it(size: int, kind: str) -> None:
    planned = accepted(nodes(five(size), instances=instances(4, SERVICES)))
    lost, drained = (0, True) if kind == "drain" else (1, False)
    for index, order in enumerate(entry["order"] for entry in planned["instances"].values()):
        items = entries(planned, index)
        healthy = {name: items[name]["priority"] for name in order}
        hit = {name: effective(planned["nodes"][name], items[name], lost, drained) for name in order}
        assert master({**healthy, order[0]: hit[order[0]]}) == [order[1]]
        assert master(hit) == [order[0]]


@FEW
@given(clusters(), st.data())
def test_limit_and_order_of_the_plays_hosts_change_nothing(data: list[dict[str, Any]], draw: st.DataObject) -> None:
    hosts = {node["name"]: node["vars"] for node in data}
    asked = draw.draw(st.lists(st.sampled_from(sorted(hosts)), min_size=1, unique=True))
    whole = json.dumps(plan_all(list(hosts), hosts.get))
    assert json.dumps(plan_all(asked, hosts.get)) == whole


@FEW
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2), st.data())
def test_appending_a_node_changes_no_number_and_moves_no_address(
    size: int, number: int, services: int, draw: st.DataObject
) -> None:
    items = instances(number, SERVICES[:services])
    for item in items:
        if draw.draw(st.booleans()):
            item["prefer"] = draw.draw(st.sampled_from(five(size)))
    before = accepted(nodes(five(size), instances=items))
    after = accepted(nodes(five(size + 1), instances=items))
    for name, node in before["nodes"].items():
        same = copy.deepcopy(after["nodes"][name])
        for item, old in zip(same["instances"], node["instances"], strict=True):
            assert item["priority"] == old["priority"]
        assert (same["drain_value"], same["services"]) == (node["drain_value"], node["services"])
    for name, entry in before["instances"].items():
        order = after["instances"][name]["order"]
        assert [node for node in order if node in before["nodes"]] == entry["order"]
        if size >= 2:
            assert order[0] == entry["order"][0]


@FEW
@given(clusters(), st.data())
def test_a_leaving_node_changes_no_number_of_the_others(data: list[dict[str, Any]], draw: st.DataObject) -> None:
    before = accepted(data)
    leaver = draw.draw(st.sampled_from(sorted(before["nodes"])))
    changed = copy.deepcopy(data)
    next(node for node in changed if node["name"] == leaver)["vars"]["keepalived_state"] = "absent"
    after = accepted(changed)
    for name in set(before["nodes"]) - {leaver}:
        for old, new in zip(before["nodes"][name]["instances"], after["nodes"][name]["instances"], strict=True):
            assert old["priority"] == new["priority"]
            gone = set(old["unicast_peers"]) - set(new["unicast_peers"])
            assert gone == {after["nodes"][leaver]["address"]}


@FEW
@given(st.integers(3, 9), st.integers(4, 16))
def test_addresses_of_a_lost_node_land_on_different_survivors(size: int, number: int) -> None:
    planned = accepted(nodes(five(size), instances=instances(number, [])))
    assert planned["warnings"] == []
    heirs: dict[str, set[str]] = {}
    for entry in planned["instances"].values():
        heirs.setdefault(entry["order"][0], set()).add(entry["order"][1])
    assert set(heirs) == {"lb-1", "lb-2"}
    assert all(len(names) > 1 for names in heirs.values())


WORDS = ["lb-1", "i0", "198.51.100.28/24", "2001:db8::28/64", "::", "haproxy", "eth0", "MASTER", "absent", "{{ x }}"]


def keys(option: Plan) -> set[str]:
    """Every key that a value of this option may have, at any depth."""
    return {
        *(option.get("options") or {}),
        *(key for one in (option.get("options") or {}).values() for key in keys(one)),
    }


WRITTEN = sorted({key for option in (*plan_options().values(), SERVICE) for key in keys(option)} | {"haproxy", "i0"})
INSTANCE_KEYS = sorted(plan_options()["keepalived_instances"]["options"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-300, 300) | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WRITTEN) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=4),
    st.dictionaries(st.sampled_from(INSTANCE_KEYS), JUNK, max_size=4),
    st.booleans(),
)
def test_whatever_is_written_is_planned_or_refused(common: Plan, changes: Plan, everywhere: bool) -> None:
    data = nodes(instances=[{**instances(1, ["haproxy"])[0], **changes}])
    for node in data if everywhere else data[1:]:
        node["vars"].update(common)
    planned = plan("edge", data)
    assert bool(planned["errors"]) != bool(planned["nodes"])
    json.dumps(planned)
    if planned["nodes"]:
        describe(planned)
