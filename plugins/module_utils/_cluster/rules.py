# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the values of a cluster have to do with each other: one function per rule, each yields its findings.

The identifiers are those of docs/rules.md. Rules about one value alone (A1, A5, A10, A11, A13, A16, A22, B6, C15) and
about nodes that disagree (A11, A12, A17, C4) are applied by variables.py and inventory.py while they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Callable

from .._core.findings import ERROR, WARNING, Finding
from .._core.spec import nearest, show
from .model import Cluster, Instance, IPAddress, Node, SyncGroup
from .ranking import Order
from .tracking import STRONGEST, Weights, clamp, skew_seconds


@dataclass(frozen=True)
class Context:
    """What a rule may look at."""

    cluster: Cluster
    orders: Mapping[str, Order]
    weights: Weights

    def finding(
        self, rule: str, path: str, what: str, got: str, remedy: str, accepted: str = "", severity: str = ERROR
    ) -> Finding:
        return Finding(rule, f"{self.cluster.name}: {path}", what, got, remedy, accepted, severity)

    def warning(self, rule: str, path: str, what: str, got: str, remedy: str) -> Finding:
        return self.finding(rule, path, what, got, remedy, severity=WARNING)

    @property
    def preempting(self) -> list[Instance]:
        """Instances in which a node with a higher priority takes the address."""
        return [instance for instance in self.cluster.instances if not instance.nopreempt]

    @property
    def lasting(self) -> list[Instance]:
        """The others: who holds the address keeps it."""
        return [instance for instance in self.cluster.instances if instance.nopreempt]

    def numbers(self, instance: Instance) -> list[tuple[str, int]]:
        """Staying nodes with their priorities, the most preferred first."""
        order = self.orders[instance.name]
        return [(node.name, order.numbers[node.name]) for node in order.nodes if node.name in order.numbers]


Findings = Iterator[Finding]


# --- A: identity and numbers ---------------------------------------------------------------------------------------


def a2_router_ids(context: Context) -> Findings:
    """Unicast instances of one cluster share all peers; multicast ones share a segment when they share an interface."""
    for one, other in combinations(context.cluster.instances, 2):
        if one.virtual_router_id is None or one.virtual_router_id != other.virtual_router_id:
            continue
        if one.anchor is None or other.anchor is None or one.anchor.family != other.anchor.family:
            continue
        apart = not (one.unicast and other.unicast) and not any(
            node.interface_of(one) == node.interface_of(other) for node in context.cluster.nodes
        )
        if not apart:
            yield context.finding(
                "A2",
                f"{other.path}.virtual_router_id",
                f"{one.name} has this number too, and the same nodes hear both.",
                show(other.virtual_router_id),
                "Give each instance its own number.",
            )


def a6_priority_missing(context: Context) -> Findings:
    if any(finding.rule == "A5" for finding in context.cluster.findings):
        return
    for instance in context.cluster.instances:
        order = context.orders[instance.name]
        for node in order.nodes:
            if node.name not in order.numbers:
                yield Finding(
                    "A6",
                    f"{node.name}: keepalived_priority",
                    f"Other nodes have a priority of their own in {instance.name}.",
                    "nothing",
                    "Give every node a number for this instance, or none: then the plan computes all of them.",
                )


def a7_priorities_tie(context: Context) -> Findings:
    for instance in context.cluster.instances:
        for (one, number), (other, same) in _adjacent(context.numbers(instance)):
            if number == same:
                yield Finding(
                    "A7",
                    f"{other}: keepalived_priority",
                    f"Two nodes of {instance.name} have the same priority, so both could be MASTER.",
                    f"{same}, as on {one}",
                    "Give each node its own number.",
                )


def a8_preferred_node(context: Context) -> Findings:
    names = [node.name for node in context.cluster.nodes]
    for instance in context.cluster.instances:
        if instance.prefer is None:
            continue
        if instance.prefer not in names:
            yield context.finding(
                "A8",
                f"{instance.path}.prefer",
                "This is not a node of the cluster.",
                show(instance.prefer),
                nearest(instance.prefer, names),
                ", ".join(names),
            )
            continue
        order = context.orders[instance.name]
        first = order.nodes[0].name if order.nodes else None
        if order.explicit and instance.prefer != first and first is not None:
            yield context.finding(
                "A8",
                f"{instance.path}.prefer",
                "The priorities written in the inventory prefer another node.",
                f"{show(instance.prefer)}, but {first} has {order.numbers.get(first)}",
                "Remove `prefer`, or give that node the highest keepalived_priority.",
            )


