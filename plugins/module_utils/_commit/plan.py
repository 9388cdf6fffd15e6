# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit would do: the set as wanted beside the node as it is. Reads only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from . import show as shown
from . import sysctl as kernel
from .drift import CHANGED, FOREIGN, MISSING, Drift, shipped
from .errors import CommitError
from .host import Host, Reads
from .mask import Masker
from .model import Entry, Request, Runtime, matches
from .state import ABSENT, DIRECTORY, FILE, LINK, NOTHING, State, digest
from .store import Generation, Kept, Remembers, Sysctl
from .sysctl import SysctlOp
from .unit import Unit, is_unit_file, show

# What can be done to a unit, mildest first.
NONE, RUNTIME, RELOAD, RESTART, START, STOP = "none", "runtime", "reload", "restart", "start", "stop"


@dataclass(frozen=True)
class Op:
    """One path that has to change."""

    path: str
    before: State
    after: State
    secret: bool = False


@dataclass
class Plan:
    """Everything that has to change, and what is needed to change it and to put it back."""

    request: Request
    previous: Generation | None
    entries: dict[str, Kept] = field(default_factory=dict)
    origins: dict[str, Kept] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)  # by digest
    secret_digests: set[str] = field(default_factory=set)
    ops: list[Op] = field(default_factory=list)
    sysctls: dict[str, Sysctl] = field(default_factory=dict)
    sysctl_ops: list[SysctlOp] = field(default_factory=list)
    unit: Unit = field(default_factory=lambda: Unit(""))
    enable: bool | None = None
    apply: str = NONE
    runtime: tuple[Runtime, ...] = ()
    drift: list[Drift] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def masker(self) -> Masker:
        """Made when something is to be said: a quiet run does without."""
        masker = Masker(self.request.secrets)
        for sha, content in self.contents.items():
            (masker.learn_whole if sha in self.secret_digests else masker.learn)(shown.readable(content))
        return masker

    @property
    def bookkeeping(self) -> bool:
        """Whether only what we remember has to change."""
        known = dict(self.previous.entries) if self.previous else {}
        sysctls = dict(self.previous.sysctls) if self.previous else {}
        return known != self.entries or sysctls != self.sysctls

    @property
    def empty(self) -> bool:
        acts = self.ops or self.sysctl_ops or self.apply != NONE or self.enable is not None
        return not acts and not self.bookkeeping

    @property
    def daemon_reload(self) -> bool:
        return any(is_unit_file(op.path) and op.after.kind != DIRECTORY for op in self.ops)

    @property
    def stays_active(self) -> bool:
        """Whether the unit has to be active afterwards."""
        if not self.unit.name:
            return False
        if self.request.unit_state:
            return self.request.unit_state == "started"
        return self.unit.active

    def diff(self, host: Host) -> list[shown.Diff]:
        """For people; secrets as fingerprints."""
        contents: dict[str, bytes | None] = dict(self.contents)
        diffs = [
            one
            for op in self.ops
            for one in shown.change(host, self.masker, op.path, op.before, op.after, contents, op.secret)
        ]
        for sysctl in self.sysctl_ops:
            diffs.append(_pair(f"sysctl {sysctl.key}", sysctl.before, sysctl.after))
        if self.apply in (START, STOP):
            diffs.append(_pair(self.unit.name, self.unit.active_state, "active" if self.apply == START else "inactive"))
        if self.enable is not None:
            words = {True: "enabled", False: "disabled"}
            diffs.append(_pair(f"{self.unit.name} at boot", words[not self.enable], words[self.enable]))
        return diffs


def _pair(title: str, before: str, after: str) -> shown.Diff:
    return {"before_header": title, "after_header": title, "before": f"{before}\n", "after": f"{after}\n"}


def make(host: Reads, store: Remembers, request: Request) -> Plan:
    """Compares everything."""
    others = store.manifests()
    previous = others.pop(request.service, None)
    plan = Plan(request, previous)
    _check_owners(request, others)
    _wanted_paths(host, plan)
    _left_paths(host, store, plan, others)
    _sysctls(host, plan, others)
    _unit(host, plan)
    return plan


def _check_owners(request: Request, others: Mapping[str, Generation]) -> None:
    """A path belongs to one service; directories may be shared."""
    problems = []
    for entry in request.entries:
        for service, manifest in others.items():
            kept = manifest.entries.get(entry.path)
            if kept and not (kept.state.kind == DIRECTORY and entry.kind == DIRECTORY):
                problems.append(
                    CommitError(
                        f"this path belongs to the service {service}.",
                        entry.path,
                        f"in the set of {request.service}",
                        f"Take it out of one of the two roles, or commit {service} without it first.",
                    )
                )
    if problems:
        raise CommitError.first_of(problems)


