# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of a run as SVG, drawn with drawsvg: an extra of the controller.

Classes, not colours: the page says what they look like in light and in dark (`templates/report.html.j2`). drawsvg escapes texts but
no attributes, so these are numbers and words of ours only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._report.page import (
    Clock,
    Told,
    milliseconds,
    readable,
    seconds,
)
from ansible_collections.evenkeel.lb.plugins.module_utils._report.timeline import Span
from markupsafe import Markup

LACKING = (
    "The page has no picture: the Python library drawsvg is missing on this controller."
    " Found: {error}. Install it beside Ansible: {python} -m pip install 'drawsvg~=2.4'"
)

WIDTH, LEFT, RIGHT = 1000.0, 130.0, 12.0
ROW, HEADING, GAP = 18.0, 20.0, 10.0
REQUESTS, SERVERS, LATENCY = 90.0, 60.0, 60.0
# One server's line is told from another's; the first is whole.
DASHES = ("none", "6 2", "2 2", "8 2 2 2", "1 3")
# The least that can be seen.
SEEN = 4.0
# How wide a letter of the page's small font is, about.
LETTER = 6.3
# What gets too long is cut: the shapes and the tables have it whole.
MOST_LETTERS = int(LEFT / LETTER) - 1
MOST_TICKS = 9
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


class Lacking(Exception):
    """drawsvg can't be imported."""


def draw(told: Told, clock: Clock) -> Markup:
    """The picture of a run."""
    try:
        import drawsvg
    except ImportError as error:
        raise Lacking(str(error)) from error
    return Picture(drawsvg, told, clock).draw()


