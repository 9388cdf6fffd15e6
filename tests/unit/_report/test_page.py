# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page at the end of a run: whole without a network, nothing in it but text of ours and text that is escaped."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.evenkeel.lb.plugins.action import report_page
from ansible_collections.evenkeel.lb.plugins.module_utils._report.lines import client_lines
from ansible_collections.evenkeel.lb.plugins.module_utils._report.page import Clock, Node, Told, seconds
from ansible_collections.evenkeel.lb.plugins.module_utils._report.timeline import Span
from ansible_collections.evenkeel.lb.plugins.plugin_utils.page import page
from ansible_collections.evenkeel.lb.plugins.plugin_utils.picture import Lacking, draw
from ansible_collections.evenkeel.lb.plugins.plugin_utils.told import told as told_of

# Elements that have no end.
VOID = ("meta",)
ZONE = timezone(timedelta(hours=1), "CET")
CLOCK = Clock(ZONE)
BEGAN = 1795286560.0
NASTY = "<script>alert('x')</script> & \"q\" \x1b[31m \ud800"
FIGURES = {
    "sent": 1500,
    "lost": 4,
    "gap_ms": 130.2,
    "gap": {"from": BEGAN + 10.5, "to": BEGAN + 10.63, "lost": 3, "open": False},
    "latency_ms": {"p50": 0.8, "p99": 7.3, "max": 42.0},
}
CALM = {**FIGURES, "lost": 0, "gap_ms": 0.0, "gap": None, "latency_ms": {"p50": None, "p99": None, "max": None}}
CLIENTS: dict[str, Any] = {
    "sent": 3000,
    "lost": 4,
    "lost_in_flight": 3,
    "lost_by_kind": {"reset": 4},
    "gap_ms": 130.2,
    "servers": {"web-1": 2996},
    "on_schedule": True,
    "late_ms": {"max": 1.0},
    "new": FIGURES,
    "kept": CALM,
    "lost_list": [
        {
            "sent": BEGAN + 10.51,
            "ended": BEGAN + 10.6,
            "target": NASTY,
            "client": "new",
            "kind": "reset",
            "detail": NASTY,
            "in_flight": True,
        }
    ],
    "series": {
        "began": BEGAN + 0.2,
        "seconds": 0.1,
        "sent": [10] * 300,
        "lost": [0] * 103 + [4] + [0] * 196,
        "latency_ms": [2.5] * 299 + [None],
        "lost_by_kind": {"reset": [0] * 103 + [4] + [0] * 196},
        "servers": {NASTY: [10] * 300},
    },
}


def told(**changes: Any) -> Told:
    return Told(
        **{
            "title": f"Cluster {NASTY}",
            "began": BEGAN,
            "ended": BEGAN + 31,
            "nodes": {
                "lb-2": Node("keepalived reload", diffs=[("keepalived: /etc/x", f"-old\n+{NASTY}")]),
                "lb-1": Node("put back", failure=NASTY),
            },
            "vips": [("192.0.2.28", "public", ["lb-1"]), ("2001:db8::28", "public", [])],
            "held": [Span("public", "lb-1", BEGAN, BEGAN + 10.5), Span("public", "lb-2", BEGAN + 10.6, BEGAN + 31)],
            "steps": [Span("drain", "lb-1", BEGAN + 9, BEGAN + 12), Span(NASTY, "lb-2", BEGAN + 1, BEGAN + 2)],
            "clients": CLIENTS,
            **changes,
        }
    )


