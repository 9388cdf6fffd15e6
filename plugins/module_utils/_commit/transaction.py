# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the first byte written to the moment of commit, or back."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import Callable

from . import apply as apply_step
from . import guard, install, journal, namespace
from .drift import MISSING
from .errors import CommitError
from .host import Host
from .journal import Journal
from .model import Verify, parse_verify
from .plan import RESTART, STOP, Plan
from .result import SWAP, Result, as_error
from .state import DIRECTORY, look
from .store import BY_HAND, COMMIT, Generation, Kept, Store, UnitBefore
from .unit import show
from .validate import judge
from .verify import Baseline, baseline, settle


class Transaction:
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
        self.on_trial = self.joined_trial = False

    def run(self, swap_to_validate: bool) -> None:
        host, store, plan, result = self.host, self.store, self.plan, self.result
        result.stage = "write"
        if not plan.request.forced:
            self.before = baseline(host, plan.unit, self._old_checks())
        try:
            self._prepare()
            self._look_again()
            self._arm()
        except Exception:
            with contextlib.suppress(OSError):
                store.expire(plan.request.service, time.time())
            raise
        started, in_force = time.time(), guard.now()
        try:
            self.journal.write(store)
            journal.stage(host, self.journal.ops, plan.contents)
            if plan.apply == STOP:
                self.journal = self.journal.applying(store)
                self._step("apply", lambda: apply_step.stop_first(host, plan, self.say))
            journal.swap(host, self.journal.ops)
            if swap_to_validate:
                result.stage, result.validated = "validate", SWAP
                judge(plan, namespace.run(host, plan.request.validate), "the old set was put back")
            self.journal = self.journal.applying(store)
            self._step("apply", lambda: apply_step.apply(host, plan, started, self.say))
            in_force = guard.now()
            self._step("verify", lambda: self._verify(started))
            self._step("verify", lambda: apply_step.enable(host, plan, self.say))
            result.stage = "commit"
            store.put_in_force(self._generation())
        except Exception as error:
            # Also what nobody thought of must not leave half a set behind.
            reason = as_error(error, self.say)
            if not self._in_force():
                raise self._put_back(reason) from None
            result.warn(f"The set is in force all the same: {reason.message()}")
        result.changed = True
        result.generation = self.journal.generation
        result.apply = plan.apply
        try:
            trial = guard.extend(store, in_force) if self.on_trial else None
            result.guard = trial.report() if trial else {}
            journal.finish(host, store, self.journal)
            install.uninstall(host, store)
        except (CommitError, OSError) as error:
            result.warnings.append(f"The set is in force; the next run cleans up: {error}")
        except Exception as error:
            told = as_error(error, self.say).message()
            result.warnings.append(f"The set is in force; the next run cleans up: {told}")

    def _step(self, stage: str, act: Callable[[], None]) -> None:
        """What fails stops a commit; a set that has to go back whatever comes goes on with the next step."""
        self.result.stage = stage
        try:
            act()
        except OSError:
            raise  # no room, no process: the next try may have them
        except Exception as error:
            if not self.plan.request.forced:
                raise
            self.result.warn(as_error(error, self.say).message())

    def _look_again(self) -> None:
        """Checkers take seconds in which a person may edit, and what was not seen can't be kept.

        Directories are left out: we make some ourselves. Nothing stops a set that has to go back whatever comes.
        """
        changed = [
            op.path
            for op in self.plan.ops
            if DIRECTORY not in (op.before.kind, op.after.kind) and look(op.path) != op.before
        ]
        if changed and not self.plan.request.forced:
            raise CommitError.first_of(
                [
                    CommitError(
                        "somebody changed this path while its new version was being checked; nothing was changed.",
                        path,
                        "not what was compared",
                        "Run it again.",
                    )
                    for path in changed
                ]
            )

    def _arm(self) -> None:
        """The last thing before the journal: from here on the node may be left alone."""
        request, previous = self.plan.request, self.plan.previous
        trial = guard.read(self.store)
        self.on_trial = not request.back and bool(request.guard or (trial and trial.pending))
        if self.on_trial:
            before = previous.number if previous else 0
            self.joined_trial = guard.arm(self.store, request.service, before, request.run_id, request.guard)

    def _in_force(self) -> bool:
        """Past the moment of commit there is no way back, whatever happens."""
        manifest = self.store.manifest(self.plan.request.service)
        return manifest is not None and manifest.number == self.journal.generation

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
        if self.host.in_recovery_service:
            return  # nothing that we could wait for runs yet
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
        except OSError as error:
            problems = [f"{error.filename}: {error.strerror}"]
        except Exception as error:
            problems = [as_error(error).message()]
        result.rolled_back = not problems
        if self.joined_trial and not problems:
            guard.release(store, [self.plan.request.service])
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
