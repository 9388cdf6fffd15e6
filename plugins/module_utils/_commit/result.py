# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit, a rollback or a recovery returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import show as shown
from .drift import Drift
from .errors import CommitError
from .plan import NONE

NAMESPACE, SWAP, UNVALIDATED = "namespace", "swap", "none"


@dataclass
class Result:
    """What the module returns."""

    changed: bool = False
    stage: str = "compare"
    generation: int = 0
    apply: str = NONE
    drift: list[Drift] = field(default_factory=list)
    diff: list[shown.Diff] = field(default_factory=list)
    validated: str = UNVALIDATED
    rolled_back: bool = False
    warnings: list[str] = field(default_factory=list)
    error: CommitError | None = None
    services: list[dict[str, Any]] | None = None

    def as_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "changed": self.changed,
            "stage": self.stage,
            "generation": self.generation,
            "apply": self.apply,
            "drift": [one.as_dict() for one in self.drift],
            "diff": self.diff,
            "validated": self.validated,
            "rolled_back": self.rolled_back,
        }
        if self.services is not None:
            data["services"] = self.services
        if self.error:
            data["error"] = self.error.as_dict()
            if self.error.others:
                data["errors"] = [one.as_dict() for one in (self.error, *self.error.others)]
        return data


def io_error(error: OSError) -> CommitError:
    """What the kernel refused: no space, read-only, not permitted."""
    return CommitError("the system refused.", str(error.filename or ""), error.strerror or str(error), "Mend that.")
