# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the values of a cluster have to do with each other: one function per rule, each yields its faults.

Rules about one value alone and about nodes that disagree are checked by variables.py and inventory.py while they are read
(demands.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .._core.findings import WARNING, Finding, fault
from .._core.register import Rules
from .._core.spec import nearest, show
from .demands import CHECK, DELAY, INTERFACE, NAMES, PRIORITIES, PRIORITY, SOURCE, VIP
from .model import Cluster, Instance, IPAddress, Node, SyncGroup
from .ranking import Order
from .tracking import STRONGEST, Weights, clamp, skew_seconds


@dataclass(frozen=True)
class Context:
    """What a rule may look at."""

    cluster: Cluster
    orders: Mapping[str, Order]
    weights: Weights

    def fault(self, path: str, what: str, got: str, remedy: str, accepted: str = "") -> Finding:
        return fault(f"{self.cluster.name}: {path}", what, got, remedy, accepted)

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
rule = Rules("cluster")
# Checked where all clusters meet (plan.py).
ROUTER_IDS_APART = rule.define("A3", "Clusters that multicast in one network have different virtual router ids.")
VIPS_APART = rule.define("C10-clusters", "A virtual address is in one cluster, and is no host's of another one.")


# --- A: identity and numbers ---------------------------------------------------------------------------------------


@rule("A2", "Instances that the same nodes hear have different virtual router ids in an address family.")
def _router_ids(context: Context) -> Findings:
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
            yield context.fault(
                f"{other.path}.virtual_router_id",
                f"{one.name} has this number too, and the same nodes hear both.",
                show(other.virtual_router_id),
                "Give each instance its own number.",
            )


@rule(PRIORITIES)
def _priorities_missing(context: Context) -> Findings:
    if any(finding.rule == PRIORITY.id for finding in context.cluster.findings):
        return
    for instance in context.cluster.instances:
        order = context.orders[instance.name]
        for node in order.nodes:
            if node.name not in order.numbers:
                yield fault(
                    f"{node.name}: keepalived_priority",
                    f"Other nodes have a priority of their own in {instance.name}.",
                    "nothing",
                    "Give every node a number for this instance, or none: then the plan computes all of them.",
                )


@rule("A7", "No two nodes of an instance have the same priority.")
def _priorities_tie(context: Context) -> Findings:
    for instance in context.cluster.instances:
        for (one, number), (other, same) in _adjacent(context.numbers(instance)):
            if number == same:
                yield fault(
                    f"{other}: keepalived_priority",
                    f"Two nodes of {instance.name} have the same priority, so both could be MASTER.",
                    f"{same}, as on {one}",
                    "Give each node its own number.",
                )


@rule("A8", "`prefer` is a node of the cluster, and agrees with priorities that are written.")
def _preferred_node(context: Context) -> Findings:
    names = [node.name for node in context.cluster.nodes]
    for instance in context.cluster.instances:
        if instance.prefer is None:
            continue
        if instance.prefer not in names:
            yield context.fault(
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
            yield context.fault(
                f"{instance.path}.prefer",
                "The priorities written in the inventory prefer another node.",
                f"{show(instance.prefer)}, but {first} has {order.numbers.get(first)}",
                "Remove `prefer`, or give that node the highest keepalived_priority.",
            )


@rule("A9", "No node starts as MASTER, without listening first.", WARNING)
def _initial_master(context: Context) -> Findings:
    for instance in context.preempting:
        if instance.initial_state == "MASTER":
            yield context.fault(
                f"{instance.path}.initial_state",
                "The preferred node takes the address as soon as keepalived starts, without listening first.",
                "'MASTER'",
                "Leave it out: a node that starts as BACKUP takes over without two holders.",
            )


@rule("A14", "A password needs VRRP version 2.")
def _passwords(context: Context) -> Findings:
    for instance in context.cluster.instances:
        own = "auth_pass" in instance.own_keys
        path = f"{instance.path}.auth_pass" if own else "keepalived_auth_pass"
        if instance.auth_pass is not None and instance.version == 3:
            yield context.fault(
                path,
                "VRRPv3 has no passwords.",
                f"{len(instance.auth_pass)} characters",
                "Remove the password, or set keepalived_vrrp_version: 2 with whole-second adverts.",
            )


@rule("A14-cost", "Version 2 is slower at every takeover, and shows the password.", WARNING)
def _version_2(context: Context) -> Findings:
    for instance in context.cluster.instances:
        if instance.version == 2:
            slow = skew_seconds(100, 1, 2)
            yield context.fault(
                f"{instance.path}.version" if "version" in instance.own_keys else "keepalived_vrrp_version",
                "VRRPv2 adverts in whole seconds and waits up to a second more at every takeover"
                f" ({slow:.1f} s at priority 100); during a change of the interval both nodes hold the address"
                + ("; the password crosses the network readable." if instance.auth_pass else "."),
                "2",
                "Use version 3 unless an old router takes part.",
            )


@rule(NAMES)
def _names(context: Context) -> Findings:
    for kind, items in (("instances", context.cluster.instances), ("sync groups", context.cluster.sync_groups)):
        seen = set()
        for item in items:
            if item.name in seen:
                yield context.fault(
                    f"{item.path}.name", f"Two {kind} have this name.", show(item.name), "Rename one of them."
                )
            seen.add(item.name)
    reserved = {f"{name}_{check}" for name in context.cluster.services for check in ("alive", "ready")}
    for name, script in context.cluster.scripts.items():
        if name in reserved:
            yield context.fault(
                f"{script['path']}.name",
                "This is the name of a check that `track` makes.",
                show(name),
                "Rename the script.",
            )


@rule("A23-alone", "A cluster has more than one node.", WARNING)
def _single_node(context: Context) -> Findings:
    staying = context.cluster.staying
    if len(staying) == 1:
        yield context.fault(
            "evenkeel_nodes",
            "A cluster of one node has nobody to take over; its adverts go nowhere (C1).",
            show(staying[0].name),
            "Add a second node.",
        )


@rule("A22-none", "A cluster has an instance.", WARNING)
def _no_instance(context: Context) -> Findings:
    if context.cluster.staying and not context.cluster.instances and not context.cluster.findings:
        yield context.fault(
            "keepalived_instances", "There is no virtual address to plan.", "nothing", "Add an instance."
        )


# --- B: the arithmetic of fail-over --------------------------------------------------------------------------------


@rule(
    "B1-gap",
    "The weights of lost services and of a drain put a node behind every healthy one, within keepalived's range.",
)
def _computed_weights(context: Context) -> Findings:
    weights = context.weights
    preempting = context.preempting
    if not preempting:
        return
    for instance in preempting:
        numbers = context.numbers(instance)
        if len(numbers) > 1 and numbers[-1][1] < 2:
            yield fault(
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
    yield context.fault(
        path,
        "No weight that keepalived takes can beat this gap, so the address would stay on a node that lost its backends"
        " or is drained.",
        f"a gap of {weights.gap} with {count} tracked services and own weights of {own} needs -{weights.drain}",
        remedy,
        f"-{STRONGEST} to {STRONGEST}",
    )


@rule("B1", "A weight that lowers a priority puts a node whose check fails behind the next one.")
def _lowering_weights(context: Context) -> Findings:
    return _too_light(context, -1)


@rule("B2", "A weight that rewards puts a node whose check fails behind the next one.")
def _rewarding_weights(context: Context) -> Findings:
    return _too_light(context, 1)


def _too_light(context: Context, sign: int) -> Findings:
    """Weights of one sign with which a failing check leaves the address where it is."""
    for instance in context.preempting:
        bonus = _bonus(instance)
        for item in instance.user_weights:
            weight = item.weight or 0
            for (one, number), (other, below) in _adjacent(context.numbers(instance)):
                failing = clamp(number + bonus - abs(weight))
                healthy = clamp(below + bonus)
                if weight * sign > 0 and number > below and failing >= healthy:
                    yield context.fault(
                        f"{item.path} ({item.name})",
                        f"When this check fails on {one} it keeps {failing} against {healthy} of {other}: the address"
                        " would not move.",
                        f"a weight of {weight}",
                        f"Use a weight below -{number - below}, or none: then a failure is a FAULT.",
                    )
                    break


@rule("B3", "With `nopreempt` nothing has a weight.")
def _weights_without_preemption(context: Context) -> Findings:
    for instance in context.lasting:
        for item in instance.user_weights:
            yield context.fault(
                f"{item.path} ({item.name})",
                "With nopreempt a lower priority never moves the address.",
                f"a weight of {item.weight}",
                "Remove the weight: then a failure is a FAULT, which does move it. Or remove nopreempt.",
            )


@rule("B4", "`nopreempt` is not together with `initial_state: MASTER`.")
def _nopreempt(context: Context) -> Findings:
    for instance in context.lasting:
        if instance.initial_state == "MASTER":
            yield context.fault(
                f"{instance.path}.initial_state",
                "keepalived ignores nopreempt on a node that starts as MASTER.",
                "'MASTER'",
                "Leave initial_state out.",
                "BACKUP",
            )


@rule("B4-cost", "Without preemption a drain and a lost backend cost more.", WARNING)
def _lasting(context: Context) -> Findings:
    for instance in context.lasting:
        others = [other.name for other in context.preempting]
        yield context.fault(
            f"{instance.path}.nopreempt",
            "Without preemption a drain is a FAULT: the address is gone for the skew time at every planned move, and"
            " a node that lost its backends keeps it" + (f"; so it is for {', '.join(others)}." if others else "."),
            "true",
            "Leave nopreempt out; preempt_delay already keeps the address from flapping.",
        )


@rule(DELAY)
def _preempt_delay(context: Context) -> Findings:
    for instance in context.cluster.instances:
        if not instance.preempt_delay or "preempt_delay" not in instance.own_keys:
            continue
        for reason, applies in (
            ("nopreempt", instance.nopreempt),
            ("initial_state: MASTER", instance.initial_state == "MASTER"),
        ):
            if applies:
                yield context.fault(
                    f"{instance.path}.preempt_delay",
                    f"keepalived ignores it together with {reason}.",
                    show(instance.preempt_delay),
                    f"Remove preempt_delay or {reason}.",
                )


@rule("B7", "Weights that reward leave no healthy nodes equal.")
def _rewarded_alike(context: Context) -> Findings:
    for instance, got, tie in _clamped(context):
        if tie:
            yield context.fault(
                f"{instance.path} ({instance.name})",
                "keepalived raises no priority above 254, so the weights that reward leave several healthy nodes equal.",
                got,
                "Use negative weights, or lower the priorities.",
            )


@rule("B7-less", "Weights that reward lift no priority above 254.", WARNING)
def _rewarded_less(context: Context) -> Findings:
    for instance, got, tie in _clamped(context):
        if not tie:
            yield context.fault(
                f"{instance.path} ({instance.name})",
                "keepalived raises no priority above 254, so the weights that reward leave less distance between the nodes"
                " than was written.",
                got,
                "Use negative weights, or lower the priorities.",
            )


def _clamped(context: Context) -> Iterator[tuple[Instance, str, bool]]:
    """Instances whose rewards lead above 254, and whether several nodes end up with the same number."""
    for instance in context.cluster.instances:
        bonus = _bonus(instance)
        numbers = context.numbers(instance)
        if bonus and numbers and numbers[0][1] + bonus > 254:
            effective = [clamp(number + bonus) for _name, number in numbers]
            yield instance, f"{numbers[0][1]} + {bonus}", len(set(effective)) < len(effective)


@rule("B8", "The order holds when all nodes fail the same way: no priority falls below 1.", WARNING)
def _order_when_all_fail(context: Context) -> Findings:
    """Below 1 everything is 1: what is lost then, and where."""
    weights = context.weights
    if weights.drain > STRONGEST and not weights.drain_is_fault:
        return  # they are refused already
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
            yield context.fault(
                f"{instance.path} ({instance.name})",
                f"{problem}: then the higher address decides, not the order.",
                f"{', '.join(str(number) for number in numbers)} with -{_load(context, instance)} for what is lost"
                f" and {weights.drain_value} for a drain",
                "Raise the priorities, or bring them closer together (250, 240, 230 leave room for everything).",
            )


@rule("B12", "An instance does not track its own interface.")
def _own_interface(context: Context) -> Findings:
    for instance in context.cluster.instances:
        for item in instance.track_interfaces:
            node = next((node for node in context.cluster.nodes if node.interface_of(instance) == item.name), None)
            if node is not None:
                yield context.fault(
                    item.path,
                    f"This is the instance's own interface on {node.name}, which keepalived watches anyway.",
                    show(item.name),
                    "Remove it.",
                )


@rule(CHECK)
def _check_times(context: Context) -> Findings:
    def check(path: str, values: Mapping[str, object]) -> Findings:
        interval, timeout = values.get("interval"), values.get("timeout")
        if isinstance(interval, int) and isinstance(timeout, int) and timeout > interval:
            yield context.fault(
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


@rule("B17", "What an instance tracks is defined, and named once.")
def _everything_defined(context: Context) -> Findings:
    for instance in context.cluster.instances:
        for position, name in enumerate(instance.track):
            if name not in context.cluster.services:
                yield context.fault(
                    f"{instance.path}.track[{position}]",
                    "This service is not known.",
                    show(name),
                    f"{nearest(name, context.cluster.services)} Others are defined in keepalived_track_services.",
                    ", ".join(context.cluster.services),
                )
        for script in instance.track_scripts:
            if script.name not in context.cluster.scripts:
                yield context.fault(
                    script.path,
                    "This script is not defined.",
                    show(script.name),
                    nearest(script.name, context.cluster.scripts)
                    if context.cluster.scripts
                    else "Define it in keepalived_scripts.",
                    ", ".join(context.cluster.scripts),
                )
        yield from _twice(context, instance)


@rule("B17-unused", "Scripts that are defined are used.", WARNING)
def _everything_used(context: Context) -> Findings:
    used = {script.name for instance in context.cluster.instances for script in instance.track_scripts}
    for name, defined in context.cluster.scripts.items():
        if name not in used:
            yield context.fault(
                str(defined["path"]),
                "No instance uses this script, so it is left out.",
                show(name),
                "Name it in track_scripts of an instance, or remove it.",
            )


@rule("B18", "With three nodes or more, the addresses of a lost node do not all land on one.", WARNING)
def _next_in_line(context: Context) -> Findings:
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
            yield context.fault(
                "keepalived_instances",
                f"When {first} is lost, all its addresses land on {seconds.pop()}.",
                names,
                "Give keepalived_priority per instance, or let the plan compute the priorities without `prefer`.",
            )


@rule("B19", "A sync group has two instances or more, each in one group, all with the same order of nodes.")
def _sync_groups(context: Context) -> Findings:
    by_name = {instance.name: instance for instance in context.cluster.instances}
    taken: dict[str, str] = {}
    for group in context.cluster.sync_groups:
        path = f"{group.path}.instances"
        for position, name in enumerate(group.instances):
            if name not in by_name:
                yield context.fault(
                    f"{path}[{position}]",
                    "No instance has this name.",
                    show(name),
                    nearest(name, by_name),
                    ", ".join(by_name),
                )
            elif name in taken:
                yield context.fault(
                    f"{path}[{position}]",
                    f"An instance can be in one sync group, and {taken[name]} has it already.",
                    show(name),
                    "Remove it from one of them.",
                )
            taken.setdefault(name, group.name)
        if len(group.instances) < 2:
            yield context.fault(
                path,
                "A sync group needs at least two instances.",
                show(list(group.instances)),
                "Add one, or remove the group.",
            )
        members = _members(context, group)
        for member in members[1:]:
            first = members[0]
            ours, theirs = ([node.name for node in context.orders[item.name].nodes] for item in (member, first))
            if member.prefer and first.prefer and member.prefer != first.prefer:
                ours, theirs = [member.prefer], [first.prefer]
            if ours != theirs:
                yield context.fault(
                    path,
                    "The members of a sync group move together, so they need the same order of nodes.",
                    f"{member.name}: {', '.join(ours)}; {first.name}: {', '.join(theirs)}",
                    "Give them the same `prefer` or keepalived_priority.",
                )


@rule("B9", "The members of a sync group have the same weights.")
def _same_weights(context: Context) -> Findings:
    for group in context.cluster.sync_groups:
        members = _members(context, group)
        for member in members[1:]:
            ours, theirs = (list(_weighted(context, item)) for item in (member, members[0]))
            if member.nopreempt != members[0].nopreempt or ours != theirs:
                yield context.fault(
                    f"{group.path}.instances",
                    "The members of a sync group need the same weights: one that drops alone tears the group apart.",
                    f"{member.name}: {_words(ours)}; {members[0].name}: {_words(theirs)}",
                    "Give them the same track, track_scripts, track_interfaces and nopreempt.",
                )


def _members(context: Context, group: SyncGroup) -> list[Instance]:
    """The instances of a group that there are."""
    by_name = {instance.name: instance for instance in context.cluster.instances}
    return [by_name[name] for name in group.instances if name in by_name]


# --- C: unicast, interfaces, addresses -----------------------------------------------------------------------------


@rule("C2", "Each node has its own address.")
def _addresses_differ(context: Context) -> Findings:
    seen: dict[IPAddress, Node] = {}
    for node in context.cluster.nodes:
        for address in node.addresses.values():
            other = seen.setdefault(address, node)
            if other is not node:
                yield fault(
                    f"{node.name}: keepalived_address",
                    f"{other.name} has this address too, so a node would be its own peer.",
                    str(address),
                    "Give each node its own address.",
                )


@rule(SOURCE)
def _source_address(context: Context) -> Findings:
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
            yield fault(
                f"{node.name}: keepalived_address",
                what,
                node.address_given,
                f"Set keepalived_address to this node's IPv{family} address on the network of the virtual addresses"
                + (" (a list holds one per family)." if node.addresses else "."),
            )
            break


@rule(INTERFACE)
def _interface(context: Context) -> Findings:
    for instance in context.cluster.instances:
        without = [node for node in context.cluster.nodes if node.interface_of(instance) is None]
        if any(finding.rule == INTERFACE.id for finding in context.cluster.findings) or not without:
            continue
        everywhere = len(without) == len(context.cluster.nodes)
        path = f"{context.cluster.name}: {instance.path}.interface" if everywhere else "{}: keepalived_interface"
        for node in without[:1] if everywhere else without:
            yield fault(
                path.format(node.name),
                "An interface is required here or per node: it is never guessed.",
                "nothing",
                f"Set `interface` of {instance.name}, or keepalived_interface on each node.",
            )


@rule("C9", "An IPv6 anchor needs version 3, and with multicast is link-local.")
def _families(context: Context) -> Findings:
    for instance in context.cluster.instances:
        anchor = instance.anchor
        if anchor is None or anchor.family != 6:
            continue
        if instance.version == 2:
            yield context.fault(
                f"{instance.path}.version",
                "VRRPv2 knows IPv4 only, and the anchor is an IPv6 address.",
                "2",
                "Use version 3, or make an IPv4 address the anchor.",
            )
        if not instance.unicast and not anchor.ip.is_link_local:
            yield context.fault(
                anchor.path,
                "With multicast the first IPv6 address must be link-local (RFC 9568 5.2.9).",
                show(str(anchor.interface)),
                "Add one like fe80::28/64 and make it the anchor, or use unicast.",
            )


@rule(VIP)
def _addresses_used_once(context: Context) -> Findings:
    owners = {address: node for node in context.cluster.nodes for address in node.real}
    seen: dict[IPAddress, tuple[str, str]] = {}
    for instance in context.cluster.instances:
        for vip in instance.vips:
            if vip.ip in seen:
                yield context.fault(
                    vip.path,
                    f"This address is at {seen[vip.ip][1]} ({seen[vip.ip][0]}) already.",
                    show(str(vip.interface)),
                    "Keep it in one place.",
                )
            seen.setdefault(vip.ip, (instance.name, vip.path))
            if vip.ip in owners:
                yield context.fault(
                    vip.path,
                    f"This is the own address of {owners[vip.ip].name}, which cannot move.",
                    show(str(vip.interface)),
                    "Choose a free address.",
                )


def check(context: Context) -> list[Finding]:
    """Every finding of every rule, in the order in which they are written; what several instances inherit is said once."""
    return list(dict.fromkeys(rule.check(context=context)))


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


def _twice(context: Context, instance: Instance) -> Findings:
    lists: tuple[tuple[str, Sequence[str]], ...] = (
        ("track", instance.track),
        ("track_scripts", [item.name for item in instance.track_scripts]),
        ("track_interfaces", [item.name for item in instance.track_interfaces]),
    )
    for key, names in lists:
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield context.fault(f"{instance.path}.{key}", "An item is named twice.", show(name), "Name it once.")