def a9_initial_master(context: Context) -> Findings:
    for instance in context.preempting:
        if instance.initial_state == "MASTER":
            yield context.warning(
                "A9",
                f"{instance.path}.initial_state",
                "The preferred node takes the address as soon as keepalived starts, without listening first.",
                "'MASTER'",
                "Leave it out: a node that starts as BACKUP takes over without two holders.",
            )


def a14_authentication(context: Context) -> Findings:
    for instance in context.cluster.instances:
        own = "auth_pass" in instance.own_keys
        path = f"{instance.path}.auth_pass" if own else "keepalived_auth_pass"
        if instance.auth_pass is not None and instance.version == 3:
            yield context.finding(
                "A14",
                path,
                "VRRPv3 has no passwords.",
                f"{len(instance.auth_pass)} characters",
                "Remove the password, or set keepalived_vrrp_version: 2 with whole-second adverts.",
            )
        if instance.version == 2:
            slow = skew_seconds(100, 1, 2)
            yield context.warning(
                "A14",
                f"{instance.path}.version" if "version" in instance.own_keys else "keepalived_vrrp_version",
                "VRRPv2 adverts in whole seconds and waits up to a second more at every takeover"
                f" ({slow:.1f} s at priority 100); during a change of the interval both nodes hold the address"
                + ("; the password crosses the network readable." if instance.auth_pass else "."),
                "2",
                "Use version 3 unless an old router takes part.",
            )


def a21_names_unique(context: Context) -> Findings:
    for kind, items in (("instances", context.cluster.instances), ("sync groups", context.cluster.sync_groups)):
        seen = set()
        for item in items:
            if item.name in seen:
                yield context.finding(
                    "A21", f"{item.path}.name", f"Two {kind} have this name.", show(item.name), "Rename one of them."
                )
            seen.add(item.name)
    reserved = {f"{name}_{check}" for name in context.cluster.services for check in ("alive", "ready")}
    for name, script in context.cluster.scripts.items():
        if name in reserved:
            yield context.finding(
                "A21",
                f"{script['path']}.name",
                "This is the name of a check that `track` makes.",
                show(name),
                "Rename the script.",
            )


def a23_single_node(context: Context) -> Findings:
    staying = context.cluster.staying
    if len(staying) == 1:
        yield context.warning(
            "A23",
            "evenkeel_nodes",
            "A cluster of one node has nobody to take over; its adverts go nowhere (C1).",
            show(staying[0].name),
            "Add a second node.",
        )
    if staying and not context.cluster.instances and not context.cluster.findings:
        yield context.warning(
            "A22", "keepalived_instances", "There is no virtual address to plan.", "nothing", "Add an instance."
        )


# --- B: the arithmetic of fail-over --------------------------------------------------------------------------------


def b1_weights_in_range(context: Context) -> Findings:
    weights = context.weights
    preempting = context.preempting
    if not preempting:
        return
    for instance in preempting:
        numbers = context.numbers(instance)
        if len(numbers) > 1 and numbers[-1][1] < 2:
            yield Finding(
                "B1",
                f"{numbers[-1][0]}: keepalived_priority",
                "keepalived lowers no priority below 1, so no drained node would be less than this one.",
                show(numbers[-1][1]),
                f"Raise the priorities of {instance.name}.",
                "2 to 254",
            )
    if weights.drain_is_fault or weights.drain <= STRONGEST:
        return
    heaviest = max(preempting, key=lambda instance: _load(context, instance))
    count, own = len(ready_checks(context.cluster, heaviest)), _own_weights(heaviest)
    widest = max(preempting, key=lambda instance: context.orders[instance.name].gap)
    room = (STRONGEST - own) // (count + 1) - 1
    if context.orders[widest.name].explicit:
        path = f"{widest.path} ({widest.name}): keepalived_priority"
        remedy = (
            f"Bring the priorities within {room} of each other." if room > 0 else "Lower the weights of its checks."
        )
    else:
        path = f"{heaviest.path} ({heaviest.name}).track"
        remedy = "Track fewer services in one instance, or give its own checks smaller weights."
    yield context.finding(
        "B1",
        path,
        "No weight that keepalived takes can beat this gap, so the address would stay on a node that lost its backends"
        " or is drained.",
        f"a gap of {weights.gap} with {count} tracked services and own weights of {own} needs -{weights.drain}",
        remedy,
        f"-{STRONGEST} to {STRONGEST}",
    )


