# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe that outlives the call that started it.

The state directory holds ``lock`` (locked for as long as a probe runs, with its process id in it), ``result.json``
(once it has ended) and ``error`` (if it ended otherwise).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
import traceback
from pathlib import Path
from typing import Any

from .client import Client
from .settings import Settings


class BackgroundError(Exception):
    """There is no probe to stop, or it left no figures."""


class Background:
    """The probe of one state directory."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory).expanduser()
        self._lock = self.directory / "lock"
        self._result = self.directory / "result.json"
        self._error = self.directory / "error"

    def pid(self) -> int | None:
        """The process id of the running probe; None where none runs, 0 where one is just starting."""
        try:
            with self._lock.open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(lock.read() or 0)
        except FileNotFoundError:
            pass
        return None

    def start(self, settings: Settings) -> int:
        """Fork a probe and return its process id once it has begun to send."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise BackgroundError(f"A probe runs already in {self.directory}.") from None
        os.ftruncate(lock, 0)
        self._result.unlink(missing_ok=True)
        self._error.unlink(missing_ok=True)
        begun, told = os.pipe()
        child = os.fork()
        if child == 0:
            # Twice, so that nobody has to wait for the probe.
            if os.fork() == 0:
                os.close(begun)
                self._become(settings, lock, told)
            os._exit(0)
        os.close(told)
        os.close(lock)
        os.waitpid(child, 0)
        with os.fdopen(begun) as pipe:
            word = pipe.read()
        if not word:
            raise BackgroundError(f"The probe did not start: {self._why()}")
        return int(word)

    def stop(self) -> dict[str, Any]:
        """End the probe if it still runs and return what it saw."""
        while True:
            pid = self.pid()
            if pid is None:
                break
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            # Answers on their way are awaited for as long as the timeout, no longer.
            time.sleep(0.05)
        try:
            result: dict[str, Any] = json.loads(self._result.read_text())
        except FileNotFoundError:
            raise BackgroundError(f"There are no figures in {self.directory}: {self._why()}") from None
        return result

    def _why(self) -> str:
        try:
            return self._error.read_text().strip().splitlines()[-1]
        except (FileNotFoundError, IndexError):
            return "no probe was started there, or it was killed."

    def _become(self, settings: Settings, lock: int, told: int) -> None:
        """The rest of the forked process's life."""
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            # Whatever else the caller had open (a pipe that somebody reads to its end) is closed too.
            keep = {lock, told}
            for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
                if descriptor > 2 and descriptor not in keep:
                    with contextlib.suppress(OSError):
                        os.close(descriptor)
            client = Client(settings)
            signal.signal(signal.SIGTERM, lambda _signal, _frame: client.stop())
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            os.write(told, str(os.getpid()).encode())
            os.close(told)
            client.run()
            # The lock ends with the process, so the figures are complete before anybody can look for them.
            _write(self._result, json.dumps(client.result()))
        except BaseException:
            _write(self._error, traceback.format_exc())
            os._exit(1)
        os._exit(0)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)
