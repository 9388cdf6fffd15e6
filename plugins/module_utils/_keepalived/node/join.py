# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that does not share its peers' language yet waits in FAULT until it has heard every instance that somebody holds.

A new node that its peers do not list hears nothing, takes every VIP, and there are two holders; so does a standby that was
reloaded with another virtual router, version or anchor before the holder was. So it listens, and asks the network who
answers for the instance's addresses: an advert that it understands, or nobody there, ends the wait for that instance; an
answer without such an advert does not.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..conf import auth_digest
from .files import Files
from .live import bare

VRRP = 112
ADVERT = 1
PASSWORD = 1
ARP = 0x0806
SOLICITATION, ADVERTISEMENT = 135, 136
# A standby that parted from its peers believes a holder only when it has been heard for so long: the holder's own change may
# yet be put back. A holder that dies meanwhile answers to nobody, which ends the wait at once.
STEADY_SECONDS = 15.0
# Asked this often before "nobody there" is believed, and every so often while somebody is.
ASK_SECONDS = 0.2
ASK_TIMES = 6
GROUP4, GROUP6 = "224.0.0.18", "ff02::12"


@dataclass
class Watch:
    """One instance: has it been heard, and does anybody answer for one of its addresses (address: device)?"""

    name: str
    vrid: int
    version: int
    auth: str | None
    interface: str
    anchor: str
    addresses: Mapping[str, str]
    peers: tuple[str, ...]
    advert_interval: float = 1.0
    steady: float = 0.0
    heard: str = ""
    since: float = 0.0
    last: float = 0.0
    asked: int = 0
    answered: str = ""
    alone: bool = False

    @property
    def settled(self) -> bool:
        return self.alone or (bool(self.heard) and self.last - self.since >= self.steady)

    def hears(self, source: str, now: float) -> None:
        """An advert that is understood."""
        if now - self.last > 3 * self.advert_interval + 1:
            self.since = now
        self.heard, self.last = source, now

    @property
    def v6(self) -> bool:
        return ":" in self.anchor

    def ask_again(self) -> None:
        """Close a round: nobody in all of its questions means nobody."""
        if self.asked >= ASK_TIMES:
            self.alone = not self.answered
            self.asked, self.answered = 0, ""

    def waits_for(self) -> str:
        if self.heard:
            return f"{self.name}: has heard {self.heard} for {self.last - self.since:.0f} of {self.steady:g} s"
        if self.answered:
            return (
                f"{self.name}: {self.answered}, but no advert of it has come that this node understands: "
                "do its peers list this node, and have they the same configuration?"
            )
        return f"{self.name}: listening for adverts of virtual router {self.vrid}"

    def understands(self, advert: Advert) -> bool:
        """Whether keepalived with this node's configuration would accept it."""
        return (
            advert.vrid == self.vrid
            and advert.version == self.version
            and set(advert.addresses) == {packed(self.anchor)}
            and (advert.version == 3 or self.auth == advert.auth)
        )


def watches(facts: Mapping[str, Any], steady: float = 0.0) -> list[Watch]:
    return [
        Watch(
            steady=steady,
            name=instance["name"],
            vrid=int(instance["virtual_router_id"]),
            version=int(instance["version"]),
            auth=instance["auth_digest"],
            interface=instance["interface"],
            anchor=bare(instance["anchor"]),
            addresses={bare(entry["address"]): entry["dev"] for entry in instance["addresses"]},
            peers=tuple(instance.get("peers") or ()),
            advert_interval=float(instance["advert_interval"]),
        )
        for instance in facts.get("instances") or []
    ]


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


@dataclass(frozen=True)
class Advert:
    """What an advert says (RFC 9568, section 5; RFC 2338 for version 2 and its password)."""

    version: int
    vrid: int
    priority: int
    addresses: tuple[bytes, ...]
    auth: str | None = None


def hear(packet: bytes, v6: bool) -> Advert | None:
    """The advert in a packet; None for anything else. IPv4 comes with its header, IPv6 without."""
    start = 0 if v6 else (packet[0] & 0x0F) * 4 if packet else 0
    size = 16 if v6 else 4
    if len(packet) < start + 8 or packet[start] & 0x0F != ADVERT:
        return None
    version, ends = packet[start] >> 4, start + 8 + size * packet[start + 3]
    addresses = tuple(packet[at : at + size] for at in range(start + 8, min(ends, len(packet)), size))
    plain = version == 2 and packet[start + 4] == PASSWORD
    word = packet[ends : ends + 8].rstrip(b"\0").decode(errors="replace") if plain else None
    return Advert(version, packet[start + 1], packet[start + 2], addresses, auth_digest(word))


