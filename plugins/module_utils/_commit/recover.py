# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a node without Ansible: recovery at boot, the wait for a deadline, the work of a guarded commit."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from . import guard, handover, journal
from .engine import undisturbed
from .errors import CommitError
from .host import Host
from .result import Result, io_error
from .rollback import fall_back
from .store import Store


def recover(host: Host, check: bool = False) -> Result:
    """`state: recover`: what the service does at boot, now."""
    store, result = Store(host), Result(stage="recover")
    try:
        store.check_schema()
        todo = store.journals() or overdue(host, store)
        if todo and check:
            result.changed = True
        elif todo:
            with undisturbed(), store.lock("recover", 300):
                result.warnings = _recover(host, store, "what waited for its confirmation was gone")
                result.changed = bool(result.warnings)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = io_error(error)
    return result


def overdue(host: Host, store: Store) -> bool:
    """On trial, and nobody waits for the deadline: the node restarted, or that unit never was or was stopped."""
    trial = guard.read(store)
    return bool(trial and trial.pending and not guard.waiting(host))


def _recover(host: Host, store: Store, why: str) -> list[str]:
    """Under the lock."""
    said = journal.recover(host, store)
    return said + (fall_back(host, store, why) if overdue(host, store) else [])


def main(argv: Sequence[str] = ()) -> int:
    """`recover`, `recover fall-back`, `recover work DIRECTORY`."""
    try:
        if argv and argv[0] == "work":
            return handover.work(Host(), argv[1])
        return _wait(Host()) if argv else _at_start(Host(in_recovery_service=True))
    except CommitError as error:
        sys.stderr.write(f"{error.message()}\n")
        return 1


def _at_start(host: Host) -> int:
    """Recovers unless a commit is under way: that one holds the lock and is in charge."""
    store = Store(host)
    store.check_schema()
    try:
        with store.lock("evenkeel-recover.service", timeout=0):
            said = _recover(host, store, guard.RESTARTED)
    except CommitError as error:
        if error.where != store.lock_path:
            raise
        said = ["A commit is under way; it is in charge."]
    return _say(said)


def _wait(host: Host) -> int:
    """Until the deadline, which later commits of the run move, or the confirmation."""
    store = Store(host)
    while True:
        trial = guard.read(store)
        if not trial or not trial.pending:
            return 0
        left = trial.deadline - guard.now()
        if left > 0:
            time.sleep(min(left, 1.0))
            continue
        with store.lock(f"fall back of run {trial.run_id}", 300), undisturbed():
            trial = guard.read(store)
            if trial and trial.pending and trial.deadline <= guard.now():
                return _say(fall_back(host, store, guard.NOBODY))


def _say(lines: Sequence[str]) -> int:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0
