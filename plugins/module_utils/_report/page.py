# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of a run tells, and how it says moments and lengths of time; plugin_utils/page.py renders it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from .timeline import Span, Unsettled, unsettled

# Beyond so many rows, lost requests are counted only.
MOST_ROWS = 200


@dataclass(frozen=True)
class Node:
    """What became of a node: in the words of the text report, why it failed, and the diffs of what it was given."""

    outcome: str
    failure: str = ""
    diffs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Told:
    """All that a page tells. `vips`: address, instance, holders; `clients`: what the probe returned."""

    title: str
    began: float
    ended: float
    nodes: Mapping[str, Node]
    vips: Sequence[tuple[str, str, Sequence[str]]] = ()
    held: Sequence[Span] = ()
    steps: Sequence[Span] = ()
    clients: Mapping[str, Any] | None = None

    @property
    def unsettled(self) -> list[Unsettled]:
        return unsettled(self.held, self.began, self.ended)


@dataclass(frozen=True)
class Clock:
    """Moments as people read them, in one zone."""

    zone: tzinfo

    def time(self, moment: float, digits: int = 3) -> str:
        """The time of day."""
        at = datetime.fromtimestamp(round(moment, digits), self.zone)
        return at.strftime("%H:%M:%S") + (f".{at.microsecond:06}"[: digits + 1] if digits else "")

    def stamp(self, moment: float) -> str:
        """Date, time and zone."""
        at = datetime.fromtimestamp(moment, self.zone)
        return f"{at.strftime('%Y-%m-%d %H:%M:%S')} {self.offset(moment)}"

    def offset(self, moment: float) -> str:
        """The zone: what it adds to UTC, and its name if that says more."""
        at = datetime.fromtimestamp(moment, self.zone)
        plus, name = at.strftime("%z"), at.tzname() or ""
        plus = f"{plus[:3]}:{plus[3:5]}"
        return f"{plus} ({name})" if name.isalpha() else plus

    def machine(self, moment: float) -> str:
        """The moment as `datetime` of a time element has it."""
        return datetime.fromtimestamp(round(moment, 3), self.zone).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Losses:
    """An interval in which requests were lost."""

    begin: float
    sent: int
    lost: int
    why: str


def losses(clients: Mapping[str, Any] | None) -> Iterator[Losses]:
    """The intervals of a probe's course with losses."""
    course = (clients or {}).get("series") or {"lost": ()}
    for number, lost in enumerate(course["lost"]):
        if lost:
            why = [f"{found[number]} {kind}" for kind, found in course["lost_by_kind"].items() if found[number]]
            begin = course["began"] + number * course["seconds"]
            yield Losses(begin, course["sent"][number], lost, ", ".join(why))


def readable(text: str) -> str:
    """Without what no page may hold (control characters, halves of characters): that shows as such."""
    return "".join(one if one in "\n\t" or one.isprintable() else "\ufffd" for one in text)


def seconds(length: float) -> str:
    """A length of time as people read it."""
    if length >= 120:
        return f"{length // 60:.0f} min {length % 60:.0f} s"
    return f"{length:.1f} s" if length >= 1 else milliseconds(1000 * length)


def milliseconds(length: float | None) -> str:
    """A length of time that is short, or not known."""
    if length is None:
        return "-"
    return f"{length:,.0f} ms" if length >= 10 else f"{length:.1f} ms"
