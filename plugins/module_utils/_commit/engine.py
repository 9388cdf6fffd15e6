# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a commit, in order: recover, compare, drift, validate, write, apply, verify, commit. Or back."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Callable

from . import guard, journal
from .errors import CommitError
from .host import Host
from .model import Request
from .plan import Plan, make
from .result import Result, io_error
from .store import Store
from .transaction import Transaction
from .validate import refuse_drift, refuse_taken, validate


def commit(host: Host, request: Request, elsewhere: Callable[[], Result] | None = None) -> Result:
    """One service's set, all or nothing. With an error the node is as it was, or the error says what is not.

    Where there is anything to do, `elsewhere` does it if given.
    """
    result = Result()
    store = Store(host)
    try:
        if _told(host, store, request, result):
            return result
        if elsewhere:
            return elsewhere()
        holder = f"commit of {request.service}, run {request.run_id or '-'}"
        with undisturbed(), store.lock(holder, request.lock_timeout):
            commit_locked(host, store, request, result)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = io_error(error)
    return result


def _told(host: Host, store: Store, request: Request, result: Result) -> bool:
    """Whether there is nothing to do, or only to tell: then all is told. Nothing is written, and no lock needed."""
    store.check_schema()
    cut_off = store.journals()
    _on_trial(store, request, result)
    if (cut_off or result.fell_back) and not request.check:
        return False
    plan = _look(host, store, request, result)
    if plan.empty and not cut_off:
        return True
    if not request.check:
        return False
    for one in cut_off:
        result.warn(f"A commit of {one} is under way or was cut off; the next run undoes it.")
    result.changed = True
    result.apply = plan.apply
    refuse_drift(host, store, plan, result)
    result.diff = plan.diff(host)
    validate(host, plan, result)
    refuse_taken(plan)
    return True


def commit_locked(host: Host, store: Store, request: Request, result: Result) -> None:
    """The same for who holds the lock. Raises CommitError or OSError."""
    result.stage = "recover"
    said = journal.recover(host, store)
    result.warnings += said
    result.changed = bool(said)
    _on_trial(store, request, result)
    if result.fell_back:
        # Now somebody knows.
        guard.remove(store)
    plan = _look(host, store, request, result)
    if plan.empty:
        return
    refuse_drift(host, store, plan, result)
    result.diff = plan.diff(host)
    swap_to_validate = not request.forced and validate(host, plan, result)
    if not request.forced:
        refuse_taken(plan)
    Transaction(host, store, plan, result).run(swap_to_validate)


def _on_trial(store: Store, request: Request, result: Result) -> None:
    """What a run has to know of a trial that is under way or fell back."""
    trial = None if request.back else guard.read(store)
    if not trial:
        return
    if not trial.pending:
        result.fell_back = trial.report()
        result.warn(f"Before this call: {trial.text()}.")
    elif trial.run_id == request.run_id:
        result.guard = trial.report()
    refusal = guard.refusal(trial, request.run_id)
    if refusal and request.check:
        result.warn(refusal.message())
    elif refusal:
        raise refusal


def _look(host: Host, store: Store, request: Request, result: Result) -> Plan:
    result.stage = "compare"
    plan = make(host, store, request)
    result.generation = plan.previous.number if plan.previous else 0
    for line in plan.warnings:
        result.warn(line)
    return plan


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """A lost connection does not stop a commit half-way; a request to stop makes it put everything back."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise CommitError("the commit was told to stop.", "", signal.Signals(number).name, "Run it again.")

    before = {}
    with contextlib.suppress(ValueError):  # not the main thread
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, stop)
        before[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
