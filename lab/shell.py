# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands: short ones for their output, long ones with their progress in sight."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class LabError(Exception):
    """What went wrong and what to do about it, in words for the person at the terminal."""


def say(text: str) -> None:
    print(text, flush=True)


def run(argv: Sequence[str], *, stdin: str | None = None, timeout: float | None = None) -> str:
    """Output of a short command; a failure is a LabError that carries the command's own words."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise LabError(f"{argv[0]}: no such command on this machine.") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(argv)}: no answer within {timeout:g} s.") from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise LabError(f"{' '.join(argv[:6])}: failed ({done.returncode}): " + "\n  ".join(words[-12:]))
    return done.stdout


def succeeds(argv: Sequence[str], timeout: float | None = None) -> bool:
    try:
        run(argv, timeout=timeout)
    except LabError:
        return False
    return True


def run_long(
    what: str,
    argv: Sequence[str],
    *,
    stdin: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    first_output_within: float | None = None,
) -> None:
    """Run a command that takes a while: its last line is shown as it goes, all of it when it fails.

    `first_output_within`: give up when the command has not said anything after so many seconds.
    """
    started = time.monotonic()
    say(f"- {what} ...")
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(
            argv, stdin=stdin or subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env
        )
        watcher = threading.Thread(target=_show_progress, args=(process, log, started), daemon=True)
        watcher.start()
        try:
            while process.poll() is None:
                silent = not _size(log)
                if first_output_within and silent and time.monotonic() - started > first_output_within:
                    raise LabError(f"{what}: no answer within {first_output_within:g} s.")
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        watcher.join()
        if process.returncode:
            log.seek(0)
            raise LabError(f"{what}: failed ({process.returncode}):\n" + "".join(log.readlines()[-30:]).rstrip())
    say(f"  done in {time.monotonic() - started:.0f} s")


def _size(log: IO[str]) -> int:
    return Path(f"/proc/self/fd/{log.fileno()}").stat().st_size


def _show_progress(process: subprocess.Popen[bytes], log: IO[str], started: float) -> None:
    """A line every ten seconds; on a terminal one line that is rewritten every second."""
    live = sys.stdout.isatty()
    due = started + (1 if live else 10)
    while process.poll() is None:
        if time.monotonic() >= due:
            line = f"  {time.monotonic() - started:3.0f} s  {_last_line(log)[:100]}"
            print(f"\r\033[K{line}" if live else line, end="" if live else "\n", flush=True)
            due += 1 if live else 10
        time.sleep(0.1)
    if live:
        print("\r\033[K", end="", flush=True)


def _last_line(log: IO[str]) -> str:
    with Path(f"/proc/self/fd/{log.fileno()}").open(errors="replace") as copy:
        copy.seek(max(0, _size(log) - 4000))
        lines = [line for line in copy.read().replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
