# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints lines as they are, whatever the callback that prints the results, and notes the step of a run."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

ARGUMENT_SPEC = {
    "lines": {"type": "list", "elements": "str", "default": []},
    "step": {"type": "str"},
    "steps": {"type": "list", "elements": "dict", "default": []},
}


class ActionModule(ActionBase):
    """See the module's documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(ARGUMENT_SPEC)  # type: ignore[no-untyped-call]
        if args["lines"]:
            self._display.display("\n".join(["", *args["lines"], ""]))
        if args["step"]:
            result["steps"] = [*args["steps"], {"what": args["step"], "at": time.time()}]
        result["changed"] = False
        return result
