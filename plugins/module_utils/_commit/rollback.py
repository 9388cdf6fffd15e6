# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undoing a whole run, and finishing what was cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import journal
from .engine import commit, undisturbed
from .errors import CommitError
from .host import Host
from .model import Request, parse
from .result import Result, io_error
from .state import ABSENT, FILE
from .store import COMMIT, Generation, Store


def recover(host: Host, check: bool = False) -> Result:
    """`state: recover`: what the service does at boot, now."""
    store, result = Store(host), Result(stage="recover")
    try:
        store.check_schema()
        if store.journals() and check:
            result.changed = True
        elif store.journals():
            with undisturbed(), store.lock("recover", 300):
                result.warnings = journal.recover(host, store)
                result.changed = bool(result.warnings)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = io_error(error)
    return result


def rollback(host: Host, run_id: str, check: bool = False, lock_timeout: float = 300) -> Result:
    """`state: rollback`: every service whose newest commits are this run's goes back to what it was before the run."""
    store, result = Store(host), Result(stage="rollback", services=[])
    services: list[dict[str, Any]] = []
    try:
        store.check_schema()
        todo = _rollback_targets(store, run_id)
        for service, target in todo:
            request = _request_of(store, service, target, f"rollback of {run_id}", check, lock_timeout)
            one = commit(host, request)
            services.append(
                {"service": service, "generation": one.generation, "apply": one.apply, "changed": one.changed}
            )
            result.changed |= one.changed
            result.diff += one.diff
            result.drift += one.drift
            result.warnings += one.warnings
            if one.error:
                result.stage, result.rolled_back, result.apply = one.stage, one.rolled_back, one.apply
                raise CommitError(f"{service}: {one.error.what}", one.error.where, one.error.got, one.error.remedy)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = io_error(error)
    result.services = services
    return result


def _rollback_targets(store: Store, run_id: str) -> list[tuple[str, Generation]]:
    """Services and the generations to go back to, the newest commit first."""
    found: list[tuple[float, str, Generation]] = []
    problems: list[CommitError] = []
    for service, manifest in store.manifests().items():
        history = [one for one in store.generations(service) if one.kind == COMMIT]
        if not any(one.run_id == run_id for one in history):
            continue
        if any(one.run_id == f"rollback of {run_id}" for one in history[_last(history, run_id) :]):
            continue
        if manifest.run_id != run_id:
            problems.append(
                CommitError(
                    f"another run committed {service} after this one.",
                    service,
                    f"run {manifest.run_id or '-'}, generation {manifest.number}",
                    "Roll that run back first.",
                )
            )
            continue
        before = history[: _first_of_tail(history, run_id)]
        first = Generation(service, 0, settings=_settings_before(manifest))
        found.append((manifest.time, service, before[-1] if before else first))
    if problems:
        raise CommitError.first_of(problems)
    return [(service, target) for dummy, service, target in sorted(found, key=lambda one: -one[0])]


def _last(history: Sequence[Generation], run_id: str) -> int:
    return max(at for at, one in enumerate(history) if one.run_id == run_id)


def _first_of_tail(history: Sequence[Generation], run_id: str) -> int:
    at = len(history)
    while at > 0 and history[at - 1].run_id == run_id:
        at -= 1
    return at


def _settings_before(manifest: Generation) -> dict[str, Any]:
    """Generation 0 has no settings of its own; the unit goes back to how it was."""
    settings = {key: manifest.settings[key] for key in ("unit", "apply", "secrets") if key in manifest.settings}
    settings["apply"] = {**settings.get("apply", {}), "sysctl": []}
    if manifest.unit and manifest.unit_before:
        settings["unit_state"] = "started" if manifest.unit_before.active else "stopped"
        settings["enabled"] = manifest.unit_before.enabled
    return settings


def _request_of(
    store: Store, service: str, target: Generation, run_id: str, check: bool, lock_timeout: float
) -> Request:
    """A generation as a request: what somebody wrote since is kept, never in the way."""
    arguments: dict[str, Any] = {
        **target.settings,
        "service": service,
        "run_id": run_id,
        "check": check,
        "on_drift": "overwrite",
        "lock_timeout": lock_timeout,
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
    return parse(arguments, contents)
