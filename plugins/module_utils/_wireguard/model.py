# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard from variables: who is whose peer, and the lines of each interface's file.

Who a host's peers are follows from the inventory alone. Only their public keys come from the hosts: from those that
answered in this run, else as this host or any other knew them last (G4).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any

from .._core import networks
from .._core.findings import Finding
from .._core.role import Draft, Role
from .._core.spec import conform_dict
from . import hosts as around
from . import rules
from .hosts import Host

BEHIND_NAT_KEEPALIVE = 25
CTL = "/usr/local/lib/evenkeel/wireguard/ctl"
SYNC = f"PostUp = {CTL} sync %i"
HEAD = """\
# Managed by evenkeel.lb (role wireguard): change the inventory, not this file.
# The private key is in /etc/wireguard/{name}.key and leaves this host only wrapped for a node that shares it.
# After a change by hand: {ctl} reload

[Interface]
{lines}
"""


def of(role: Role) -> dict[str, Any]:
    """What the role is given on its host."""
    hosts = around.hosts(role.host, role.given.get("wireguard_interfaces"), role.hostvars)
    return build(role.given, role.options, role.host, hosts, role.names, around.reached(role.others))


def build(
    variables: Mapping[str, Any],
    options: Mapping[str, Any],
    host: str,
    hosts: Mapping[str, Host | None],
    names: Sequence[str] = (),
    reached: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole model of one host.

    `hosts` holds this host, its cluster's nodes and every host that its interfaces name; None where the inventory has no
    such host. `reached` are addresses that this host's other services use. With errors there is nothing but them.
    """
    draft = Draft.of(variables, options, names)
    draft.check(rules.check_values)
    if draft.refused:
        return draft.verdict()
    model, findings = draft.model, draft.findings
    inventory = _Inventory(host, hosts, options["wireguard_interfaces"]["options"])
    interfaces = [_interface(model, item, inventory, findings) for item in model["wireguard_interfaces"]]
    findings += rules.check(model, interfaces, inventory.me, hosts, reached)
    result = draft.verdict()
    if result["errors"]:
        return result
    return {
        **result,
        "interfaces": interfaces,
        "keys": {item["name"]: inventory.key(item["name"], inventory.me, "") for item in interfaces},
        "files": [one for item in interfaces for one in _files(item)],
        # Where wg itself was taken away, nothing can be checked before it is back.
        "checks": [["wg", "--version"], *([CTL, "check", item["name"]] for item in interfaces)],
        "filter": _filter(interfaces),
        "forwarding": [
            family
            for family, mark in (("ip", "."), ("ip6", ":"))
            if any(
                mark in network
                for item in interfaces
                if item["forwards"]
                for network in (*item["forward"], *item["networks"])
            )
        ],
        "node": _node(model, interfaces, inventory.me.keys),
        "make": [item["name"] for item in interfaces if not item["private_key"] and not item["follow"]],
        "share": [item["name"] for item in interfaces if not item["private_key"] and item["follow"]],
        "secrets": [secret for item in interfaces for secret in item["secrets"]],
    }


def preshared(secret: str, interface: str, one: str, other: str) -> str:
    """The preshared key of two hosts: the same whoever asks."""
    text = "\0".join(("evenkeel preshared key", interface, *sorted((one, other))))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def anchor(instance: Mapping[str, Any]) -> str:
    """The address that follows a VRRP instance wherever it goes, without its prefix."""
    return (addresses_of(instance) or [""])[0]


def addresses_of(instance: Mapping[str, Any]) -> list[str]:
    """All virtual addresses of an instance without their prefixes, the anchor first."""
    listed = [one["address"] if isinstance(one, Mapping) else one for one in instance.get("virtual_addresses") or []]
    found = [str(one).split("/", maxsplit=1)[0] for one in listed]
    first = str(instance.get("anchor") or "").split("/", maxsplit=1)[0]
    return sorted(found, key=lambda one: one != first) if first in found else found


class _Inventory:
    """The hosts around one host, with their interfaces conformed."""

    def __init__(self, name: str, hosts: Mapping[str, Host | None], options: Mapping[str, Any]) -> None:
        self.hosts = hosts
        self.me = hosts.get(name) or Host(name)
        self._options = options

    def interface(self, host: Host, name: str) -> dict[str, Any] | None:
        """A host's interface of that name; what is wrong with it is that host's own finding."""
        for item in host.interfaces:
            if isinstance(item, Mapping) and item.get("name") == name:
                return conform_dict(item, self._options, "", [])
        return None

    def key(self, interface: str, host: Host, label: str) -> str:
        """The newest public key that is known of a peer: its own word, this host's files, anybody's files."""
        own = [one.keys.get(interface) for one in self._alike(host, interface)]
        # Files may call an identity after one of its nodes.
        labels = (label, host.name, *host.nodes) if label != host.name else (label,)
        files = [one.known.get(interface, {}) for one in (self.me, *self.hosts.values()) if one]
        written = [file.get(name) for file in files for name in labels]
        return next((key for key in (*own, *written) if key), "")

    def _alike(self, host: Host, interface: str) -> list[Host]:
        """A host, and those that share its identity."""
        found = self.interface(host, interface)
        nodes = host.nodes if found and found["follow_vip"] else ()
        return [host, *(node for name in nodes if (node := self.hosts.get(name)))]


def _interface(
    model: Mapping[str, Any], item: Mapping[str, Any], inventory: _Inventory, findings: list[Finding]
) -> dict[str, Any]:
    me = inventory.me
    follow = _follow(item, inventory, findings, int(model["wireguard_mirror_port"]))
    peers = [
        *_mesh(item, inventory, findings),
        *(_by_hand(one) for one in item["peers"]),
        *(_member(one) for one in model["wireguard_members"] if _comes_in(one, model) == item["name"]),
    ]
    start = [
        f"Address = {', '.join(item['addresses'])}",
        f"ListenPort = {item['port']}",
        *([f"DNS = {', '.join(item['dns'])}"] if item["dns"] else []),
        *([f"Table = {item['table']}"] if item["table"] != "auto" else []),
        *(f"PreUp = {command}" for command in item["pre_up"]),
        SYNC,
        *(f"PostUp = {command}" for command in item["post_up"]),
        *(f"PreDown = {command}" for command in item["pre_down"]),
        *(f"PostDown = {command}" for command in item["post_down"]),
        *item["options"],
    ]
    live = [
        *([f"MTU = {item['mtu']}"] if item["mtu"] else []),
        *([f"FwMark = {item['fwmark']}"] if item["fwmark"] else []),
    ]
    hub = me.name in item["hubs"]
    to = item["forward"]["to"] if item["forward"] else ()
    tunnel = sorted({str(ip_interface(one).network) for one in item["addresses"]})
    return {
        "name": item["name"],
        "addresses": item["addresses"],
        "tunnel": tunnel,
        "port": item["port"],
        "endpoint": _endpoint(me, item),
        "mtu": item["mtu"],
        "table": item["table"],
        "routes": item["routes"],
        "networks": item["networks"],
        "follow": follow,
        "private_key": item["private_key"],
        "peers": peers,
        "start": start,
        "lines": [*start, *live],
        "sections": [{"name": peer["name"], "lines": _peer_lines(peer)} for peer in peers if peer["public_key"]],
        "forwards": bool(item["forward"]) or hub,
        # What goes into a set of nftables: an address that is in two of its networks is refused there.
        "forward": networks.merged([*to, *(_reach(tunnel, peers) if hub else ())]),
        "masquerade": networks.merged(to) if item["forward"] and item["forward"]["masquerade"] else [],
        "secrets": [
            secret
            for secret in (item["private_key"], item["preshared_secret"], *(peer["preshared_key"] for peer in peers))
            if secret
        ],
    }


def _follow(
    item: Mapping[str, Any], inventory: _Inventory, findings: list[Finding], port: int
) -> dict[str, Any] | None:
    """Whose address the interface follows, and who else may hold it."""
    if not item["follow_vip"]:
        return None
    me = inventory.me
    instance = next((one for one in me.instances if one.get("name") == item["follow_vip"]), None)
    if instance is None:
        findings.append(rules.unknown_instance(item, me))
        return None
    virtual = addresses_of(instance)
    device = me.vrrp_interface.get(instance["name"]) if isinstance(me.vrrp_interface, Mapping) else me.vrrp_interface
    others = [node for name in me.nodes if name != me.name and (node := inventory.hosts.get(name))]
    return {
        "instance": instance["name"],
        "address": anchor(instance),
        "virtual": virtual,
        "device": str(device or instance.get("interface") or ""),
        "own": me.vrrp_address,
        "nodes": [node.vrrp_address for node in others],
        "port": port,
    }


def _families(addresses: Sequence[str]) -> tuple[list[str], list[str]]:
    return [one for one in addresses if ":" not in one], [one for one in addresses if ":" in one]


def _mesh(item: Mapping[str, Any], inventory: _Inventory, findings: list[Finding]) -> list[dict[str, Any]]:
    """The peers that are hosts of the inventory, by name and in the inventory's order."""
    me, hubs = inventory.me, item["hubs"]
    own = set(me.nodes) if item["follow_vip"] else {me.name}
    wanted = [name for name in (hubs if hubs and not own & set(hubs) else item["hosts"]) if name not in own]
    found: dict[str, dict[str, Any]] = {}
    shared: dict[str, Sequence[str]] = {}
    for name in wanted:
        host = inventory.hosts.get(name)
        theirs = inventory.interface(host, item["name"]) if host else None
        if host is None or theirs is None:
            findings.append(rules.no_such_peer(item["name"], name, host is not None))
            continue
        if host.state == "absent":
            continue
        wrong = [*rules.wrong_addresses(theirs)]
        if wrong:
            findings += (rules.of_a_peer(item["name"], name, one) for one in wrong)
            continue
        label = _label(name, theirs)
        if name in shared.get(label, ()):
            continue
        # Another identity with the same address is refused (G1), not taken for this one.
        label = name if label in shared else label
        shared[label] = host.nodes
        found[label] = _inventory_peer(item, host, theirs, label, inventory)
        if not found[label]["public_key"]:
            findings.append(rules.unknown_key(item["name"], name))
    return list(found.values())


def _label(name: str, theirs: Mapping[str, Any]) -> str:
    """What a peer is called in files. An identity has its address for a name: nodes come and go, and change their order."""
    return str(ip_interface(theirs["addresses"][0]).ip) if theirs["follow_vip"] else name


def _inventory_peer(
    item: Mapping[str, Any], host: Host, theirs: Mapping[str, Any], label: str, inventory: _Inventory
) -> dict[str, Any]:
    me = inventory.me
    allowed = [*_single(theirs["addresses"]), *theirs["networks"]]
    if host.name in item["hubs"] and me.name not in item["hubs"]:
        beyond = [
            inventory.interface(one, item["name"])
            for name in item["hosts"]
            if (one := inventory.hosts.get(name)) and name != me.name
        ]
        behind = [network for one in beyond if one and not [*rules.wrong_addresses(one)] for network in one["networks"]]
        allowed = [*sorted({str(ip_interface(one).network) for one in theirs["addresses"]}), *behind]
    secret = item["preshared_secret"]
    return {
        "name": label,
        "kind": "host",
        "public_key": inventory.key(item["name"], host, label),
        "preshared_key": preshared(secret, item["name"], _label(me.name, item), label) if secret else "",
        "allowed_ips": networks.outermost(allowed),
        "endpoint": _endpoint(host, theirs),
        "keepalive": item["keepalive"]
        if item["keepalive"] is not None
        else BEHIND_NAT_KEEPALIVE
        if item["behind_nat"]
        else None,
        "reachable_from": not item["behind_nat"],
    }


def _endpoint(host: Host, theirs: Mapping[str, Any]) -> str:
    """Where a host of the inventory is found; empty if it can't be."""
    if theirs["behind_nat"]:
        return ""
    if theirs["endpoint"]:
        given = str(theirs["endpoint"])
        has_port = given.rpartition("]")[2].startswith(":") or given.count(":") == 1
        return given if has_port else _join(given, theirs["port"])
    if theirs["follow_vip"]:
        instance: Mapping[str, Any] = next(
            (one for one in host.instances if one.get("name") == theirs["follow_vip"]), {}
        )
        return _join(anchor(instance), theirs["port"]) if instance else ""
    return _join(host.address, theirs["port"]) if host.address else ""


def _join(address: str, port: int) -> str:
    bare = address.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def _by_hand(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "kind": "peer",
        "public_key": one["public_key"],
        "preshared_key": one["preshared_key"] or "",
        "allowed_ips": one["allowed_ips"],
        "endpoint": one["endpoint"] or "",
        "keepalive": one["keepalive"],
        "reachable_from": True,
    }


def _member(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_by_hand({**one, "allowed_ips": _single(one["addresses"]), "endpoint": "", "keepalive": None}),
        "kind": "member",
    }


def _comes_in(member: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """The interface of a member."""
    if member["interface"]:
        return str(member["interface"])
    items = model["wireguard_interfaces"]
    return next((str(one["name"]) for one in (*(one for one in items if one["follow_vip"]), *items)), "")


def _single(addresses: Iterable[str]) -> list[str]:
    """Addresses as networks of one."""
    return [str(ip_interface(str(ip_interface(one).ip)).network) for one in addresses]


def _reach(tunnel: Sequence[str], peers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where a hub forwards to: the tunnel itself and what is behind its peers."""
    return [*tunnel, *(one for peer in peers for one in peer["allowed_ips"])]


def _peer_lines(peer: Mapping[str, Any]) -> list[str]:
    return [
        f"PublicKey = {peer['public_key']}",
        *([f"PresharedKey = {peer['preshared_key']}"] if peer["preshared_key"] else []),
        f"AllowedIPs = {', '.join(peer['allowed_ips'])}",
        *([f"Endpoint = {peer['endpoint']}"] if peer["endpoint"] else []),
        *([f"PersistentKeepalive = {peer['keepalive']}"] if peer["keepalive"] else []),
    ]


def _files(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A tunnel's own files, as `commit` takes them. The key is among them only if it comes from a vault."""
    parts = [HEAD.format(name=item["name"], ctl=CTL, lines="\n".join(item["lines"]))]
    parts += ["\n".join(["[Peer]", f"# {one['name']}", *one["lines"], ""]) for one in item["sections"]]
    path = f"/etc/wireguard/{item['name']}"
    files: list[dict[str, Any]] = [{"path": f"{path}.conf", "mode": "0600", "content": "\n".join(parts)}]
    if item["private_key"]:
        files.append({"path": f"{path}.key", "mode": "0600", "secret": True, "content": f"{item['private_key']}\n"})
    return files


def _filter(interfaces: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The rules of the nftables table, by chain."""
    chains: dict[str, list[str]] = {"input": [], "output": [], "forward": [], "postrouting": []}
    ways_in: list[str] = []
    # What one tunnel makes the kernel forward is not open to the others.
    forwards = any(item["forwards"] for item in interfaces)
    for item in interfaces:
        name = item["name"]
        for family, own in zip(("ip", "ip6"), _families([one.split("/")[0] for one in item["addresses"]])):
            if own:
                chains["input"].append(
                    f'iifname != {{ "lo", "{name}" }} {family} daddr {{ {", ".join(own)} }} counter drop'
                )
        for family, virtual in zip(("ip", "ip6"), _families(item["follow"]["virtual"] if item["follow"] else ())):
            if virtual:
                # Who asked another of the VIPs is answered from that one.
                chains["output"].append(
                    f'oifname "{item["follow"]["device"]}" udp sport {item["port"]} '
                    f"{family} saddr != {{ {', '.join(virtual)} }} {family} saddr set {virtual[0]}"
                )
        if forwards:
            chains["forward"].append(f'iifname "{name}" ct state established,related accept')
            for family, to in zip(("ip", "ip6"), _families(item["forward"])):
                if to:
                    chains["forward"].append(f'iifname "{name}" {family} daddr {{ {", ".join(to)} }} accept')
            chains["forward"].append(f'iifname "{name}" counter drop')
            ways_in += [
                f'oifname "{name}" ct state established,related accept',
                *(
                    f'oifname "{name}" {family} saddr {{ {", ".join(behind)} }} accept'
                    for family, behind in zip(("ip", "ip6"), _families(networks.merged(item["networks"])))
                    if behind
                ),
                f'oifname "{name}" counter drop',
            ]
        tunnels, targets = _families(item["tunnel"]), _families(item["masquerade"])
        for family, tunnel, to in zip(("ip", "ip6"), tunnels, targets):
            if tunnel and to:
                chains["postrouting"].append(
                    f'oifname != "{name}" {family} saddr {{ {", ".join(tunnel)} }} {family} daddr {{ {", ".join(to)} }} masquerade'
                )
    # After what comes out of tunnels, so that one tunnel may lead into another.
    chains["forward"] += ways_in
    return chains


def _node(model: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]], own: Mapping[str, str]) -> dict[str, Any]:
    """What the node's own tool has to know; no secrets."""
    keys = ("addresses", "port", "mtu", "table", "routes", "follow", "start")
    return {
        "mirror_interval": model["wireguard_mirror_interval"],
        # With its public key, so that a lost private key is a difference that the next run sees.
        "interfaces": {
            item["name"]: {"public_key": own.get(item["name"], ""), **{key: item[key] for key in keys}}
            for item in interfaces
        },
    }
