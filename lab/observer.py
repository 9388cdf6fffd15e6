# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who held an address when: what the kernel of every node says, by one clock.

    with Observer(lab, ["lb-1", "lb-2"]) as observer:
        faults.crash(lab, "lb-1", "haproxy.service")
        time.sleep(5)
    record = observer.record
    record.longest(lab.vip, holders=2)      # seconds with two holders, in one piece
    record.longest(lab.vip, holders=0)      # seconds with none
    record.holders(lab.vip)                 # at the end

One resident process per node subscribes to its kernel's address events. It lives in a container of its own inside the
node's network namespace, so that it sees a frozen node too and costs the node nothing; when the node loses its power
it waits for the next boot.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType

from lab import image
from lab.hosts import LABEL, Lab
from lab.shell import LabError, succeeds

WATCHER = Path(__file__).resolve().parent / "watcher.py"


@dataclass(frozen=True)
class Event:
    """At `time` (seconds since the epoch) `host` got an address, or lost it; or was `gone` with all it had."""

    time: float
    host: str
    what: str  # add, del, gone
    address: str = ""


@dataclass(frozen=True)
class Interval:
    start: float
    end: float
    holders: frozenset[str]

    @property
    def seconds(self) -> float:
        return self.end - self.start


def intervals(events: Iterable[Event], address: str, start: float, end: float) -> list[Interval]:
    """The window cut where the holders of an address change; without gaps, and none of zero length. Pure."""
    wanted = str(ip_address(address))
    found: list[Interval] = []
    holders: frozenset[str] = frozenset()
    since = start

    def close(moment: float) -> None:
        nonlocal since
        moment = min(max(moment, start), end)
        if moment > since:
            found.append(Interval(since, moment, holders))
            since = moment

    for event in sorted(events, key=lambda event: event.time):
        if event.what != "gone" and event.address != wanted:
            continue
        after = holders | {event.host} if event.what == "add" else holders - {event.host}
        if after != holders:
            close(event.time)
            holders = after
    close(end)
    return found


@dataclass(frozen=True)
class Record:
    """What was seen from `start` to `end`."""

    events: tuple[Event, ...]
    start: float
    end: float

    def intervals(self, address: str, since: float | None = None, until: float | None = None) -> list[Interval]:
        """Who held the address when, in a part of the window (all of it unless said)."""
        return intervals(self.events, address, max(since or 0, self.start), min(until or self.end, self.end))

    def longest(self, address: str, *, holders: int, since: float | None = None, until: float | None = None) -> float:
        """Seconds of the longest time in one piece with no holder (0), or with at least so many (2)."""
        lengths, piece = [0.0], 0.0
        for part in self.intervals(address, since, until):
            matches = len(part.holders) >= holders if holders else not part.holders
            piece = piece + part.seconds if matches else 0.0
            lengths.append(piece)
        return max(lengths)

    def holders(self, address: str, at: float | None = None) -> frozenset[str]:
        """Who held it at a moment; at the end unless said."""
        moment = self.end if at is None else at
        return next((part.holders for part in self.intervals(address) if part.start <= moment <= part.end), frozenset())

    def story(self, address: str) -> str:
        """A line per change, for the reader of a failed test."""
        return "\n".join(
            f"{part.start - self.start:8.3f} s  +{part.seconds:.3f} s  {address}: "
            f"{', '.join(sorted(part.holders)) or 'nobody'}"
            for part in self.intervals(address)
        )


class Observer:
    """Watches the addresses of some hosts from `start` to `stop`; a context manager does both."""

    def __init__(self, lab: Lab, hosts: Sequence[str]) -> None:
        self.lab = lab
        self.hosts = tuple(hosts)
        self._events: list[Event] = []
        self._ready = {host: threading.Event() for host in hosts}
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start = 0.0
        self._record: Record | None = None

    def start(self) -> Observer:
        for host in self.hosts:
            self._threads.append(threading.Thread(target=self._watch, args=(host,), daemon=True))
            self._threads[-1].start()
        for host, ready in self._ready.items():
            if not ready.wait(60):
                self._remove()
                raise LabError(f"{host}: its addresses can't be watched; is it running?")
        self._start = time.time()
        return self

    def stop(self) -> Record:
        """End, and say what was seen."""
        end = time.time()
        self._remove()
        self._record = Record(tuple(self._events), self._start, end)
        return self._record

    @property
    def record(self) -> Record:
        """What was seen; while it goes on, up to now."""
        return self._record or Record(tuple(self._events), self._start, time.time())

    def __enter__(self) -> Observer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _container(self, host: str) -> str:
        return f"{self.lab.container(host)}-observer"

    def _remove(self) -> None:
        self._ended.set()
        succeeds(["docker", "rm", "--force", *map(self._container, self.hosts)])
        for thread in self._threads:
            thread.join(10)

    def _watch(self, host: str) -> None:
        """One watcher after another: a new one each time the node has lost its power and is back."""
        while not self._ended.is_set():
            process = subprocess.Popen(
                self._command(host),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert process.stdout
            for line in process.stdout:
                moment, what, address = json.loads(line)
                if what == "ready":
                    self._ready[host].set()
                else:
                    self._events.append(Event(moment, host, what, address))
            process.wait()
            self._ended.wait(0.1)

    def _command(self, host: str) -> list[str]:
        succeeds(["docker", "rm", "--force", self._container(host)])
        return [
            "docker",
            "run",
            "--rm",
            "--name",
            self._container(host),
            "--network",
            f"container:{self.lab.container(host)}",
            "--label",
            f"{LABEL}={self.lab.name}",
            "--stop-signal",
            "KILL",
            "--entrypoint",
            "python3",
            image.tag(self.lab.release, "host"),
            "-u",
            "-c",
            WATCHER.read_text(),
        ]


def follow(lab: Lab, hosts: Sequence[str], addresses: Sequence[str]) -> None:
    """Print who holds the addresses, and every change, until interrupted."""
    with Observer(lab, hosts) as observer:
        shown: dict[str, frozenset[str]] = {}
        try:
            while True:
                for address in addresses:
                    holders = observer.record.holders(address)
                    if shown.get(address) != holders:
                        shown[address] = holders
                        clock = time.strftime("%H:%M:%S")
                        print(f"{clock}  {address:20} {', '.join(sorted(holders)) or 'nobody'}", flush=True)
                time.sleep(0.02)
        except KeyboardInterrupt:
            sys.stdout.write("\n")


def held_by(lab: Lab, host: str) -> set[str]:
    """The addresses a host has at this moment."""
    return {
        found["local"] for link in json.loads(lab.run(host, ["ip", "-j", "address"])) for found in link["addr_info"]
    }