def _wanted_paths(host: Reads, plan: Plan) -> None:
    """Ops for what is in the set."""
    request = plan.request
    explicit = {entry.path for entry in request.entries}
    entries = [*_implied(host, request, plan.previous, explicit), *request.entries]
    directories = sorted((one for one in entries if one.kind == DIRECTORY), key=lambda one: one.path)
    for entry in [
        *directories,
        *(one for one in entries if one.kind == FILE),
        *(one for one in entries if one.kind == ABSENT),
    ]:
        now = host.look(entry.path)
        _check_kind(host, entry, now)
        after = _wanted_state(host, plan, entry, now)
        remembered = State(DIRECTORY) if entry.implied else after
        plan.entries[entry.path] = Kept(remembered, entry.secret, entry.allow_empty, entry.implied)
        _compare(host, plan, entry.path, now, after, entry.secret)


def _implied(host: Reads, request: Request, previous: Generation | None, explicit: set[str]) -> list[Entry]:
    """Directories that exist only because something of the set lies in them."""
    known = {path for path, kept in previous.entries.items() if kept.implied} if previous else set()
    found: dict[str, Entry] = {}
    for entry in request.entries:
        directory = os.path.dirname(entry.path)
        while entry.kind != ABSENT and directory != "/":
            if directory not in explicit and (directory in known or not host.is_directory(directory)):
                found[directory] = Entry(directory, DIRECTORY, mode=0o755, implied=True)
            directory = os.path.dirname(directory)
    return list(found.values())


def _check_kind(host: Reads, entry: Entry, now: State) -> None:
    """Refuses what cannot be replaced sanely."""
    place = os.path.dirname(entry.path) if entry.kind == ABSENT else entry.path
    real = host.real(place)
    better = os.path.join(real, os.path.basename(entry.path)) if entry.kind == ABSENT else real
    if real != place:
        raise CommitError(
            "a symbolic link is on the way, and replacing what it leads to would surprise.",
            entry.path,
            f"{place} leads to {real}",
            f"Write the path as {better}, or remove the link.",
        )
    fitting = {FILE: (FILE, ABSENT), DIRECTORY: (DIRECTORY, ABSENT), ABSENT: (FILE, LINK, ABSENT)}[entry.kind]
    if now.kind not in fitting:
        raise CommitError(
            f"something else than a {'file' if entry.kind == ABSENT else entry.kind} is there.",
            entry.path,
            now.kind,
            "Look at it, and move it out of the way by hand.",
        )


def _wanted_state(host: Reads, plan: Plan, entry: Entry, now: State) -> State:
    if entry.kind == ABSENT:
        return NOTHING
    if entry.implied and now.kind == DIRECTORY:
        return now
    try:
        uid, gid = host.ids(entry.owner, entry.group)
    except KeyError as error:
        if not plan.request.check and not plan.request.forced:
            raise CommitError(
                "this node does not know the owner or group.",
                entry.path,
                str(error.args[0]),
                "Install the package that makes it, or name another.",
            ) from None
        uid, gid = now.uid, now.gid
    if entry.kind == DIRECTORY:
        return State(DIRECTORY, "", uid, gid, entry.mode)
    content = entry.content
    if entry.remote_src:
        try:
            content = host.read(entry.remote_src)
        except OSError as error:
            raise CommitError(
                "the source on the node cannot be read.",
                entry.path,
                f"{entry.remote_src}: {error.strerror}",
                "Put it there first.",
            ) from None
        if not entry.allow_empty and not content.strip():
            raise CommitError(
                "the source on the node is empty.", entry.path, entry.remote_src, "Put its content there first."
            )
    plan.contents[digest(content)] = content
    return State(FILE, digest(content), uid, gid, entry.mode)


def _left_paths(host: Reads, store: Remembers, plan: Plan, others: Mapping[str, Generation]) -> None:
    """Ops for what an earlier generation wrote and this set lacks: generation 0 comes back."""
    previous = plan.previous
    if not previous:
        return
    left = [path for path in previous.entries if path not in plan.entries]
    for path in sorted(left, key=lambda one: (previous.entries[one].state.kind == DIRECTORY, -one.count("/"), one)):
        kept, origin = previous.entries[path], previous.origin(path)
        if kept.state.kind == DIRECTORY:
            if any(path in other.entries for other in others.values()) or (
                kept.implied and origin.state.kind == DIRECTORY
            ):
                continue
            if origin.state.kind == ABSENT and _others_inside(host, path, set(left)):
                plan.warnings.append(f"{path} stays: it holds what this service did not put there.")
                continue
        now = host.look(path)
        if origin.state.kind == FILE:
            plan.contents[origin.state.digest] = store.blob(previous.service, origin.state.digest)
        _compare(host, plan, path, now, origin.state, kept.secret, leaving=True)


