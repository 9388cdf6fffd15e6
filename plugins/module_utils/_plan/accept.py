# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings that somebody has read and accepts (`evenkeel_accept`): they are not shown again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .._cluster import plan as clusters
from .._core.findings import ERROR, Finding
from .._core.register import Rule, define

VARIABLE = "evenkeel_accept"
ACCEPT = define("accept", "`evenkeel_accept` is a list of rules that warn.", room="all")


def plan(cluster: str, nodes: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of one cluster without the warnings that all of its nodes accept."""
    planned = clusters.plan(cluster, nodes, options)
    wanted = {str(node["name"]): (node["vars"] or {}).get(VARIABLE) for node in nodes}
    # What several nodes have from a group is judged once.
    first: dict[str, str] = {}
    for name, value in wanted.items():
        if value is not None:
            first.setdefault(repr(value), name)
    if not first:
        return planned
    wrong = [finding for name in first.values() for finding in refused(wanted[name], f"{name}: {VARIABLE}")]
    if wrong:
        errors = [*planned["errors"], *(finding.as_dict() for finding in wrong)]
        return {**planned, "nodes": {}, "instances": {}, "sync_groups": [], "errors": errors}
    return {**planned, "warnings": _without(planned["warnings"], set.intersection(*map(_set, wanted.values())))}


def plan_all(hosts: Iterable[str], lookup: clusters.Lookup, options: Mapping[str, Any]) -> dict[str, Any]:
    """The same for every cluster among `hosts`."""
    return clusters.plan_all(hosts, lookup, options, plan)


def of_host(model: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
    """A role's model without the warnings that its host accepts."""
    wrong = list(refused(wanted, VARIABLE)) if wanted is not None else []
    if wrong:
        errors = [*model["errors"], *(finding.as_dict() for finding in wrong)]
        return {"errors": errors, "warnings": model["warnings"]}
    return {**model, "warnings": _without(model["warnings"], _set(wanted))}


def refused(wanted: Any, where: str) -> Iterator[Finding]:
    """What cannot be accepted: an error, and what is no rule."""
    # Every room's, so this is imported only where somebody accepts something.
    from .rules import known

    rules = known()
    warnings = ", ".join(rule.id for rule in rules.values() if rule.severity != ERROR)
    if not isinstance(wanted, (list, tuple)):
        yield ACCEPT.finding(
            where, "This must be a list of rules.", repr(wanted), "Write it as a list, like [A9, F8].", warnings
        )
        return
    for index, name in enumerate(wanted):
        place = f"{where}[{index}]"
        rule = rules.get(name) if isinstance(name, str) else None
        if rule is None:
            yield ACCEPT.finding(
                place,
                "There is no rule of this name.",
                repr(name),
                f"{_near(name, rules)}Correct or remove it.",
                warnings,
            )
        elif rule.severity == ERROR:
            yield ACCEPT.finding(
                place,
                "What breaks this rule does not work, so it cannot be accepted.",
                f"{name} ({rule.title.rstrip('.')})",
                "Remove it, and correct what its message names.",
                warnings,
            )


def _near(name: Any, rules: Mapping[str, Rule]) -> str:
    if not isinstance(name, str):
        return ""
    close = [one for one in rules if one.lower() == name.lower()]
    close += get_close_matches(name, list(rules), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}? " if close else ""


def _set(wanted: Any) -> set[str]:
    return {str(name) for name in wanted or ()}


def _without(warnings: Iterable[Mapping[str, Any]], accepted: set[str]) -> list[Mapping[str, Any]]:
    return [warning for warning in warnings if warning["rule"] not in accepted]
