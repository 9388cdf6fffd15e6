# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook and see what it took: seconds, and each ssh, sftp and scp that really started, by host."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.suite.steps import BIN, ROOT

CLIENTS = ("ssh", "sftp", "scp")
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One run of a playbook."""

    seconds: float
    calls: dict[str, int]
    changed: dict[str, int]
    output: str
    # Seconds that the controller worked; says more than `seconds` on a busy machine.
    cpu: float = 0.0

    @property
    def most_calls(self) -> int:
        """Remote calls of the host that took the most."""
        return max(self.calls.values())


class PlaybookFailed(Exception):
    """A playbook that was to be measured did not pass."""


def playbook(argv: Sequence[str], hosts: Mapping[str, str], ansible_cfg: str | None = None) -> Run:
    """Run ansible-playbook over cold connections; `hosts`: address to name; another ansible.cfg may be given."""
    with tempfile.TemporaryDirectory(prefix="ek-") as folder:
        scratch = Path(folder)
        log = scratch / "calls"
        log.touch()
        for name in CLIENTS:
            (scratch / name).symlink_to(Path(__file__).parent / "counted")
        environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(scratch / "cp"),
            "ANSIBLE_NOCOLOR": "1",
            "BENCH_CALLS": str(log),
            **{f"ANSIBLE_{name.upper()}_EXECUTABLE": str(scratch / name) for name in CLIENTS},
        }
        if ansible_cfg is not None:
            (scratch / "ansible.cfg").write_text(ansible_cfg)
            environment["ANSIBLE_CONFIG"] = str(scratch / "ansible.cfg")
        worked = _cpu()
        begin = time.monotonic()
        done = subprocess.run(
            ["ansible-playbook", *argv],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - begin
        worked = _cpu() - worked
        for address in hosts:
            for socket in (scratch / "cp").glob("*"):
                subprocess.run(
                    ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", address], capture_output=True, check=False
                )
        calls = count(log.read_text().splitlines(), hosts)
    if done.returncode:
        raise PlaybookFailed(f"ansible-playbook {' '.join(argv)}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}")
    return Run(seconds, calls, {match[1]: int(match[3]) for match in RECAP.finditer(done.stdout)}, done.stdout, worked)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def count(lines: Iterable[str], hosts: Mapping[str, str]) -> dict[str, int]:
    """How many of the noted calls went to each host. Pure."""
    found = dict.fromkeys(hosts.values(), 0)
    for line in lines:
        for word in line.split():
            address = word.strip("[]")
            if address in hosts:
                found[hosts[address]] += 1
                break
    return found
