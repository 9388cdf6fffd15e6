# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of a test command: each with a heading, a time, a log, and the log's tail where it failed.

A step that is ended, by its limit or because the whole command is, goes with every process that it started, and what it would
have cleaned up itself is cleaned up: no host of a scenario is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TextIO

from tests.suite.turns import TIMES

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
LOGS = ROOT / "tests" / "output"
TAIL = 60
# What cleaning up after a step may take.
CLEANUP_SECONDS = 300
# How long a process may take to end when it is told to, before it is killed.
GRACE_SECONDS = 10.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_output = threading.Lock()
# Held while a step starts, so that none does after the command has begun to end.
_starting = threading.Lock()
_running: set[subprocess.Popen[bytes]] = set()
_ending = threading.Event()


class Ended(BaseException):
    """A signal has ended the whole command."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(frozen=True)
class Step:
    """One command, run from the root of the tree; `limit` is in seconds. `cleanup` is run if it is ended."""

    name: str
    command: Sequence[str | Path]
    env: dict[str, str] = field(default_factory=dict)
    limit: int = 1200
    cleanup: Sequence[str | Path] = ()

    def file(self, suffix: str) -> Path:
        """One of its files in tests/output/."""
        return LOGS / f"{re.sub(r'[^a-z0-9.]+', '-', self.name)}.{suffix}"


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    step: Step
    passed: bool
    seconds: float


def say(text: str) -> None:
    """Print at once and whole, also from several threads."""
    with _output:
        print(text, flush=True)


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment that every step gets: our tools first, our ansible.cfg, no colours in logs."""
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # A log shows how far a step is.
        "PYTHONUNBUFFERED": "1",
        **(extra or {}),
    }


def tree() -> list[Path]:
    """Every file of the work tree that git knows or would know, sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted(ROOT / name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


def python_files() -> list[Path]:
    """Our Python: by suffix, or by interpreter line where a command has no suffix."""

    def is_python(path: Path) -> bool:
        if path.suffix:
            return path.suffix == ".py"
        with path.open("rb") as file:
            first = file.readline()
        return first.startswith(b"#!") and b"python" in first

    return [path for path in tree() if is_python(path)]


def ended_by_signals(main: Callable[[], int]) -> int:
    """The exit code of the whole command. A signal that asks it to end reaches `run` as an exception.

    Further ones do not cut the cleaning up short.
    """

    def end(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            # Not SIG_IGN, which what cleans up would inherit.
            signal.signal(each, lambda *_: None)
        raise Ended(number)

    for each in SIGNALS:
        signal.signal(each, end)
    try:
        return main()
    except Ended as ended:
        say(f"ended by {ended}")
        return 128 + ended.number


def _start(step: Step, command: Sequence[str | Path], log: TextIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment({TIMES: str(step.file("times")), **step.env}),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a step with everything that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)


def _clean_up(step: Step, log: TextIO) -> None:
    """What an ended step did not get to."""
    if step.cleanup:
        log.write(f"\n== {' '.join(map(str, step.cleanup))}\n")
        log.flush()
        process = _start(step, step.cleanup, log)
        try:
            process.wait(CLEANUP_SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)


def _execute(step: Step, log: TextIO) -> int:
    """The exit code of the step's command; 1 where it does not start or end in time, or was ended."""
    try:
        with _starting:
            if _ending.is_set():
                return 1
            process = _start(step, step.command, log)
            _running.add(process)
    except OSError as error:
        log.write(f"{error}\n")
        return 1
    try:
        code = process.wait(step.limit)
        why = "It was ended." if _ending.is_set() else ""
    except subprocess.TimeoutExpired:
        code, why = 1, f"Not finished after {step.limit} s: ended."
    finally:
        _running.discard(process)
    if why:
        log.write(f"\n{why}\n")
        _end(process)
        _clean_up(step, log)
    return code


def run_step(step: Step) -> Outcome:
    """Run one step into its log; on failure print the end of it."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = step.file("log")
    step.file("times").unlink(missing_ok=True)
    say(f"...     {step.name}")
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        code = _execute(step, file)
    outcome = Outcome(step, code == 0, time.monotonic() - began)
    if outcome.passed:
        say(f"ok      {step.name}  {outcome.seconds:.1f} s")
    else:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = "\n".join(f"    {line}" for line in lines[-TAIL:])
        say(f"FAILED  {step.name}  {outcome.seconds:.1f} s  ({log.relative_to(ROOT)}, its end:)\n{shown}")
    return outcome


def run(title: str, steps: Sequence[Step], jobs: int = 1) -> list[Outcome]:
    """Run steps, `jobs` at a time; all of them, whatever fails."""
    return run_lanes(title, [[step] for step in steps], jobs)


def run_lanes(title: str, lanes: Sequence[Sequence[Step]], jobs: int) -> list[Outcome]:
    """Run lanes of steps, `jobs` lanes at a time; the steps of a lane one after the other."""
    say(f"== {title}")
    began, before = time.monotonic(), _ticks()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            return [outcome for lane in pool.map(_run_lane, lanes) for outcome in lane]
        except BaseException:
            with _starting:
                _ending.set()
            pool.shutdown(wait=False, cancel_futures=True)
            with ThreadPoolExecutor() as side_by_side:
                list(side_by_side.map(_end, list(_running)))
            # Leaving the pool waits for its threads, and each cleans up after its step.
            raise
        finally:
            say(f"   {time.monotonic() - began:.0f} s, {_busy(before):.0%} of the machine's cores in use")


def _run_lane(steps: Sequence[Step]) -> list[Outcome]:
    return [run_step(step) for step in steps if not _ending.is_set()]


def _ticks() -> tuple[int, int]:
    """Of all cores since boot: in use, and in all."""
    fields = [int(word) for word in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def _busy(before: tuple[int, int]) -> float:
    """The share of the cores' time that was in use since then."""
    used, whole = (now - then for now, then in zip(_ticks(), before, strict=True))
    return used / whole if whole else 0.0


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Where the time of each step went, as far as it says so itself, the longest first."""
    kinds = {"create": "hosts", "prepare": "hosts", "cleanup": "hosts", "destroy": "hosts", "tests": "tests"}
    columns = ("seconds", "hosts", "converge", "tests", "its turn", "other", "controller CPU")
    lines = ["".join([f"{'step':44}", *(f"{column:>{len(column) + 2}}" for column in columns)])]
    for outcome in sorted(outcomes, key=lambda one: -one.seconds):
        took = dict.fromkeys(columns, 0.0)
        path = outcome.step.file("times")
        notes = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for note in map(json.loads, notes):
            took[kinds.get(note["what"], "converge")] += note["seconds"]
            took["its turn"] += note["waited"]
            took["controller CPU"] += note["cpu"]
        took["other"] = outcome.seconds - sum(took[column] for column in columns[1:5])
        took["seconds"] = outcome.seconds
        shown = columns if notes else columns[:1]
        lines.append("".join([f"{outcome.step.name:44}", *(f"{took[each]:>{len(each) + 2}.0f}" for each in shown)]))
    return lines


def close(outcomes: Sequence[Outcome], left_out: Sequence[str]) -> int:
    """Print what failed, what was left out and the line that CI reads; return the exit code."""
    failed = [outcome.step.name for outcome in outcomes if not outcome.passed]
    for reason in left_out:
        say(f"left out: {reason}")
    for name in failed:
        say(f"failed: {name}")
    say(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0