def b1_user_weights(context: Context) -> Findings:
    """A failing check of the user's must put its node behind the next one (B1; B2 for a weight that rewards)."""
    for instance in context.preempting:
        bonus = _bonus(instance)
        for item in instance.user_weights:
            weight = item.weight or 0
            for (one, number), (other, below) in _adjacent(context.numbers(instance)):
                failing = clamp(number + bonus - abs(weight))
                healthy = clamp(below + bonus)
                if number > below and failing >= healthy:
                    yield context.finding(
                        "B2" if weight > 0 else "B1",
                        f"{item.path} ({item.name})",
                        f"When this check fails on {one} it keeps {failing} against {healthy} of {other}: the address"
                        " would not move.",
                        f"a weight of {weight}",
                        f"Use a weight below -{number - below}, or none: then a failure is a FAULT.",
                    )
                    break


def b3_weights_without_preemption(context: Context) -> Findings:
    for instance in context.lasting:
        for item in instance.user_weights:
            yield context.finding(
                "B3",
                f"{item.path} ({item.name})",
                "With nopreempt a lower priority never moves the address.",
                f"a weight of {item.weight}",
                "Remove the weight: then a failure is a FAULT, which does move it. Or remove nopreempt.",
            )


def b4_nopreempt(context: Context) -> Findings:
    for instance in context.lasting:
        if instance.initial_state == "MASTER":
            yield context.finding(
                "B4",
                f"{instance.path}.initial_state",
                "keepalived ignores nopreempt on a node that starts as MASTER.",
                "'MASTER'",
                "Leave initial_state out.",
                "BACKUP",
            )
        others = [other.name for other in context.preempting]
        yield context.warning(
            "B4",
            f"{instance.path}.nopreempt",
            "Without preemption a drain is a FAULT: the address is gone for the skew time at every planned move, and"
            " a node that lost its backends keeps it" + (f"; so it is for {', '.join(others)}." if others else "."),
            "true",
            "Leave nopreempt out; preempt_delay already keeps the address from flapping.",
        )


def b5_preempt_delay(context: Context) -> Findings:
    for instance in context.cluster.instances:
        if not instance.preempt_delay or "preempt_delay" not in instance.own_keys:
            continue
        for reason, applies in (
            ("nopreempt", instance.nopreempt),
            ("initial_state: MASTER", instance.initial_state == "MASTER"),
        ):
            if applies:
                yield context.finding(
                    "B5",
                    f"{instance.path}.preempt_delay",
                    f"keepalived ignores it together with {reason}.",
                    show(instance.preempt_delay),
                    f"Remove preempt_delay or {reason}.",
                )


def b7_bonus_clamped(context: Context) -> Findings:
    for instance in context.cluster.instances:
        bonus = _bonus(instance)
        numbers = context.numbers(instance)
        if not bonus or not numbers or numbers[0][1] + bonus <= 254:
            continue
        effective = [clamp(number + bonus) for _name, number in numbers]
        tie = len(set(effective)) < len(effective)
        yield context.finding(
            "B7",
            f"{instance.path} ({instance.name})",
            "keepalived raises no priority above 254, so the weights that reward leave "
            + ("several healthy nodes equal." if tie else "less distance between the nodes than was written."),
            f"{numbers[0][1]} + {bonus}",
            "Use negative weights, or lower the priorities.",
            severity=ERROR if tie else WARNING,
        )


