# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a commit, in order: recover, compare, drift, validate, write, apply, verify, commit. Or back."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

from . import apply as apply_step
from . import install, journal, namespace
from . import show as shown
from .drift import MISSING, Drift
from .errors import CommitError
from .host import Host
from .journal import Journal
from .model import Request, Verify, matches, parse, parse_verify
from .plan import NONE, RELOAD, RESTART, START, STOP, Op, Plan, make
from .sockets import taken
from .state import ABSENT, DIRECTORY, FILE
from .store import BY_HAND, COMMIT, Generation, Kept, Store, UnitBefore
from .unit import processes, show
from .verify import Baseline, baseline, settle

NAMESPACE, SWAP, UNVALIDATED = "namespace", "swap", "none"


@dataclass
class Result:
    """What the module returns."""

    changed: bool = False
    stage: str = "compare"
    generation: int = 0
    apply: str = NONE
    drift: list[Drift] = field(default_factory=list)
    diff: list[shown.Diff] = field(default_factory=list)
    validated: str = UNVALIDATED
    rolled_back: bool = False
    warnings: list[str] = field(default_factory=list)
    error: CommitError | None = None
    services: list[dict[str, Any]] | None = None

    def as_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "changed": self.changed,
            "stage": self.stage,
            "generation": self.generation,
            "apply": self.apply,
            "drift": [one.as_dict() for one in self.drift],
            "diff": self.diff,
            "validated": self.validated,
            "rolled_back": self.rolled_back,
        }
        if self.services is not None:
            data["services"] = self.services
        if self.error:
            data["error"] = self.error.as_dict()
            if self.error.others:
                data["errors"] = [one.as_dict() for one in (self.error, *self.error.others)]
        return data


def commit(host: Host, request: Request) -> Result:
    """One service's set, all or nothing. With an error the node is as it was, or the error says what is not."""
    result = Result()
    store = Store(host)
    try:
        _commit(host, store, request, result)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = _io_error(error)
    return result


def _io_error(error: OSError) -> CommitError:
    return CommitError(
        "the system refused.",
        str(error.filename or ""),
        error.strerror or str(error),
        "Mend that and run again; nothing was changed.",
    )


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
            _refuse_drift(host, store, plan, result)
            result.diff = plan.diff(host)
            _validate(host, plan, result)
            _refuse_taken(plan)
            return
    with _undisturbed(), store.lock(f"commit of {request.service}, run {request.run_id or '-'}", request.lock_timeout):
        result.stage = "recover"
        result.warnings += journal.recover(host, store)
        result.changed = bool(result.warnings)
        plan = _look(host, store, request, result)
        if plan.empty:
            return
        _refuse_drift(host, store, plan, result)
        result.diff = plan.diff(host)
        swap_to_validate = _validate(host, plan, result)
        _refuse_taken(plan)
        _Transaction(host, store, plan, result).run(swap_to_validate)


def _look(host: Host, store: Store, request: Request, result: Result) -> Plan:
    result.stage = "compare"
    plan = make(host, store, request)
    result.generation = plan.previous.number if plan.previous else 0
    result.warnings += [line for line in plan.warnings if line not in result.warnings]
    return plan


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
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


# -- drift -------------------------------------------------------------------------------------------------------


def _refuse_drift(host: Host, store: Store, plan: Plan, result: Result) -> None:
    """Stops where somebody else's edit would be lost, unless that is wanted; then it is kept."""
    result.stage = "drift"
    ops = {op.path: op for op in plan.ops}
    result.drift = [replace(one, diff=_drift_diff(host, store, plan, one, ops[one.path])) for one in plan.drift]
    blocking = [one for one in result.drift if one.kind != MISSING]
    if not blocking or plan.request.on_drift == "overwrite":
        return
    problems = []
    for one in blocking:
        since = (
            f"was changed by hand since generation {one.since}" if one.since else "was there before our first commit"
        )
        problems.append(
            CommitError(
                f"this file {since}, and was left as it is.",
                one.path,
                one.diff,
                "Take its lines into the inventory, or set on_drift: overwrite, which keeps it as a generation.",
            )
        )
    raise CommitError.first_of(problems)


def _drift_diff(host: Host, store: Store, plan: Plan, drift: Drift, op: Op) -> str:
    """From what we left (or, before the first commit, what we want) to what is there."""
    if drift.kind == MISSING:
        return ""
    recorded = plan.previous.entries[drift.path].state if drift.since and plan.previous else op.after
    contents: dict[str, bytes | None] = dict(plan.contents)
    if recorded.kind == FILE and recorded.digest not in contents:
        content = store.blob(plan.request.service, recorded.digest)
        (plan.masker.learn_whole if op.secret else plan.masker.learn)(shown.readable(content))
        contents[recorded.digest] = content
    diffs = shown.change(host, plan.masker, drift.path, recorded, op.before, contents, op.secret)
    return "\n".join(shown.unified(one) for one in diffs[:1])


# -- validate ----------------------------------------------------------------------------------------------------