class Reader(HTMLParser):
    """Tags with their attributes, text, and whether everything that was begun has ended."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def read(**changes: Any) -> Reader:
    run = told(**changes)
    return Reader(page(run, ZONE, draw(run, CLOCK)))


def test_every_tag_ends_and_nothing_is_fetched() -> None:
    found = read()
    assert found.open == []
    assert {"script", "link", "img", "iframe", "object", "image", "use", "foreignobject", "a"}.isdisjoint(
        tag for tag, _attributes in found.tags
    )
    for tag, attributes in found.tags:
        for name, value in attributes.items():
            assert name.startswith("xmlns") or "//" not in (value or ""), (tag, name, value)
            assert not name.startswith("on") and name not in ("src", "href", "xlink:href"), (tag, name)
    style = re.search(r"<style>(.*)</style>", page(told(), ZONE, None), re.S)
    assert style and not re.search(r"url\(|@import|//", style[1])
    policy = next(attributes for tag, attributes in found.tags if attributes.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_what_others_wrote_is_text() -> None:
    whole = page(told(), ZONE, draw(told(), CLOCK))
    assert "<script" not in whole and "\x1b" not in whole
    assert whole.count("&lt;script&gt;alert(") >= 8
    whole.encode("utf-8")


def named(name: str) -> Told:
    """A run in which whatever people name has this name."""
    (lost,) = CLIENTS["lost_list"]
    named = dict.fromkeys(("target", "client", "kind", "detail"), name)
    course = {
        **CLIENTS["series"],
        "lost_by_kind": {name: CLIENTS["series"]["lost_by_kind"]["reset"]},
        "servers": {name: [10] * 300},
    }
    clients = {**CLIENTS, "lost_by_kind": {name: 4}, "servers": {name: 2996}}
    return told(
        title=name,
        nodes={name: Node(name, failure=name, diffs=[(name, name)])},
        vips=[(name, name, [name]), (name, name, [name, name]), (name, name, [])],
        held=[Span(name, name, BEGAN, BEGAN + 10.5), Span(name, name, BEGAN + 10.6, BEGAN + 31)],
        steps=[Span(name, name, BEGAN + 1, BEGAN + 20)],
        clients={**clients, "lost_list": [{**lost, **named}], "series": course},
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "</td></table>",
        "</style>",
        '" onload="x',
        "' onload='x",
        "{{ 7 * 7 }}",
        "<!--",
        "&lt;b&gt;",
    ],
)
def test_no_name_is_markup(hostile: str) -> None:
    """The page of a hostile run has the elements and attributes of a harmless one, and shows the name as it is."""
    found, harmless = (Reader(page(named(name), ZONE, None, name)) for name in (hostile, "x" * len(hostile)))
    assert found.tags == harmless.tags and found.open == []
    assert " ".join(found.texts).count(hostile) == " ".join(harmless.texts).count("x" * len(hostile)) >= 25


def test_dark_and_light() -> None:
    assert "@media (prefers-color-scheme: dark)" in page(told(), ZONE, None)
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in read().tags


def test_the_page_says_what_the_text_report_says() -> None:
    text = read().text
    for line in client_lines(CLIENTS):
        assert " ".join(line.split()) in text
    assert "lb-2 keepalived reload" in text and "lb-1 put back" in text
    assert "192.0.2.28 public lb-1" in text and "2001:db8::28 public nobody" in text
    assert "new connections 1,500 4 130 ms, from 19:42:50.500 0.8 ms 7.3 ms 42 ms" in text
    assert "kept connections 1,500 0 0.0 ms - - -" in text


def test_times_have_their_zone() -> None:
    found = read()
    assert "2026-11-21 19:42:40 +01:00 (CET), 31.0 s long" in found.text
    assert "Times of day are +01:00 (CET)" in found.text
    stamps = [attributes["datetime"] for tag, attributes in found.tags if tag == "time"]
    assert "2026-11-21T19:42:50.500+01:00" in stamps
    assert Clock(UTC).stamp(BEGAN) == "2026-11-21 18:42:40 +00:00 (UTC)"
    assert Clock(timezone(timedelta(minutes=-210))).offset(BEGAN) == "-03:30"


def test_the_tables_say_what_happened_when() -> None:
    text = read().text
    assert "public lb-1 19:42:40.000 19:42:50.500 10.5 s" in text
    assert "public lb-2 19:42:50.600 19:43:11.000 20.4 s" in text
    assert "public nobody 19:42:50.500 19:42:50.600 100 ms" in text
    assert "drain lb-1 19:42:49.000 19:42:52.000 3.0 s" in text
    assert "19:42:50.500 10 4 4 reset" in text
    assert "Lost requests: 1 of 4" in text


def shapes(picture: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Each shape's tag, attributes and title."""
    for found in ElementTree.fromstring(picture).iter():
        title = found.find("{*}title")
        yield found.tag.rpartition("}")[2], dict(found.attrib), title.text or "" if title is not None else ""