def b8_order_when_all_fail(context: Context) -> Findings:
    """Below 1 everything is 1: what is lost then, and where."""
    weights = context.weights
    if weights.drain > STRONGEST and not weights.drain_is_fault:
        return  # B1 has refused them
    for instance in context.cluster.instances:
        numbers = [number for _name, number in context.numbers(instance)]
        if instance.nopreempt or len(numbers) < 2 or numbers[-1] < 2 or len(set(numbers)) < len(numbers):
            continue
        bonus = _bonus(instance)
        lost = [clamp(number + bonus - _load(context, instance)) for number in numbers]
        drained = [0] if weights.drain_is_fault else [clamp(number + bonus - weights.drain) for number in numbers]
        problem = None
        if len(set(lost)) < len(lost):
            problem = "When all nodes have lost what they track, several have priority 1"
        elif not weights.drain_is_fault and len(set(drained)) < len(drained):
            problem = "When all nodes are drained, several have priority 1"
        elif min(lost) <= max(drained):
            problem = "A node that lost everything it tracks and a drained one both have priority 1"
        if problem:
            yield context.warning(
                "B8",
                f"{instance.path} ({instance.name})",
                f"{problem}: then the higher address decides, not the order.",
                f"{', '.join(str(number) for number in numbers)} with -{_load(context, instance)} for what is lost"
                f" and {weights.drain_value} for a drain",
                "Raise the priorities, or bring them closer together (250, 240, 230 leave room for everything).",
            )


def b13_check_times(context: Context) -> Findings:
    def check(path: str, values: Mapping[str, object]) -> Findings:
        interval, timeout = values.get("interval"), values.get("timeout")
        if isinstance(interval, int) and isinstance(timeout, int) and timeout > interval:
            yield context.finding(
                "B13",
                f"{path}.timeout",
                "A check must end before the next one begins.",
                f"{timeout} with an interval of {interval}",
                "Lower the timeout or raise the interval.",
                f"1 to {interval}",
            )

    for script in context.cluster.scripts.values():
        yield from check(str(script["path"]), script)
    for name, service in context.cluster.services.items():
        for kind in ("alive", "ready"):
            if service[kind]:
                yield from check(f"keepalived_track_services.{name}.{kind}", service[kind])


def b17_everything_defined(context: Context) -> Findings:
    used = set()
    for instance in context.cluster.instances:
        for position, name in enumerate(instance.track):
            if name not in context.cluster.services:
                yield context.finding(
                    "B17",
                    f"{instance.path}.track[{position}]",
                    "This service is not known.",
                    show(name),
                    f"{nearest(name, context.cluster.services)} Others are defined in keepalived_track_services.",
                    ", ".join(context.cluster.services),
                )
        for script in instance.track_scripts:
            used.add(script.name)
            if script.name not in context.cluster.scripts:
                yield context.finding(
                    "B17",
                    script.path,
                    "This script is not defined.",
                    show(script.name),
                    nearest(script.name, context.cluster.scripts)
                    if context.cluster.scripts
                    else "Define it in keepalived_scripts.",
                    ", ".join(context.cluster.scripts),
                )
        yield from _twice(context, "B17", instance)
    for name, defined in context.cluster.scripts.items():
        if name not in used:
            yield context.warning(
                "B17",
                str(defined["path"]),
                "No instance uses this script, so it is left out.",
                show(name),
                "Name it in track_scripts of an instance, or remove it.",
            )


def b12_own_interface(context: Context) -> Findings:
    for instance in context.cluster.instances:
        for item in instance.track_interfaces:
            node = next((node for node in context.cluster.nodes if node.interface_of(instance) == item.name), None)
            if node is not None:
                yield context.finding(
                    "B12",
                    item.path,
                    f"This is the instance's own interface on {node.name}, which keepalived watches anyway.",
                    show(item.name),
                    "Remove it.",
                )


def b18_next_in_line(context: Context) -> Findings:
    """With three nodes and more, a lost node's addresses should not all land on one survivor."""
    if len(context.cluster.staying) < 3:
        return
    grouped = {name for group in context.cluster.sync_groups for name in group.instances[1:]}
    preferred: dict[str, list[Instance]] = {}
    for instance in context.cluster.instances:
        if instance.name not in grouped:
            preferred.setdefault(context.orders[instance.name].nodes[0].name, []).append(instance)
    for first, instances in preferred.items():
        seconds = {context.orders[instance.name].nodes[1].name for instance in instances}
        if len(instances) > 1 and len(seconds) == 1:
            names = ", ".join(instance.name for instance in instances)
            yield context.warning(
                "B18",
                "keepalived_instances",
                f"When {first} is lost, all its addresses land on {seconds.pop()}.",
                names,
                "Give keepalived_priority per instance, or let the plan compute the priorities without `prefer`.",
            )


