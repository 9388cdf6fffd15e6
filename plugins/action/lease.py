# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of lease: says who asks, and takes over from a run of this machine that is known to have died."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.plugin_utils import controller


class ActionModule(ActionBase):
    """See the module's documentation."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        asked = {"who": controller.who(), "controller": controller.identity(), **self._task.args}
        answer = self._execute_module("evenkeel.lb.lease", module_args=asked, task_vars=task_vars)
        held = answer.get("lease") or {}
        # A hold outlives the run that left it: that is what it is for.
        if answer.get("failed") and held.get("expires") and controller.gone(held.get("controller") or {}):
            asked["instead_of"] = held["run_id"]
            answer = self._execute_module("evenkeel.lb.lease", module_args=asked, task_vars=task_vars)
        result.update(answer)
        return result
