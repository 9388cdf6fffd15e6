# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a commit says that it stopped: what, where, what was found, what to do."""

from __future__ import annotations

from collections.abc import Sequence


class CommitError(Exception):
    """A commit stopped. The four parts become the result's `error`; `msg` is made of them."""

    def __init__(self, what: str, where: str = "", got: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.got = got
        self.remedy = remedy
        self.others: tuple[CommitError, ...] = ()

    @classmethod
    def first_of(cls, problems: Sequence[CommitError]) -> CommitError:
        """The first of several independent problems, carrying the rest."""
        first, *rest = problems
        first.others = tuple(rest)
        return first

    def as_dict(self) -> dict[str, str]:
        return {"what": self.what, "where": self.where, "got": self.got, "remedy": self.remedy}

    def message(self) -> str:
        """One to three sentences; what the daemon said follows on lines of its own when it is more than a line."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        quoted = f"\n{self.got}\n" if "\n" in self.got else f" Found: {self.got}. " if self.got else " "
        own = (head + quoted + self.remedy).strip()
        return "\n".join([own, *(other.message() for other in self.others)])
