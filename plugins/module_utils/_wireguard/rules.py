# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What WireGuard would take and do wrong: one function for each rule, all run, all reported."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from .._core import networks
from .._core.findings import WARNING, Finding, fault
from .._core.register import Rules

Model = Mapping[str, Any]

NAME = re.compile(r"[A-Za-z0-9_=+.-]{1,15}\Z")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}\Z")
TABLE = re.compile(r"(auto|off|[0-9]{1,10}|[a-z][a-z0-9_-]*)\Z")
MARK = re.compile(r"(off|0x[0-9a-fA-F]{1,8}|[0-9]{1,10})\Z")
ENDPOINT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):([0-9]{1,5})\Z")
RAW_OWN = re.compile(r"\s*(\[|PrivateKey|SaveConfig|Address|ListenPort|MTU|Table|FwMark)", re.I)
SHORTEST_SECRET = 16
MTU_LOW, MTU_HIGH = 576, 9000
MTU_IPV6 = 1280


# About single values, and about how they go together.
value = Rules("wireguard")
rule = Rules("wireguard")
ADDRESSES = value.define("G2-address", "What is read as an address or a network is one.")
NAMES = value.define("G11-name", "The kernel, systemd and our own files take each name, and have it once.")
NUMBERS = value.define("G11-number", "wg and wg-quick take each number and word.")
INSTANCE = rule.define("G3-instance", "A tunnel follows an instance that the host has.")
PEER = rule.define("G4-peer", "A host that a tunnel names is in the inventory and has the tunnel.")
UNKNOWN_KEY = rule.define("G4", "The public key of each host of a tunnel is known.", WARNING)
# The host's own finding: nobody else sees its files (roles/wireguard/tasks/share.yml).
rule.define("G5", "A private key that members know is not replaced.")


def check_values(model: Model) -> list[Finding]:
    """Every finding about single values; afterwards all of them can be computed with."""
    return value.check(model=model)


def check(
    model: Model, interfaces: Sequence[Model], me: Any, hosts: Mapping[str, Any], reached: Sequence[str]
) -> list[Finding]:
    """Every finding about how they go together. `interfaces` are the computed ones, `me` and `hosts` what is read of hosts."""
    return rule.check(model=model, interfaces=interfaces, me=me, hosts=hosts, reached=reached)


# --- findings of the model's own


def unknown_instance(item: Model, me: Any) -> Finding:
    known = [str(one.get("name")) for one in me.instances]
    return INSTANCE.finding(
        f"wireguard_interfaces {item['name']}: follow_vip",
        "There is no such instance to follow.",
        repr(item["follow_vip"]),
        "Name one, or add it to keepalived_instances of this host.",
        ", ".join(known) or "none, keepalived_instances is empty",
    )


def no_such_peer(interface: str, name: str, known: bool) -> Finding:
    what = "The host has no such interface." if known else "The inventory has no such host."
    remedy = f"Give it a {interface} in its wireguard_interfaces, or take it out." if known else "Correct its name."
    return PEER.finding(f"wireguard_interfaces {interface}: hosts", what, name, remedy)


def unknown_key(interface: str, name: str) -> Finding:
    return UNKNOWN_KEY.finding(
        f"wireguard_interfaces {interface}: hosts",
        "Nobody knows this host's public key yet, so it is left out until it answers a run.",
        name,
        f"Run the role on {name} too.",
    )


def of_a_peer(interface: str, name: str, found: Finding) -> Finding:
    """Another host's mistake that this host can't do without."""
    return replace(found, where=f"{name}: {found.where}")


# --- single values


def _where(item: Model) -> str:
    return f"wireguard_interfaces {item['name']}"


@value(NAMES)
def _names(model: Model) -> Iterator[Finding]:
    """Names that systemd, the kernel and our own files take, each once."""
    for item in model["wireguard_interfaces"]:
        if not NAME.match(item["name"]):
            yield fault(
                "wireguard_interfaces: name",
                "The kernel does not take this name.",
                repr(item["name"]),
                "Choose another one.",
                "1 to 15 letters, digits and _ = + . -",
            )
        for peer in item["peers"]:
            yield from _label(f"{_where(item)}.peers: name", peer["name"])
        yield from _twice(f"{_where(item)}.peers", "name", [str(peer["name"]) for peer in item["peers"]])
    yield from _twice("wireguard_interfaces", "name", [str(item["name"]) for item in model["wireguard_interfaces"]])


