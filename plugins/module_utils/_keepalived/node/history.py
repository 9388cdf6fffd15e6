# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived on this node went through, as its journal has it: the only place that remembers more than the last change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .files import UNIT, Run

MOST_LINES = 20_000
# "(public) Entering MASTER STATE", "(public): entering FAULT state (...)"; a node that stops says its last word as MASTER.
TRANSITION = re.compile(r"^\((?P<name>[^)]+)\):? (?:entering (?P<state>[A-Z]+) state|(?P<stops>sent 0 priority))", re.I)


def history(run: Run, since: float) -> list[dict[str, Any]]:
    """The changes of state since then, oldest first; none where the journal can't be read."""
    # fmt: off
    argv = ["journalctl", f"--unit={UNIT}", f"--since=@{since:.6f}", f"--lines={MOST_LINES}", "--output=json", "--no-pager"]
    # fmt: on
    last: dict[str, str] = {}
    found = []
    for one in sorted(read(run(argv).stdout), key=lambda one: float(one["at"])):
        # keepalived says FAULT twice.
        if last.get(one["instance"]) != one["state"]:
            found.append(one)
        last[one["instance"]] = one["state"]
    return found


def read(journal: str) -> Iterator[dict[str, Any]]:
    """The changes of state among lines of the journal, one JSON object each."""
    for line in journal.splitlines():
        try:
            entry = json.loads(line)
            match = TRANSITION.match(entry["MESSAGE"])
            # When keepalived said it, not when it was written down.
            stamp = entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry["__REALTIME_TIMESTAMP"]
        except (ValueError, KeyError, TypeError):
            # A message that is no text is a list of bytes.
            continue
        if match:
            state = "STOP" if match["stops"] else match["state"].upper()
            yield {"at": int(stamp) / 1e6, "instance": match["name"], "state": state}
