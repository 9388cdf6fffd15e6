# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy's sockets answer, read: pure, the same for 2.6 and 3.0."""

from __future__ import annotations

import calendar
import csv
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

# Proxies of the role's own: health, statistics, rate tables.
OWN = "evenkeel-"
FRONTEND, BACKEND, SERVER = "0", "1", "2"
OP_STATES = ("stopped", "starting", "running", "stopping")
# Bits of srv_admin_state, and who sets them.
MAINT = {0x01: "operator", 0x02: "tracked server", 0x20: "name resolution"}
DRAIN = {0x08: "operator", 0x10: "tracked server"}
# Set on a server that the configuration disables, for good; it is in maintenance only together with the operator's bit.
DISABLED = 0x05
# What one word of `set server ... state` makes of it.
READY, DRAINED, IN_MAINTENANCE = "ready", "drained", "maint"


def fields(text: str) -> dict[str, str]:
    """Lines of `Name: value`."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def statistics(text: str) -> list[dict[str, str]]:
    """The rows of `show stat`; none if HAProxy refused."""
    lines = text.strip().splitlines()
    if not lines or not lines[0].startswith("# pxname"):
        return []
    return list(csv.DictReader([lines[0][2:], *lines[1:]]))


def states(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of `show servers state`, by backend and server."""
    lines = [line.split() for line in text.splitlines()]
    head = next((words[1:] for words in lines if words[:2] == ["#", "be_id"]), [])
    rows = [dict(zip(head, words)) for words in lines if len(words) == len(head) and head]
    return {(row["be_name"], row["srv_name"]): row for row in rows}