def _label(where: str, name: str) -> Iterator[Finding]:
    if not LABEL.match(name):
        yield NAMES.finding(
            where,
            "This name can't stand in a file's line.",
            repr(name),
            "Choose another one.",
            "1 to 64 letters, digits and _ . @ -",
        )


def _twice(where: str, key: str, values: Sequence[str]) -> Iterator[Finding]:
    for value in sorted({value for value in values if values.count(value) > 1}):
        yield fault(where, f"Two of them have the same {key}.", value, "Each has its own.")


@value(NUMBERS)
def _numbers(model: Model) -> Iterator[Finding]:
    """Ports, sizes and times that wg and wg-quick take."""
    for item in model["wireguard_interfaces"]:
        yield from _between(f"{_where(item)}.port", item["port"], 1, 65535)
        yield from _between(f"{_where(item)}.keepalive", item["keepalive"], 0, 65535)
        for key, pattern, accepted in (
            ("table", TABLE, "auto, off, a number or the name of a table"),
            ("fwmark", MARK, "off, or a number such as 0x1234"),
        ):
            if item[key] is not None and not pattern.match(item[key]):
                yield fault(
                    f"{_where(item)}.{key}",
                    "wg-quick does not take this.",
                    repr(item[key]),
                    "Correct it.",
                    accepted,
                )
        for peer in item["peers"]:
            yield from _between(f"{_where(item)}.peers {peer['name']}: keepalive", peer["keepalive"], 0, 65535)
    yield from _between("wireguard_mirror_port", model["wireguard_mirror_port"], 1, 65535)
    yield from _between("wireguard_mirror_interval", model["wireguard_mirror_interval"], 1, 60)


@value("G7-mtu", "The MTU carries the tunnel's addresses.")
def _sizes(model: Model) -> Iterator[Finding]:
    for item in model["wireguard_interfaces"]:
        low = MTU_IPV6 if any(":" in one for one in item["addresses"]) else MTU_LOW
        yield from _between(f"{_where(item)}.mtu", item["mtu"], low, MTU_HIGH)


def _between(where: str, number: int | None, low: int, high: int) -> Iterator[Finding]:
    if number is not None and not low <= number <= high:
        yield fault(where, "The number is out of range.", str(number), "Correct it.", f"{low} to {high}")


@value(ADDRESSES)
def _addresses(model: Model) -> Iterator[Finding]:
    """What is read as an address or a network is one."""
    for item in model["wireguard_interfaces"]:
        where = _where(item)
        yield from wrong_addresses(item)
        networks = [("routes", one) for one in item["routes"]]
        networks += [("forward.to", one) for one in (item["forward"] or {}).get("to", ())]
        for peer in item["peers"]:
            networks += [(f"peers {peer['name']}: allowed_ips", one) for one in peer["allowed_ips"]]
            if peer["endpoint"] and not ENDPOINT.match(peer["endpoint"]):
                yield _not_an(
                    "an address and a port",
                    f"{where}.peers {peer['name']}: endpoint",
                    peer["endpoint"],
                    "[2001:db8::1]:51820",
                )
        for key, one in networks:
            if not is_a(ip_network, one):
                yield _not_a_network(f"{where}.{key}", one)


def wrong_addresses(item: Model) -> Iterator[Finding]:
    """What other hosts of the tunnel read, too."""
    where = _where(item)
    if not item["addresses"]:
        yield ADDRESSES.finding(f"{where}.addresses", "A tunnel needs an address.", "none", "Add one with its prefix.")
    for one in item["addresses"] or ():
        if "/" not in one or not is_a(ip_interface, one):
            yield _not_an("an address with a prefix", f"{where}.addresses", one, "192.0.2.1/24")
    for one in item["networks"] or ():
        if not is_a(ip_network, one):
            yield _not_a_network(f"{where}.networks", one)


