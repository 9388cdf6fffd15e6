# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this run's look at a host found, where the playbook hands it to a role's tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._commit import payload

VARIABLE = "__evenkeel_look"


def seen(action: Any, task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
    """The look (`node_info`); empty where there is none, and in any task that may change the host: it asks the host itself."""
    if not task_vars or VARIABLE not in task_vars or not action._task.check_mode:
        return {}
    packed = action._templar.template(task_vars[VARIABLE])
    return payload.unpack(str(packed))[1] if packed else {}
