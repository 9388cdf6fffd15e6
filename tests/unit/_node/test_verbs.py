# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a tool on a node answers a call."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._node import verbs


class Odd(Exception):
    """One of a service's own."""


def refuse(error: Exception) -> verbs.Outcome:
    raise error


VERBS: verbs.Verbs = {
    "go": lambda: None,
    "found FILE": lambda path: [f"{path}: one", f"{path}: two"],
    "well": list,
    "ended CODE": int,
    "trouble": lambda: refuse(verbs.Trouble("it is\nso")),
    "system": lambda: refuse(FileNotFoundError(2, "No such file or directory", "/x")),
    "odd": lambda: refuse(Odd("no answer")),
    "misused WORD": lambda _word: refuse(verbs.Misuse()),
}


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["go"], 0, ""),
        (["well"], 0, ""),
        (["found", "/etc/x"], 1, "/etc/x: one\n/etc/x: two\n"),
        (["ended", "0"], 0, ""),
        (["ended", "7"], 7, ""),
        (["trouble"], 1, "it is\nso\n"),
        (["system"], 1, "web: [Errno 2] No such file or directory: '/x'\n"),
        (["odd"], 1, "web: no answer\n"),
    ],
)
def test_what_a_verb_finds_is_told_and_decides_the_exit_code(
    capsys: pytest.CaptureFixture[str], argv: Sequence[str], code: int, said: str
) -> None:
    assert verbs.call(argv, VERBS, "usage\n", "web", (Odd,)) == code
    assert capsys.readouterr() == (said, "")


@pytest.mark.parametrize(
    "argv", [[], ["goes"], ["go", "far"], ["found"], ["found", "a", "b"], ["misused", "x"], ["FILE"]]
)
def test_a_call_that_is_not_in_the_table_shows_the_usage(
    capsys: pytest.CaptureFixture[str], argv: Sequence[str]
) -> None:
    assert verbs.call(argv, VERBS, "usage\n", "web") == 2
    assert capsys.readouterr() == ("", "usage\n")


def test_what_nobody_foresaw_is_not_hidden() -> None:
    with pytest.raises(Odd):
        verbs.call(["odd"], VERBS, "usage\n", "web")


@pytest.mark.parametrize(
    ("given", "expected"), [({}, ("", 0.0)), ({"APPLY": "reload", "STARTED": "12.5"}, ("reload", 12.5))]
)
def test_what_commit_tells_its_commands(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: tuple[str, float]
) -> None:
    for name in ("APPLY", "STARTED"):
        monkeypatch.delenv(f"EVENKEEL_{name}", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(f"EVENKEEL_{name}", value)
    assert verbs.applied() == expected
