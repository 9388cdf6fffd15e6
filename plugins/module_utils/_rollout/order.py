# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what order the nodes of one cluster are changed, and what forbids changing them at all.

Everything is derived from the plan and from what the nodes say of themselves (`vrrp_info`), so every host of a play
computes the same answer and none has to be in charge.

`site` brings up what is missing and goes around what is broken. `propagate` starts from a cluster that is whole, unless a
person allows otherwise by name, and also makes the changes that need more than one node after the other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from .._commit.lease import read_lease
from .._core.findings import ERROR, WARNING, Finding
from .._core.spec import show
from .._keepalived.change import CLASSES, NONE, ROLLING, SWITCH, TWO_STEP, classify

Plan = Mapping[str, Any]
Live = Mapping[str, Any]

SITE, PROPAGATE = "site", "propagate"
NEW, RUNNING = "new", "running"
# What a person may allow propagate by name: a cluster that is not whole.
ALLOWED = ("dead", "fault", "holders")
# When the VIPs are moved away before a holder changes.
DRAINS = ("auto", "always", "never")
# Changes that propagate makes from one holder, and site does not.
FROM_ONE_HOLDER = (TWO_STEP, SWITCH)


@dataclass
class Rollout:
    """`mode` is `new` (no node runs VRRP yet: all at once) or `running`; `turns` maps a node to its place, `back` to that on the
    way back.

    `change` is the gravest class of change on any node. `healthy` are the nodes that can take over while others change: not those
    that this run takes out of the cluster, which go first. `returning` maps a node to the anchors that come back to it after a
    drain. `gather` are the holders that give up their VIPs before the first node changes, so that one node holds them all.
    """

    mode: str
    change: str = NONE
    turns: dict[str, int] = field(default_factory=dict)
    gather: list[str] = field(default_factory=list)
    holders: dict[str, list[str]] = field(default_factory=dict)
    joining: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    healthy: list[str] = field(default_factory=list)
    returning: dict[str, list[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def unsettled(self) -> bool:
        """Whether some VIP has two holders or none: each node looks at a moment of its own, so it may just be changing hands."""
        return self.mode == RUNNING and any(len(names) != 1 for names in self.holders.values())

    @property
    def together(self) -> bool:
        """Whether the nodes make the change together."""
        return self.change in FROM_ONE_HOLDER

    @property
    def back(self) -> dict[str, int]:
        """The newest change goes back first; one that the nodes make together as it came: those that hold nothing first."""
        return {name: turn if self.together else len(self.turns) + 1 - turn for name, turn in self.turns.items()}

    def as_dict(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "unsettled": self.unsettled,
            "change": self.change,
            "together": self.together,
            "turns": self.turns,
            "back": self.back,
            "gather": self.gather,
            "holders": self.holders,
            "joining": self.joining,
            "dead": self.dead,
            "healthy": self.healthy,
            "returning": self.returning,
            "errors": [finding.as_dict() for finding in self.findings if finding.severity != WARNING],
            "warnings": [finding.as_dict() for finding in self.findings if finding.severity == WARNING],
        }


def roll_out(
    plan: Plan,
    live: Mapping[str, Live | None],
    play_hosts: Collection[str],
    playbook: str = SITE,
    allow: Collection[str] = (),
) -> Rollout:
    """Order the cluster's nodes: those that leave, standbys (least preferred first), holders, those that join.

    `live` maps each node to its `vrrp_info` result, or to None when it could not be reached. `play_hosts` are the hosts
    that this run may change (`--limit`). The order is over all nodes of the cluster, so a limit does not change it.
    `allow` are names of ALLOWED.
    """
    nodes: Mapping[str, Any] = plan["nodes"]
    states = {name: live.get(name) for name in nodes}
    running = [name for name, state in states.items() if _runs(state)]
    result = Rollout(
        mode=RUNNING if running else NEW,
        dead=[name for name, state in states.items() if state is None],
        holders=_holders(states),
        joining=[name for name in nodes if states[name] is not None and name not in running and running],
        healthy=[
            name
            for name in running
            if not _in_fault(states[name])
            and not (states[name] or {}).get("drain")
            and not (nodes[name].get("leaving") and name in play_hosts)
        ],
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

    result.turns = {name: turn for turn, name in enumerate(sorted(nodes, key=place), start=1)}
    # A node that runs alone has nobody to disagree with, so it may change in any way.
    alone = len(running) == 1 and not result.dead
    changes = {} if alone else {name: _change(nodes[name], states[name]) for name in nodes if name in play_hosts}
    result.change = max((change["class"] for change in changes.values()), key=CLASSES.index, default=NONE)
    if result.change in FROM_ONE_HOLDER:
        result.gather = sorted(holding, key=result.turns.__getitem__)[:-1]

    result.returning = {name: _returning(nodes[name], states[name]) for name in nodes}

    strict = playbook == PROPAGATE
    result.findings += _leased(states)
    stays = any(name in play_hosts and not nodes[name].get("leaving") for name in nodes)
    for name in result.dead:
        refused = strict and "dead" not in allow
        if nodes[name].get("leaving"):
            result.findings.append(_dead_leaving(name, playbook, refused, stays and _listed(nodes[name], states)))
        else:
            result.findings.append(_dead(name, playbook, refused))
    for name, change in changes.items():
        if change["class"] in FROM_ONE_HOLDER:
            result.findings += _from_one_holder(name, change, result, play_hosts, playbook)
    for name in nodes:
        if name in play_hosts and states[name] is not None:
            result.findings += _unlisted(name, nodes, states, play_hosts)
    if stays:
        result.findings += _still_runs(running, nodes, play_hosts, playbook)
        result.findings += _readdressed(running, nodes, states, playbook)
    if strict:
        result.findings += _unknown(allow)
        result.findings += _not_whole(result, nodes, states, allow)
    return result


def _runs(state: Live | None) -> bool:
    return bool(state) and bool((state or {}).get("running"))


def _in_fault(state: Live | None) -> bool:
    return any(instance.get("state") == "FAULT" for instance in (state or {}).get("instances") or [])


def _instances(state: Live | None) -> list[Mapping[str, Any]]:
    """The instances that the node is configured with now."""
    return list(((state or {}).get("configured") or {}).get("instances") or [])


def _bare(address: Any) -> str:
    return str(address).split("/", maxsplit=1)[0]


def _holders(states: Mapping[str, Live | None]) -> dict[str, list[str]]:
    """Who has the anchor of each instance, as the nodes are configured now."""
    found: dict[str, list[str]] = {}
    for name, state in states.items():
        held = {_bare(address) for address in (state or {}).get("held") or []}
        for instance in _instances(state):
            holders = found.setdefault(instance["name"], [])
            if _runs(state) and _bare(instance.get("anchor")) in held:
                holders.append(name)
    return found


def _returning(planned: Mapping[str, Any], state: Live | None) -> list[str]:
    """The anchors that a node has, and that come back by themselves after a drain because they prefer it."""
    held = {_bare(address) for address in (state or {}).get("held") or []}
    anchors = [
        _bare(instance["virtual_ipaddress"][0]["address"])
        for instance in planned.get("instances") or []
        if instance.get("role") == "MASTER" and not instance.get("nopreempt")
    ]
    return [anchor for anchor in anchors if anchor in held]


def _change(planned: Mapping[str, Any], state: Live | None) -> dict[str, Any]:
    if planned.get("leaving") or not _runs(state):
        return {"class": NONE, "reasons": []}
    return classify(planned, (state or {}).get("configured") or {})


def _leased(states: Mapping[str, Live | None]) -> Iterator[Finding]:
    """Another run is at work, or somebody wants none to be."""
    for name, state in states.items():
        stored = (state or {}).get("lease")
        if stored:
            lease = read_lease(stored)
            yield Finding(
                rule="lease",
                where=name,
                what="Another run holds this node.",
                got=str(lease),
                accepted="a node that nobody holds",
                remedy=lease.remedy,
            )


def _dead(name: str, playbook: str, refused: bool) -> Finding:
    if refused:
        return Finding(
            rule="propagate-dead",
            where=name,
            what="The node can't be reached, so it could not be changed together with the others.",
            got="no connection",
            accepted="a cluster whose nodes all answer",
            remedy="Bring it back first, or change the others without it: -e evenkeel_allow=dead.",
        )
    return Finding(
        rule=f"{playbook}-dead",
        where=name,
        what="The node can't be reached, so nothing is changed there; it stays a peer in the plan of the others.",
        got="no connection",
        remedy=f"When it is back, run {playbook} again; if it never will be, take it out of evenkeel_nodes.",
        severity=WARNING,
    )


def _dead_leaving(name: str, playbook: str, refused: bool, listed: bool) -> Finding:
    """`listed`: a running node still speaks to it, and would not after this run. Else it may have left long ago."""
    # Who allows a dead node in propagate knows that it is off.
    refused = refused or (listed and playbook == SITE)
    return Finding(
        rule=f"{playbook}-dead",
        where=name,
        what="This node leaves and can't be reached, so it may still run"
        + (": the others would stop speaking to it, and both sides would hold the VIPs." if listed else "."),
        got="no connection",
        accepted="a node that has been stopped" if refused else "",
        remedy="Make sure that it is off, then take it out of evenkeel_nodes.",
        severity=ERROR if refused else WARNING,
    )


def _listed(node: Mapping[str, Any], states: Mapping[str, Live | None]) -> bool:
    """Whether a running node names this one as a peer."""
    sources = {instance.get("unicast_src_ip") for instance in node.get("instances") or []} - {None}
    return any(
        not sources.isdisjoint(instance.get("unicast_peers") or [])
        for state in states.values()
        if _runs(state)
        for instance in _instances(state)
    )


def _unknown(allow: Collection[str]) -> Iterator[Finding]:
    for word in sorted(set(allow) - set(ALLOWED)):
        yield Finding(
            rule="propagate-allow",
            where="evenkeel_allow",
            what="There is nothing of this name to allow.",
            got=repr(word),
            accepted=", ".join(ALLOWED),
            remedy="Correct the name.",
        )


def _not_whole(
    result: Rollout, nodes: Mapping[str, Any], states: Mapping[str, Live | None], allow: Collection[str]
) -> Iterator[Finding]:
    """What a change would hide, or be blamed for."""
    if result.mode == NEW:
        yield Finding(
            rule="propagate-new",
            where=", ".join(nodes),
            what="The cluster does not run yet, so there is nothing to propagate to.",
            got="no node with a running keepalived",
            accepted="a running cluster",
            remedy="Set it up with the playbook evenkeel.lb.site.",
        )
        return
    for name, state in states.items():
        for instance in (state or {}).get("instances") or []:
            # On purpose: a node that is drained or leaves, and one that waits for its peers, which may be what this run mends.
            meant = (state or {}).get("joining") or (state or {}).get("drain") or nodes[name].get("leaving")
            if instance.get("state") != "FAULT" or meant:
                continue
            yield Finding(
                rule="propagate-fault",
                where=name,
                what=f"The instance {instance['name']} is in FAULT before anything was changed.",
                got="; ".join(instance.get("reasons") or []) or "no reason given",
                accepted="instances in MASTER or BACKUP",
                remedy="Mend it first, or go on all the same: -e evenkeel_allow=fault.",
                severity=WARNING if "fault" in allow else ERROR,
            )
    for instance, names in result.holders.items():
        if len(names) != 1:
            yield Finding(
                rule="propagate-holders",
                where=instance,
                what="Not exactly one node holds the VIPs of this instance.",
                got=", ".join(names) or "no holder",
                accepted="one holder",
                remedy="Mend it first (evenkeel.lb.status), or go on all the same: -e evenkeel_allow=holders.",
                severity=WARNING if "holders" in allow else ERROR,
            )


def _from_one_holder(
    name: str, change: Mapping[str, Any], result: Rollout, play_hosts: Collection[str], playbook: str
) -> Iterator[Finding]:
    """Changes that make two holders when they are rolled node by node, or on some nodes only."""
    what = f"This change can't be rolled node by node: {'; '.join(change['reasons'])}."
    got = f"a change of class {change['class']} on a running cluster"
    if playbook == SITE:
        yield Finding(
            rule="site-switch",
            where=name,
            what=what,
            got=got,
            accepted=f"changes of class {ROLLING}",
            remedy="Undo it in the inventory, or make it with the playbook evenkeel.lb.propagate, "
            "which changes the holder while the standbys wait.",
        )
        return
    left_out = [node for node in result.turns if node not in play_hosts and node not in result.dead]
    if left_out:
        yield Finding(
            rule="propagate-switch-limit",
            where=name,
            what=what,
            got=f"{got}, with a limit that leaves out {', '.join(left_out)}",
            accepted="all nodes of the cluster in one run",
            remedy="Run without --limit, or with one that names the whole cluster.",
        )


def _still_runs(
    running: Collection[str], nodes: Mapping[str, Any], play_hosts: Collection[str], playbook: str
) -> Iterator[Finding]:
    """Nobody lists a node that leaves as a peer, so it has to be stopped before the others are told."""
    for name in running:
        node = nodes[name]
        unicast = any(instance.get("unicast") for instance in node.get("instances") or [])
        if node.get("leaving") and name not in play_hosts and unicast:
            yield Finding(
                rule=f"{playbook}-leaving-limit",
                where=name,
                what="This node leaves but still runs, and the others would stop speaking to it.",
                got="outside the limit",
                accepted="a node that is stopped before the others change",
                remedy=f"Run with --limit {name} first, or without a limit.",
            )


def _readdressed(
    running: Collection[str], nodes: Mapping[str, Any], states: Mapping[str, Live | None], playbook: str
) -> Iterator[Finding]:
    """Another source address: the peers drop its adverts until they have changed too, and it drops theirs after that.

    The limit does not matter: peers that change without this node expect the new address of it.
    """
    staying = [name for name in nodes if not nodes[name].get("leaving")]
    for name in staying:
        # One that can't be reached may run all the same.
        others = [peer for peer in staying if peer != name and (peer in running or states[peer] is None)]
        if name not in running or not others:
            continue
        now = {instance["name"]: instance.get("unicast_src_ip") for instance in _instances(states[name])}
        for instance in nodes[name].get("instances") or []:
            before, after = now.get(instance["name"]), instance.get("unicast_src_ip")
            if before and after and _another(before, after):
                yield Finding(
                    rule=f"{playbook}-address",
                    where=name,
                    what=f"The adverts of {instance['name']} would come from another address, and those who don't know "
                    "it yet drop them: two nodes would be MASTER.",
                    got=f"{before} now, {after} in the inventory",
                    accepted=f"keepalived_address: {before} while the node runs beside others",
                    remedy="Take the node out with keepalived_state: absent, run, change its address, and bring it back.",
                )


def _another(before: Any, after: Any) -> bool:
    """Whether two addresses of one family differ; another family comes with another anchor, which is a switch."""
    try:
        one, other = ip_address(str(before)), ip_address(str(after))
    except ValueError:
        return bool(before != after)
    return one.version == other.version and one != other


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
            for instance in _instances(state)
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


def wrong_settings(node: str, guard: Any, drain: Any) -> Iterator[Finding]:
    """How the run itself is to be made; a slip would mean no trial at all, or no drain."""
    if guard is not None and not re.match(r"[0-9]+\Z", str(guard)):
        yield Finding(
            rule="setting",
            where=f"{node}: evenkeel_guard",
            what="This is no number of seconds.",
            got=show(guard),
            accepted="whole seconds, such as 60; 0 is no trial",
            remedy="Correct it.",
        )
    if drain is not None and drain not in DRAINS:
        yield Finding(
            rule="setting",
            where=f"{node}: evenkeel_drain",
            what="There is no such way to drain.",
            got=show(drain),
            accepted=", ".join(DRAINS),
            remedy="Correct it.",
        )
