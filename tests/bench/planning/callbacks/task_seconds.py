# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes how long each task took, for the bench."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_seconds
type: notification
short_description: How long each task took
description: Writes a JSON object of task names and seconds into the file named by BENCH_TASKS.
requirements: [the environment variable BENCH_TASKS]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_seconds"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self.current = ""
        self.since = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._close()
        self.current = task.get_name()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._close()
        Path(os.environ["BENCH_TASKS"]).write_text(json.dumps(self.seconds))

    def _close(self) -> None:
        now = time.monotonic()
        if self.current:
            self.seconds[self.current] = now - self.since
        self.since = now
