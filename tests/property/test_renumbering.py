# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that runs with the numbers of five slots, ten apart, gets those of nine: node by node, and no VIP moves."""

from __future__ import annotations

import copy
from itertools import product
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.change import classify
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.order import roll_out

from tests.property.test_plan_properties import SERVICES, STATES, effective, instances, master
from tests.unit._cluster.plan_data import five, nodes, plan

Node = dict[str, Any]


def old_ranking(index: int) -> list[int]:
    preferred, turn = index % 2, index // 2
    others = [1 - preferred]
    for slot in (2, 3, 4):
        others.insert(0 if turn % slot == slot - 1 else len(others), slot)
    return [preferred, *others]


def as_before(planned: dict[str, Node], services: int) -> dict[str, Node]:
    """The same cluster as it was planned before: 250, 240, ...; a gap of 40, and weights that beat it."""
    found = copy.deepcopy(planned)
    for position, node in enumerate(found.values()):
        for index, instance in enumerate(node["instances"]):
            instance["priority"] = 250 - 10 * old_ranking(index).index(position)
        for service in node["services"]:
            service["ready"]["weight"] = -41
        node["drain_value"] = -41 * (services + 1)
    return found


def live(node: Node, held: list[str]) -> dict[str, Any]:
    """What vrrp_info says of a node that runs this configuration."""
    configured = [
        {
            "name": instance["name"],
            "priority": instance["priority"],
            "virtual_router_id": instance["virtual_router_id"],
            "unicast": True,
            "unicast_src_ip": instance["unicast_src_ip"],
            "unicast_peers": instance["unicast_peers"],
            "anchor": instance["virtual_ipaddress"][0]["address"],
        }
        for instance in node["instances"]
    ]
    return {
        "running": True,
        "held": held,
        "configured": {"instances": configured},
        "instances": [{"name": instance["name"], "state": "BACKUP"} for instance in node["instances"]],
    }


def masters(now: dict[str, Node], states: dict[str, str]) -> list[list[str]]:
    """Who holds each instance while every node is in its state."""
    return [
        master({name: effective(node, node["instances"][index], *STATES[states[name]]) for name, node in now.items()})
        for index in range(len(next(iter(now.values()))["instances"]))
    ]


def rolled(new: dict[str, Node], old: dict[str, Node], states: dict[str, str]) -> list[str]:
    """The nodes in the order in which site.yml and propagate change them."""
    holders = masters(old, states)
    anchors = [item["virtual_ipaddress"][0]["address"].split("/")[0] for item in next(iter(new.values()))["instances"]]
    held = {name: [anchors[at] for at, names in enumerate(holders) if name in names] for name in old}
    found = roll_out({"nodes": new}, {name: live(node, held[name]) for name, node in old.items()}, list(new))
    assert (found.change, found.findings) == ("rolling", [])
    return sorted(found.turns, key=found.turns.__getitem__)


def cluster(size: int, number: int, services: int) -> tuple[dict[str, Node], dict[str, Node]]:
    planned = plan("edge", nodes(five(size), instances=instances(number, SERVICES[:services])))
    assert planned["errors"] == []
    return planned["nodes"], as_before(planned["nodes"], services)


@pytest.mark.parametrize(("size", "number", "services"), list(product(range(2, 6), range(1, 9), range(3))))
def test_a_healthy_cluster_is_renumbered_and_nothing_moves(size: int, number: int, services: int) -> None:
    new, old = cluster(size, number, services)
    for name in new:
        assert classify(new[name], live(old[name], [])["configured"])["class"] in ("rolling", "none")
    healthy = dict.fromkeys(new, "healthy")
    before, now = masters(old, healthy), dict(old)
    assert all(len(holders) == 1 for holders in before)
    for name in rolled(new, old, healthy):
        # A node that is drained for its change stays behind all others, with the old value and with the new one. Of more than two
        # instances without services some may return to it before it is undrained: it has the change by then.
        for mine in (now[name], new[name]) if number <= 2 else (now[name],):
            assert all(name not in holders for holders in masters({**now, name: mine}, {**healthy, name: "drained"}))
        now[name] = new[name]
        assert masters(now, healthy) == before


@pytest.mark.parametrize(("number", "services", "standby"), list(product((1, 2), (1, 2), STATES)))
@pytest.mark.parametrize("ill", ["lb-1", "lb-2"])
def test_nor_does_that_of_a_pair_whose_other_node_is_ill(number: int, services: int, standby: str, ill: str) -> None:
    new, old = cluster(2, number, services)
    states = {**dict.fromkeys(new, "healthy"), ill: standby}
    before, now = masters(old, states), dict(old)
    for name in rolled(new, old, states):
        now[name] = new[name]
        assert masters(now, states) == before
