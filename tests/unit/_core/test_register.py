# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of rules: who is named how, and what a room's rules are given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core import register
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import ERROR, WARNING, Finding, fault
from ansible_collections.evenkeel.lb.plugins.module_utils._core.register import Rules, define, registered, rooms

BROKEN = ("a[0]", "It is wrong.", "1", "Correct it.")


@pytest.fixture(autouse=True)
def nothing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "_rules", {})
    monkeypatch.setattr(register, "_rooms", {})


def test_rules_run_in_the_order_in_which_they_are_written_and_name_what_they_find() -> None:
    rule = Rules("room")

    @rule("B1", "It is right.")
    def _first(model: int) -> Iterator[Finding]:
        yield fault(*BROKEN, "2")

    @rule("A1", "It is cheap.", WARNING)
    def _second(hosts: int, model: int) -> Iterator[Finding]:
        yield fault("b", "", f"{hosts} of {model}", "")

    assert rule.check(model=2, hosts=1, unused=None) == [
        Finding("B1", *BROKEN, "2", ERROR),
        Finding("A1", "b", "", "1 of 2", "", severity=WARNING),
    ]
    assert [(one.id, one.title, one.severity) for one in registered().values()] == [
        ("B1", "It is right.", ERROR),
        ("A1", "It is cheap.", WARNING),
    ]


def test_what_another_rule_has_found_keeps_its_name() -> None:
    rule = Rules("room")
    other = rule.define("C1", "Something else holds.", WARNING)

    @rule("C2", "It is right.")
    def _only() -> Iterator[Finding]:
        yield other.finding(*BROKEN)

    assert rule.check() == [Finding("C1", *BROKEN, severity=WARNING)]


def test_a_rule_that_several_rooms_check_is_one_rule() -> None:
    shared = define("F1", "It is right.")
    for name in ("one", "other", "one"):
        room = Rules(name)

        @room(shared)
        def _check() -> Iterator[Finding]:
            yield fault(*BROKEN)

        assert room.check() == [Finding("F1", *BROKEN)]
    assert rooms(shared) == ["one", "other"]


def test_an_identifier_is_given_once() -> None:
    define("F1", "It is right.")
    with pytest.raises(ValueError, match=r"Two rules are called F1: It is right\. and It is wrong\."):
        define("F1", "It is wrong.")


def test_a_rule_is_an_error_or_a_warning() -> None:
    with pytest.raises(ValueError, match="neither an error nor a warning: info"):
        define("F1", "It is right.", "info")
