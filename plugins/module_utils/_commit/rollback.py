# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting sets back that were in force before: a run's on request, or what was on trial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from . import guard, install, journal
from .engine import commit, commit_locked, undisturbed
from .errors import CommitError
from .guard import Guard
from .host import Host
from .model import Request, parse
from .result import Result, as_error
from .state import ABSENT, FILE
from .store import COMMIT, Generation, Store

Target = tuple[str, Generation]


def rollback(host: Host, run_id: str, check: bool = False, lock_timeout: float = 300) -> Result:
    """`state: rollback`: every service whose newest commits are this run's goes back to what it was before the run."""
    store, result = Store(host), Result(stage="rollback", services=[])
    try:
        if not run_id:
            raise CommitError(
                "a rollback needs the name of a run; nothing was changed.",
                "run_id",
                repr(run_id),
                "Name it; evenkeel.lb.commit_info lists them.",
            )
        store.check_schema()
        trial = _trial(store, run_id, result)
        todo = _rollback_targets(store, run_id)
        if check:
            for service, target in todo:
                _take(result, service, commit(host, _request_of(store, service, target, run_id, check=True)))
        elif todo or trial or store.journals():
            with undisturbed(), store.lock(f"rollback of {run_id}", lock_timeout):
                result.warnings += journal.recover(host, store)
                result.changed = bool(result.warnings)
                trial = _trial(store, run_id, result)
                for service, target in _rollback_targets(store, run_id):
                    one = Result()
                    try:
                        commit_locked(host, store, _request_of(store, service, target, run_id), one)
                    except Exception as error:
                        one.error = as_error(error)
                    _take(result, service, one)
                if trial:
                    guard.release(store, sorted(trial.services))
                    install.uninstall(host, store)
    except (CommitError, OSError) as error:
        result.error = as_error(error)
    return result


def _trial(store: Store, run_id: str, result: Result) -> Guard | None:
    """This run's trial. Raises while another's is under way."""
    trial = guard.read(store)
    if trial and trial.pending:
        refusal = guard.refusal(trial, run_id)
        if refusal:
            raise refusal
        return trial
    if trial:
        result.fell_back = trial.report()
        result.warn(f"Before this call: {trial.text()}.")
    return None


def _take(result: Result, service: str, one: Result) -> None:
    """One service's result as part of the whole; raises what stopped it."""
    services: list[dict[str, Any]] = result.services or []
    services.append({"service": service, "generation": one.generation, "apply": one.apply, "changed": one.changed})
    result.services = services
    result.changed |= one.changed
    result.diff += one.diff
    result.drift += one.drift
    result.warnings += one.warnings
    if one.error:
        result.stage, result.rolled_back, result.apply = one.stage, one.rolled_back, one.apply
        raise CommitError(f"{service}: {one.error.what}", one.error.where, one.error.got, one.error.remedy)


def fall_back(host: Host, store: Store, why: str) -> list[str]:
    """What is on trial goes back, come what may. Under the lock. Returns what there is to say.

    There is nothing better than the old sets to go back to, so no check of theirs stops it; what a daemon says
    against them becomes a problem in the marker.
    """
    trial = guard.read(store)
    if not trial or not trial.pending:
        return []
    problems: list[str] = []
    failed: list[CommitError] = []
    for service, target in _newest_first(store, trial):
        one = Result()
        request = replace(_request_of(store, service, target, trial.run_id), forced=True)
        try:
            commit_locked(host, store, request, one)
        except Exception as error:
            # Whatever it is, the other services go back.
            failed.append(as_error(error))
        problems += one.warnings
    if failed:
        raise CommitError.first_of(failed)
    trial = replace(trial, fell_back=time.time(), why=why, problems=tuple(problems))
    guard.write(store, trial)
    install.uninstall(host, store)
    return [*problems, f"{trial.text()}."]


def _newest_first(store: Store, trial: Guard) -> list[Target]:
    """What is on trial, and where it goes back to."""
    found: list[tuple[float, Target]] = []
    for service, number in trial.services.items():
        manifest = store.manifest(service)
        if manifest and manifest.number != number:
            kept = {one.number: one for one in store.generations(service)}
            found.append((manifest.time, (service, kept[number] if number else _generation_0(manifest))))
        elif manifest:
            found.append((manifest.time, (service, manifest)))
    return [target for dummy, target in sorted(found, key=lambda one: -one[0])]


