# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stream of requests adds up to: counts, gaps, latencies.

Times are seconds on any one clock; what leaves this module as a report is in epoch seconds and milliseconds.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = ("refused", "reset", "timeout", "status", "other")
PENDING, GOOD, LOST = 0, 1, 2
# Of a series: seconds of its intervals at first, and how many there may be.
NARROWEST = 0.1
MOST_INTERVALS = 1200


class Record:
    """Every request of one stream: when it was sent and what became of it.

    A stream is one kept client, or all new connections to one target.
    """

    def __init__(self) -> None:
        self.times = array("d")
        self.fates = bytearray()
        self.latencies = array("f")
        self.kinds: Counter[str] = Counter()

    def send(self, when: float) -> int:
        """Note a request and return its number."""
        self.times.append(when)
        self.fates.append(PENDING)
        return len(self.times) - 1

    def good(self, number: int, latency: float) -> None:
        self.fates[number] = GOOD
        self.latencies.append(latency)

    def lost(self, number: int, kind: str) -> None:
        self.fates[number] = LOST
        self.kinds[kind] += 1


def longest_gap(times: Sequence[float], fates: Sequence[int]) -> dict[str, Any] | None:
    """The longest time between two good requests with a lost one in between, by their sending.

    Where no good request came before (or after) a loss, the first (or last) request sent bounds the gap and ``open`` is
    true: it was at least that long. Returns None when nothing was lost.
    """
    best: dict[str, Any] | None = None
    before: float | None = None
    first_lost: float | None = None
    lost = 0

    def close(end: float, is_open: bool) -> None:
        nonlocal best
        if first_lost is None:
            raise AssertionError("nothing was lost, so there is no gap to close")
        begin = first_lost if before is None else before
        if best is None or end - begin > best["to"] - best["from"]:
            best = {"from": begin, "to": end, "lost": lost, "open": is_open or before is None}

    for when, fate in zip(times, fates):
        if fate == GOOD:
            if first_lost is not None:
                close(when, False)
            before, first_lost, lost = when, None, 0
        elif fate == LOST:
            if first_lost is None:
                first_lost = when
            lost += 1
    if first_lost is not None:
        close(times[-1], True)
    return best


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of the values do not exceed (nearest rank), of a sorted sequence."""
    if not ordered:
        return None
    rank = -int(-share * len(ordered) // 1)
    return ordered[min(len(ordered), max(1, rank)) - 1]


def spread(values: Iterable[float]) -> dict[str, float | None]:
    """p50, p99 and max of some seconds, in milliseconds."""
    ordered = sorted(values)
    return {
        "p50": _milliseconds(percentile(ordered, 0.50)),
        "p99": _milliseconds(percentile(ordered, 0.99)),
        "max": _milliseconds(ordered[-1] if ordered else None),
    }


def summary(records: Sequence[Record], epoch: float) -> dict[str, Any]:
    """The figures of several streams of one kind; the gap is that of the stream which saw the longest."""
    kinds: Counter[str] = Counter()
    latencies = array("f")
    for record in records:
        kinds.update(record.kinds)
        latencies.extend(record.latencies)
    gaps = [gap for gap in (longest_gap(record.times, record.fates) for record in records) if gap]
    worst = max(gaps, key=lambda gap: float(gap["to"] - gap["from"]), default=None)
    return {
        "sent": sum(len(record.times) for record in records),
        "ok": len(latencies),
        "lost": sum(kinds.values()),
        "lost_by_kind": {kind: kinds[kind] for kind in KINDS},
        "gap_ms": 0.0 if worst is None else _milliseconds(worst["to"] - worst["from"]),
        "gap": None
        if worst is None
        else {
            "from": round(worst["from"] + epoch, 4),
            "to": round(worst["to"] + epoch, 4),
            "lost": worst["lost"],
            "open": worst["open"],
        },
        "latency_ms": spread(latencies),
    }


class Series:
    """What became of requests over time, by when they were sent: never more than so many intervals, however long it takes.

    Intervals begin narrow, and two become one each time when they are too many.
    """

    def __init__(self, start: float, seconds: float = NARROWEST, most: int = MOST_INTERVALS) -> None:
        self.start = start
        self.seconds = seconds
        self.most = most
        self.intervals: list[Interval] = []

    def sent(self, when: float) -> None:
        self._at(when).sent += 1

    def good(self, when: float, latency: float, server: str | None) -> None:
        interval = self._at(when)
        interval.latency = max(interval.latency or 0.0, latency)
        if server:
            interval.servers[server] += 1

    def lost(self, when: float, kind: str) -> None:
        self._at(when).kinds[kind] += 1

    def _at(self, when: float) -> Interval:
        while (number := max(0, int((when - self.start) / self.seconds))) >= self.most:
            pairs = [self.intervals[first : first + 2] for first in range(0, len(self.intervals), 2)]
            self.intervals = [sum_up(pair) for pair in pairs]
            self.seconds *= 2
        while number >= len(self.intervals):
            self.intervals.append(Interval())
        return self.intervals[number]

    def as_dict(self, epoch: float) -> dict[str, Any]:
        """A list for each figure, all of one length; of kinds and servers only those that were seen."""
        whole = sum_up(self.intervals)
        return {
            "began": round(self.start + epoch, 4),
            "seconds": self.seconds,
            "sent": [interval.sent for interval in self.intervals],
            "lost": [sum(interval.kinds.values()) for interval in self.intervals],
            "latency_ms": [_milliseconds(interval.latency) for interval in self.intervals],
            "lost_by_kind": {
                kind: [interval.kinds[kind] for interval in self.intervals] for kind in KINDS if whole.kinds[kind]
            },
            "servers": {
                server: [interval.servers[server] for interval in self.intervals] for server in sorted(whole.servers)
            },
        }


@dataclass
class Interval:
    """Requests that were sent within it. `latency` is the longest of the good ones."""

    sent: int = 0
    latency: float | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    servers: Counter[str] = field(default_factory=Counter)


def sum_up(intervals: Iterable[Interval]) -> Interval:
    """Several intervals as one."""
    whole = Interval()
    for interval in intervals:
        whole.sent += interval.sent
        whole.kinds.update(interval.kinds)
        whole.servers.update(interval.servers)
        if interval.latency is not None:
            whole.latency = max(whole.latency or 0.0, interval.latency)
    return whole


def in_flight(losses: Iterable[Mapping[str, Any]], marks: Iterable[float]) -> list[bool]:
    """For each loss: was it on its way (sent, its end not yet known) at one of the marks?"""
    instants = sorted(marks)
    return [any(loss["sent"] <= mark < loss["ended"] for mark in instants) for loss in losses]


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