def seconds(text: str) -> int:
    """A duration as the master writes it: `0d00h13m47s`."""
    match = re.fullmatch(r"(\d+)d\s*(\d+)h(\d+)m(\d+)s", text.strip())
    if match is None:
        return 0
    days, hours, minutes, rest = (int(part) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def processes(text: str) -> dict[str, Any]:
    """The master and its workers, the old ones marked; empty without an answer."""
    found: dict[str, Any] = {"master": None, "workers": []}
    old = False
    for line in text.splitlines():
        old = "old workers" in line if line.startswith("#") and "worker" in line else old
        match = re.match(r"(\d+)\s+(master|worker)\s+(\d+)(?:\s+\[failed: (\d+)\])?\s+(\S+)\s+(\S+)", line)
        if match is None:
            continue
        pid, kind, reloads, failed, uptime, version = match.groups()
        process = {"pid": int(pid), "uptime_seconds": seconds(uptime), "version": version}
        if kind == "master":
            found["master"] = {**process, "reloads": int(reloads), "failed_reloads": int(failed or 0)}
        else:
            found["workers"].append({**process, "old": old})
    return found


def number(text: str | None) -> int | None:
    """An integer, or nothing where HAProxy leaves the field empty."""
    return int(text) if text and re.fullmatch(r"-?\d+", text) else None


def frontends(rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Frontends, and the listens' front sides."""
    return [
        {
            "name": row["pxname"],
            "status": row["status"],
            "mode": row.get("mode", ""),
            "sessions": number(row["scur"]),
            "sessions_max": number(row["smax"]),
            "sessions_limit": number(row["slim"]),
            "sessions_total": number(row["stot"]),
            "requests_per_second": number(row.get("req_rate")),
            "bytes_in": number(row["bin"]),
            "bytes_out": number(row["bout"]),
            "responses": responses(row),
            "errors": {
                "requests": number(row["ereq"]),
                "denied": (number(row["dreq"]) or 0) + (number(row["dresp"]) or 0),
            },
        }
        for row in rows
        if row["type"] == FRONTEND and not row["pxname"].startswith(OWN)
    ]


def responses(row: Mapping[str, str]) -> dict[str, int | None]:
    """Answers by the first digit of their status."""
    return {f"{digit}xx": number(row.get(f"hrsp_{digit}xx")) for digit in range(1, 6)}


def errors(row: Mapping[str, str]) -> dict[str, int | None]:
    """What went wrong between HAProxy and a server, and what was done about it."""
    columns = {"connection": "econ", "response": "eresp", "retries": "wretr", "redispatches": "wredis"}
    return {name: number(row[column]) for name, column in columns.items()}


def servers(
    rows: Sequence[Mapping[str, str]], state: Mapping[tuple[str, str], Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Every server of every backend."""
    found = []
    for row in rows:
        if row["type"] != SERVER:
            continue
        known = state.get((row["pxname"], row["svname"]), {})
        bits = number(known.get("srv_admin_state")) or 0
        operational = OP_STATES[number(known.get("srv_op_state")) or 0]
        weight = number(known.get("srv_uweight")) or 0
        found.append(
            {
                "backend": row["pxname"],
                "name": row["svname"],
                "id": number(row["sid"]),
                "address": known.get("srv_addr", ""),
                "port": number(known.get("srv_port")) or None,
                "status": row["status"],
                "state": operational,
                "admin": admin(bits),
                "admin_by": admin_by(bits),
                "usable": operational in ("running", "starting") and admin(bits) == READY and weight > 0,
                "backup": row["bck"] == "1",
                "weight": weight,
                "weight_configured": number(known.get("srv_iweight")),
                "sessions": number(row["scur"]),
                "sessions_max": number(row["smax"]),
                "sessions_total": number(row["stot"]),
                "queue": number(row["qcur"]),
                "responses": responses(row),
                "errors": errors(row),
                "check": check(row),
                "downtime_seconds": number(row["downtime"]),
                "last_change_seconds": number(row["lastchg"]),
            }
        )
    return found


def admin(bits: int) -> str:
    """What somebody made of a server: ready, drained or maint. Maintenance wins."""
    if bits & sum(MAINT):
        return IN_MAINTENANCE
    return DRAINED if bits & sum(DRAIN) else READY


def admin_by(bits: int) -> list[str]:
    """Who did."""
    found = dict.fromkeys(who for bit, who in {**MAINT, **DRAIN}.items() if bits & bit)
    return ["configuration" if who == "operator" and bits & DISABLED == DISABLED else who for who in found]


def check(row: Mapping[str, str]) -> dict[str, Any] | None:
    """The last check of a server; nothing for one that is not checked."""
    status = row.get("check_status", "")
    if not status:
        return None
    return {
        # An asterisk says that a check is under way, and that this is the result of the one before.
        "status": status.lstrip("* "),
        "code": number(row.get("check_code")),
        "duration_ms": number(row.get("check_duration")),
        "description": row.get("check_desc", ""),
        "said": row.get("last_chk", ""),
    }


def backends(rows: Sequence[Mapping[str, str]], members: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Backends, and the listens' back sides."""
    found = []
    for row in rows:
        if row["type"] != BACKEND or row["pxname"].startswith(OWN):
            continue
        own = [server for server in members if server["backend"] == row["pxname"]]
        found.append(
            {
                "name": row["pxname"],
                "status": row["status"],
                "mode": row.get("mode", ""),
                "balance": row.get("algo", ""),
                "servers_total": len(own),
                "servers_usable": sum(server["usable"] for server in own),
                "sessions": number(row["scur"]),
                "sessions_max": number(row["smax"]),
                "sessions_total": number(row["stot"]),
                "queue": number(row["qcur"]),
                "responses": responses(row),
                "errors": errors(row),
                "downtime_seconds": number(row["downtime"]),
            }
        )
    return found


def certificate_names(text: str) -> list[str]:
    """The files in `show ssl cert`; those in an open transaction stand there a second time."""
    return list(dict.fromkeys(line.lstrip("*") for line in text.splitlines() if line and not line.startswith("#")))


def certificate(text: str, now: float) -> dict[str, Any] | None:
    """One certificate in use; nothing where HAProxy has none under that name."""
    said = fields(text)
    ends = moment(said.get("notAfter", ""))
    if ends is None:
        return None
    begins = moment(said.get("notBefore", "")) or 0
    names = said.get("Subject Alternative Name", "")
    return {
        "path": said.get("Filename", ""),
        "subject": said.get("Subject", ""),
        "issuer": said.get("Issuer", ""),
        "names": [name.strip().partition(":")[2] for name in names.split(",") if name.strip()],
        "serial": said.get("Serial", ""),
        "fingerprint_sha1": said.get("SHA1 FingerPrint", ""),
        "not_before": written(begins),
        "not_after": written(ends),
        "days_left": int((ends - now) // 86400),
        "used": said.get("Status", "") == "Used",
    }


def moment(text: str) -> int | None:
    """Seconds since the epoch of OpenSSL's `Nov 21 15:38:58 2026 GMT`. In English, whatever the locale."""
    match = re.fullmatch(r"(\w{3})\s+(\d+)\s+(\d+):(\d+):(\d+)\s+(\d+)\s+GMT", text.strip())
    if match is None or match.group(1) not in MONTHS:
        return None
    day, hour, minute, second, year = (int(part) for part in match.groups()[1:])
    return calendar.timegm((year, MONTHS.index(match.group(1)) + 1, day, hour, minute, second))


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def written(epoch: int) -> str:
    """As ISO 8601 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
