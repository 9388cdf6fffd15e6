# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who held what when, from what nodes remember; and when the run did what."""

from __future__ import annotations

from ansible_collections.evenkeel.lb.plugins.module_utils._report.timeline import (
    Span,
    held,
    remembered,
    steps,
    unsettled,
)


def change(at: float, state: str, instance: str = "public") -> dict[str, object]:
    return {"at": at, "instance": instance, "state": state}


def test_a_vip_that_moves_away_and_comes_back() -> None:
    changes = {
        "lb-1": [change(10, "BACKUP"), change(20, "MASTER")],
        "lb-2": [change(10, "MASTER"), change(21, "BACKUP")],
    }
    spans = held(0, 30, {"public": ["lb-1"]}, changes)
    assert spans == [
        Span("public", "lb-1", 0, 10),
        Span("public", "lb-2", 10, 21),
        Span("public", "lb-1", 20, 30),
    ]
    assert [(one.instance, one.holders, one.begin, one.end) for one in unsettled(spans, 0, 30)] == [
        ("public", ("lb-1", "lb-2"), 20, 21)
    ]


def test_nobody_holds_it_for_a_while() -> None:
    spans = held(0, 30, {"public": ["lb-1"]}, {"lb-1": [change(10, "FAULT")], "lb-2": [change(12, "MASTER")]})
    assert [(one.holders, one.begin, one.seconds) for one in unsettled(spans, 0, 30)] == [((), 10, 2)]


def test_nothing_moves() -> None:
    spans = held(0, 30, {"public": ["lb-1"], "inner": ["lb-2"]}, {"lb-1": [], "lb-2": []})
    assert spans == [Span("inner", "lb-2", 0, 30), Span("public", "lb-1", 0, 30)]
    assert unsettled(spans, 0, 30) == []


def test_what_was_before_the_run_and_what_is_said_twice_count_for_nothing() -> None:
    changes = {"lb-1": [change(-5, "BACKUP"), change(3, "MASTER"), change(31, "BACKUP")]}
    assert held(0, 30, {"public": ["lb-1"]}, changes) == [Span("public", "lb-1", 0, 30)]


def test_instances_move_by_themselves() -> None:
    changes = {"lb-2": [change(5, "MASTER", "inner")]}
    assert held(0, 10, {"public": ["lb-1"]}, changes) == [
        Span("inner", "lb-2", 5, 10),
        Span("public", "lb-1", 0, 10),
    ]


LIVE = {
    "instances": [
        {"name": "public", "state": "MASTER", "since": 20.0},
        {"name": "inner", "state": "STOP", "since": None},
    ]
}


def test_the_journal_says_more_than_the_last_change() -> None:
    assert remembered({**LIVE, "history": [change(1, "MASTER")]}, 9.0) == [change(1, "MASTER")]


def test_without_a_journal_the_last_change_and_the_drain_are_known() -> None:
    assert remembered({**LIVE, "history": []}, 9.0) == [
        change(9.0, "BACKUP"),
        change(9.0, "BACKUP", "inner"),
        change(20.0, "MASTER"),
    ]
    assert remembered(None, None) == []


def test_a_step_lasts_until_the_next_of_its_node() -> None:
    moments = {
        "lb-1": [{"what": "drain", "at": 4.0}, {"what": "commit", "at": 6.0}],
        "lb-2": [{"what": "commit", "at": 1.0}, {"what": "done", "at": 3.0}],
    }
    assert steps(moments, 10.0) == [
        Span("commit", "lb-2", 1.0, 3.0),
        Span("drain", "lb-1", 4.0, 6.0),
        Span("commit", "lb-1", 6.0, 10.0),
    ]
