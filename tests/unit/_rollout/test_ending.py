# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, in words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.filter.left_undone import left_undone
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.ending import half_undone, run_times, server_lines

NODES = ["lb-1", "lb-2"]
FAILED: dict[str, Any] = {"__evenkeel_failed": "It said no."}
TOUCHED: dict[str, Any] = {"__evenkeel_touched": True}
LEFT: dict[str, Any] = {"__evenkeel_left": "No answer."}


def said(own: dict[str, Any], other: dict[str, Any] | None = None, dead: bool = False, guard: int = 60) -> list[str]:
    hostvars = {"lb-1": own, "lb-2": other or {}}
    return left_undone("lb-1", hostvars, [*NODES, "outside"], ["lb-1"] if dead else [], "site", guard)


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ({}, FAILED, []),
        (FAILED, {}, ["lb-1: It said no."]),
        ({**FAILED, **TOUCHED}, {}, ["lb-1: It said no. What this run had changed on the cluster was put back."]),
        (
            {**FAILED, **TOUCHED},
            LEFT,
            ["lb-1: It said no. What this run had changed was put back, but not on lb-2."],
        ),
        (
            {**TOUCHED, **LEFT},
            FAILED,
            [
                "lb-1 may still have what this run gave it: it could not be put back. No answer. It puts itself back 60 s after its"
                " last change. When it answers again, run site.yml; the peers run what they did before."
            ],
        ),
    ],
)
def test_what_was_left_undone(own: dict[str, Any], other: dict[str, Any], expected: list[str]) -> None:
    assert said(own, other) == expected


def test_a_node_that_is_silent_and_one_without_a_guard() -> None:
    (line,) = said({}, dead=True)
    assert line.startswith("lb-1 can't be reached: nothing was changed there") and line.endswith("run site.yml again.")
    assert "puts itself back" not in said({**TOUCHED, **LEFT}, guard=0)[0]


def test_a_rollback_that_fails_says_how_far_it_came() -> None:
    assert half_undone("No.", "lb-1", "run-1", []) == "No. Nothing was undone."
    assert "That was on lb-1: run run-1 is undone on lb-2, lb-3 only, and the cluster is held." in half_undone(
        "No.", "lb-1", "run-1", ["lb-2", "lb-3"]
    )


def test_when_it_began_and_when_something_moved() -> None:
    nodes: dict[str, Any] = {
        "lb-1": {
            "__evenkeel_noted": {"steps": [{"what": "begin", "at": 12.0}, {"what": "done", "at": 14.0}]},
            "__evenkeel_moved": {"left_at": 13.0},
            "__evenkeel_live": {"instances": [{"since": 11.0}, {"since": None}], "history": [{"at": 13.5}]},
        },
        "lb-2": {"__evenkeel_noted": {"steps": [{"what": "begin", "at": 11.5}]}, "__evenkeel_moved": {"left_at": None}},
        "lb-3": {"__evenkeel_live": {"unreachable": True}},
    }
    assert run_times(nodes) == {"began": 11.5, "moves": [13.0, 11.0, 13.5]}
    assert run_times({"lb-3": {}}) == {"began": None, "moves": []}


def test_what_became_of_a_server() -> None:
    servers = [
        {"backend": "app", "name": "web-1", "admin": "drained"},
        {"backend": "api", "name": "web-1", "admin": "ready"},
    ]
    assert server_lines("lb-1", {"servers": servers, "note": ""}) == [
        "lb-1: app/web-1 is drained",
        "lb-1: api/web-1 is ready",
    ]
    assert server_lines("lb-1", {"servers": [], "note": "It was not drained."}) == ["lb-1: It was not drained."]
