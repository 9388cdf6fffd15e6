# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action says of findings, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import Finding


def refusal(errors: Sequence[Mapping[str, Any]], headline: str) -> dict[str, Any]:
    """The result of a task that fails because of `errors`."""
    count = "one thing" if len(errors) == 1 else f"{len(errors)} things"
    return {
        "failed": True,
        "msg": "\n".join([f"{headline}: {count} to correct.", *(f"- {text}" for text in texts(errors))]),
        "error": {key: errors[0][key] for key in ("what", "where", "got", "remedy")},
        "errors": list(errors),
    }


def texts(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each."""
    return [str(Finding(**finding)) for finding in findings]
