# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit, a rollback or a recovery returns."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

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
    guard: dict[str, Any] = field(default_factory=dict)
    fell_back: dict[str, Any] = field(default_factory=dict)
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
            "guard": self.guard,
            "fell_back": self.fell_back,
        }
        if self.services is not None:
            data["services"] = self.services
        if self.error:
            data["error"] = self.error.as_dict()
            if self.error.others:
                data["errors"] = [one.as_dict() for one in (self.error, *self.error.others)]
        return data

    def warn(self, line: str) -> None:
        """Once."""
        if line not in self.warnings:
            self.warnings.append(line)

    def dump(self) -> dict[str, Any]:
        """From one process to another."""
        return {**self.as_dict(), "warnings": self.warnings}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Result:
        result = cls(**{key: value for key, value in data.items() if key not in ("error", "errors", "drift")})
        result.drift = [Drift(**one) for one in data["drift"]]
        if "error" in data:
            result.error = CommitError.first_of([CommitError(**one) for one in data.get("errors") or [data["error"]]])
        return result


def as_error(error: Exception, say: Callable[[str], str] = str) -> CommitError:
    """Whatever stopped a commit. What nobody thought of is told with its kind and place, so that it can be found."""
    if isinstance(error, CommitError):
        return error
    if isinstance(error, OSError):
        return io_error(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return CommitError(
        "this release of evenkeel.lb did not expect what happened.",
        place,
        say(f"{type(error).__name__}: {error}"),
        "Report it to its authors with this text.",
    )


def io_error(error: OSError) -> CommitError:
    """What the kernel refused: no space, read-only, not permitted."""
    return CommitError("the system refused.", str(error.filename or ""), error.strerror or str(error), "Mend that.")
