# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new node waits in FAULT until it has heard an advert of every instance that somebody holds.

A node that its peers do not list yet hears nothing, takes every VIP, and there are two holders. So it listens, and asks the
network who answers for the anchor: an advert heard, or nobody there, ends the wait for that instance; an answer without an
advert does not.
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

from .files import Files

VRRP = 112
ADVERT = 1
ARP = 0x0806
SOLICITATION, ADVERTISEMENT = 135, 136
# Asked this often before "nobody there" is believed, and every so often while somebody is.
ASK_SECONDS = 0.2
ASK_TIMES = 6
GROUP4, GROUP6 = "224.0.0.18", "ff02::12"


@dataclass
class Watch:
    """One instance: has it been heard, and does anybody answer for its anchor?"""

    name: str
    vrid: int
    interface: str
    anchor: str
    anchor_dev: str
    peers: tuple[str, ...]
    heard: str = ""
    asked: int = 0
    answered: str = ""
    alone: bool = False

    @property
    def settled(self) -> bool:
        return bool(self.heard) or self.alone

    @property
    def v6(self) -> bool:
        return ":" in self.anchor

    def ask_again(self) -> None:
        """Close a round: nobody in all of its questions means nobody."""
        if self.asked >= ASK_TIMES:
            self.alone = not self.answered
            self.asked, self.answered = 0, ""

    def waits_for(self) -> str:
        if self.answered:
            return f"{self.name}: {self.anchor} answers ({self.answered}), but no advert of it has come: do its peers list this node?"
        return f"{self.name}: listening for adverts of virtual router {self.vrid}"


def watches(facts: Mapping[str, Any]) -> list[Watch]:
    return [
        Watch(
            name=instance["name"],
            vrid=int(instance["virtual_router_id"]),
            interface=instance["interface"],
            anchor=instance["anchor"].split("/", maxsplit=1)[0],
            anchor_dev=instance.get("anchor_dev") or instance["interface"],
            peers=tuple(instance.get("peers") or ()),
        )
        for instance in facts.get("instances") or []
    ]


def hear(packet: bytes, v6: bool) -> tuple[int, int] | None:
    """Virtual router and priority of an advert; None for anything else. IPv4 comes with its header, IPv6 without."""
    start = 0 if v6 else (packet[0] & 0x0F) * 4 if packet else 0
    if len(packet) < start + 8 or packet[start] & 0x0F != ADVERT:
        return None
    return packet[start + 1], packet[start + 2]


@dataclass
class Listener:
    """The sockets, and what they heard."""

    watches: list[Watch]
    sockets: dict[socket.socket, Any] = field(default_factory=dict)

    def open(self) -> None:
        for v6 in {any(":" in peer for peer in watch.peers) if watch.peers else watch.v6 for watch in self.watches}:
            self.sockets[self._adverts(v6)] = lambda packet, sender, v6=v6: self._advert(packet, sender, v6)
        for device in {watch.anchor_dev for watch in self.watches if not watch.v6}:
            arp = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
            arp.bind((device, ARP))
            self.sockets[arp] = self._arp
        if any(watch.v6 for watch in self.watches):
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
        """Who has the anchor? One question per instance that is still open."""
        for watch in self.watches:
            if watch.settled:
                continue
            watch.ask_again()
            watch.asked += 1
            try:
                (self._solicit if watch.v6 else self._who_has)(watch)
            except OSError:
                # A link that is down: keepalived is in FAULT by itself, and nobody can be asked.
                watch.answered = watch.answered or "the link is down"

    def _who_has(self, watch: Watch) -> None:
        """An ARP request as a probe (RFC 5227): from no address, so that it changes nobody's cache."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as probe:
            probe.bind((watch.anchor_dev, ARP))
            own = probe.getsockname()[4][:6]
            body = (
                struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + bytes(4) + bytes(6) + socket.inet_aton(watch.anchor)
            )
            probe.send(b"\xff" * 6 + own + struct.pack("!H", ARP) + body)

    def _solicit(self, watch: Watch) -> None:
        target = socket.inet_pton(socket.AF_INET6, watch.anchor)
        group = socket.inet_ntop(
            socket.AF_INET6, socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
        )
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as probe:
            index = socket.if_nametoindex(watch.anchor_dev)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            with open(f"/sys/class/net/{watch.anchor_dev}/address", encoding="ascii") as file:
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
        found = hear(packet, v6)
        source = str(sender[0]).split("%", maxsplit=1)[0]
        for watch in self.watches:
            if found and found[0] == watch.vrid and found[1] > 0 and (not watch.peers or source in watch.peers):
                watch.heard = source

    def _arp(self, packet: bytes, _sender: tuple[Any, ...]) -> None:
        if len(packet) < 42 or packet[12:14] != struct.pack("!H", ARP) or packet[20:22] != b"\x00\x02":
            return
        address, mac = socket.inet_ntoa(packet[28:32]), packet[22:28].hex(":")
        for watch in self.watches:
            if watch.anchor == address:
                watch.answered = mac

    def _neighbour(self, packet: bytes, sender: tuple[Any, ...]) -> None:
        if len(packet) < 24 or packet[0] != ADVERTISEMENT:
            return
        target = packet[8:24]
        for watch in self.watches:
            if watch.v6 and socket.inet_pton(socket.AF_INET6, watch.anchor) == target:
                watch.answered = str(sender[0])


def join(files: Files, facts: Mapping[str, Any]) -> None:
    """Listen until every instance is settled, then let the node take part."""
    listener = Listener(watches(facts))
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
