# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything is written: is it somebody else's edit, does the daemon's checker take it, are its addresses free?"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from . import journal, namespace
from . import show as shown
from .drift import MISSING, Drift
from .errors import CommitError
from .host import Host
from .model import matches
from .plan import RELOAD, RESTART, START, Op, Plan
from .result import NAMESPACE, Result
from .sockets import taken
from .state import DIRECTORY, FILE
from .store import Store
from .unit import processes


def refuse_drift(host: Host, store: Store, plan: Plan, result: Result) -> None:
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
                "Take its lines into the inventory, or set on_drift: overwrite "
                f"({plan.request.service}_on_drift, for a role), which keeps it as a generation.",
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


def validate(host: Host, plan: Plan, result: Result) -> bool:
    """The daemon's own checker on the candidate. True: not possible aside, so the swapped set has to be tested."""
    result.stage = "validate"
    commands = plan.request.validate
    if not commands or not any(DIRECTORY not in (op.before.kind, op.after.kind) for op in plan.ops):
        return False
    absent = [number for number, argv in enumerate(commands) if host.which(argv[0]) is None]
    if plan.request.check and absent:
        # Those before it need nothing that is not there.
        program, commands = commands[absent[0]][0], commands[: absent[0]]
        result.warnings.append(
            f"{program} is not installed yet: the candidate was not validated{' by it' if commands else ''}."
        )
        if not commands:
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
    judge(plan, verdicts, "nothing was changed")
    return False


def refuse_taken(plan: Plan) -> None:
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


def judge(plan: Plan, verdicts: Sequence[namespace.Verdict], outcome: str) -> None:
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
