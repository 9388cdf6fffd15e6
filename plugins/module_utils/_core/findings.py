# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an input: where, what, what was found, what is accepted, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One fault of an input, complete enough to act on without reading the code."""

    rule: str
    where: str
    what: str
    got: str
    remedy: str
    accepted: str = ""
    severity: str = ERROR

    def __str__(self) -> str:
        accepted = f" Accepted: {self.accepted}." if self.accepted else ""
        return f"{self.where}: {self.what} Found: {self.got}.{accepted} {self.remedy} [{self.rule}]"

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def fault(where: str, what: str, got: str, remedy: str, accepted: str = "") -> Finding:
    """A finding that has no rule yet: the register names it after the rule whose function yields it."""
    return Finding("", where, what, got, remedy, accepted)


class CoreError(Exception):
    """Raised with every independent finding at once."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: list[Finding] = list(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))