def test_the_picture_has_a_name_and_a_description() -> None:
    picture = ElementTree.fromstring(draw(told(), CLOCK))
    named = {found.get("id"): found.text for found in picture.iter() if found.get("id")}
    assert picture.get("role") == "img"
    assert set((picture.get("aria-labelledby") or "").split()) == set(named) == {"picture-title", "picture-description"}
    assert named["picture-description"] == (
        "Over time from 2026-11-21 19:42:40 +01:00 (CET): who held the VIPs of public; what the run did on each node; "
        "requests answered and lost, and the longest latency. The tables below say the same."
    )


def test_the_picture_shows_what_the_tables_say() -> None:
    found = list(shapes(draw(told(), CLOCK)))
    holders = [(attributes, title) for _tag, attributes, title in found if attributes.get("class") == "holder"]
    assert [title for _attributes, title in holders] == [
        "lb-2 held public from 19:42:50.600 to 19:43:11.000 (20.4 s)",
        "lb-1 held public from 19:42:40.000 to 19:42:50.500 (10.5 s)",
    ]
    first, second = (float(attributes["width"]) for attributes, _title in holders)
    assert first / second == pytest.approx(20.4 / 10.5, rel=0.01)
    gaps = {title for _tag, attributes, title in found if attributes.get("class") == "gap"}
    assert gaps == {
        "nobody held public from 19:42:50.500 to 19:42:50.600 (100 ms)",
        "the longest gap of new connections from 19:42:50.500 to 19:42:50.630 (130 ms)",
    }
    (lost,) = [(attributes, title) for _tag, attributes, title in found if attributes.get("class") == "lost"]
    assert lost[1] == "4 lost from 19:42:50.500 to 19:42:50.600 (100 ms)"
    assert {"answered", "line", "step"} <= {attributes.get("class") for _tag, attributes, _title in found}


def test_nothing_is_drawn_outside_the_picture() -> None:
    early = [Span("public", "lb-1", BEGAN - 99, BEGAN + 99)]
    late = {**CLIENTS, "series": {**CLIENTS["series"], "began": BEGAN + 20}}
    for _tag, attributes, _title in shapes(draw(told(held=early, clients=late), CLOCK)):
        if "width" in attributes and "x" in attributes:
            assert float(attributes["x"]) >= 0 and float(attributes["x"]) + float(attributes["width"]) <= 1000
        for x in re.findall(r"[HM](-?[\d.]+)", attributes.get("d", "")):
            assert 0 <= float(x) <= 1000


def test_a_long_name_keeps_clear_of_the_lanes() -> None:
    name = "balancer-1.edge.example.com"
    picture = draw(told(held=[Span("public", name, BEGAN, BEGAN + 9)]), CLOCK)
    texts = [found.text for found in ElementTree.fromstring(picture).iterfind(".//{*}text")]
    assert "balancer-1.edge.ex~" in texts and name not in texts
    assert f"{name} held public from 19:42:40.000 to 19:42:49.000 (9.0 s)" in picture


def test_no_clients_no_moves_no_steps() -> None:
    run = told(clients=None, held=[], steps=[], ended=BEGAN)
    text = Reader(page(run, ZONE, draw(run, CLOCK))).text
    assert "Nobody measured it: evenkeel_probe names no host to measure from, or it did not answer." in text


def test_figures_without_a_course_are_told_without_a_lane() -> None:
    clients = {name: figure for name, figure in CLIENTS.items() if name != "series"}
    run = told(clients=clients)
    assert "answered" not in {attributes.get("class") for _tag, attributes, _title in shapes(draw(run, CLOCK))}
    assert "Clients: 3,000 requests, 4 lost" in Reader(page(run, ZONE, None)).text