def b19_sync_groups(context: Context) -> Findings:
    by_name = {instance.name: instance for instance in context.cluster.instances}
    taken: dict[str, str] = {}
    for group in context.cluster.sync_groups:
        path = f"{group.path}.instances"
        for position, name in enumerate(group.instances):
            if name not in by_name:
                yield context.finding(
                    "B19",
                    f"{path}[{position}]",
                    "No instance has this name.",
                    show(name),
                    nearest(name, by_name),
                    ", ".join(by_name),
                )
            elif name in taken:
                yield context.finding(
                    "B19",
                    f"{path}[{position}]",
                    f"An instance can be in one sync group, and {taken[name]} has it already.",
                    show(name),
                    "Remove it from one of them.",
                )
            taken.setdefault(name, group.name)
        if len(group.instances) < 2:
            yield context.finding(
                "B19",
                path,
                "A sync group needs at least two instances.",
                show(list(group.instances)),
                "Add one, or remove the group.",
            )
        members = [by_name[name] for name in group.instances if name in by_name]
        yield from _one_order(context, group, members)


def _one_order(context: Context, group: SyncGroup, members: Sequence[Instance]) -> Findings:
    """B19: the members move together, so they must want to be on the same node. B9: and weigh the same."""
    for member in members[1:]:
        first = members[0]
        ours, theirs = ([node.name for node in context.orders[item.name].nodes] for item in (member, first))
        if member.prefer and first.prefer and member.prefer != first.prefer:
            ours, theirs = [member.prefer], [first.prefer]
        if ours != theirs:
            yield context.finding(
                "B19",
                f"{group.path}.instances",
                "The members of a sync group move together, so they need the same order of nodes.",
                f"{member.name}: {', '.join(ours)}; {first.name}: {', '.join(theirs)}",
                "Give them the same `prefer` or keepalived_priority.",
            )
        ours, theirs = (list(_weighted(context, item)) for item in (member, first))
        if member.nopreempt != first.nopreempt or ours != theirs:
            yield context.finding(
                "B9",
                f"{group.path}.instances",
                "The members of a sync group need the same weights: one that drops alone tears the group apart.",
                f"{member.name}: {_words(ours)}; {first.name}: {_words(theirs)}",
                "Give them the same track, track_scripts, track_interfaces and nopreempt.",
            )


# --- C: unicast, interfaces, addresses -----------------------------------------------------------------------------


def c2_addresses_differ(context: Context) -> Findings:
    seen: dict[IPAddress, Node] = {}
    for node in context.cluster.nodes:
        for address in node.addresses.values():
            other = seen.setdefault(address, node)
            if other is not node:
                yield Finding(
                    "C2",
                    f"{node.name}: keepalived_address",
                    f"{other.name} has this address too, so a node would be its own peer.",
                    str(address),
                    "Give each node its own address.",
                )


def c5_source_address(context: Context) -> Findings:
    for node in context.cluster.nodes:
        for instance in context.cluster.instances:
            if not instance.unicast or instance.anchor is None or instance.anchor.family in node.addresses:
                continue
            if any(finding.where == f"{node.name}: keepalived_address" for finding in context.cluster.findings):
                continue
            family = instance.anchor.family
            if node.addresses:
                what = f"The anchor of {instance.name} is an IPv{family} address, so its adverts need one of this node."
            else:
                what = "The plan resolves no names: adverts need a literal address."
            yield Finding(
                "C5",
                f"{node.name}: keepalived_address",
                what,
                node.address_given,
                f"Set keepalived_address to this node's IPv{family} address on the network of the virtual addresses"
                + (" (a list holds one per family)." if node.addresses else "."),
            )
            break


def c7_interface(context: Context) -> Findings:
    for instance in context.cluster.instances:
        without = [node for node in context.cluster.nodes if node.interface_of(instance) is None]
        if any(finding.rule == "C7" for finding in context.cluster.findings) or not without:
            continue
        everywhere = len(without) == len(context.cluster.nodes)
        path = f"{context.cluster.name}: {instance.path}.interface" if everywhere else "{}: keepalived_interface"
        for node in without[:1] if everywhere else without:
            yield Finding(
                "C7",
                path.format(node.name),
                "An interface is required here or per node: it is never guessed.",
                "nothing",
                f"Set `interface` of {instance.name}, or keepalived_interface on each node.",
            )


