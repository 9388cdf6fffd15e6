# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run as one page that needs no network: what the text report says, and what happened when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from .html import Markup, element, join, table
from .lines import client_lines
from .timeline import Span, Unsettled, unsettled

# Beyond so many rows, lost requests are counted only.
MOST_ROWS = 200

# One size of everything follows the reader's; colours are the picture's too (plugin_utils/picture.py uses the classes).
STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1a1c1f; --faint: #5b626b; --rule: #d4d8dd; --block: #f3f5f7;
  --good: #2f7d4f; --bad: #b3261e; --node: #2563a8; --step: #8a5a00; --lane: #eef1f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e7eaee; --faint: #a3abb5; --rule: #3a4149; --block: #1e2329;
    --good: #6fc693; --bad: #ff8a80; --node: #7fb3ee; --step: #e0b04f; --lane: #1e2329;
  }
}
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: .25rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1.25rem .25rem 0; border-bottom: 1px solid var(--rule); }
th[scope=row] { font-weight: 600; white-space: nowrap; }
pre { background: var(--block); padding: .75rem; overflow-x: auto; font-size: .85rem; }
summary { cursor: pointer; }
figure { margin: 1rem 0; overflow-x: auto; }
figure svg { width: 100%; min-width: 44rem; height: auto; }
.good { color: var(--good); } .bad { color: var(--bad); } .faint { color: var(--faint); }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
svg .faint { fill: var(--faint); } svg .lane { fill: var(--lane); } svg .rule { stroke: var(--rule); }
svg .holder { fill: var(--node); } svg .step { fill: var(--step); stroke: var(--paper); } svg .on { fill: var(--paper); }
svg .answered { fill: var(--good); } svg .lost { fill: var(--bad); } svg .gap { fill: var(--bad); fill-opacity: .18; }
svg .line { fill: none; stroke: var(--node); stroke-width: 1.2; }
"""


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

    def element(self, moment: float) -> Markup:
        at = datetime.fromtimestamp(round(moment, 3), self.zone)
        return element("time", self.time(moment), datetime=at.isoformat(timespec="milliseconds"))


def page(told: Told, zone: tzinfo, picture: Markup | None, lacking: str = "") -> str:
    """The page. Without a picture `lacking` says why; the tables say the same."""
    clock = Clock(zone)
    sections = [
        _section("What changed", *_changes(told)),
        _section("Where each VIP is", *_vips(told)),
        _section("What clients saw", *_clients(told.clients, clock)),
        _section("What happened when", *_timeline(told, clock, picture, lacking)),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        # Whatever the page shows, nothing of it may fetch anything.
        element("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", told.title),
        element("style", Markup(STYLE)),
    )
    top = element(
        "header",
        element("h1", told.title),
        element("p", f"{clock.stamp(told.began)}, {seconds(told.ended - told.began)} long"),
    )
    body = element("body", top, element("main", *sections))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _section(title: str, *content: Markup) -> Markup:
    return element("section", element("h2", title), *content)


def _changes(told: Told) -> Iterator[Markup]:
    yield table(
        ["node", "what became of it"],
        [
            [name, join([node.outcome, *([element("p", node.failure, class_="bad")] if node.failure else [])])]
            for name, node in told.nodes.items()
        ],
        "In the order of the change",
    )
    for name, node in told.nodes.items():
        for title, diff in node.diffs:
            yield element("details", element("summary", f"{name}: {title}"), element("pre", diff))


def _vips(told: Told) -> Iterator[Markup]:
    rows = [
        [
            address,
            instance,
            " and ".join(holders)
            if len(holders) == 1
            else element("span", " and ".join(holders) or "nobody", class_="bad"),
        ]
        for address, instance, holders in told.vips
    ]
    yield table(["VIP", "instance", "held by"], rows, "At the end, as the nodes' kernels have it")


def _clients(clients: Mapping[str, Any] | None, clock: Clock) -> Iterator[Markup]:
    if not clients:
        yield element("p", "Nobody measured it: evenkeel_probe names no host to measure from, or it did not answer.")
        return
    yield element(
        "p",
        join(client_lines(clients), "\n"),
        class_="bad" if clients["lost"] else "good",
        style="white-space: pre-line",
    )
    rows = []
    for title, figures in {"new connections": clients["new"], "kept connections": clients["kept"]}.items():
        latency = figures["latency_ms"]
        gap = figures["gap"]
        rows.append(
            [
                title,
                f"{figures['sent']:,}",
                f"{figures['lost']:,}",
                join([milliseconds(figures["gap_ms"]), *([", from ", clock.element(gap["from"])] if gap else [])]),
                *(milliseconds(latency[share]) for share in ("p50", "p99", "max")),
            ]
        )
    yield table(
        ["clients", "sent", "lost", "longest gap", "half within", "99 of 100 within", "longest"], rows, "Requests"
    )
    lost = clients["lost_list"][:MOST_ROWS]
    if lost:
        yield element(
            "details",
            element("summary", f"Lost requests: {len(lost):,} of {clients['lost']:,}"),
            table(
                ["sent", "known to be lost", "target", "client", "why", "when a VIP moved"],
                [
                    [clock.element(one["sent"]), clock.element(one["ended"]), one["target"], one["client"]]
                    + [f"{one['kind']}: {one['detail']}", "in flight" if one["in_flight"] else "no"]
                    for one in lost
                ],
                "In the order of their sending",
            ),
        )


def _timeline(told: Told, clock: Clock, picture: Markup | None, lacking: str) -> Iterator[Markup]:
    yield element(
        "p",
        f"Times of day are {clock.offset(told.began)}: nodes, clients and controller each by their own clock.",
        class_="faint",
    )
    yield element("figure", picture) if picture else element("p", lacking)
    yield table(
        ["instance", "holder", "from", "to", "for"], [_row(span, clock) for span in told.held], "Who held the VIPs"
    )
    yield table(
        ["instance", "holders", "from", "to", "for"],
        [
            [one.instance, " and ".join(one.holders) or "nobody", clock.element(one.begin), clock.element(one.end)]
            + [milliseconds(1000 * one.seconds)]
            for one in told.unsettled
        ],
        "When an instance had not exactly one holder",
    )
    yield table(["step", "node", "from", "to", "for"], [_row(span, clock) for span in told.steps], "What the run did")
    course = (told.clients or {}).get("series")
    if course and any(course["lost"]):
        yield table(
            ["interval", "sent", "lost", "why"],
            [
                [clock.element(course["began"] + number * course["seconds"]), str(course["sent"][number]), str(lost)]
                + [
                    ", ".join(
                        f"{found[number]} {kind}" for kind, found in course["lost_by_kind"].items() if found[number]
                    )
                ]
                for number, lost in enumerate(course["lost"])
                if lost
            ][:MOST_ROWS],
            f"Intervals of {course['seconds']:g} s in which requests were lost",
        )


def _row(span: Span, clock: Clock) -> list[str]:
    return [span.what, span.node, clock.element(span.begin), clock.element(span.end), seconds(span.seconds)]


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