def test_without_drawsvg_the_tables_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "drawsvg", None)
    with pytest.raises(Lacking):
        draw(told(), CLOCK)
    text = Reader(page(told(), ZONE, None, "install it")).text
    assert "install it" in text and "public lb-1 19:42:40.000 19:42:50.500 10.5 s" in text


@pytest.mark.parametrize(
    ("length", "text"),
    [(0.0004, "0.4 ms"), (0.25, "250 ms"), (1.04, "1.0 s"), (119.0, "119.0 s"), (3723.0, "62 min 3 s")],
)
def test_lengths_of_time(length: float, text: str) -> None:
    assert seconds(length) == text


def test_a_table_names_its_rows_and_columns() -> None:
    whole = " ".join(page(told(), ZONE, None).split())
    assert (
        "<caption>At the end, as the nodes&#39; kernels have it</caption> <thead><tr>"
        '<th scope="col">VIP</th><th scope="col">instance</th><th scope="col">held by</th></tr></thead> <tbody> '
        '<tr><th scope="row">192.0.2.28</th><td>public</td><td>lb-1</td></tr> '
        '<tr><th scope="row">2001:db8::28</th><td>public</td><td><span class="bad">nobody</span></td></tr> </tbody>'
    ) in whole


def test_a_file_is_named_after_cluster_and_run_wherever_that_leads() -> None:
    assert report_page.file_name("edge", "20261121T190731Z-603145") == "edge-20261121T190731Z-603145"
    assert report_page.file_name("../a b", "1") == "_a_b-1"


def test_a_page_is_its_owners_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    for text in ("old", "new"):
        report_page.write(path, text)
    assert [(one.name, one.read_text()) for one in path.parent.iterdir()] == [("page.html", "new")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


ROLLOUT = {"turns": {"lb-1": 2, "lb-2": 1, "lb-3": 3}, "dead": ["lb-3"], "holders": {"public": ["lb-1"]}}


def live(state: str, since: float, held: list[str]) -> dict[str, Any]:
    return {
        "instances": [{"name": "public", "state": state, "since": since}],
        "held": held,
        "configured": {"instances": [{"name": "public", "anchor": "192.0.2.28/24", "addresses": ["192.0.2.28/24"]}]},
    }


def test_what_the_plays_noted_is_told() -> None:
    diff = {"before_header": "/etc/x", "after_header": "/etc/x", "before": "a\nb\n", "after": "a\nc\n"}
    change = {
        "__evenkeel_touched": True,
        "__evenkeel_pending": ["haproxy"],
        "__evenkeel_applies": {"haproxy": "reload"},
    }
    hostvars: dict[str, Any] = {
        "lb-1": {
            "__evenkeel_pending": ["haproxy"],
            "__evenkeel_applies": {"haproxy": "reload"},
            # Compared, and then left alone.
            "haproxy_commit": {"diff": [diff]},
            "__evenkeel_failed": "lb-2 said no",
            "__evenkeel_live": {**live("MASTER", BEGAN - 100, ["192.0.2.28"]), "history": []},
        },
        "lb-2": {
            **change,
            "haproxy_commit": {"diff": [diff]},
            "__evenkeel_noted": {"steps": [{"what": "commit", "at": BEGAN + 1}, {"what": "done", "at": BEGAN + 2}]},
            "__evenkeel_live": live("BACKUP", BEGAN - 50, []),
        },
        "lb-3": {},
    }
    run = told_of(ROLLOUT, hostvars, "edge", {"skipped": True}, BEGAN, BEGAN + 9)
    assert run == Told(
        title="edge",
        began=BEGAN,
        ended=BEGAN + 9,
        nodes={
            "lb-2": Node(
                "put back", diffs=(("haproxy: /etc/x", "--- /etc/x\n+++ /etc/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c"),)
            ),
            "lb-1": Node("left as it was", failure="lb-2 said no"),
            "lb-3": Node("can't be reached"),
        },
        vips=[("192.0.2.28", "public", ["lb-1"])],
        held=[Span("public", "lb-1", BEGAN, BEGAN + 9)],
        steps=[Span("commit", "lb-2", BEGAN + 1, BEGAN + 2)],
    )
