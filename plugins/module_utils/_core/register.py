# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of rules: what each is called, what it demands, and which rooms check it.

A room begins with `rule = Rules("haproxy")`. Each of its functions below `@rule("F4-way", "Every frontend leads somewhere.")`
yields faults, and `rule.check(model=...)` runs them all. The identifier is written there and nowhere else: a fault gets
its rule's name and severity on the way out. What several rooms check by code of their own has one `define`, and each
function takes that: `@rule(SOCKETS)`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable

from .findings import ERROR, WARNING, Finding

Check = Callable[..., Iterable[Finding]]
Checked = Callable[..., "list[Finding]"]


@dataclass(frozen=True)
class Rule:
    """One demand on an inventory. What breaks it always has the same severity."""

    id: str
    title: str
    severity: str = ERROR

    def finding(self, where: str, what: str, got: str, remedy: str, accepted: str = "") -> Finding:
        return Finding(self.id, where, what, got, remedy, accepted, self.severity)

    def named(self, faults: Iterable[Finding]) -> list[Finding]:
        """The faults in the name of this rule; what another rule has found keeps that one's."""
        return [one if one.rule else replace(one, rule=self.id, severity=self.severity) for one in faults]


_rules: dict[str, Rule] = {}
_rooms: dict[str, list[str]] = {}


def define(identifier: str, title: str, severity: str = ERROR, room: str = "") -> Rule:
    """A rule by itself, for what is found outside of a function of its own. An identifier is given once."""
    if identifier in _rules:
        raise ValueError(f"Two rules are called {identifier}: {_rules[identifier].title} and {title}")
    if severity not in (ERROR, WARNING):
        raise ValueError(f"The rule {identifier} is neither an error nor a warning: {severity}")
    made = _rules[identifier] = Rule(identifier, title, severity)
    _rooms[identifier] = [room] if room else []
    return made


class Rules:
    """The rules of a room about one thing, in the order in which they are written."""

    def __init__(self, room: str) -> None:
        self.room = room
        self._checks: list[tuple[Checked, frozenset[str]]] = []

    def define(self, identifier: str, title: str, severity: str = ERROR) -> Rule:
        return define(identifier, title, severity, self.room)

    def __call__(self, rule: str | Rule, title: str = "", severity: str = ERROR) -> Callable[[Check], Checked]:
        known = rule if isinstance(rule, Rule) else define(rule, title, severity)
        if self.room not in _rooms[known.id]:
            _rooms[known.id].append(self.room)

        def register(check: Check) -> Checked:
            @functools.wraps(check)
            def named(*args: Any, **kwargs: Any) -> list[Finding]:
                return known.named(check(*args, **kwargs))

            self._checks.append((named, frozenset(inspect.signature(check).parameters)))
            return named

        return register

    def check(self, **subject: Any) -> list[Finding]:
        """What all of them find. Each is given what its parameters name."""
        return [
            finding
            for check, wanted in self._checks
            for finding in check(**{name: value for name, value in subject.items() if name in wanted})
        ]


def registered() -> Mapping[str, Rule]:
    """Every rule of the rooms that are imported, by its identifier."""
    return dict(_rules)


def rooms(rule: Rule) -> list[str]:
    """The rooms that check a rule."""
    return list(_rooms[rule.id])
