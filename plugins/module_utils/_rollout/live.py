# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as its nodes describe it at one moment (`vrrp_info`), whatever the inventory says.

An operator drains, undrains and rolls back by this alone, so that a half-edited inventory is never in the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Live = Mapping[str, Any]

OPERATOR = "operator"
# What keeps a node from holding anything, as vrrp_info names it.
UNFIT = ("FAULT", "INIT", "STOP", "unknown")


@dataclass(frozen=True)
class Cluster:
    """Nodes in order of preference, each with its `vrrp_info`, or None where it can't be reached."""

    live: Mapping[str, Live | None]

    @property
    def dead(self) -> list[str]:
        return [node for node, live in self.live.items() if live is None]

    @property
    def healthy(self) -> list[str]:
        """Nodes that would take over a VIP."""
        return [node for node in self.live if not self.unfit(node)]

    def unfit(self, node: str) -> str:
        """Why a node would not take over a VIP; empty if it would."""
        live = self.live[node]
        if live is None:
            return "can't be reached"
        if not live.get("running"):
            return "keepalived does not run"
        if live.get("drain"):
            return f"drained by {', '.join(drain['owner'] for drain in live['drain'])}"
        states = {instance["name"]: instance["state"] for instance in live.get("instances") or []}
        return ", ".join(f"{name} in {state}" for name, state in states.items() if state in UNFIT)

    @property
    def vips(self) -> dict[str, dict[str, Any]]:
        """Every VIP that a node is configured for, with its instance, whether it is the anchor, and who holds it."""
        found: dict[str, dict[str, Any]] = {}
        for dummy, instance in self._instances():
            for address in map(bare, instance.get("addresses") or []):
                found.setdefault(
                    address,
                    {
                        "instance": instance["name"],
                        "anchor": address == bare(instance["anchor"] or ""),
                        "holders": [node for node in self.live if address in self.held(node)],
                    },
                )
        return found

    def held(self, node: str) -> list[str]:
        return list((self.live[node] or {}).get("held") or [])

    @property
    def holders(self) -> list[str]:
        """Nodes that hold any VIP."""
        return [node for node in self.live if self.held(node)]

    @property
    def order(self) -> list[str]:
        """In which order the nodes that answer are changed: standbys first, the least preferred of them at the start."""
        answering = [node for node, live in self.live.items() if live is not None]
        preference = {node: place for place, node in enumerate(answering)}
        return sorted(answering, key=lambda node: (bool(self.held(node)), -preference[node]))

    def returning(self, node: str) -> list[str]:
        """The anchors that come to a node by themselves once its operator's drain is lifted."""
        live = self.live[node] or {}
        if any(drain["owner"] != OPERATOR for drain in live.get("drain") or []):
            return []
        states = {instance["name"]: instance["state"] for instance in live.get("instances") or []}
        rivals = [
            (instance["name"], instance["priority"])
            for peer, instance in self._instances()
            if peer != node and peer in self.healthy
        ]
        return [
            bare(instance["anchor"])
            for peer, instance in self._instances()
            if peer == node
            and states.get(instance["name"]) not in UNFIT
            and instance.get("anchor")
            and bare(instance["anchor"]) not in self.held(node)
            and not (instance.get("nopreempt") and any(name == instance["name"] for name, dummy in rivals))
            and all(instance["priority"] > priority for name, priority in rivals if name == instance["name"])
        ]

    def giving(self, node: str) -> list[str]:
        """The nodes that hold what returns to this one."""
        held = [set(self.vips[anchor]["holders"]) for anchor in self.returning(node)]
        return [peer for peer in self.live if any(peer in holders for holders in held)]

    def where(self) -> list[str]:
        """One line per VIP: who holds it."""
        return [
            f"{address} ({vip['instance']}): {' and '.join(vip['holders']) or 'nobody'}"
            for address, vip in self.vips.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        return {
            "dead": self.dead,
            "healthy": self.healthy,
            "unfit": {node: f"{node} ({why})" for node in self.live if (why := self.unfit(node))},
            "holders": self.holders,
            "order": self.order,
            "returning": {node: self.returning(node) for node in self.live},
            "giving": {node: self.giving(node) for node in self.live},
            "where": self.where(),
        }

    def _instances(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for node, live in self.live.items():
            for instance in ((live or {}).get("configured") or {}).get("instances") or []:
                yield node, instance


def bare(address: str) -> str:
    """An address without its prefix."""
    return str(address).split("/", maxsplit=1)[0]
