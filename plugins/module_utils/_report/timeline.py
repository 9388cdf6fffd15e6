# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened when in a run: who held the VIPs, and what the run itself did. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MASTER = "MASTER"
# A step of this name ends the one before, and is none itself.
DONE = "done"


@dataclass(frozen=True)
class Span:
    """Something that lasted on a node: a step of the run, or an instance whose VIPs it held."""

    what: str
    node: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True)
class Unsettled:
    """A stretch in which an instance had no holder, or more than one, by the nodes' own clocks."""

    instance: str
    holders: tuple[str, ...]
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


def held(
    began: float,
    ended: float,
    started: Mapping[str, Collection[str]],
    changes: Mapping[str, Iterable[Mapping[str, Any]]],
) -> list[Span]:
    """Who held each instance's VIPs when. `started`: holders of each instance at the begin; `changes`: by node, in order."""
    spans: list[Span] = []
    instances = sorted({*started, *(change["instance"] for found in changes.values() for change in found)})
    for instance in instances:
        for node in dict.fromkeys([*changes, *started.get(instance, [])]):
            since = began if node in started.get(instance, []) else None
            for change in changes.get(node, []):
                if change["instance"] != instance or not began <= change["at"] <= ended:
                    continue
                if change["state"] == MASTER:
                    since = change["at"] if since is None else since
                elif since is not None:
                    spans.append(Span(instance, node, since, change["at"]))
                    since = None
            if since is not None:
                spans.append(Span(instance, node, since, ended))
    return sorted(spans, key=lambda span: (span.what, span.begin))


def unsettled(spans: Sequence[Span], began: float, ended: float) -> list[Unsettled]:
    """Where an instance had not exactly one holder."""
    found = []
    for instance in dict.fromkeys(span.what for span in spans):
        own = [span for span in spans if span.what == instance]
        moments = sorted({began, ended, *(span.begin for span in own), *(span.end for span in own)})
        for begin, end in zip(moments, moments[1:]):
            holders = tuple(sorted({span.node for span in own if span.begin <= begin and span.end >= end}))
            if len(holders) != 1:
                found.append(Unsettled(instance, holders, begin, end))
    return found


def remembered(live: Mapping[str, Any] | None, left_at: float | None) -> list[dict[str, Any]]:
    """A node's changes of state: those of its journal, or where it has none what it knows of the last ones."""
    if (live or {}).get("history"):
        return [dict(change) for change in (live or {})["history"]]
    instances = (live or {}).get("instances") or []
    last = [
        {"at": one["since"], "instance": one["name"], "state": one["state"]} for one in instances if one.get("since")
    ]
    if left_at is not None:
        last += [{"at": left_at, "instance": one["name"], "state": "BACKUP"} for one in instances]
    return sorted(last, key=lambda change: float(change["at"]))


def steps(moments: Mapping[str, Iterable[Mapping[str, Any]]], ended: float) -> list[Span]:
    """The run's steps on each node, from the moments at which they began; each lasts until the node's next."""
    return sorted(
        (span for node, found in moments.items() for span in _steps(node, list(found), ended)),
        key=lambda span: (span.begin, span.node),
    )


def _steps(node: str, moments: Sequence[Mapping[str, Any]], ended: float) -> Iterator[Span]:
    for number, moment in enumerate(moments):
        end = float(moments[number + 1]["at"]) if number + 1 < len(moments) else ended
        if moment["what"] != DONE:
            yield Span(str(moment["what"]), node, float(moment["at"]), end)
