# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the new set in force? Measured against what held before: a broken service may always be mended."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from .errors import CommitError
from .host import Host
from .model import Http, Verify
from .sockets import missing
from .unit import Unit, daemon_lines, processes, show

# How long a daemon has to stay up after a start or a reload. The crash of a bad start shows within a few 100 ms.
GRACE = 1.0
PAUSE = 0.1

_FAILED_STATUS = re.compile(r"\bfail(ed|ure)?\b", re.I)


@dataclass(frozen=True)
class Baseline:
    """What held before the commit: the unit, and which checks of the set then in force already failed."""

    unit: Unit
    failing: set[str] = field(default_factory=set)


def _http(check: Http) -> str:
    """Empty if the URL answers as it should, otherwise what it did."""
    import http.client
    import ssl
    from urllib.parse import urlsplit

    url = urlsplit(check.url)
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        # The daemon's own address, asked from the node itself: whose certificate it shows is not the question.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(url.hostname or "", url.port, timeout=2, context=context)
    else:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=2)
    headers = {"Host": check.host} if check.host else {}
    with contextlib.closing(connection):
        try:
            connection.request("GET", (url.path or "/") + (f"?{url.query}" if url.query else ""), headers=headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
    return "" if status == check.status else f"status {status} instead of {check.status}"


def failures(host: Host, verify: Verify, unit: Unit, env: Mapping[str, str]) -> dict[str, str]:
    """Every check that does not hold now, with what was found."""
    found: dict[str, str] = {}
    if verify.listen:
        for text in missing(verify.listen, processes(unit) if unit.name else None):
            found[f"listen {text}"] = "nothing of " + (unit.name or "this node") + " listens there"
    for check in verify.http:
        fault = _http(check)
        if fault:
            found[f"http {check.url}"] = fault
    for argv in verify.command:
        done = host.run(argv, env=env, timeout=30)
        if done.rc != 0:
            found["command " + " ".join(argv)] = (f"exit code {done.rc}\n" + done.output).strip()
    return found


def baseline(host: Host, unit: Unit, verify: Verify) -> Baseline:
    """Taken before anything is touched."""
    env = {"EVENKEEL_APPLY": "none", "EVENKEEL_STARTED": "0"}
    return Baseline(unit, set(failures(host, verify, unit, env)))


def settle(
    host: Host,
    unit_name: str,
    active: bool,
    verify: Verify,
    tolerated: set[str],
    applied: str,
    started: float,
    say: Callable[[str], str],
    restarts_before: int = -1,
) -> list[str]:
    """Waits until the set is in force and stays so; raises CommitError if it is not. Returns tolerated failures."""
    env = {"EVENKEEL_APPLY": applied, "EVENKEEL_STARTED": f"{started:.3f}"}
    begun = time.monotonic()
    deadline = begun + verify.timeout
    unit = show(host, unit_name) if unit_name else Unit("")
    # A job of ours sets the counter to zero; a reload does not.
    restarts = restarts_before if applied == "reload" and restarts_before >= 0 else unit.restarts
    while True:
        looked = time.monotonic()
        _judge(host, unit, active, restarts, applied, started, say)
        bad = failures(host, verify, unit, env)
        standing = {check: why for check, why in bad.items() if check not in tolerated}
        if not standing and not (active and unit.settling):
            break
        # The last look begins after the deadline: checks take time, in which what was on its way may have arrived.
        if looked > deadline:
            if not standing:
                standing = {unit_name: f"still {unit.active_state} after {verify.timeout:g} s"}
            raise _not_in_force(host, unit_name, standing, started, say)
        time.sleep(PAUSE)
        unit = show(host, unit_name) if unit_name else unit
    if active and applied in ("start", "restart", "reload"):
        time.sleep(max(0.0, begun + GRACE - time.monotonic()))
        unit = show(host, unit_name)
        _judge(host, unit, active, restarts, applied, started, say)
        again = failures(host, Verify(listen=verify.listen), unit, env)
        standing = {check: why for check, why in again.items() if check not in tolerated}
        if standing:
            raise _not_in_force(host, unit_name, standing, started, say)
    denied = apparmor(host, unit, started) if active and applied != "none" else []
    if denied:
        raise CommitError(
            "AppArmor denied something to the daemon.",
            unit_name,
            say("\n".join(denied)),
            "Extend its AppArmor profile.",
        )
    return sorted(set(bad) & tolerated)


def _judge(
    host: Host, unit: Unit, active: bool, restarts: int, applied: str, started: float, say: Callable[[str], str]
) -> None:
    """Raises if the unit is not as it should be; being on its way is not a fault."""
    if not active:
        return
    what = ""
    if not unit.active and not unit.settling:
        what = "the unit is not active."
    elif unit.restarts > restarts:
        what = "the daemon died and was started again."
    elif applied == "reload" and unit.reload_result not in ("", "success"):
        what = f"the reload failed ({unit.reload_result})."
    elif applied in ("reload", "restart", "start") and _FAILED_STATUS.search(unit.status):
        what = "the daemon says that it failed."
    if what:
        lines = daemon_lines(host, unit.name, started)
        raise CommitError(
            what, unit.name, say("\n".join(filter(None, [unit.describe(), lines]))), "Mend what the daemon names."
        )


def _not_in_force(
    host: Host, unit_name: str, standing: Mapping[str, str], started: float, say: Callable[[str], str]
) -> CommitError:
    lines = [f"{check}: {why}" for check, why in standing.items()]
    if unit_name:
        lines.append(daemon_lines(host, unit_name, started))
    return CommitError(
        "the new set is not in force.",
        unit_name or "verify",
        say("\n".join(filter(None, lines))),
        "Mend what is named.",
    )


def apparmor(host: Host, unit: Unit, since: float) -> list[str]:
    """What AppArmor denied to the unit's processes since then, where the node lets us read it."""
    try:
        if Path("/sys/module/apparmor/parameters/enabled").read_text().strip() != "Y" or not unit.main_pid:
            return []
        command = Path(f"/proc/{unit.main_pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return []
    done = host.run(
        ["journalctl", "-q", "-o", "cat", f"--since=@{int(since)}", "_TRANSPORT=kernel", "+", "_TRANSPORT=audit"],
        timeout=20,
    )
    pids: tuple[str, ...] = tuple(f"pid={pid} " for pid in processes(unit))
    return [
        line
        for line in done.output.splitlines()
        if 'apparmor="DENIED"' in line and (f'comm="{command}"' in line or any(pid in line + " " for pid in pids))
    ][:10]
