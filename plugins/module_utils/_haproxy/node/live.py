# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy on this node, as it answers for itself; and if it does not answer, why."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import Any

from . import answers
from .admin import SECONDS, Haproxy

UNIT = "haproxy.service"


def look(haproxy: Haproxy, now: float | None = None) -> dict[str, Any]:
    """Everything that `haproxy_info` returns, drains apart."""
    try:
        said = answers.fields(haproxy.ask("show info"))
    except (FileNotFoundError, ConnectionRefusedError):
        return {**NOTHING, "reason": why_not(haproxy.path)}
    except socket.timeout:
        return {**NOTHING, "reason": f"haproxy did not answer on {haproxy.path} within {SECONDS} s: is it frozen?"}
    rows = answers.statistics(haproxy.ask("show stat"))
    servers = answers.servers(rows, answers.states(haproxy.ask("show servers state")))
    found = processes(haproxy)
    return {
        "running": True,
        "reason": "",
        "version": said.get("Version", ""),
        "process": {
            "pid": answers.number(said.get("Pid")),
            "uptime_seconds": answers.number(said.get("Uptime_sec")),
            "threads": answers.number(said.get("Nbthread")),
            "connections": answers.number(said.get("CurrConns")),
            "connections_max": answers.number(said.get("Maxconn")),
            "master": found["master"],
            "workers": found["workers"],
        },
        "frontends": answers.frontends(rows),
        "backends": answers.backends(rows, servers),
        "servers": servers,
        "certificates": certificates(haproxy, time.time() if now is None else now),
    }


NOTHING: dict[str, Any] = {
    "running": False,
    "reason": "",
    "version": "",
    "process": None,
    "frontends": [],
    "backends": [],
    "servers": [],
    "certificates": [],
}


def processes(haproxy: Haproxy) -> dict[str, Any]:
    """Master and workers; no master where haproxy runs without one, or without a socket for it."""
    try:
        return answers.processes(haproxy.ask_master("show proc"))
    except OSError:
        return answers.processes("")


def certificates(haproxy: Haproxy, now: float) -> list[dict[str, Any]]:
    """What clients are shown, in order of expiry."""
    names = answers.certificate_names(haproxy.ask("show ssl cert"))
    found = [answers.certificate(haproxy.ask(f"show ssl cert {name}"), now) for name in names]
    return sorted((one for one in found if one), key=lambda one: (one["not_after"], one["path"]))


def why_not(path: str) -> str:
    """Why nobody listens on the socket."""
    try:
        shown = subprocess.run(
            ["systemctl", "show", "--property=LoadState,ActiveState,Result", UNIT],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=20,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        shown = ""
    return reason(dict(line.split("=", 1) for line in shown.splitlines() if "=" in line), path)


def reason(unit: dict[str, str], path: str) -> str:
    """In words, from what systemd says of the unit."""
    if unit.get("LoadState") == "not-found":
        return f"There is no {UNIT}: haproxy is not installed."
    if unit.get("LoadState") == "masked":
        return f"{UNIT} is masked."
    active = unit.get("ActiveState", "")
    if active in ("active", "reloading"):
        return f"{UNIT} is {active}, but nothing listens on {path}: its configuration has no such socket."
    if active == "failed":
        return f"{UNIT} has failed ({unit.get('Result', '')}): journalctl -u haproxy"
    return f"{UNIT} is {active or 'unknown to systemd'}, and nothing listens on {path}."