class Picture:
    """Lanes below each other over one axis of time."""

    def __init__(self, drawsvg: Any, told: Told, clock: Clock) -> None:
        self.svg = drawsvg
        self.told = told
        self.clock = clock
        self.course: Mapping[str, Any] | None = (told.clients or {}).get("series")
        self.scale = (WIDTH - LEFT - RIGHT) / max(told.ended - told.began, 0.001)
        self.parts: list[Any] = []
        self.y = 0.0

    def draw(self) -> Markup:
        for instance in dict.fromkeys(span.what for span in self.told.held):
            self._holders(instance)
        self._steps()
        if self.course and self.course["sent"]:
            self._requests(self.course)
            self._servers(self.course)
            self._latency(self.course)
        self._axis()
        drawing = self.svg.Drawing(WIDTH, self.y, role="img", aria_labelledby="picture-title picture-description")
        # drawsvg has no name for this element.
        desc = type("Desc", (self.svg.Title,), {"TAG_NAME": "desc"})
        drawing.append(self.svg.Title("What happened when", id="picture-title"))
        drawing.append(desc(readable(self._description()), id="picture-description"))
        drawing.extend(self.parts)
        return Markup(drawing.as_svg(header="", skip_js=True, skip_css=True))

    def _description(self) -> str:
        lanes = [f"who held the VIPs of {name}" for name in dict.fromkeys(span.what for span in self.told.held)]
        lanes += ["what the run did on each node"] if self.told.steps else []
        lanes += ["requests answered and lost, and the longest latency"] if self.course else []
        return f"Over time from {self.clock.stamp(self.told.began)}: {'; '.join(lanes)}. The tables below say the same."

    # -- lanes --------------------------------------------------------------------------------------------------------

    def _holders(self, instance: str) -> None:
        spans = [span for span in self.told.held if span.what == instance]
        self._heading(f"{instance}: who holds the VIPs")
        top = self.y
        self._rows(spans, "holder", lambda span: f"{span.node} held {instance}", label=lambda _span: "")
        for one in self.told.unsettled:
            if one.instance == instance:
                said = f"{' and '.join(one.holders) or 'nobody'} held {instance}"
                self._box(one.begin, one.end, top, self.y - top - GAP, "gap", self._told(said, one.begin, one.end))

    def _steps(self) -> None:
        if self.told.steps:
            self._heading("what the run did")
            self._rows(self.told.steps, "step", lambda span: f"{span.node}: {span.what}", label=lambda span: span.what)

    def _rows(
        self, spans: Sequence[Span], kind: str, said: Callable[[Span], str], label: Callable[[Span], str]
    ) -> None:
        """A row for each node, in the order of the nodes."""
        nodes = [node for node in self.told.nodes if any(span.node == node for span in spans)]
        nodes += [node for node in dict.fromkeys(span.node for span in spans) if node not in nodes]
        for node in nodes:
            self._lane(ROW - 3)
            self._text(node if len(node) <= MOST_LETTERS else f"{node[: MOST_LETTERS - 1]}~", 0, self.y + 11)
            for span in spans:
                if span.node == node:
                    title = self._told(said(span), span.begin, span.end)
                    left, width = self._box(span.begin, span.end, self.y, ROW - 3, kind, title)
                    if label(span) and width > LETTER * len(label(span)) + 6:
                        self._text(label(span), left + 3, self.y + 11, "on")
            self.y += ROW
        self.y += GAP

    def _requests(self, course: Mapping[str, Any]) -> None:
        most = max(course["sent"]) or 1
        answered = [sent - lost for sent, lost in zip(course["sent"], course["lost"], strict=True)]
        self._heading("requests a second: answered, and lost on top")
        self._begin_figures(REQUESTS, f"{most / course['seconds']:,.0f}/s")
        self._figures(answered, most, REQUESTS, "answered", filled=True)
        for number, lost in enumerate(course["lost"]):
            if lost:
                begin = course["began"] + number * course["seconds"]
                end = begin + course["seconds"]
                top = REQUESTS * (1 - course["sent"][number] / most)
                # One of a hundred would not be seen.
                height = max(REQUESTS * lost / most, SEEN)
                self._box(begin, end, self.y + top, height, "lost", self._told(f"{lost} lost", begin, end))
        self._end_figures(REQUESTS)

    def _servers(self, course: Mapping[str, Any]) -> None:
        if not course["servers"]:
            return
        most = max(max(found) for found in course["servers"].values()) or 1
        self._heading("answers a second by server: " + ", ".join(course["servers"]))
        self._begin_figures(SERVERS, f"{most / course['seconds']:,.0f}/s")
        for number, found in enumerate(course["servers"].values()):
            self._figures(found, most, SERVERS, "line", stroke_dasharray=DASHES[number % len(DASHES)])
        self._end_figures(SERVERS)

    def _latency(self, course: Mapping[str, Any]) -> None:
        most = max((latency for latency in course["latency_ms"] if latency is not None), default=None)
        if most is None:
            return
        self._heading("longest latency of what was answered")
        self._begin_figures(LATENCY, milliseconds(most))
        self._figures(course["latency_ms"], most or 1, LATENCY, "line")
        self._end_figures(LATENCY)

    def _begin_figures(self, height: float, most: str) -> None:
        self._lane(height)
        self._text(most, 0, self.y + 9, "faint")

    def _end_figures(self, height: float) -> None:
        self._gaps(height)
        self.y += height + GAP

    def _gaps(self, height: float) -> None:
        for title in ("new", "kept"):
            gap = (self.told.clients or {})[title]["gap"]
            if gap:
                said = self._told(f"the longest gap of {title} connections", gap["from"], gap["to"])
                self._box(gap["from"], gap["to"], self.y, height, "gap", said)

    def _axis(self) -> None:
        for tick in self._ticks():
            x = self._x(tick)
            line = self.svg.Line(x, 0, x, round(self.y, 1), class_="rule", stroke_width=0.5, stroke_opacity=0.7)
            self.parts.append(line)
            self._text(self.clock.time(tick, 0), x, self.y + 12, "faint", text_anchor="middle")
        self.y += HEADING

    def _ticks(self) -> Iterator[float]:
        length = self.told.ended - self.told.began
        step = next((step for step in TICKS if length / step <= MOST_TICKS), TICKS[-1])
        first = -int(-self.told.began // step) * step
        for number in range(min(MOST_TICKS + 1, int((self.told.ended - first) // step) + 1)):
            yield float(first + number * step)

    # -- what lanes are made of ---------------------------------------------------------------------------------------

    def _heading(self, text: str) -> None:
        self._text(text, 0, self.y + 13, font_weight="600")
        self.y += HEADING

    def _lane(self, height: float) -> None:
        self.parts.append(self.svg.Rectangle(LEFT, round(self.y, 1), WIDTH - LEFT - RIGHT, height, class_="lane"))

    def _text(self, text: str, x: float, y: float, kind: str = "", **attributes: str) -> None:
        classes = {"class_": kind} if kind else {}
        self.parts.append(self.svg.Text(readable(text), 11, round(x, 1), round(y, 1), **classes, **attributes))

    def _box(self, begin: float, end: float, top: float, height: float, kind: str, title: str) -> tuple[float, float]:
        """A box that is wide enough to be seen; its left edge and its width."""
        left = self._x(begin)
        width = max(self._x(end) - left, 1.5)
        box = self.svg.Rectangle(left, round(top, 1), round(width, 1), round(height, 1), class_=kind)
        box.append_title(readable(title))
        self.parts.append(box)
        return left, width

    def _figures(
        self, values: Sequence[float | None], most: float, height: float, kind: str, filled: bool = False, **look: str
    ) -> None:
        """A line of steps, one for each interval that has a value; or all that is below it."""
        ground = round(self.y + height, 1)
        path = self.svg.Path(class_=kind, **look)
        pen: float | None = None
        for number, value in enumerate(values):
            if value is None:
                pen = None
                continue
            left, right = self._edges(number)
            y = round(ground - height * value / most, 1)
            if pen is None:
                path.M(left, ground if filled else y)
            if filled or pen not in (None, y):
                path.V(y)
            path.H(right)
            pen = y
        self.parts.append(path.V(ground).Z() if filled else path)

    def _edges(self, number: int) -> tuple[float, float]:
        course = self.course or {}
        begin = course["began"] + number * course["seconds"]
        return self._x(begin), self._x(begin + course["seconds"])

    def _x(self, moment: float) -> float:
        """Where a moment is; what lies outside the run is at its edge."""
        within = min(max(moment, self.told.began), self.told.ended)
        return round(LEFT + (within - self.told.began) * self.scale, 1)

    def _told(self, what: str, begin: float, end: float) -> str:
        return f"{what} from {self.clock.time(begin)} to {self.clock.time(end)} ({seconds(end - begin)})"
