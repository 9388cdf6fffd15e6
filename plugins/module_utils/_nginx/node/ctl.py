# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own tool, run by nginx's unit and by commit: /usr/local/lib/evenkeel/nginx/ctl VERB.

settle                  after a reload: when no worker from before takes connections, let clients keep theirs again
check elsewhere|here    succeed if nginx takes what is on disk; `elsewhere`: it may listen on addresses of other nodes
verify ADDRESS DIGEST   succeed if those workers that take connections have read the configuration with this digest, and
                        were all started by the reload or start that has just been
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ..._node import process, verbs

PID = "/run/nginx.pid"
NONLOCAL_BIND = ("/proc/sys/net/ipv4/ip_nonlocal_bind", "/proc/sys/net/ipv6/ip_nonlocal_bind")
# `close_kept` makes it: while it is there, clients are told to close.
CLOSING = "/run/evenkeel/nginx.closing"
SETTLE_SECONDS = 10
# How far back the reload may lie that has just been.
RECENT = 0.5
# Workers that are told to go rename themselves; they take no new connections.
LEAVING = "is shutting down"
# Each connection goes to the worker that is quickest: several answers are asked for.
ASKED = 5


def workers(master: int, proc: Path = process.PROC) -> dict[int, str]:
    """The processes that the master has made, by what they call themselves."""
    found: dict[int, str] = {}
    for one in proc.iterdir():
        if one.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                if process.parent(int(one.name), proc) == master:
                    title = (one / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                    if "worker process" in title:
                        found[int(one.name)] = title
    return found


def taking(master: int, proc: Path = process.PROC) -> list[int]:
    """Workers that take connections."""
    return [pid for pid, title in workers(master, proc).items() if LEAVING not in title]


def settle(closing: str = CLOSING, proc: Path = process.PROC, patience: float = SETTLE_SECONDS) -> None:
    """Workers from before a reload go on for a moment. What a client kept of them would be cut when they go."""
    if not os.path.exists(closing):
        return
    since, deadline = time.time() - RECENT, time.monotonic() + patience
    with contextlib.suppress(OSError, ValueError):
        master = int(Path(PID).read_text())
        while time.monotonic() < deadline and any(process.started(pid, proc) < since for pid in taking(master, proc)):
            time.sleep(0.05)
    os.remove(closing)


def running(address: str) -> str:
    """The digest of what the worker that answers has read; empty for a configuration that is not ours."""
    host, dummy, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=2)
    with contextlib.closing(connection):
        connection.request("GET", "/configuration")
        answer = connection.getresponse()
        return answer.read().decode(errors="replace").strip() if answer.status == 200 else ""


def check(where: str) -> int:
    """nginx's own checker. It binds, so that a virtual IP of another node would be a fault until the sysctl is in force:
    then the question is asked in an empty network of its own, where it is."""
    if where not in ("elsewhere", "here"):
        raise verbs.Misuse
    switches = [path for path in map(Path, NONLOCAL_BIND) if path.exists()]
    if where == "here" or all(path.read_text().strip() == "1" for path in switches):
        return subprocess.call(["nginx", "-t"])
    enabled = "; ".join(f"echo 1 > {path}" for path in switches)
    return subprocess.call(["unshare", "--net", "sh", "-ec", f"{enabled}; exec nginx -t"])


def verify(address: str, digest: str, applied: str, since: float) -> list[str]:
    """What does not hold."""
    problems = []
    master = int(Path(PID).read_text())
    current = taking(master)
    if not current:
        problems.append("there is no worker that takes connections")
    if applied in ("start", "restart", "reload"):
        old = [pid for pid in current if process.older(pid, since)]
        if old:
            problems.append(
                f"workers from before the {applied} still take connections: {', '.join(map(str, old))}. "
                "nginx has refused the new configuration, or is still reading it"
            )
    for found in sorted({running(address) for dummy in range(ASKED)} - {digest}):
        problems.append(f"the running configuration is {found or 'not ours'}, the file's is {digest}")
    return problems


def main(argv: Sequence[str]) -> int:
    known: verbs.Verbs = {
        "settle": settle,
        "check WHERE": check,
        "verify ADDRESS DIGEST": lambda address, digest: verify(address, digest, *verbs.applied()),
    }
    return verbs.call(argv, known, __doc__, "nginx", (ValueError, http.client.HTTPException))
