# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule's own plays wait for their turn on the machine, and note what they took (tests/suite/turns.py)."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.suite.turns import Turn, note  # noqa: E402  (the path above comes first)

DOCUMENTATION = """
name: turns
type: aggregate
short_description: Turns on the machine
description: No play runs while a test measures.
"""


class CallbackModule(CallbackBase):
    """From the start of a playbook to its end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "turns"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.what = "check" if context.CLIARGS.get("check") else Path(playbook._file_name).stem
        self.began = time.monotonic()
        self.turn = Turn()
        self.turn.take()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self.turn.give_back()
        note(self.what, time.monotonic() - self.began, self.turn.waited)