def is_a(kind: Callable[[str], Any], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _not_an(what: str, where: str, got: str, example: str) -> Finding:
    return ADDRESSES.finding(where, f"This is not {what}.", repr(got), f"Write it as {example}.")


def _not_a_network(where: str, got: str) -> Finding:
    return _not_an("a network", where, got, "192.0.2.0/24, with no bits set behind the prefix")


@value("G2-key", "A key is 32 bytes in base64, and a secret long enough to keep anything.")
def _keys(model: Model) -> Iterator[Finding]:
    """Keys are 32 bytes in base64. What is found is told of public ones only."""
    for item in model["wireguard_interfaces"]:
        yield from _key(f"{_where(item)}.private_key", item["private_key"], secret=True)
        secret = item["preshared_secret"]
        if secret is not None and len(secret) < SHORTEST_SECRET:
            yield fault(
                f"{_where(item)}.preshared_secret",
                "The secret is too short to keep anything.",
                f"{len(secret)} characters",
                "Make one: openssl rand -base64 32.",
                f"{SHORTEST_SECRET} characters or more",
            )
        for peer in item["peers"]:
            yield from _key(f"{_where(item)}.peers {peer['name']}: public_key", peer["public_key"])
            yield from _key(f"{_where(item)}.peers {peer['name']}: preshared_key", peer["preshared_key"], secret=True)
    for member in model["wireguard_members"]:
        yield from _key(f"wireguard_members {member['name']}: public_key", member["public_key"])
        yield from _key(f"wireguard_members {member['name']}: preshared_key", member["preshared_key"], secret=True)


def _key(where: str, key: str | None, secret: bool = False) -> Iterator[Finding]:
    if key is not None and not is_key(key):
        yield fault(
            where,
            "This is not a key.",
            f"{len(key)} characters" if secret else repr(key),
            "Write it as `wg genkey`, `wg pubkey` and `wg genpsk` print it.",
            "32 bytes in base64, 44 characters",
        )


def is_key(value: str) -> bool:
    try:
        return len(value) == 44 and len(base64.b64decode(value, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


@value("G11", "Raw lines do not take the place of what the role writes.")
def _lines(model: Model) -> Iterator[Finding]:
    """Raw lines that would take the place of what the role writes, and among it the private key."""
    for item in model["wireguard_interfaces"]:
        for line in item["options"]:
            if RAW_OWN.match(line):
                yield fault(
                    f"{_where(item)}.options",
                    "The role writes this itself, or keeps it out of the file.",
                    repr(line.split("=")[0].strip()),
                    "Use the option of that name, and let the host keep its key.",
                )


@value("G10-member", "A member has a name of its own, and single addresses in a tunnel that is there.")
def _members(model: Model) -> Iterator[Finding]:
    """Members have single addresses in a tunnel that is there."""
    members, interfaces = model["wireguard_members"], model["wireguard_interfaces"]
    yield from _twice("wireguard_members", "name", [str(member["name"]) for member in members])
    for member in members:
        where = f"wireguard_members {member['name']}"
        yield from _label("wireguard_members: name", member["name"])
        known = [str(item["name"]) for item in interfaces]
        if not known or (member["interface"] and member["interface"] not in known):
            yield fault(
                f"{where}: interface",
                "This host has no such tunnel.",
                repr(member["interface"]) if member["interface"] else "nothing",
                "Name one of its wireguard_interfaces.",
                ", ".join(known) or "none",
            )
        if not member["addresses"]:
            yield fault(f"{where}: addresses", "A member needs an address.", "none", "Add one of the tunnel's.")
        for one in member["addresses"]:
            if not is_a(ip_address, one):
                yield _not_an("a single address", f"{where}: addresses", one, "192.0.2.9")


# --- how they go together


@rule("G1", "Of two peers only one claims an address.")
def _overlaps(interfaces: Sequence[Model]) -> Iterator[Finding]:
    """Of two peers that may send from one address only one gets what is sent there; a default route gives way to all."""
    for item in interfaces:
        claims = [(peer["name"], networks.whole(one)) for peer in item["peers"] for one in peer["allowed_ips"]]
        for index, later in networks.overlapping([claim for _peer, claim in claims]):
            (one, mine), (other, theirs) = claims[index], claims[later]
            if one == other or mine != theirs and (networks.is_default(mine) or networks.is_default(theirs)):
                continue
            yield fault(
                _where(item),
                f"The peers {one} and {other} claim the same addresses, and only one can have them.",
                f"{mine} and {theirs}" if mine != theirs else mine,
                "Give each peer its own; only a default route may contain others.",
            )


@rule("G2", "Every tunnel address and every port is there once.")
def _unique(interfaces: Sequence[Model]) -> Iterator[Finding]:
    yield from _twice("wireguard_interfaces", "port", [str(item["port"]) for item in interfaces])
    for item in interfaces:
        singles = {str(ip_interface(one).ip): "this host" for one in item["addresses"]}
        for peer in item["peers"]:
            for network in (ip_network(one) for one in peer["allowed_ips"]):
                address = str(network.network_address)
                if network.prefixlen == network.max_prefixlen and address in singles:
                    yield fault(
                        _where(item),
                        "Two have the same address in the tunnel.",
                        f"{address}: {singles[address]} and {peer['name']}",
                        "Give each its own.",
                    )
                    break


@rule("G3-key", "Only nodes that follow one VIP share a key.")
def _keys_apart(interfaces: Sequence[Model], me: Any) -> Iterator[Finding]:
    for item in interfaces:
        keys = [peer["public_key"] for peer in item["peers"] if peer["public_key"]]
        own = me.keys.get(item["name"])
        for key in sorted({key for key in keys if keys.count(key) > 1 or key == own}):
            names = [peer["name"] for peer in item["peers"] if peer["public_key"] == key]
            yield fault(
                _where(item),
                "One key is used by several, so that each takes the other's traffic.",
                " and ".join([*names, *(["this host"] if key == own else [])]),
                "Let each host make its own key; only follow_vip shares one.",
            )


@rule("G2-secret", "All hosts of a tunnel have the same preshared secret.")
def _secrets(model: Model, hosts: Mapping[str, Any]) -> Iterator[Finding]:
    for item in model["wireguard_interfaces"]:
        for name in item["hosts"]:
            host = hosts.get(name)
            theirs = next((one for one in host.interfaces if one.get("name") == item["name"]), None) if host else None
            if theirs is not None and (theirs.get("preshared_secret") or None) != item["preshared_secret"]:
                yield fault(
                    f"{_where(item)}.preshared_secret",
                    "The two ends of a tunnel have different secrets.",
                    f"another one on {name}",
                    "Set it once, for all hosts of the tunnel.",
                )


@rule("G3", "Nodes that share an identity follow one VIP with one interface and one key.")
def _identities(model: Model, hosts: Mapping[str, Any], me: Any) -> Iterator[Finding]:
    for item in model["wireguard_interfaces"]:
        nodes = (
            [node for name in me.nodes if name != me.name and (node := hosts.get(name))] if item["follow_vip"] else []
        )
        if item["follow_vip"] and not me.vrrp_address:
            yield fault(
                f"{_where(item)}.follow_vip",
                "The other nodes don't know where this one is.",
                "neither keepalived_address nor ansible_host is a literal address",
                "Set keepalived_address.",
            )
        for node in nodes:
            theirs = next((one for one in node.interfaces if one.get("name") == item["name"]), None)
            same = theirs is not None and all(
                # As written, so that a port may have quotes.
                str(theirs.get(key) or default) == str(item[key])
                for key, default in (("follow_vip", None), ("addresses", []), ("port", 51820))
            )
            if not same:
                yield fault(
                    f"{_where(item)}.follow_vip",
                    "Nodes that share an identity have the same interface: follow_vip, addresses and port.",
                    f"{node.name} has {'another one' if theirs is not None else 'none'}",
                    "Write the interface once, in the group's variables.",
                )
            mine, other = me.keys.get(item["name"]), node.keys.get(item["name"])
            if mine and other and mine != other:
                yield fault(
                    f"{_where(item)}.follow_vip",
                    "The nodes have different private keys, so members would reach one of them only.",
                    f"{me.name} has {mine}, {node.name} has {other} (public keys)",
                    f"Remove /etc/wireguard/{item['name']}.key on the one that members don't know, and run again.",
                )


@rule("G3-hubs", "Hubs that share the load share an identity.")
def _hubs(model: Model, hosts: Mapping[str, Any]) -> Iterator[Finding]:
    for item in model["wireguard_interfaces"]:
        if len(item["hubs"]) > 1 and not _one_identity(item, hosts):
            yield fault(
                f"{_where(item)}.hubs",
                "Several hubs would claim the same networks.",
                ", ".join(item["hubs"]),
                "Name one, or let them share an identity by follow_vip.",
            )


@rule("G10-hosts", "A hub, and the host itself, belong to the tunnel.")
def _belonging(model: Model, me: Any) -> Iterator[Finding]:
    for item in model["wireguard_interfaces"]:
        for name in (*item["hubs"], me.name):
            if item["hosts"] and name not in item["hosts"]:
                yield fault(
                    f"{_where(item)}.hosts",
                    "A hub, and the host itself, belong to the tunnel.",
                    f"{name} is not among them",
                    f"Add {name} to hosts.",
                )


def _one_identity(item: Model, hosts: Mapping[str, Any]) -> bool:
    found = set()
    for host in (hosts.get(name) for name in item["hubs"]):
        known = host.interfaces if host else ()
        theirs: Model = next((one for one in known if one.get("name") == item["name"]), {})
        found.add((theirs.get("follow_vip"), tuple(host.nodes)) if host and theirs.get("follow_vip") else None)
    return len(found) == 1 and None not in found


@rule("G7", "Of two hosts one knows where the other is.")
def _ways(model: Model, interfaces: Sequence[Model]) -> Iterator[Finding]:
    for item in interfaces:
        for peer in item["peers"]:
            if peer["kind"] == "host" and not peer["endpoint"] and not peer["reachable_from"]:
                yield fault(
                    _where(item),
                    "Neither of the two can find the other.",
                    f"this host and {peer['name']} are both behind_nat",
                    "Give one of them an endpoint, or connect both with a hub.",
                )


def _virtual(host: Any) -> list[str]:
    """A host's virtual addresses with their prefixes, which say what network it is in."""
    return [
        str(one["address"] if isinstance(one, Mapping) else one)
        for instance in host.instances
        for one in instance.get("virtual_addresses") or []
    ]


@rule("G8", "A tunnel is in no network that hosts are in.")
def _networks(model: Model, interfaces: Sequence[Model], hosts: Mapping[str, Any]) -> Iterator[Finding]:
    """A tunnel over a network that hosts are in would swallow the packets that carry it."""
    for item in interfaces:
        for host in (one for one in hosts.values() if one):
            # Ansible may come in through the tunnel, as long as peers are told another place.
            theirs: Model = next((one for one in host.interfaces if one.get("name") == item["name"]), {})
            outside = (
                "" if theirs.get("endpoint") or theirs.get("behind_nat") or theirs.get("follow_vip") else host.address
            )
            for what, text in [
                ("address", outside),
                ("address", host.vrrp_address if host.instances else ""),
                *(("VIP", one) for one in _virtual(host)),
            ]:
                if not is_a(ip_interface, str(text)):
                    continue
                if networks.meet([str(ip_interface(str(text)).network)], item["tunnel"]):
                    yield fault(
                        f"{_where(item)}.addresses",
                        "The tunnel's network overlaps one that hosts are in.",
                        f"{', '.join(item['tunnel'])} and {host.name}'s {what} {text}",
                        "Take a network that nothing else uses.",
                    )
                    break


@rule("G8-vips", "No peer takes what belongs to the network of the node's VIPs.")
def _claims(interfaces: Sequence[Model], me: Any) -> Iterator[Finding]:
    """A peer that has the network of this node's VIPs, or a part of it, takes it away from everybody else there."""
    virtual = _virtual(me)
    # Every network has the same link-local addresses.
    lans = {
        str(ip_interface(one).network)
        for one in virtual
        if is_a(ip_interface, one) and not ip_interface(one).is_link_local
    }
    # With another table, or none, nothing is led anywhere.
    for item in (one for one in interfaces if one["table"] == "auto"):
        claims = [(f"peer {peer['name']}", one) for peer in item["peers"] for one in peer["allowed_ips"]]
        for who, claim in [*claims, *(("routes", one) for one in item["routes"])]:
            if networks.subnets_of([claim], lans):
                yield fault(
                    _where(item),
                    "This leads into the tunnel what belongs to the network of this node's VIPs.",
                    f"{who}: {claim}",
                    "Take it out: hosts of that network are reached without the tunnel.",
                )


@rule("G10-outside", "The address of a member is in the tunnel.")
def _members_outside(interfaces: Sequence[Model]) -> Iterator[Finding]:
    for item in interfaces:
        for peer in (one for one in item["peers"] if one["kind"] == "member"):
            addresses = [str(ip_interface(one).ip) for one in peer["allowed_ips"]]
            inside = networks.within(addresses, item["tunnel"])
            for address in (one for one in addresses if one not in inside):
                yield fault(
                    f"wireguard_members {peer['name']}: addresses",
                    "The address is not in the tunnel.",
                    address,
                    "Give the member one that is.",
                    ", ".join(item["tunnel"]),
                )


def _carried(interfaces: Sequence[Model], me: Any) -> Iterator[tuple[Model, str]]:
    """Tunnels that VRRP goes through, each with the name of the instance."""
    for item in interfaces:
        inside = networks.within([me.vrrp_address], item["tunnel"])
        for instance in me.instances:
            device = (
                me.vrrp_interface.get(instance.get("name"))
                if isinstance(me.vrrp_interface, Mapping)
                else me.vrrp_interface
            )
            if inside or str(device or instance.get("interface")) == item["name"]:
                yield item, f"instance {instance.get('name')}"


@rule("G9-follow", "VRRP does not go through a tunnel that waits for VRRP.")
def _waiting(interfaces: Sequence[Model], me: Any) -> Iterator[Finding]:
    for item, instance in _carried(interfaces, me):
        if item["follow"]:
            yield fault(
                f"{_where(item)}.follow_vip",
                "VRRP goes through this tunnel, which is up only where VRRP has put its address.",
                instance,
                "Let VRRP use another interface and address (keepalived_interface, keepalived_address).",
            )


@rule("G9", "VRRP goes through no tunnel.", WARNING)
def _vrrp(interfaces: Sequence[Model], me: Any) -> Iterator[Finding]:
    for item, instance in _carried(interfaces, me):
        if not item["follow"]:
            yield fault(
                _where(item),
                "VRRP goes through this tunnel: whatever stops it makes every node a holder.",
                instance,
                "Let VRRP use the network that the nodes share, if they share one.",
            )


@rule("G10", "What other services reach in a tunnel is some peer's.")
def _reached(interfaces: Sequence[Model], me: Any, reached: Iterable[str]) -> Iterator[Finding]:
    for item in interfaces:
        own = {str(ip_interface(one).ip) for one in item["addresses"]}
        asked = [one for one in dict.fromkeys(networks.within(reached, item["tunnel"])) if one not in own]
        known = networks.within(asked, [one for peer in item["peers"] for one in peer["allowed_ips"]])
        for address in (one for one in asked if one not in known):
            yield fault(
                _where(item),
                "A service of this host reaches an address in the tunnel that no peer has.",
                address,
                "Add it to a peer's allowed_ips, or correct it where it is used.",
            )


@rule("H9", "The clocks of nodes that follow a VIP are in step.", WARNING)
def _clocks(interfaces: Sequence[Model], me: Any) -> Iterator[Finding]:
    """WireGuard takes what is older than the last it heard for a replay, also from a new holder."""
    for item in interfaces:
        for address in (item["follow"] or {}).get("nodes", ()):
            if address in me.skews:
                yield fault(
                    f"{_where(item)}.follow_vip",
                    "The clocks of two nodes differ, and members don't believe a new holder that is behind the old one.",
                    f"{me.name} and {address}, by {abs(me.skews[address]):g} s",
                    "Keep them in step: chrony, or systemd-timesyncd.",
                    "a second",
                )
