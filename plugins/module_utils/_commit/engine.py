# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a commit, in order: recover, compare, drift, validate, write, apply, verify, commit. Or back."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from . import journal
from .errors import CommitError
from .host import Host
from .model import Request
from .plan import Plan, make
from .result import Result, io_error
from .store import Store
from .transaction import Transaction
from .validate import refuse_drift, refuse_taken, validate


def commit(host: Host, request: Request) -> Result:
    """One service's set, all or nothing. With an error the node is as it was, or the error says what is not."""
    result = Result()
    store = Store(host)
    try:
        _commit(host, store, request, result)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = io_error(error)
    return result


def _commit(host: Host, store: Store, request: Request, result: Result) -> None:
    store.check_schema()
    cut_off = store.journals()
    if request.check or not cut_off:
        plan = _look(host, store, request, result)
        if plan.empty and not cut_off:
            return
        if request.check:
            result.warnings += [
                f"A commit of {one} is under way or was cut off; the next run undoes it." for one in cut_off
            ]
            result.changed = True
            result.apply = plan.apply
            refuse_drift(host, store, plan, result)
            result.diff = plan.diff(host)
            validate(host, plan, result)
            refuse_taken(plan)
            return
    with undisturbed(), store.lock(f"commit of {request.service}, run {request.run_id or '-'}", request.lock_timeout):
        result.stage = "recover"
        result.warnings += journal.recover(host, store)
        result.changed = bool(result.warnings)
        plan = _look(host, store, request, result)
        if plan.empty:
            return
        refuse_drift(host, store, plan, result)
        result.diff = plan.diff(host)
        swap_to_validate = validate(host, plan, result)
        refuse_taken(plan)
        Transaction(host, store, plan, result).run(swap_to_validate)


def _look(host: Host, store: Store, request: Request, result: Result) -> Plan:
    result.stage = "compare"
    plan = make(host, store, request)
    result.generation = plan.previous.number if plan.previous else 0
    result.warnings += [line for line in plan.warnings if line not in result.warnings]
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
