# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resident part: an identity is up where its virtual IP is, and whoever takes over begins to speak at once.

The kernel tells of each address that comes and goes, so that a hook that was never run decides nothing; and it is asked again every
second.
"""

from __future__ import annotations

import contextlib
import json
import select
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field

from ..._node.files import write
from ..._node.verbs import Trouble
from . import mirror
from .device import RUN, Device, devices, node, run

RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x10, 0x100
TICK = 1.0
# Seconds between two tries of a tunnel that did not come up.
AGAIN = 5.0
# Seconds by which clocks may differ; a new holder whose clock is behind is not believed by members until it has caught up.
SKEW = 1.0
SKEWS = RUN / "skew"
# Messages by which clocks are compared: each may have waited on its way, all of them hardly.
COMPARED = 3


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@dataclass
class Identity:
    """A tunnel that follows a virtual IP, as this node sees it."""

    device: Device
    up: bool = False
    signing: bytes = b""
    told: float = 0.0
    newest: dict[str, float] = field(default_factory=dict)
    # By how much the last messages of each node were older than this node's clock.
    ages: dict[str, deque[float]] = field(default_factory=dict)
    # Since when another node is known to have been the holder while this one thought so; renewed until they agree.
    contested: float = 0.0
    renew_at: list[float] = field(default_factory=list)

    @property
    def others(self) -> list[str]:
        return list(self.device.follow["nodes"]) if self.device.follow else []

    def look(self) -> None:
        """Be up or down as the kernel's addresses say."""
        wanted = self.device.wanted()
        if wanted == self.up and wanted == (self.device.carries() if wanted else self.device.exists()):
            return
        if wanted:
            say(f"{self.device.name}: the VIP is here")
            # Its unit may be active without it, since wireguard-go can be killed; one that is just being started is left to that.
            run("systemctl", "restart" if self.device.state() == "active" else "start", self.device.unit)
            self.told = 0.0
        else:
            say(f"{self.device.name}: the VIP is elsewhere")
            # Down at once; taking it apart takes longer.
            if self.device.exists():
                with contextlib.suppress(Trouble):
                    self.tell()
                run("ip", "link", "set", "dev", self.device.name, "down")
            self.device.leave()
        self.up = wanted

    def tell(self) -> None:
        """Tell the other nodes where the peers are."""
        follow = self.device.follow
        if not follow or not self.signing:
            return
        places = {peer.key: peer.endpoint for peer in self.device.peers() if peer.endpoint}
        for message in mirror.messages(self.signing, self.device.name, follow["own"], time.time(), places):
            for address in self.others:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as out:
                    out.sendto(message, (address, int(follow["port"])))
        self.told = time.monotonic()
        self._keep(places)

    def hear(self, sender: str, sent: float, places: dict[str, str]) -> None:
        newest, now = self.newest.get(sender, 0.0), time.time()
        if newest > now + SKEW:
            # What a clock has said that was ahead, and may have been put right since, is not waited for.
            newest = now - SKEW
        if sender not in self.others or sent < newest:
            return
        self._keep(places)
        if sent > newest:  # not one more datagram of the same message
            self.newest[sender] = sent
            ages = self.ages.setdefault(sender, deque(maxlen=COMPARED))
            ages.append(time.time() - sent)
            if len(ages) == COMPARED:
                note_skew(sender, min(ages))
            if self.up:
                # Somebody else is, or has been, the identity. Whoever is left begins anew, now and when the other has gone.
                self.contested = time.time()
                self.renew_at = [time.monotonic(), time.monotonic() + 1.0]

    def _keep(self, places: dict[str, str]) -> None:
        known = {**self.device.last_seen(), **places}
        write(self.device.heard, json.dumps(known))

    def work(self, interval: float) -> None:
        """What is due now."""
        if not self.up:
            self.renew_at.clear()
            return
        if self.renew_at and time.monotonic() >= self.renew_at[0]:
            # Once more if it fails.
            self.renew_at[0] += AGAIN
            self.device.renew(self.contested)
            self.renew_at.pop(0)
        if time.monotonic() - self.told >= interval:
            self.tell()


def skews() -> dict[str, float]:
    """Nodes whose clocks differ too much from this one's, and by how many seconds."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(SKEWS.read_text(encoding="utf-8")))
    return {}


def note_skew(sender: str, seconds: float) -> None:
    """Clocks that differ, for the role's next run and for `status` to find."""
    known = skews()
    before = known.pop(sender, None)
    if abs(seconds) > SKEW:
        if before is None:
            say(f"the clock of {sender} differs from this node's by {seconds:.1f} s: a take-over may not be believed")
        write(SKEWS, json.dumps({**known, sender: round(seconds, 1)}))
    elif before is not None:
        write(SKEWS, json.dumps(known))


def watch() -> None:
    """Until the end, or until a reload puts another configuration in."""
    settings = node()
    followed = [Identity(one) for one in devices() if one.follow]
    ports = {int(one.device.follow["port"]) for one in followed if one.device.follow}
    listening = [_listen(port) for port in sorted(ports)]
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    events.bind((0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
    wake, awake = socket.socketpair()
    for one in (events, *listening, awake, wake):
        one.setblocking(False)
    signal.signal(signal.SIGHUP, lambda *dummy: wake.send(b"!"))
    for identity in followed:
        identity.up = identity.device.exists()
        with contextlib.suppress(OSError):
            identity.signing = mirror.signing_key(identity.device.key.read_text(encoding="ascii"))
    keys = {one.device.name: one.signing for one in followed if one.signing}
    # Until it is up; what somebody takes down after it was tried here is inactive, not failed, and stays down.
    missing, again = [one for one in devices() if not one.follow and not one.up()], time.monotonic() + AGAIN
    over = {"active"}
    while True:
        with contextlib.suppress(Trouble):
            missing = [one for one in missing if one.state() not in over]
            if missing and time.monotonic() >= again:
                again, over = time.monotonic() + AGAIN, {"active", "inactive"}
                run("systemctl", "start", "--no-block", *(one.unit for one in missing))
        readable = select.select([events, *listening, awake], [], [], TICK if followed or missing else None)[0]
        if awake in readable:
            return
        for one in readable:
            with contextlib.suppress(OSError):
                while data := one.recv(65536):
                    said = mirror.read(keys, data) if one is not events else None
                    for identity in followed if said else ():
                        if said and identity.device.name == said["interface"]:
                            identity.hear(str(said["from"]), float(said["time"]), dict(said["endpoints"]))
        for identity in followed:
            try:
                identity.look()
                identity.work(float(settings["mirror_interval"]))
            except (Trouble, OSError) as trouble:
                say(f"{identity.device.name}: {trouble}")


def _listen(port: int) -> socket.socket:
    """In both families, or in IPv4 where the kernel has no other."""
    try:
        found, anywhere = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), "::"
        found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    except OSError:
        found, anywhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "0.0.0.0"
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((anywhere, port))
    return found
