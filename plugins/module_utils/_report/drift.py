# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not as it should be on a node: against its last commit, against the first node of its cluster, against the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import unified_diff
from fnmatch import fnmatchcase
from typing import Any

from .per_node import Mask, differences

KINDS = {
    "changed": "was changed by hand",
    "missing": "is gone",
    "access": "has another owner or mode",
    "sysctl": "has another value",
    "unit": "is in another state",
}


@dataclass(frozen=True)
class Found:
    """One thing that differs. `against` is `last commit`, `inventory` or the name of a node."""

    node: str
    against: str
    service: str
    path: str
    what: str
    diff: str = ""

    @property
    def line(self) -> str:
        where = ": ".join(part for part in (self.node, self.service, self.path) if part)
        return f"{where} {self.what}" if self.path else f"{where}: {self.what}"

    def as_dict(self) -> dict[str, str]:
        return {**asdict(self), "line": self.line, "text": f"{self.line}\n{self.diff}"}


def since_commit(node: str, committed: Mapping[str, Any]) -> Iterator[Found]:
    """`committed` is what `commit_info` returned."""
    if committed.get("busy"):
        yield Found(node, "last commit", "", "", f"a commit is under way, so nothing is sure: {committed['busy']}.")
    else:
        for service in committed.get("interrupted") or []:
            yield Found(node, "last commit", service, "", "a commit was cut off; the next run undoes it.")
    trial = committed.get("guard")
    if trial:
        yield Found(node, "last commit", "", "", f"run {trial['run_id']} is on trial until {trial['deadline']}.")
    for service in committed["services"]:
        for one in service["drift"]:
            what = f"{KINDS[one['kind']]} since generation {one['since']} ({service['run_id'] or 'no run'})."
            yield Found(node, "last commit", service["service"], one["path"], what, one["diff"])


def beside(
    plan: Mapping[str, Any], node: str, committed: Mapping[str, Mapping[str, Any]], own: Sequence[str] = ()
) -> Iterator[Found]:
    """The node's last commits beside those of the first node that stays and answered. `own`: paths that nodes need not share."""
    staying = [name for name, planned in plan["nodes"].items() if not planned["leaving"] and name in committed]
    if node not in staying or node == staying[0]:
        return
    first, mask = staying[0], Mask.of(plan)
    ours, theirs = (_texts(committed[name], own) for name in (node, first))
    for service in sorted(ours.keys() & theirs.keys()):
        for path, diff in differences(mask, theirs[service], ours[service], (first, node)):
            yield Found(node, first, service, path, f"was committed otherwise on {first}.", diff)


def _texts(committed: Mapping[str, Any], own: Sequence[str]) -> dict[str, dict[str, str]]:
    """What the files of each service held, by path."""
    return {
        service["service"]: {
            file["path"]: file["content"]
            for file in service["files"]
            if not any(fnmatchcase(file["path"], pattern) for pattern in own)
        }
        for service in committed["services"]
    }


def beside_inventory(node: str, compared: Mapping[str, Mapping[str, Any]]) -> Iterator[Found]:
    """`compared` is what `commit` said in check mode, by service."""
    for service, result in compared.items():
        diffs = result.get("diff") or []
        for diff in diffs:
            before, after = diff["before"].splitlines(), diff["after"].splitlines()
            lines = unified_diff(before, after, diff["before_header"], diff["after_header"], lineterm="")
            path = diff["before_header"].partition(" (")[0]
            yield Found(node, "inventory", service, path, "is not what the inventory says.", "\n".join(lines))
        if result.get("changed") and not diffs:
            yield Found(
                node, "inventory", service, "", "site.yml would commit it, though nothing of it shows a difference."
            )


def once(found: Sequence[Found]) -> list[Found]:
    """Without what the inventory says of a change since the last commit that it would just take back."""
    known = {(one.path, _turned(one.diff)) for one in found if one.against == "last commit"}
    return [one for one in found if one.against != "inventory" or (one.path, _lines(one.diff)) not in known]


def _lines(diff: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines that go, lines that come."""
    body = [line for line in diff.splitlines()[2:] if "(only masked values differ)" not in line]
    return (
        tuple(line[1:] for line in body if line.startswith("-")),
        tuple(line[1:] for line in body if line.startswith("+")),
    )


def _turned(diff: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    goes, comes = _lines(diff)
    return comes, goes
