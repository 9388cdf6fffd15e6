# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gap arithmetic, percentiles and sums of the probe."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.stats import (
    GOOD,
    LOST,
    PENDING,
    Record,
    Series,
    in_flight,
    longest_gap,
    percentile,
    spread,
    summary,
)
from hypothesis import given
from hypothesis import strategies as st

G, L = GOOD, LOST


@pytest.mark.parametrize(
    ("fates", "gap"),
    [
        ([], None),
        ([G], None),
        ([G, G, G], None),
        ([G, L, G], (0, 2, 1, False)),
        ([G, L, L, G, G], (0, 3, 2, False)),
        # Two outages: the longer one, wherever it is.
        ([G, L, G, L, L, G], (2, 5, 2, False)),
        ([G, L, L, G, L, G], (0, 3, 2, False)),
        # No good one before, or after: it was at least that long.
        ([L, G], (0, 1, 1, True)),
        ([L, L, G, L, G], (0, 2, 2, True)),
        ([G, L], (0, 1, 1, True)),
        ([G, L, L], (0, 2, 2, True)),
        ([L], (0, 0, 1, True)),
        ([L, L, L], (0, 2, 3, True)),
        # What is still on its way says nothing.
        ([G, PENDING, G], None),
        ([G, L, PENDING, G], (0, 3, 1, False)),
    ],
)
def test_longest_gap(fates, gap):
    found = longest_gap(range(len(fates)), fates)
    assert (found and (found["from"], found["to"], found["lost"], found["open"])) == gap


def test_a_pause_of_the_probe_itself_is_no_gap():
    assert longest_gap([0.0, 0.01, 5.0, 5.01], [G, G, G, G]) is None


@given(st.lists(st.sampled_from([G, L]), max_size=40))
def test_gap_against_its_definition(fates):
    """Every loss lies within some stretch between neighbouring good requests; the longest stretch is the gap."""
    good = [number for number, fate in enumerate(fates) if fate == G]
    edges = [0, *good, len(fates) - 1]
    stretches = [
        later - earlier
        for earlier, later in zip(edges, edges[1:], strict=False)
        if any(fates[number] == L for number in range(earlier, later + 1))
    ]
    found = longest_gap(range(len(fates)), fates)
    assert (found["to"] - found["from"] if found else None) == (max(stretches) if stretches else None)


def test_percentiles_by_nearest_rank():
    hundred = [float(value) for value in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.5) == 7
    assert percentile([1.0, 2.0], 0.5) == 1
    assert percentile([], 0.5) is None
    assert spread([0.001, 0.003, 0.002]) == {"p50": 2.0, "p99": 3.0, "max": 3.0}
    assert spread([]) == {"p50": None, "p99": None, "max": None}


def record(*requests):
    """A record from (when, latency or kind)."""
    made = Record()
    for when, outcome in requests:
        number = made.send(when)
        if isinstance(outcome, str):
            made.lost(number, outcome)
        else:
            made.good(number, outcome)
    return made


def test_summary_takes_the_gap_of_the_worst_stream():
    calm = record((0.0, 0.001), (0.1, 0.002), (0.2, 0.003))
    cut = record((0.0, 0.001), (0.1, "reset"), (0.2, "refused"), (0.35, 0.001))
    figures = summary([calm, cut], epoch=1000.0)
    assert (figures["sent"], figures["ok"], figures["lost"]) == (7, 5, 2)
    assert figures["lost_by_kind"] == {"refused": 1, "reset": 1, "timeout": 0, "status": 0, "other": 0}
    assert figures["gap_ms"] == 350.0
    assert figures["gap"] == {"from": 1000.0, "to": 1000.35, "lost": 2, "open": False}
    assert figures["latency_ms"]["max"] == 3.0


def test_summary_of_nothing():
    figures = summary([], epoch=0.0)
    assert (figures["sent"], figures["ok"], figures["lost"], figures["gap_ms"], figures["gap"]) == (0, 0, 0, 0.0, None)


def test_order_of_the_answers_does_not_matter():
    late = Record()
    first, second, third = late.send(0.0), late.send(1.0), late.send(2.0)
    late.good(third, 0.1)
    late.good(first, 2.5)
    late.lost(second, "timeout")
    assert summary([late], 0.0)["gap_ms"] == 2000.0


def filled(requests, **limits):
    """A series from (when, latency or kind, server)."""
    made = Series(10.0, **limits)
    for when, outcome, *server in requests:
        made.sent(when)
        if isinstance(outcome, str):
            made.lost(when, outcome)
        else:
            made.good(when, outcome, server[0] if server else None)
    return made.as_dict(epoch=1000.0)


def test_series():
    assert filled(
        [(10.0, 0.001, "web-1"), (10.05, 0.004, "web-2"), (10.09, "reset"), (10.31, "timeout"), (10.32, 0.002)]
    ) == {
        "began": 1010.0,
        "seconds": 0.1,
        "sent": [3, 0, 0, 2],
        "lost": [1, 0, 0, 1],
        "latency_ms": [4.0, None, None, 2.0],
        "lost_by_kind": {"reset": [1, 0, 0, 0], "timeout": [0, 0, 0, 1]},
        "servers": {"web-1": [1, 0, 0, 0], "web-2": [1, 0, 0, 0]},
    }


def test_series_of_nothing():
    assert filled([]) == {
        "began": 1010.0,
        "seconds": 0.1,
        "sent": [],
        "lost": [],
        "latency_ms": [],
        "lost_by_kind": {},
        "servers": {},
    }


def test_a_long_series_has_wider_intervals_and_loses_nothing():
    requests = [(10.0 + second, 0.001 * second if second % 3 else "reset", "web") for second in range(9)]
    made = filled(requests, seconds=1.0, most=4)
    assert made == {
        "began": 1010.0,
        "seconds": 4.0,
        "sent": [4, 4, 1],
        "lost": [2, 1, 0],
        "latency_ms": [2.0, 7.0, 8.0],
        "lost_by_kind": {"reset": [2, 1, 0]},
        "servers": {"web": [2, 3, 1]},
    }


@given(st.lists(st.floats(0, 100_000), max_size=30), st.integers(1, 5))
def test_a_series_is_bounded_and_whole(moments, most):
    made = filled([(10.0 + moment, 0.001) for moment in moments], most=most)
    assert len(made["sent"]) <= most
    assert sum(made["sent"]) == len(moments)


def test_in_flight_at_a_mark():
    losses = [{"sent": 1.0, "ended": 2.0}, {"sent": 1.5, "ended": 1.6}, {"sent": 3.0, "ended": 4.0}]
    assert in_flight(losses, [1.55]) == [True, True, False]
    assert in_flight(losses, [0.5, 3.0]) == [False, False, True]
    assert in_flight(losses, [2.0]) == [False, False, False]
    assert in_flight(losses, []) == [False, False, False]
