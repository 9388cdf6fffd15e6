# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ssh connection a call came over, from its ancestors: sshd has a process of its own for each connection.

All sessions of a shared connection (ControlPersist) have the same one, so its age is the connection's age. The
environment would tell less: sudo drops SSH_CONNECTION, and a connection's port does not tell its age.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# OpenSSH, OpenSSH from 9.8 on, Dropbear
SERVERS = ("sshd", "sshd-session", "dropbear")


@dataclass(frozen=True)
class Process:
    """One process, told from a later one with its number by its start."""

    pid: int
    name: str
    parent: int
    since: float  # seconds since boot

    def alive(self) -> bool:
        return look(self.pid) == self


def look(pid: int, proc: str = "/proc") -> Process | None:
    """A process that is there; one that waits to be buried is not."""
    try:
        text = Path(proc, str(pid), "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] in "ZX":
        return None
    name = text[text.index("(") + 1 : text.rindex(")")]
    return Process(pid, name, int(fields[1]), int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def find(pid: int = 0, proc: str = "/proc") -> Process | None:
    """The connection of this process; None for a call that came another way: local, a container's, a console's."""
    process = look(pid or os.getpid(), proc)
    while process and process.name not in SERVERS:
        process = look(process.parent, proc)
    return process