def put_back_before(store: Store, run_id: str) -> bool:
    """Whether this run was put back here, however."""
    return any(one.run_id == _mark(run_id) for service in store.services() for one in store.generations(service))


def _mark(run_id: str) -> str:
    """The run id of what puts a run back."""
    return f"rollback of {run_id}"


def _rollback_targets(store: Store, run_id: str) -> list[Target]:
    """Services and the generations to go back to, the newest commit first."""
    found: list[tuple[float, str, Generation]] = []
    problems: list[CommitError] = []
    for service, manifest in store.manifests().items():
        kept = [one for one in store.generations(service) if one.number <= manifest.number]
        history = [one for one in kept if one.kind == COMMIT]
        if not any(one.run_id == run_id for one in history):
            continue
        standing = _standing(history, run_id)
        if standing and standing[-1].run_id == run_id:
            number = standing[_first_of_tail(standing, run_id)].number
            # What was in force just before, whoever put it there: an undoing's set is as good as any.
            before = [one for one in history if one.number < number]
            if not before and {*range(1, number)} - {one.number for one in kept}:
                problems.append(
                    CommitError(
                        f"what {service} was before this run is kept no more.",
                        service,
                        f"its oldest commit is generation {number}",
                        "Commit the set that you want instead.",
                    )
                )
                continue
            found.append((manifest.time, service, before[-1] if before else _generation_0(manifest)))
        elif not any(one.run_id == _mark(run_id) for one in history[_last(history, run_id) :]):
            # Something stands: only this run's own mark could have taken its newest commit away.
            newest = standing[-1]
            problems.append(
                CommitError(
                    f"another run committed {service} after this one.",
                    service,
                    f"run {newest.run_id or '-'}, generation {newest.number}",
                    "Roll that run back first.",
                )
            )
    if problems:
        raise CommitError.first_of(problems)
    return [(service, target) for dummy, service, target in sorted(found, key=lambda one: -one[0])]


def _standing(history: Sequence[Generation], wanted: str) -> list[Generation]:
    """What was never undone: an undoing and what it undid cancel each other, unless the undoing is to be undone."""
    found: list[Generation] = []
    for one in history:
        if found and one.run_id != wanted and one.run_id == _mark(found[-1].run_id):
            del found[_first_of_tail(found, found[-1].run_id) :]
        else:
            found.append(one)
    return found


def _last(history: Sequence[Generation], run_id: str) -> int:
    return max(at for at, one in enumerate(history) if one.run_id == run_id)


def _first_of_tail(history: Sequence[Generation], run_id: str) -> int:
    at = len(history)
    while at > 0 and history[at - 1].run_id == run_id:
        at -= 1
    return at


def _generation_0(manifest: Generation) -> Generation:
    """What was there before us, as a set: nothing of ours, and the unit as it was."""
    return Generation(manifest.service, 0, settings=_settings_before(manifest))


def _settings_before(manifest: Generation) -> dict[str, Any]:
    """Generation 0 has no settings of its own; the unit goes back to how it was."""
    settings = {key: manifest.settings[key] for key in ("unit", "apply", "secrets") if key in manifest.settings}
    settings["apply"] = {**settings.get("apply", {}), "sysctl": []}
    if manifest.unit and manifest.unit_before:
        settings["unit_state"] = "started" if manifest.unit_before.active else "stopped"
        settings["enabled"] = manifest.unit_before.enabled
    return settings


def _request_of(store: Store, service: str, target: Generation, run_id: str, check: bool = False) -> Request:
    """A generation as a request: what somebody wrote since is kept, never in the way."""
    arguments: dict[str, Any] = {
        **target.settings,
        "service": service,
        "run_id": _mark(run_id),
        "check": check,
        "on_drift": "overwrite",
        "files": [],
        "directories": [],
        "absent": [],
    }
    contents: list[bytes] = []
    for path, kept in target.entries.items():
        access = {
            "path": path,
            "owner": str(kept.state.uid),
            "group": str(kept.state.gid),
            "mode": f"{kept.state.mode:04o}",
        }
        if kept.state.kind == FILE:
            content = store.blob(service, kept.state.digest)
            contents.append(content)
            arguments["files"].append(
                {**access, "secret": kept.secret, "allow_empty": kept.allow_empty or not content.strip()}
            )
        elif kept.state.kind == ABSENT:
            arguments["absent"].append(path)
        elif not kept.implied:
            arguments["directories"].append(access)
    return replace(parse(arguments, contents), back=True)
