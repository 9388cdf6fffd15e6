# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a node, as /proc has them (proc(5))."""

from __future__ import annotations

import os
import time
from pathlib import Path

PROC = Path("/proc")
# The clock of /proc is read in hundredths.
CLOCK = 0.1


def stat(pid: int, proc: Path = PROC) -> list[str]:
    """The fields behind the name, which may hold anything. From the third on: state, parent, ..."""
    return (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()


def parent(pid: int, proc: Path = PROC) -> int:
    return int(stat(pid, proc)[1])


def started(pid: int, proc: Path = PROC) -> float:
    """When a process began, in seconds since the epoch."""
    ticks = int(stat(pid, proc)[19])
    uptime = float((proc / "uptime").read_text(encoding="ascii").split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def older(pid: int, since: float, proc: Path = PROC) -> bool:
    """Whether it was there before."""
    return started(pid, proc) < since - CLOCK