@dataclass
class Listener:
    """The sockets, and what they heard."""

    watches: list[Watch]
    sockets: dict[socket.socket, Any] = field(default_factory=dict)

    def open(self) -> None:
        for v6 in {any(":" in peer for peer in watch.peers) if watch.peers else watch.v6 for watch in self.watches}:
            self.sockets[self._adverts(v6)] = lambda packet, sender, v6=v6: self._advert(packet, sender, v6)
        for device in {
            device for watch in self.watches for address, device in watch.addresses.items() if ":" not in address
        }:
            arp = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
            arp.bind((device, ARP))
            self.sockets[arp] = self._arp
        if any(":" in address for watch in self.watches for address in watch.addresses):
            self.sockets[socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)] = self._neighbour

    def close(self) -> None:
        for opened in self.sockets:
            opened.close()

    def _adverts(self, v6: bool) -> socket.socket:
        opened = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, VRRP)
        for watch in self.watches:
            if watch.peers:
                continue
            index = socket.if_nametoindex(watch.interface)
            if v6 and watch.v6:
                group = socket.inet_pton(socket.AF_INET6, GROUP6) + struct.pack("@I", index)
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
            elif not v6 and not watch.v6:
                group = socket.inet_aton(GROUP4) + socket.inet_aton("0.0.0.0") + struct.pack("@i", index)
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        return opened

    def ask(self) -> None:
        """Who has these addresses? One question for each address of an instance that is still open."""
        for watch in self.watches:
            if watch.settled:
                continue
            watch.ask_again()
            watch.asked += 1
            for address, device in watch.addresses.items():
                try:
                    (self._solicit if ":" in address else self._who_has)(address, device)
                except OSError:
                    # keepalived is in FAULT by itself then, and nobody can be asked.
                    watch.answered = watch.answered or f"{device} is down"

    def _who_has(self, address: str, device: str) -> None:
        """An ARP request as a probe (RFC 5227): from no address, so that it changes nobody's cache."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as probe:
            probe.bind((device, ARP))
            own = probe.getsockname()[4][:6]
            body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + bytes(4) + bytes(6) + packed(address)
            probe.send(b"\xff" * 6 + own + struct.pack("!H", ARP) + body)

    def _solicit(self, address: str, device: str) -> None:
        target = packed(address)
        group = socket.inet_ntop(socket.AF_INET6, packed("ff02::1:ff00:0")[:13] + target[13:])
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as probe:
            index = socket.if_nametoindex(device)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            with open(f"/sys/class/net/{device}/address", encoding="ascii") as file:
                own = bytes.fromhex(file.read().strip().replace(":", ""))
            option = struct.pack("!BB", 1, 1) + own if len(own) == 6 else b""
            probe.sendto(struct.pack("!BBHI", SOLICITATION, 0, 0, 0) + target + option, (group, 0, 0, index))

    def wait(self, seconds: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left <= 0:
                return
            for ready in select.select(list(self.sockets), [], [], left)[0]:
                packet, sender = ready.recvfrom(2048)
                self.sockets[ready](packet, sender)

    def _advert(self, packet: bytes, sender: tuple[Any, ...], v6: bool) -> None:
        advert = hear(packet, v6)
        source = str(sender[0]).split("%", maxsplit=1)[0]
        for watch in self.watches:
            known = not watch.peers or source in watch.peers
            if advert and advert.priority > 0 and known and watch.understands(advert):
                watch.hears(source, time.monotonic())

    def _arp(self, packet: bytes, _sender: tuple[Any, ...]) -> None:
        if len(packet) < 42 or packet[12:14] != struct.pack("!H", ARP) or packet[20:22] != b"\x00\x02":
            return
        self._answer(packet[28:32], packet[22:28].hex(":"))

    def _neighbour(self, packet: bytes, sender: tuple[Any, ...]) -> None:
        if len(packet) < 24 or packet[0] != ADVERTISEMENT:
            return
        self._answer(packet[8:24], str(sender[0]))

    def _answer(self, target: bytes, sender: str) -> None:
        for watch in self.watches:
            for address in watch.addresses:
                if packed(address) == target:
                    watch.answered = f"{address} answers ({sender})"


def join(files: Files, facts: Mapping[str, Any]) -> None:
    """Listen until every instance is settled, then let the node take part."""
    listener = Listener(watches(facts, STEADY_SECONDS if files.parted.exists() else 0.0))
    listener.open()
    said: dict[str, str] = {}
    try:
        while not all(watch.settled for watch in listener.watches):
            listener.ask()
            listener.wait(ASK_SECONDS)
            now = {watch.name: watch.waits_for() for watch in listener.watches if not watch.settled}
            if now != said:
                (files.volatile / "joining").write_text(json.dumps(now), encoding="utf-8")
                said = now
    finally:
        listener.close()
    files.joined()
    (files.volatile / "joining").unlink(missing_ok=True)
    for watch in listener.watches:
        sys.stdout.write(f"{watch.name}: {'heard ' + watch.heard if watch.heard else 'nobody holds it'}\n")
    sys.stdout.flush()
