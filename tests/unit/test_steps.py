# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a test command's steps when it is ended: real processes, and their children."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.suite import steps
from tests.suite.steps import Outcome, Step
from tests.suite.turns import TIMES, TURNS, Turn, note

PATIENCE = 60.0
# Two steps beside each other and one that waits. Each has a child in the step's process group, which like its parent does not
# stop for a SIGTERM; what cleans up leaves a file.
COMMAND = """
import sys
from pathlib import Path
from tests.suite import steps
from tests.suite.steps import Step

folder = Path(sys.argv[1])
steps.LOGS, steps.GRACE_SECONDS = folder, 0.5
stubborn = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > {0}.child; sleep 300' & echo $$ > {0}.parent; sleep 300; sleep 300"


def step(name, **more):
    return Step(name, ["sh", "-c", stubborn.format(folder / name)], cleanup=["sh", "-c", f"echo > {folder / name}.cleaned"], **more)


def main():
    outcomes = steps.run("three", [step("first"), step("second"), step("third")], jobs=2)
    return steps.close(outcomes, [])


sys.exit(steps.ended_by_signals(main))
"""


def wait_for(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """A zombie that nobody has reaped yet is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def pids(folder: Path) -> list[int]:
    """Of those that have said theirs."""
    found = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in (".parent", ".child")]
    return [int(text) for text in found if text.endswith("\n")]


@pytest.fixture
def no_one_left(tmp_path: Path) -> Iterator[None]:
    yield
    for pid in pids(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures("no_one_left")
def test_a_command_that_is_ended_leaves_no_process_and_cleans_up(tmp_path: Path, number: signal.Signals) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path)], cwd=steps.ROOT, stdout=subprocess.PIPE, text=True
    )
    wait_for(lambda: len(pids(tmp_path)) == 4)
    command.send_signal(number)
    # Whoever is impatient does not leave more behind.
    time.sleep(0.2)
    command.send_signal(number)
    said, _nothing = command.communicate(timeout=PATIENCE)
    assert command.returncode == 128 + number
    assert f"ended by {number.name}" in said
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []
    # What had not begun does not begin, and there is nothing to clean up after it.
    assert {path.stem for path in tmp_path.glob("*.cleaned")} == {"first", "second"}
    assert not (tmp_path / "third.parent").exists()


@pytest.mark.usefixtures("no_one_left")
def test_a_step_over_its_limit_is_ended_and_cleaned_up_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    monkeypatch.setattr(steps, "ROOT", tmp_path)
    script = f"sleep 300 & echo $! > {tmp_path}/late.child; echo $$ > {tmp_path}/late.parent; wait"
    step = Step("late", ["sh", "-c", script], limit=2, cleanup=["sh", "-c", f"echo > {tmp_path}/late.cleaned"])
    (outcome,) = steps.run("late", [step])
    assert not outcome.passed and "Not finished after 2 s: ended." in step.file("log").read_text(encoding="utf-8")
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []
    assert (tmp_path / "late.cleaned").exists()


def test_a_step_that_ends_by_itself_cleans_up_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    monkeypatch.setattr(steps, "ROOT", tmp_path)
    outcomes = steps.run(
        "both", [Step(name, [name], cleanup=["touch", str(tmp_path / "cleaned")]) for name in ("true", "false")]
    )
    assert [outcome.passed for outcome in outcomes] == [True, False]
    assert not (tmp_path / "cleaned").exists()


def test_the_table_says_what_a_step_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    step, silent = Step("molecule one", []), Step("golden", [])
    monkeypatch.setenv(TIMES, str(step.file("times")))
    for what, seconds, waited in (("create", 20, 5), ("converge", 10, 0), ("check", 4, 0), ("tests", 50, 20)):
        note(what, seconds, waited)
    head, first, second = steps.table([Outcome(silent, True, 12.3), Outcome(step, True, 90.0)])
    assert head.split() == [
        "step",
        "seconds",
        "hosts",
        "converge",
        "tests",
        "its",
        "turn",
        "other",
        "controller",
        "CPU",
    ]
    assert first.split()[:8] == ["molecule", "one", "90", "15", "14", "30", "25", "6"]
    assert second.split() == ["golden", "12"]
    assert len({json.loads(line)["what"] for line in step.file("times").read_text(encoding="utf-8").splitlines()}) == 4


WAITER = """
import sys, time
from tests.suite.turns import Turn
turn = Turn()
turn.take(sys.argv[1] == "alone")
print("has it", flush=True)
sys.stdin.readline()
turn.give_back()
"""


@pytest.fixture
def waiter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Another process that takes a turn, and gives it back when it is told a line."""
    monkeypatch.setenv(TURNS, str(tmp_path))
    started: list[subprocess.Popen[str]] = []

    def start(how: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", WAITER, how]
        started.append(subprocess.Popen(argv, cwd=steps.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def gate_is_shut(folder: Path) -> bool:
    """Whether somebody waits there."""
    return subprocess.run(["flock", "--nonblock", folder / "gate", "true"], check=False).returncode != 0


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_who_measures_is_alone_and_is_not_overtaken(
    tmp_path: Path, waiter: Callable[[str], subprocess.Popen[str]]
) -> None:
    ours, theirs = Turn(), waiter("beside")
    ours.take()
    assert says(theirs) == "has it"
    alone = waiter("alone")
    wait_for(lambda: gate_is_shut(tmp_path))
    late = waiter("beside")
    ours.give_back()
    assert gate_is_shut(tmp_path)
    theirs.communicate("\n")
    assert says(alone) == "has it"
    alone.communicate("\n")
    assert says(late) == "has it"


def test_a_long_test_lets_pass_who_measures(tmp_path: Path, waiter: Callable[[str], subprocess.Popen[str]]) -> None:
    ours = Turn()
    ours.take()
    ours.let_pass()
    alone = waiter("alone")
    wait_for(lambda: gate_is_shut(tmp_path))
    passing = threading.Thread(target=ours.let_pass)
    passing.start()
    assert says(alone) == "has it" and passing.is_alive()
    alone.communicate("\n")
    passing.join(PATIENCE)
    assert not passing.is_alive() and not ours.alone
    ours.give_back()


def test_who_measures_in_between_goes_on_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TURNS, str(tmp_path))
    turn = Turn()
    with turn.by_itself():
        assert turn.alone
    assert subprocess.run(["flock", "--nonblock", tmp_path / "machine", "true"], check=False).returncode == 0
    turn.take()
    with turn.by_itself(), turn.by_itself():
        assert subprocess.run(["flock", "-s", "--nonblock", tmp_path / "machine", "true"], check=False).returncode != 0
    assert not turn.alone
    assert subprocess.run(["flock", "-s", "--nonblock", tmp_path / "machine", "true"], check=False).returncode == 0
    assert subprocess.run(["flock", "--nonblock", tmp_path / "machine", "true"], check=False).returncode != 0
    turn.give_back()


def test_without_a_queue_every_turn_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TURNS, raising=False)
    first, second = Turn(), Turn()
    first.take(alone=True)
    second.take(alone=True)
    assert (first.waited, second.waited) == (0, 0)
