# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns on one machine: any number of plays and tests side by side, or one test that measures, alone.

`make test` says where the locks are (EVENKEEL_TURNS) and where the times go (EVENKEEL_TIMES). Without the first every turn
comes at once, so that `molecule test -s NAME` needs nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

TURNS, TIMES = "EVENKEEL_TURNS", "EVENKEEL_TIMES"


class Turn:
    """One process's place in the queue."""

    def __init__(self) -> None:
        self.folder = os.environ.get(TURNS, "")
        self.alone = False
        self.waited = 0.0
        self._machine: TextIO | None = None

    def take(self, alone: bool = False) -> None:
        """Wait for it. Whoever came first goes first: who waits to be alone keeps later ones at the gate."""
        if not self.folder or (self._machine and self.alone == alone):
            return
        self.give_back()
        began = time.monotonic()
        with Path(self.folder, "gate").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            self._machine = Path(self.folder, "machine").open("w")  # noqa: SIM115  (held until it is given back)
            fcntl.flock(self._machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        self.alone = alone
        self.waited += time.monotonic() - began

    def give_back(self) -> None:
        """Also where a forked child still has the file open."""
        if self._machine:
            fcntl.flock(self._machine, fcntl.LOCK_UN)
            self._machine.close()
            self._machine = None

    def let_pass(self) -> None:
        """In a long test, where nothing is under way: who waits to be alone goes first."""
        if self._machine and not self.alone:
            self.give_back()
            self.take()

    @contextmanager
    def by_itself(self) -> Iterator[None]:
        """Alone meanwhile; afterwards as before."""
        before, had = self.alone, self._machine is not None
        self.take(alone=True)
        try:
            yield
        finally:
            if not had:
                self.give_back()
            else:
                self.take(before)


# This process's.
MACHINE = Turn()


def note(what: str, seconds: float, waited: float) -> None:
    """A line for the table at the end of `make test`, by the process that did it, at its end."""
    path = os.environ.get(TIMES)
    if path:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        line = {
            "what": what,
            # Without those that were waited for a turn.
            "seconds": seconds - waited,
            "waited": waited,
            "cpu": sum(one.ru_utime + one.ru_stime for one in used),
        }
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