def _validate(host: Host, plan: Plan, result: Result) -> bool:
    """The daemon's own checker on the candidate. True: not possible aside, so the swapped set has to be tested."""
    result.stage = "validate"
    commands = plan.request.validate
    if not commands or not any(DIRECTORY not in (op.before.kind, op.after.kind) for op in plan.ops):
        return False
    absent = [argv[0] for argv in commands if host.which(argv[0]) is None]
    if plan.request.check and absent:
        result.warnings.append(f"{absent[0]} is not installed yet: the candidate was not validated.")
        return False

    def stage() -> None:
        journal.stage(host, tuple(plan.ops), plan.contents)
        journal.swap(host, tuple(plan.ops))
        journal.clean(host, tuple(plan.ops))

    try:
        verdicts = namespace.validate(host, [os.path.dirname(op.path) for op in plan.ops], stage, commands)
    except namespace.NotPermitted as reason:
        watched = [op.path for op in plan.ops if matches(op.path, plan.request.watched)]
        if plan.request.check or watched:
            why = f"{watched[0]} is watched by its daemon" if watched else "check mode"
            result.warnings.append(f"The candidate was not validated: {reason}; and no swap ({why}).")
            return False
        return True
    result.validated = NAMESPACE
    _judge(plan, verdicts, "nothing was changed")
    return False


def _refuse_taken(plan: Plan) -> None:
    """An address that another process holds: no checker binds, and HAProxy stops serving for 2 s while it tries."""
    if plan.apply not in (START, RESTART, RELOAD):
        return
    found = taken(plan.request.verify.listen, processes(plan.unit))
    if found:
        raise CommitError.first_of(
            [
                CommitError(
                    "another process holds this address; nothing was changed.",
                    f"listen {text}",
                    who,
                    "Stop it, or listen elsewhere.",
                )
                for text, who in found
            ]
        )


def _judge(plan: Plan, verdicts: Sequence[namespace.Verdict], outcome: str) -> None:
    """Raises with the daemon's own lines and the rendered lines that they name."""
    last = verdicts[-1]
    if last.completed.rc == 0:
        return
    say = plan.masker.mask
    where, quoted = quote(plan, last.completed.output)
    got = "\n".join(filter(None, [say(_tail(last.completed.output)), *quoted]))
    raise CommitError(
        f"the candidate was refused by `{say(' '.join(last.argv))}` (exit code {last.completed.rc}); {outcome}.",
        where or plan.request.service,
        got,
        "Mend the variables that these lines come from.",
    )


def _tail(text: str, lines: int = 20) -> str:
    return "\n".join(text.splitlines()[-lines:])


def quote(plan: Plan, output: str) -> tuple[str, list[str]]:
    """The rendered lines that a daemon names as `file:NN` or `file: Line NN`: the first place, and all lines quoted."""
    places: list[str] = []
    quoted: list[str] = []
    paths = [path for path, kept in plan.entries.items() if kept.state.kind == FILE and path in output]
    for path in sorted(paths, key=len, reverse=True):
        kept = plan.entries[path]
        lines = shown.readable(plan.contents[kept.state.digest]).splitlines()
        masked = plan.masker.mask("\n".join(lines)).splitlines()
        for found in re.finditer(
            re.escape(path) + r"(?:['\"]?:\s*|['\"]?\s+on\s+|['\"]?,?\s+)(?:[Ll]ine\s+)?(\d+)", output
        ):
            number = int(found[1])
            place = f"{path}:{number}"
            if place in places or not 1 <= number <= len(lines):
                continue
            places.append(place)
            line = lines[number - 1]
            text = masked[number - 1] if len(masked) == len(lines) else plan.masker.mask(line)
            quoted.append(f"{place}: " + (f"(secret, {len(line)} characters)" if kept.secret else text.strip()))
    return (places[0] if places else ""), quoted[:10]


# -- transaction -------------------------------------------------------------------------------------------------


