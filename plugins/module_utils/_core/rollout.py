# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what order the nodes of one cluster are changed, and what forbids changing them at all.

Everything is derived from the plan and from what the nodes say of themselves (`vrrp_info`), so every host of a play
computes the same answer and none has to be in charge.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._core.classify import classify
from ansible_collections.evenkeel.lb.plugins.module_utils._core.errors import WARNING, Finding

Plan = Mapping[str, Any]
Live = Mapping[str, Any]

NOT_IN_SITE = ("switch", "two-step")


@dataclass
class Rollout:
    """`mode` is `new` (no node runs VRRP yet: all at once) or `running`; `waves` maps a node to its place."""

    mode: str
    waves: dict[str, int] = field(default_factory=dict)
    holders: dict[str, list[str]] = field(default_factory=dict)
    joining: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    healthy: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "waves": self.waves,
            "holders": self.holders,
            "joining": self.joining,
            "dead": self.dead,
            "healthy": self.healthy,
            "errors": [finding.as_dict() for finding in self.findings if finding.severity != WARNING],
            "warnings": [finding.as_dict() for finding in self.findings if finding.severity == WARNING],
        }


def roll_out(plan: Plan, live: Mapping[str, Live | None], play_hosts: Collection[str]) -> Rollout:
    """Order the cluster's nodes: those that leave, standbys (least preferred first), holders, those that join.

    `live` maps each node to its `vrrp_info` result, or to None when it could not be reached. `play_hosts` are the hosts
    that this run may change (`--limit`). The order is over all nodes of the cluster, so a limit does not change it.
    """
    nodes: Mapping[str, Any] = plan["nodes"]
    states = {name: live.get(name) for name in nodes}
    running = [name for name, state in states.items() if _runs(state)]
    result = Rollout(
        mode="running" if running else "new",
        dead=[name for name, state in states.items() if state is None],
        holders=_holders(plan, states),
        joining=[name for name in nodes if states[name] is not None and name not in running and running],
        healthy=[name for name in running if not _in_fault(states[name]) and not (states[name] or {}).get("drain")],
    )
    holding = {name for names in result.holders.values() for name in names}
    preference = {name: place for place, name in enumerate(nodes)}

    def place(name: str) -> tuple[int, int]:
        if nodes[name].get("leaving"):
            return (0, -preference[name])
        if name in holding:
            return (2, -preference[name])
        if name in result.joining:
            return (3, preference[name])
        return (1, -preference[name])

    result.waves = {name: wave for wave, name in enumerate(sorted(nodes, key=place), start=1)}
    for name in result.dead:
        result.findings.append(_dead(name))
    # A node that runs alone has nobody to disagree with, so it may change in any way.
    alone = len(running) == 1 and not result.dead
    for name in nodes:
        if name in play_hosts and states[name] is not None:
            if not alone:
                result.findings += _forbidden(name, nodes[name], states[name] or {})
            result.findings += _unlisted(name, nodes, states, play_hosts)
    return result


def _runs(state: Live | None) -> bool:
    return bool(state) and bool((state or {}).get("running"))


def _in_fault(state: Live | None) -> bool:
    return any(instance.get("state") == "FAULT" for instance in (state or {}).get("instances") or [])


def _held(state: Live | None) -> set[str]:
    return {str(address).split("/", maxsplit=1)[0] for address in (state or {}).get("held") or []}


def _anchors(plan: Plan) -> dict[str, str]:
    """The anchor address of each instance, without its prefix."""
    anchors: dict[str, str] = {}
    for node in plan["nodes"].values():
        for instance in node.get("instances") or []:
            for entry in instance["virtual_ipaddress"][:1]:
                anchors.setdefault(instance["name"], str(entry["address"]).split("/", maxsplit=1)[0])
    return anchors


def _holders(plan: Plan, states: Mapping[str, Live | None]) -> dict[str, list[str]]:
    held = {name: _held(state) for name, state in states.items()}
    return {
        instance: [name for name, addresses in held.items() if anchor in addresses]
        for instance, anchor in _anchors(plan).items()
    }


def _dead(name: str) -> Finding:
    return Finding(
        rule="site-dead",
        where=name,
        what="The node can't be reached, so nothing is changed there; it stays a peer in the plan of the others.",
        got="no connection",
        remedy="When it is back, run site.yml again; if it never will be, take it out of evenkeel_nodes.",
        severity=WARNING,
    )


def _forbidden(name: str, planned: Mapping[str, Any], state: Live) -> list[Finding]:
    """Changes that make two holders when they are rolled node by node."""
    if planned.get("leaving") or not _runs(state):
        return []
    change = classify(planned, state.get("configured") or {})
    if change["class"] not in NOT_IN_SITE:
        return []
    return [
        Finding(
            rule="site-switch",
            where=name,
            what=f"This change can't be rolled node by node: {'; '.join(change['reasons'])}.",
            got=f"a change of class {change['class']} on a running cluster",
            accepted="changes of class rolling",
            remedy="Undo it in the inventory, or make it with the playbook evenkeel.lb.propagate, "
            "which stops the standbys for it.",
        )
    ]


def _unlisted(
    name: str, nodes: Mapping[str, Any], states: Mapping[str, Live | None], play_hosts: Collection[str]
) -> list[Finding]:
    """A node must not start beside running peers that do not know it: each would be alone, and both MASTER."""
    if nodes[name].get("leaving"):
        return []
    findings = []
    for peer, state in states.items():
        if peer == name or peer in play_hosts or not _runs(state):
            continue
        listed = {
            instance["name"]: set(instance.get("unicast_peers") or [])
            for instance in ((state or {}).get("configured") or {}).get("instances") or []
            if instance.get("unicast")
        }
        missing = [
            instance["name"]
            for instance in nodes[name].get("instances") or []
            if instance.get("unicast")
            and instance["name"] in listed
            and instance.get("unicast_src_ip") not in listed[instance["name"]]
        ]
        if missing:
            findings.append(
                Finding(
                    rule="site-unlisted",
                    where=name,
                    what=f"The running node {peer} does not list this node as a peer of {', '.join(missing)}, "
                    f"and the limit keeps {peer} out of this run: both would become MASTER.",
                    got=f"unicast peers on {peer}: {', '.join(sorted(set().union(*listed.values()))) or 'none'}",
                    accepted=f"a run that includes {peer}, or one after {peer} was committed",
                    remedy=f"Run without --limit, or with --limit {peer} first.",
                )
            )
    return findings
