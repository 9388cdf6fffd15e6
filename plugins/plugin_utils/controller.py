# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process runs this playbook, and whether another one that did still lives."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def who() -> str:
    """The person at the controller, as user@host."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def identity(pid: int | None = None) -> dict[str, Any]:
    """This playbook's process: the boot it belongs to, its number and when it started. Numbers are used again."""
    # A task runs in a child of the process that runs the playbook.
    number = os.getppid() if pid is None else pid
    return {"boot": _boot(), "pid": number, "started": _started(number)}


def gone(controller: Mapping[str, Any]) -> bool:
    """Whether the process that took a lease is known to have ended: it ran on this machine, and is not there."""
    boot = _boot()
    if not boot or controller.get("boot") != boot or not controller.get("started"):
        return False
    pid = int(controller["pid"])
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        pass  # another user's: it is there
    # With hidepid /proc has nothing of another user's process, and then it may be the one that took the lease.
    now = _started(pid)
    return bool(now) and now != str(controller["started"])


def _boot() -> str:
    """This machine since its last boot; empty where it can't be told (a container has its host's)."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5), field 22); empty if there is none."""
    try:
        return (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