def c9_families(context: Context) -> Findings:
    for instance in context.cluster.instances:
        anchor = instance.anchor
        if anchor is None or anchor.family != 6:
            continue
        if instance.version == 2:
            yield context.finding(
                "C9",
                f"{instance.path}.version",
                "VRRPv2 knows IPv4 only, and the anchor is an IPv6 address.",
                "2",
                "Use version 3, or make an IPv4 address the anchor.",
            )
        if not instance.unicast and not anchor.ip.is_link_local:
            yield context.finding(
                "C9",
                anchor.path,
                "With multicast the first IPv6 address must be link-local (RFC 9568 5.2.9).",
                show(str(anchor.interface)),
                "Add one like fe80::28/64 and make it the anchor, or use unicast.",
            )


def c10_addresses_used_once(context: Context) -> Findings:
    owners = {address: node for node in context.cluster.nodes for address in node.real}
    seen: dict[IPAddress, tuple[str, str]] = {}
    for instance in context.cluster.instances:
        for vip in instance.vips:
            if vip.ip in seen:
                yield context.finding(
                    "C10",
                    vip.path,
                    f"This address is at {seen[vip.ip][1]} ({seen[vip.ip][0]}) already.",
                    show(str(vip.interface)),
                    "Keep it in one place.",
                )
            seen.setdefault(vip.ip, (instance.name, vip.path))
            if vip.ip in owners:
                yield context.finding(
                    "C10",
                    vip.path,
                    f"This is the own address of {owners[vip.ip].name}, which cannot move.",
                    show(str(vip.interface)),
                    "Choose a free address.",
                )


RULES: tuple[Callable[[Context], Findings], ...] = (
    a2_router_ids,
    a6_priority_missing,
    a7_priorities_tie,
    a8_preferred_node,
    a9_initial_master,
    a14_authentication,
    a21_names_unique,
    a23_single_node,
    b1_weights_in_range,
    b1_user_weights,
    b3_weights_without_preemption,
    b4_nopreempt,
    b5_preempt_delay,
    b7_bonus_clamped,
    b8_order_when_all_fail,
    b12_own_interface,
    b13_check_times,
    b17_everything_defined,
    b18_next_in_line,
    b19_sync_groups,
    c2_addresses_differ,
    c5_source_address,
    c7_interface,
    c9_families,
    c10_addresses_used_once,
)


def check(context: Context) -> list[Finding]:
    """Every finding of every rule, in the order of the table; what several instances inherit is said once."""
    return list(dict.fromkeys(finding for rule in RULES for finding in rule(context)))


# --- helpers ---------------------------------------------------------------------------------------------------------


def ready_checks(cluster: Cluster, instance: Instance) -> list[str]:
    """Services whose lost backends weigh in this instance; none without preemption, where a weight moves nothing."""
    if instance.nopreempt:
        return []
    return [name for name in instance.track if (cluster.services.get(name) or {}).get("ready")]


def _own_weights(instance: Instance) -> int:
    return sum(abs(item.weight or 0) for item in instance.user_weights)


def _bonus(instance: Instance) -> int:
    """What a node gains whose checks with a positive weight all succeed."""
    return sum(item.weight for item in instance.user_weights if item.weight and item.weight > 0)


def load(cluster: Cluster, instance: Instance) -> tuple[int, int]:
    """What tracking.weights asks about an instance."""
    return len(ready_checks(cluster, instance)), _own_weights(instance)


def _load(context: Context, instance: Instance) -> int:
    count, own = load(context.cluster, instance)
    return count * context.weights.ready + own


def _weighted(context: Context, instance: Instance) -> tuple[str, ...]:
    ready = ready_checks(context.cluster, instance)
    return tuple(sorted([*ready, *(f"{item.name} {item.weight}" for item in instance.user_weights)]))


def _words(items: Sequence[str]) -> str:
    return ", ".join(items) or "no weights"


def _adjacent(numbers: Sequence[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    return zip(numbers, numbers[1:])


def _twice(context: Context, rule: str, instance: Instance) -> Findings:
    lists: tuple[tuple[str, Sequence[str]], ...] = (
        ("track", instance.track),
        ("track_scripts", [item.name for item in instance.track_scripts]),
        ("track_interfaces", [item.name for item in instance.track_interfaces]),
    )
    for key, names in lists:
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield context.finding(
                rule, f"{instance.path}.{key}", "An item is named twice.", show(name), "Name it once."
            )
