# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transaction's journal: what was, what shall be, and how to undo it from any point.

The rule is short. The journal is on disk before the first act, and as long as the manifest does not carry the journal's
generation, recovery undoes; from then on it only cleans up. Every act of undoing may be repeated.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .host import Host
from .plan import NONE, RELOAD, RESTART, RUNTIME, START, Op
from .state import ABSENT, DIRECTORY, FILE, LINK, State, look
from .store import BY_HAND, Generation, Kept, Store
from .sysctl import SysctlOp
from .unit import show

WRITING, APPLYING = "writing", "applying"


def beside(path: str, role: str) -> str:
    """`new` or `old` of a path: in its directory, so that a rename is all it takes, and matched by no daemon's glob."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.evenkeel-{role}")


@dataclass(frozen=True)
class Journal:
    """One commit under way."""

    service: str
    generation: int
    run_id: str
    phase: str = WRITING
    ops: tuple[Op, ...] = ()
    sysctls: tuple[SysctlOp, ...] = ()
    unit: str = ""
    was_active: bool = False
    was_enabled: bool = False
    sets_enabled: bool = False
    apply: str = NONE
    reload: tuple[str, ...] = ()
    runtime: tuple[tuple[str, ...], ...] = ()
    daemon_reload: bool = False
    time: float = field(default_factory=time.time)

    def write(self, store: Store) -> None:
        store.write_journal(self.service, asdict(self))

    def applying(self, store: Store) -> Journal:
        """From here on systemd and the daemon may have seen the new set."""
        changed = replace(self, phase=APPLYING)
        changed.write(store)
        return changed

    @classmethod
    def read(cls, store: Store, service: str) -> Journal:
        data: dict[str, Any] = store.read_journal(service)
        data["ops"] = tuple(
            Op(one["path"], State.of(one["before"]), State.of(one["after"]), one["secret"]) for one in data["ops"]
        )
        data["sysctls"] = tuple(SysctlOp(**one) for one in data["sysctls"])
        data["reload"] = tuple(data["reload"])
        data["runtime"] = tuple(tuple(argv) for argv in data["runtime"])
        return cls(**data)


# -- forward -----------------------------------------------------------------------------------------------------


def stage(host: Host, ops: tuple[Op, ...], contents: Mapping[str, bytes]) -> None:
    """All that may lack room: directories, new files and links to the old ones, beside their targets."""
    for op in ops:
        if op.after.kind == DIRECTORY and op.before.kind == ABSENT:
            host.mkdir(op.path, op.after.uid, op.after.gid, op.after.mode)
    for op in ops:
        if op.before.kind == FILE:
            # On a file system without hard links undo takes the copy in our store.
            with contextlib.suppress(PermissionError):
                host.link(op.path, beside(op.path, "old"))
        if op.after.kind == FILE:
            after = op.after
            like = op.path if op.before.kind == FILE else ""
            host.write(beside(op.path, "new"), contents[after.digest], after.uid, after.gid, after.mode, like)
    host.sync([os.path.dirname(op.path) for op in ops])


def swap(host: Host, ops: tuple[Op, ...]) -> None:
    """The new set takes its places."""
    for op in ops:
        if op.after.kind == FILE:
            host.rename(beside(op.path, "new"), op.path)
        elif op.after.kind == DIRECTORY and op.before.kind == DIRECTORY:
            host.act(f"own {op.path}")
            host.own(op.path, op.after.uid, op.after.gid, op.after.mode)
        elif op.after.kind == LINK:
            host.unlink(op.path)
            host.symlink(op.after.digest, op.path)
        elif op.after.kind == ABSENT and op.before.kind != DIRECTORY:
            host.unlink(op.path)
    host.sync([os.path.dirname(op.path) for op in ops])


def clean(host: Host, ops: tuple[Op, ...]) -> None:
    """Nothing of ours stays beside the targets."""
    for op in ops:
        for role in ("new", "old"):
            if os.path.lexists(beside(op.path, role)):
                host.unlink(beside(op.path, role))


def finish(host: Host, store: Store, journal: Journal) -> None:
    """After the moment of commit: directories that left the set go when nothing of ours is in them any more."""
    clean(host, journal.ops)
    for op in journal.ops:
        if op.after.kind == ABSENT and op.before.kind == DIRECTORY:
            host.rmdir(op.path)
    store.drop_journal(journal.service)
    store.expire(journal.service, time.time())


# -- back --------------------------------------------------------------------------------------------------------


def undo(host: Host, store: Store, journal: Journal) -> list[str]:
    """Puts everything back as the journal found it. Returns what went wrong on the way."""
    problems = _stop_what_was_started(host, journal)
    _keep_newer_edits(store, journal)
    for op in journal.ops:
        if op.before.kind == DIRECTORY and look(op.path).kind == ABSENT:
            host.mkdir(op.path, op.before.uid, op.before.gid, op.before.mode)
    for op in reversed(journal.ops):
        _restore(host, store, journal.service, op)
    clean(host, journal.ops)
    for op in sorted(journal.ops, key=lambda one: -len(one.path)):
        if op.before.kind == ABSENT and op.after.kind == DIRECTORY:
            host.rmdir(op.path)
        elif op.before.kind == DIRECTORY and look(op.path) != op.before:
            host.own(op.path, op.before.uid, op.before.gid, op.before.mode)
    host.sync([os.path.dirname(op.path) for op in journal.ops])
    for sysctl in reversed(journal.sysctls):
        try:
            if host.sysctl(sysctl.key) != sysctl.before:
                host.set_sysctl(sysctl.key, sysctl.before)
        except OSError as error:
            problems.append(f"sysctl {sysctl.key}: {error.strerror}")
    if journal.daemon_reload:
        # Also where we had not told systemd yet: at boot it has read the units before we put them back.
        problems += _must(host, ("systemctl", "daemon-reload"))
    if journal.phase == APPLYING and journal.unit:
        problems += _undo_unit(host, journal)
    store.forget(journal.service, journal.generation)
    store.expire(journal.service, time.time())
    store.drop_journal(journal.service)
    return problems


def _restore(host: Host, store: Store, service: str, op: Op) -> None:
    if DIRECTORY in (op.before.kind, op.after.kind) or look(op.path) == op.before:
        return
    if op.before.kind == ABSENT:
        host.unlink(op.path)
    elif op.before.kind == LINK:
        host.unlink(op.path)
        host.symlink(op.before.digest, op.path)
    elif look(beside(op.path, "old")) == op.before:
        host.rename(beside(op.path, "old"), op.path)
    else:
        before = op.before
        host.write(beside(op.path, "new"), store.blob(service, before.digest), before.uid, before.gid, before.mode)
        host.rename(beside(op.path, "new"), op.path)


def _keep_newer_edits(store: Store, journal: Journal) -> None:
    """What a person wrote after a commit was cut off is neither the old nor the new: keep it as a generation."""
    found: dict[str, Kept] = {}
    for op in journal.ops:
        now = look(op.path)
        if now.kind == FILE and not now.same_content(op.before) and not now.same_content(op.after):
            with open(op.path, "rb") as file:
                store.save_blob(journal.service, file.read())
            found[op.path] = Kept(now, op.secret)
    if found:
        kept = store.generations(journal.service)
        number = max([journal.generation, *(one.number for one in kept)]) + 1
        store.keep(Generation(journal.service, number, BY_HAND, journal.run_id, time.time(), found))


def _must(host: Host, argv: tuple[str, ...]) -> list[str]:
    """What went wrong, if anything."""
    done = host.systemctl(*argv[1:]) if argv[0] == "systemctl" else host.run(argv)
    return [] if done.rc == 0 else [f"{' '.join(argv)}: exit code {done.rc}\n{done.output}".strip()]


def _stop_what_was_started(host: Host, journal: Journal) -> list[str]:
    """A unit that this commit started stops while its files are there: how it stops may be among them."""
    if journal.phase != APPLYING or journal.was_active or journal.apply != START:
        return []
    if host.in_recovery_service and journal.was_enabled:
        return []  # its start at boot is queued, and finds the old set
    unit = show(host, journal.unit)
    running = unit.active or unit.active_state == "activating"
    return _must(host, ("systemctl", "stop", journal.unit)) if running else []


def _undo_unit(host: Host, journal: Journal) -> list[str]:
    """The unit has the old set, and runs if it ran before."""
    problems: list[str] = []

    def must(argv: tuple[str, ...]) -> None:
        problems.extend(_must(host, argv))

    unit = show(host, journal.unit)
    if journal.sets_enabled and unit.enabled != journal.was_enabled and unit.known:
        must(("systemctl", "enable" if journal.was_enabled else "disable", journal.unit))
    if journal.was_active and unit.active:
        if journal.apply == RUNTIME:
            for argv in journal.runtime:
                must(argv)
        elif journal.apply == RESTART:
            must(("systemctl", "restart", journal.unit))
        elif journal.apply in (RELOAD, START):
            must(journal.reload or ("systemctl", "reload", journal.unit))
    elif journal.was_active and journal.apply != NONE and not host.in_recovery_service:
        host.systemctl("reset-failed", journal.unit)
        must(("systemctl", "start", journal.unit))
    return problems


def recover(host: Host, store: Store) -> list[str]:
    """Finishes or undoes every commit that was cut off; says what it did. Under the lock."""
    said: list[str] = []
    for service in store.journals():
        journal = Journal.read(store, service)
        manifest = store.manifest(service)
        if manifest and manifest.number == journal.generation:
            finish(host, store, journal)
            said.append(f"A commit of {service} (run {journal.run_id}) was cut off after its end; it was finished.")
        else:
            problems = undo(host, store, journal)
            said.append(f"A commit of {service} (run {journal.run_id}) was cut off half-way; it was undone.")
            said += [f"While undoing it: {problem}" for problem in problems]
    return said
