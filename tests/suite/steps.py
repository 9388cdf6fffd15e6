# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of a test command: each with a heading, a time, a log, and the log's tail where it failed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
LOGS = ROOT / "tests" / "output"
TAIL = 60

_output = threading.Lock()
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Step:
    """One command, run from the root of the tree; `limit` is in seconds."""

    name: str
    command: Sequence[str | Path]
    env: dict[str, str] = field(default_factory=dict)
    limit: int = 1200


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


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a step with everything that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _execute(step: Step, log: TextIO) -> int:
    """The exit code of the step's command; 1 where it does not start or end in time."""
    try:
        process = subprocess.Popen(
            [str(word) for word in step.command],
            cwd=ROOT,
            env=environment(step.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    except OSError as error:
        log.write(f"{error}\n")
        return 1
    _running.add(process)
    try:
        return process.wait(step.limit)
    except subprocess.TimeoutExpired:
        log.write(f"\nNot finished after {step.limit} s: ended.\n")
        _end(process)
        return 1
    finally:
        _running.discard(process)


def run_step(step: Step) -> Outcome:
    """Run one step into its log; on failure print the end of it."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{re.sub(r'[^a-z0-9.]+', '-', step.name)}.log"
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
    say(f"== {title}")
    with ThreadPoolExecutor(jobs) as pool:
        try:
            return list(pool.map(run_step, steps))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_running):
                _end(process)
            raise


def close(outcomes: Sequence[Outcome], left_out: Sequence[str]) -> int:
    """Print what failed, what was left out and the line that CI reads; return the exit code."""
    failed = [outcome.step.name for outcome in outcomes if not outcome.passed]
    for reason in left_out:
        say(f"left out: {reason}")
    for name in failed:
        say(f"failed: {name}")
    say(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0
