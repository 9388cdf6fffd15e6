# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who comes first: the priorities of every instance and the order in which nodes take over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .model import Cluster, Instance, Node
from .tracking import HIGHEST, NODES, PLACES, SPAN


@dataclass(frozen=True)
class Order:
    """The priorities of one instance. A node without a number (a fault that rules.py names) is last."""

    explicit: bool
    numbers: Mapping[str, int]  # by node, those that leave too
    nodes: tuple[Node, ...]  # those that stay, the most preferred first

    @property
    def gap(self) -> int:
        """The largest distance that weights have to beat. For computed numbers it is that of all places, so that
        appending a node changes no weight either."""
        if not self.explicit:
            return SPAN
        present = [self.numbers[node.name] for node in self.nodes if node.name in self.numbers]
        return max(present) - min(present) if present else 0


def pair_ranking(index: int) -> list[int]:
    """All slots in the order of the instance with this index, whatever the number of nodes.

    The preferred node alternates between the first two. The next in line changes every second instance: the other of
    the first two, then the third, fourth, ... node where there is one. Since the slots are fixed, appending a node
    keeps every number, and from two nodes on no VIP moves.
    """
    preferred, turn = index % 2, index // 2
    others = [1 - preferred]
    for slot in range(2, NODES):
        if turn % slot == slot - 1:
            others.insert(0, slot)
        else:
            others.append(slot)
    return [preferred, *others]


def cyclic_ranking(index: int, count: int) -> list[int]:
    """All nodes in turn, starting one further for each instance. Appending a node moves VIPs."""
    return [(index + step) % count for step in range(count)]


def _leaders(cluster: Cluster) -> dict[str, Instance]:
    """The members of a sync group share the ranking of the first one: they move together."""
    by_name = {instance.name: instance for instance in cluster.instances}
    leaders = dict(by_name)
    for group in cluster.sync_groups:
        members = [by_name[name] for name in group.instances if name in by_name]
        for member in members:
            leaders[member.name] = min(members, key=lambda item: (item.prefer is None, item.index))
    return leaders


def _computed(cluster: Cluster, leader: Instance) -> dict[str, int]:
    ranking = (
        cyclic_ranking(leader.index, len(cluster.nodes)) if cluster.spread == "all" else pair_ranking(leader.index)
    )
    pinned: int | None = next((node.position for node in cluster.nodes if node.name == leader.prefer), None)
    if pinned is not None:
        ranking = [pinned, *(slot for slot in ranking if slot != pinned)]
    return {node.name: HIGHEST - PLACES[ranking.index(node.position)] for node in cluster.nodes}


def orders(cluster: Cluster) -> dict[str, Order]:
    """The order of every instance, by name; computed where no node has a `keepalived_priority` for it."""
    found: dict[str, Order] = {}
    leaders = _leaders(cluster)
    for instance in cluster.instances:
        given = {node.name: node.priority_in(instance.name) for node in cluster.nodes}
        numbers = {name: number for name, number in given.items() if number is not None}
        explicit = bool(numbers)
        if not explicit:
            numbers = _computed(cluster, leaders[instance.name])
        staying = sorted(cluster.staying, key=lambda node: (-numbers.get(node.name, 0), node.position))
        found[instance.name] = Order(explicit, numbers, tuple(staying))
    return found
