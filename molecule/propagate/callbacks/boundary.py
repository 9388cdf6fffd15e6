# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the tasks that change a node, and kills the controller with -9 behind the one that a test names."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: boundary
type: aggregate
short_description: Task boundaries that change something
description: BOUNDARY_LIST is the file they are listed in; BOUNDARY_KILL the number behind which the controller dies.
"""

CHANGING = tuple(f"evenkeel.lb.{name}" for name in ("close_kept", "commit", "drain", "lease"))


class CallbackModule(CallbackBase):
    """Counts results, host by host; a task in check mode changes nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "boundary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.list = Path(os.environ["BOUNDARY_LIST"])
        self.kill = int(os.environ.get("BOUNDARY_KILL", "0"))
        self.number = 0

    def v2_runner_on_ok(self, result: Any) -> None:
        task = getattr(result, "task", None) or result._task
        host = getattr(result, "host", None) or result._host
        if task.action not in CHANGING or task.check_mode:
            return
        self.number += 1
        with self.list.open("a") as file:
            file.write(f"{self.number} {host.get_name()}: {task.get_name()}\n")
        if self.number == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