def _others_inside(host: Reads, path: str, left: set[str]) -> bool:
    return any(os.path.join(path, name) not in left for name in host.names(path))


def _compare(host: Reads, plan: Plan, path: str, now: State, after: State, secret: bool, leaving: bool = False) -> None:
    """Adds the op and the drift of one path, and remembers generation 0."""
    previous = plan.previous
    recorded = previous.entries.get(path) if previous else None
    if recorded and previous and not leaving:
        plan.origins[path] = previous.origin(path)
    elif not recorded:
        plan.origins[path] = Kept(now, secret)
    if secret:
        plan.secret_digests |= {now.digest, after.digest}
    if now == after:
        return
    if now.kind == FILE:
        plan.contents[now.digest] = host.read(path)
    plan.ops.append(Op(path, now, after, secret))
    if now.same_content(after) or DIRECTORY in (now.kind, after.kind):
        return
    if recorded and now.kind == ABSENT:
        plan.drift.append(Drift(path, MISSING, previous.number if previous else 0, ""))
    elif recorded and not now.same_content(recorded.state):
        plan.drift.append(Drift(path, CHANGED, previous.number if previous else 0, ""))
    elif not recorded and now.kind == FILE and not shipped(host, path, plan.contents[now.digest]):
        plan.drift.append(Drift(path, FOREIGN, 0, ""))


def _sysctls(host: Reads, plan: Plan, others: Mapping[str, Generation]) -> None:
    """Live kernel values beside those of the set's files; a key that left the set gets its old value back."""
    previous = plan.previous
    known = dict(previous.sysctls) if previous else {}
    texts = [
        shown.readable(plan.contents[plan.entries[path].state.digest])
        for path in plan.request.sysctl_files
        if plan.entries[path].state.kind == FILE
    ]
    values, unknown = kernel.wanted(host, texts)
    if unknown and not plan.request.check and not plan.request.forced:
        raise CommitError(
            "this kernel does not have the key.",
            ", ".join(plan.request.sysctl_files),
            ", ".join(unknown),
            "Load the module that brings it, or write -key = value if the node may do without.",
        )
    for key, value in values.items():
        live = host.sysctl(key) or ""
        plan.sysctls[key] = Sysctl(value, known[key].origin if key in known else live)
        if live != value:
            plan.sysctl_ops.append(SysctlOp(key, live, value))
    for key, kept in known.items():
        shared = any(key in other.sysctls for other in others.values())
        if key not in values and not shared and host.sysctl(key) == kept.value != kept.origin:
            plan.sysctl_ops.append(SysctlOp(key, kept.value, kept.origin))


def _unit(host: Reads, plan: Plan) -> None:
    """What has to be done to the unit."""
    request = plan.request
    if not request.unit:
        return
    unit = plan.unit = show(host, request.unit)
    brought = any(is_unit_file(path) and os.path.basename(path) == request.unit for path in plan.entries)
    if request.unit_state == "started" and not (request.check or request.forced or brought):
        if unit.load == "masked":
            raise CommitError(
                "the unit is masked.", request.unit, unit.load, f"Unmask it: systemctl unmask {request.unit}."
            )
        if not unit.known:
            raise CommitError("systemd does not know the unit.", request.unit, unit.load, "Install its package first.")
    # A unit that is not there is as disabled as can be; one without [Install] cannot be disabled.
    can_disable = unit.known and unit.file_state in ("enabled", "enabled-runtime")
    if (request.enabled and not unit.enabled) or (request.enabled is False and can_disable):
        plan.enable = request.enabled
    if request.unit_state == "stopped":
        # At boot its start may be under way already.
        stops = unit.active or unit.active_state == "activating" or (host.in_recovery_service and unit.known)
        plan.apply = STOP if stops else NONE
        return
    if not unit.active:
        plan.apply = START if request.unit_state == "started" else NONE
        return
    changed = [op.path for op in plan.ops if DIRECTORY not in (op.before.kind, op.after.kind)]
    if any(matches(path, request.restart_when) for path in changed):
        plan.apply = RESTART
        return
    to_load = [path for path in changed if not is_unit_file(path) and path not in request.sysctl_files]
    if not to_load:
        return
    plan.runtime = tuple(one for one in request.runtime if any(matches(path, one.when) for path in to_load))
    covered = all(any(matches(path, one.when) for one in plan.runtime) for path in to_load)
    plan.apply = RUNTIME if covered else RELOAD
