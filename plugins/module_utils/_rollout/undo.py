# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run a rollback undoes, where, and what forbids it: from what the nodes remember (`commit_info`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._keepalived.change import SWITCH, TWO_STEP, classify_texts
from .._keepalived.conf import ConfError, configured

Answer = Mapping[str, Any]

MARK = "rollback of "
CONF = "/etc/keepalived/keepalived.conf"
# How a diff of commit says that something secret changed.
MASKED = "(only masked values differ)"
# How many runs a refusal names.
NAMED = 5


def undo(committed: Mapping[str, Answer], wanted: str = "") -> dict[str, Any]:
    """What is to be undone: the newest run of all nodes, or the one that was asked for, by its name or how that begins.

    `nodes` still have it in force. `problem` says why nothing can be undone, `done` why there is nothing left to undo.
    `first` are the services that were not there before this run.
    """
    found: dict[str, Any] = {"run": "", "nodes": [], "first": [], "done": "", "problem": ""}
    known = _runs(committed)
    if wanted:
        matches = [wanted] if wanted in known else [run for run in known if run.startswith(wanted)]
        if len(matches) != 1:
            what = "Several runs begin so" if matches else "No node has made this run"
            named = ", ".join((matches or known)[:NAMED]) or "none at all"
            found["problem"] = f"{what}. Found: {wanted}. Accepted: one of {named}."
            return found
        found["run"] = matches[0]
    elif not known or not known[0]:
        found["problem"] = (
            "The last commit belongs to no run that has a name. Name the run to undo with -e evenkeel_run=RUN."
            if known
            else "Nothing was ever committed here, so there is nothing to undo."
        )
        return found
    else:
        # Where one was undone on some nodes only, this finishes it; it never undoes an undoing by itself.
        found["run"] = known[0][len(MARK) :] if known[0].startswith(MARK) else known[0]
    run = found["run"]
    for node, services in _in_force(committed, run):
        found["nodes"].append(node)
        found["first"] += [
            f"{service['service']} on {node}" for service in services if not _anything_before(_commits(service), run)
        ]
    if not found["nodes"]:
        earlier = [one for one in known if not one.startswith(MARK) and one != run and any(_in_force(committed, one))]
        found["done"] = f"Run {run} is in force nowhere: it was undone, or others came after it." + (
            f" To go further back: -e evenkeel_run={earlier[0]}." if earlier else ""
        )
    return found


def _in_force(committed: Mapping[str, Answer], run: str) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Nodes on which this run was the last, or was followed by others, but was not undone; with the services it made."""
    for node, answer in committed.items():
        services = []
        for service in answer["services"]:
            history = _commits(service)
            since = history[_last(history, run) :] if run in history else []
            if since and (f"{MARK}{run}" not in since or _standing(history, run)[-1:] == [run]):
                services.append(service)
        if services:
            yield node, services


def _commits(service: Mapping[str, Any]) -> list[str]:
    """The runs of a service's commits, the oldest first."""
    return [one["run_id"] for one in reversed(service["generations"]) if one["kind"] == "commit"]


def _standing(history: Sequence[str], wanted: str) -> list[str]:
    """What was never undone, as a node sees it (`_rollback_targets`): an undoing and what it undid cancel each other."""
    found: list[str] = []
    for run in history:
        if found and run != wanted and run == f"{MARK}{found[-1]}":
            undone = found[-1]
            while found and found[-1] == undone:
                found.pop()
        else:
            found.append(run)
    return found


def _anything_before(history: Sequence[str], run: str) -> bool:
    """Whether undoing this run leaves a set of another: an undoing alone may have left nothing at all."""
    standing = _standing(history, run)
    while standing and standing[-1] == run:
        standing.pop()
    return any(one != run and not one.startswith(MARK) for one in standing)


def _last(history: Sequence[str], run: str) -> int:
    return max(at for at, one in enumerate(history) if one == run)


def _runs(committed: Mapping[str, Answer]) -> list[str]:
    """Every run that any node remembers, the newest first."""
    times: dict[str, str] = {}
    for answer in committed.values():
        for service in answer["services"]:
            for one in service["generations"]:
                if one["kind"] == "commit":
                    times[one["run_id"]] = max(times.get(one["run_id"], ""), one["committed_at"])
    return sorted(times, key=lambda run: times[run], reverse=True)


def together(diffs: Iterable[Mapping[str, str]]) -> list[str]:
    """Why a change of keepalived.conf can't be made node by node; `diffs` as `commit` returns them. Empty if it can."""
    for diff in diffs:
        if not diff["before_header"].startswith(CONF):
            continue
        if MASKED in diff["after"]:
            return ["the authentication changes"]
        try:
            change = classify_texts(configured(diff["after"]), configured(diff["before"]))
        except ConfError:
            return []
        return list(change["reasons"]) if change["class"] in (TWO_STEP, SWITCH) else []
    return []
