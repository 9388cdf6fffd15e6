# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a trial: somebody came in over a new connection and says that it is good."""

from __future__ import annotations

from . import connection, guard, handover, install, journal
from .engine import undisturbed
from .errors import CommitError
from .guard import Guard
from .host import Host
from .result import Result, io_error
from .rollback import put_back_before
from .store import Store


def confirm(host: Host, run_id: str, service: str, check: bool = False, lock_timeout: float = 300) -> Result:
    """`state: confirm`: what is on trial stays. Without a trial there is nothing to do."""
    store, result = Store(host), Result(stage="confirm")
    try:
        store.check_schema()
        handover.await_others(host, lock_timeout)
        _refuse_failed(host, run_id, service, check, result)
        trial = _trial(store, run_id, service, result)
        if trial and check:
            result.changed, result.guard = True, trial.report()
        elif trial:
            with undisturbed(), store.lock(f"confirmation of run {trial.run_id}", lock_timeout):
                result.warnings += journal.recover(host, store)
                trial = _trial(store, run_id, service, result)
                if trial:
                    _confirm(host, store, trial, service, result)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = io_error(error)
    return result


def _confirm(host: Host, store: Store, trial: Guard, service: str, result: Result) -> None:
    _refuse_old_connection(trial)
    services = [service] if service else sorted(trial.services)
    guard.release(store, services)
    install.uninstall(host, store)
    left = guard.read(store)
    result.changed = True
    result.guard = left.report() if left else {}
    result.services = [
        {"service": one, "generation": manifest.number, "apply": result.apply, "changed": False}
        for one in services
        for manifest in [store.manifest(one)]
        if manifest
    ]


def _refuse_failed(host: Host, run_id: str, service: str, check: bool, result: Result) -> None:
    """A commit that failed after its connection was lost is not one to confirm."""
    for left in handover.left_behind(host, forget=not check):
        if left.error and (left.run_id == run_id or left.service == service):
            raise CommitError(
                "there is nothing to confirm.", left.service, left.text().rstrip("."), "Mend that and run again."
            )
        result.warn(left.text())


def _trial(store: Store, run_id: str, service: str, result: Result) -> Guard | None:
    """What is to be confirmed; None if there is nothing. Raises if it is too late, or somebody else's."""
    trial = guard.read(store)
    mine = trial and (not run_id or trial.run_id == run_id) and (not service or service in trial.services)
    if trial and mine and not trial.pending:
        result.fell_back = trial.report()
        raise CommitError(
            "the confirmation comes too late.",
            "guard",
            trial.text(),
            "Find out why nobody could confirm in time, then start a new run.",
        )
    if trial and mine:
        return trial
    if trial and trial.pending:
        raise CommitError(
            "there is nothing of that to confirm.",
            "guard",
            trial.text(),
            f"Name that run (run_id: {trial.run_id}) or one of its services.",
        )
    if run_id and put_back_before(store, run_id):
        raise CommitError(
            "there is nothing to confirm.", "guard", f"run {run_id} was put back on this node", "Start a new run."
        )
    return None


def _refuse_old_connection(trial: Guard) -> None:
    """That an old connection still works says nothing about whether the node lets anybody in."""
    way = connection.find()
    if way and way.since < trial.since:
        raise CommitError(
            "the confirmation came over a connection that is older than the change, which proves nothing.",
            "guard",
            f"the connection of {way.name} (process {way.pid}) is {trial.since - way.since:.1f} s older",
            "Confirm over a new one: this module's action closes Ansible's shared connection; where a proxy or another"
            " plugin keeps one, put `meta: reset_connection` before the task.",
        )
