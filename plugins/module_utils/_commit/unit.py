# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd says about a unit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import CommitError
from .host import Host, Reads

UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,NRestarts,MainPID,ControlGroup,Result,ReloadResult,StatusText"
)
ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated", "linked", "linked-runtime")


@dataclass(frozen=True)
class Unit:
    """A unit at one moment."""

    name: str
    load: str = "not-found"
    active_state: str = "inactive"
    sub_state: str = ""
    file_state: str = ""
    restarts: int = 0
    main_pid: int = 0
    cgroup: str = ""
    result: str = ""
    reload_result: str = ""
    status: str = ""

    @property
    def known(self) -> bool:
        return self.load not in ("not-found", "bad-setting", "error")

    @property
    def active(self) -> bool:
        return self.active_state in ("active", "reloading", "refreshing")

    @property
    def settling(self) -> bool:
        """On its way: not yet to be judged. Waiting for an automatic restart is not on its way."""
        return self.active_state in ("activating", "reloading", "refreshing") and self.sub_state != "auto-restart"

    @property
    def enabled(self) -> bool:
        """Starts at boot, or is of a kind that cannot be asked to."""
        return self.file_state in ENABLED

    def describe(self) -> str:
        status = f', status "{self.status}"' if self.status else ""
        return f"{self.active_state} ({self.sub_state or '-'}), result {self.result or '-'}{status}"


def show(host: Reads, name: str) -> Unit:
    """One call of systemctl for all that we need to know."""
    done = host.properties(name, PROPERTIES)
    if done.rc != 0:
        raise CommitError(
            "systemd does not answer.", name, done.output, "Managed nodes need systemd; see systemctl status."
        )
    values = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
    return Unit(
        name=name,
        load=values.get("LoadState", "not-found"),
        active_state=values.get("ActiveState", "inactive"),
        sub_state=values.get("SubState", ""),
        file_state=values.get("UnitFileState", ""),
        restarts=int(values.get("NRestarts") or 0),
        main_pid=int(values.get("MainPID") or 0),
        cgroup=values.get("ControlGroup", ""),
        result=values.get("Result", ""),
        reload_result=values.get("ReloadResult", ""),
        status=values.get("StatusText", ""),
    )


def processes(unit: Unit) -> list[int]:
    """Every process of the unit, from its control group."""
    if not unit.cgroup:
        return [unit.main_pid] if unit.main_pid else []
    for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"):
        top = base + unit.cgroup
        if os.path.exists(os.path.join(top, "cgroup.procs")):
            found: list[int] = []
            for directory, dummy, files in os.walk(top):
                if "cgroup.procs" in files:
                    found += [int(pid) for pid in Path(directory, "cgroup.procs").read_text().split()]
            return found
    return [unit.main_pid] if unit.main_pid else []


def is_unit_file(path: str) -> bool:
    """A unit or a drop-in: systemd has to be told."""
    return any(path.startswith(directory + "/") for directory in UNIT_DIRECTORIES)


def daemon_lines(host: Host, name: str, since: float, count: int = 15) -> str:
    """What the daemon logged since then."""
    done = host.run(
        ["journalctl", "-q", "-u", name, "-o", "cat", "-n", str(count), f"--since=@{int(since)}"], timeout=20
    )
    return done.output if done.rc == 0 else ""
