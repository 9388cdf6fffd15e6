# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member's addresses and configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any

from .._core import networks
from .._core.findings import CoreError, Finding

RULE = "member"
KEEPALIVE = 25
NO_KEY = "(yours: the private key that belongs to the public key that you gave)"


def free_addresses(interface: Mapping[str, Any]) -> list[str]:
    """The first address of each of the tunnel's networks that nobody has."""
    claims = [one for peer in interface["peers"] for one in peer["allowed_ips"]]
    taken = [*_own(interface), *(one for one in claims if not networks.is_default(one))]
    found = []
    for tunnel in interface["tunnel"]:
        free = networks.first_free(tunnel, taken)
        if free is None:
            raise CoreError(
                [
                    Finding(
                        RULE,
                        f"wireguard_interfaces {interface['name']}: addresses",
                        "The tunnel's network has no address left.",
                        str(tunnel),
                        "Take a larger one, or revoke a member.",
                    )
                ]
            )
        found.append(free)
    return found


def check_new(interface: Mapping[str, Any], server_key: str, public_key: str, addresses: Sequence[str]) -> None:
    """Refuse what every later run would refuse, with the member on the list."""
    peers: list[Mapping[str, Any]] = list(interface["peers"])
    keys = {server_key: "the tunnel's own", **{peer["public_key"]: peer["name"] for peer in peers}}
    findings = []
    if public_key and public_key in keys:
        findings.append(
            Finding(
                RULE,
                "evenkeel_public_key",
                "Somebody else has this key.",
                keys[public_key],
                "Let the member make its own: wg genkey.",
            )
        )
    claims = [("the tunnel's own", one) for one in _own(interface)]
    claims += [(peer["name"], one) for peer in peers for one in peer["allowed_ips"] if not networks.is_default(one)]
    inside = networks.within(addresses, interface["tunnel"])
    for one in addresses:
        if one not in inside:
            findings.append(
                Finding(
                    RULE,
                    "evenkeel_addresses",
                    "The address is not in the tunnel.",
                    one,
                    "Choose one that is, or leave it out to get a free one.",
                    ", ".join(interface["tunnel"]),
                )
            )
        taken = [name for name, network in claims if networks.within([one], [network])]
        if taken:
            findings.append(
                Finding(
                    RULE,
                    "evenkeel_addresses",
                    "Somebody else has this address.",
                    f"{one}: {taken[0]}",
                    "Choose another one, or leave it out to get a free one.",
                )
            )
    if findings:
        raise CoreError(findings)


def _own(interface: Mapping[str, Any]) -> list[str]:
    """The tunnel's own addresses, without their prefixes."""
    return [str(ip_interface(one).ip) for one in interface["addresses"]]


def configuration(
    interface: Mapping[str, Any],
    public_key: str,
    endpoint: str,
    addresses: Sequence[str],
    private_key: str = "",
    preshared_key: str = "",
    dns: Sequence[str] = (),
) -> str:
    """What the member's own WireGuard reads."""
    routes = networks.outermost([*interface["tunnel"], *interface["forward"]])
    lines = [
        "[Interface]",
        f"PrivateKey = {private_key or NO_KEY}",
        f"Address = {', '.join(networks.whole(one) for one in addresses)}",
        *([f"DNS = {', '.join(dns)}"] if dns else []),
        "",
        "[Peer]",
        f"PublicKey = {public_key}",
        *([f"PresharedKey = {preshared_key}"] if preshared_key else []),
        f"Endpoint = {endpoint}",
        f"AllowedIPs = {', '.join(routes)}",
        # A new holder calls its members; the way to them must be open.
        f"PersistentKeepalive = {KEEPALIVE}",
    ]
    return "\n".join(lines) + "\n"


def with_member(members: Iterable[Mapping[str, Any]], member: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list with one more; a name is given once."""
    known = [dict(one) for one in members]
    if any(one["name"] == member["name"] for one in known):
        raise CoreError(
            [
                Finding(
                    RULE,
                    "wireguard_members",
                    "There is a member of this name, and a configuration is written once.",
                    str(member["name"]),
                    "Revoke it first, or choose another name.",
                )
            ]
        )
    return [*known, dict(member)]


def without_member(members: Iterable[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    known = [dict(one) for one in members]
    left = [one for one in known if one["name"] != name]
    if len(left) == len(known):
        raise CoreError(
            [
                Finding(
                    RULE,
                    "wireguard_members",
                    "There is no member of this name.",
                    name,
                    "Correct the name.",
                    ", ".join(str(one["name"]) for one in known) or "none",
                )
            ]
        )
    return left