class _Transaction:
    """From the first byte written to the moment of commit, or back."""

    def __init__(self, host: Host, store: Store, plan: Plan, result: Result) -> None:
        self.host, self.store, self.plan, self.result = host, store, plan, result
        self.say = plan.masker.mask
        request = plan.request
        self.journal = Journal(
            service=request.service,
            generation=0,
            run_id=request.run_id,
            ops=tuple(plan.ops),
            sysctls=tuple(plan.sysctl_ops),
            unit=request.unit,
            was_active=plan.unit.active,
            was_enabled=plan.unit.enabled,
            sets_enabled=plan.enable is not None,
            apply=plan.apply,
            reload=apply_step.reload_command(plan) if request.unit else (),
            runtime=tuple(one.command for one in plan.runtime),
            daemon_reload=plan.daemon_reload,
        )
        self.before = Baseline(plan.unit)

    def run(self, swap_to_validate: bool) -> None:
        host, store, plan, result = self.host, self.store, self.plan, self.result
        result.stage = "write"
        self._prepare()
        self.before = baseline(host, plan.unit, self._old_checks())
        started = time.time()
        try:
            self.journal.write(store)
            journal.stage(host, self.journal.ops, plan.contents)
            if plan.apply == STOP:
                self.journal = self.journal.applying(store)
                apply_step.stop_first(host, plan, self.say)
            journal.swap(host, self.journal.ops)
            if swap_to_validate:
                result.stage, result.validated = "validate", SWAP
                _judge(plan, namespace.run(host, plan.request.validate), "the old set was put back")
            result.stage = "apply"
            self.journal = self.journal.applying(store)
            apply_step.apply(host, plan, started, self.say)
            result.stage = "verify"
            self._verify(started)
            apply_step.enable(host, plan, self.say)
            result.stage = "commit"
            store.put_in_force(self._generation())
        except (CommitError, OSError) as error:
            raise self._put_back(error if isinstance(error, CommitError) else _io_error(error)) from None
        result.changed = True
        result.generation = self.journal.generation
        result.apply = plan.apply
        journal.finish(host, store, self.journal)
        install.uninstall(host, store)

    def _prepare(self) -> None:
        """What must be on disk before the journal: recovery code, contents, what a person wrote."""
        host, store, plan = self.host, self.store, self.plan
        service = plan.request.service
        store.prepare(service)
        install.install(host, plan.request.unit)
        for content in plan.contents.values():
            store.save_blob(service, content)
        number = store.next_number(service)
        found = {op.path: op for op in plan.ops}
        kept = {
            one.path: Kept(found[one.path].before, found[one.path].secret) for one in plan.drift if one.kind != MISSING
        }
        if kept:
            store.keep(Generation(service, number, BY_HAND, plan.request.run_id, time.time(), kept))
            number += 1
        self.journal = replace(self.journal, generation=number)

    def _old_checks(self) -> Verify:
        """What the set in force was verified by."""
        previous = self.plan.previous
        return parse_verify(previous.settings.get("verify") or {}) if previous else Verify()

    def _verify(self, started: float) -> None:
        plan, request = self.plan, self.plan.request
        if request.unit and not plan.stays_active:
            unit = show(self.host, request.unit)
            if request.unit_state == "stopped" and unit.active:
                raise CommitError("the unit is still active.", request.unit, unit.describe(), "See what keeps it.")
            return
        tolerated = settle(
            self.host,
            request.unit,
            plan.stays_active,
            request.verify,
            self.before.failing,
            plan.apply,
            started,
            self.say,
            self.before.unit.restarts,
        )
        self.result.warnings += [f"{self.say(check)} did not hold before either." for check in tolerated]

    def _put_back(self, reason: CommitError) -> CommitError:
        """Undoes, looks whether what held before holds again, and tells both."""
        host, store, result = self.host, self.store, self.result
        started = time.time()
        applied = self.journal.phase == journal.APPLYING
        try:
            problems = journal.undo(host, store, self.journal)
            if applied:
                problems += self._worse_than_before(started)
        except (CommitError, OSError) as error:
            problems = [error.message() if isinstance(error, CommitError) else f"{error.filename}: {error.strerror}"]
        result.rolled_back = not problems
        if problems:
            told = self.say("\n".join(problems))
            return CommitError(
                f"{reason.what} Putting the old set back did not succeed either.",
                reason.where,
                f"{reason.got}\nWhile putting back:\n{told}",
                reason.remedy,
            )
        return (
            CommitError(f"{reason.what} The old set was put back.", reason.where, reason.got, reason.remedy)
            if applied
            else reason
        )

    def _worse_than_before(self, started: float) -> list[str]:
        """What held before the commit and does not now."""
        plan = self.plan
        if not plan.request.unit or not self.before.unit.active:
            return []
        applied = RESTART if plan.apply == STOP else plan.apply
        try:
            settle(self.host, plan.unit.name, True, self._old_checks(), self.before.failing, applied, started, self.say)
        except CommitError as error:
            return [error.message()]
        return []

    def _generation(self) -> Generation:
        plan, request = self.plan, self.plan.request
        previous = plan.previous
        before = previous.unit_before if previous else None
        return Generation(
            service=request.service,
            number=self.journal.generation,
            kind=COMMIT,
            run_id=request.run_id,
            time=time.time(),
            entries=plan.entries,
            origins=plan.origins,
            sysctls=plan.sysctls,
            unit_before=before or (UnitBefore(plan.unit.active, plan.unit.enabled) if request.unit else None),
            settings=dict(request.settings),
        )


# -- rollback and recovery ---------------------------------------------------------------------------------------


def recover(host: Host, check: bool = False) -> Result:
    """`state: recover`: what the service does at boot, now."""
    store, result = Store(host), Result(stage="recover")
    try:
        store.check_schema()
        if store.journals() and check:
            result.changed = True
        elif store.journals():
            with _undisturbed(), store.lock("recover", 300):
                result.warnings = journal.recover(host, store)
                result.changed = bool(result.warnings)
    except CommitError as error:
        result.error = error
    except OSError as error:
        result.error = _io_error(error)
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
        result.error = _io_error(error)
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
    return [(service, target) for _, service, target in sorted(found, key=lambda one: -one[0])]


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
