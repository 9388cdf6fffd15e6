# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived on this node is doing, from the kernel and from the daemon itself.

The configuration in force is read from the daemon's memory: since 2.1 the main process keeps the text that it parsed in
an open memory file. States and priorities come from its JSON report, which it writes into its /tmp; that is asked for only
where the unit has a /tmp of its own (our drop-in's PrivateTmp), never in the one that everybody shares.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..conf import CHECK_HTTP, FAULT_VALUE, ConfError, configured, in_force
from .files import UNIT, Files, Run

CONF = "etc/keepalived/keepalived.conf"
MEMORY = "/memfd:/keepalived/consolidated_configuration"
REPORT = "tmp/keepalived.json"
REPORT_SECONDS = 0.3
# What an instance is in that could not take over a VIP, or of which that is not known yet.
UNABLE = ("FAULT", "unknown")
STATES = {0: "INIT", 1: "BACKUP", 2: "MASTER", 3: "FAULT"}
UNIT_PROPERTIES = ("Id", "ActiveState", "SubState", "MainPID", "ActiveEnterTimestamp", "NRestarts")


@dataclass(frozen=True)
class Interface:
    """A link and the addresses that the kernel has on it."""

    name: str
    up: bool
    addresses: tuple[str, ...] = ()


@dataclass
class Live:
    """One look at the node."""

    running: bool = False
    pid: int = 0
    since: str = ""
    version: str = ""
    units: dict[str, str] = field(default_factory=dict)
    conf: dict[str, Any] = field(default_factory=lambda: {"instances": []})
    in_force: bool | None = None
    report: list[dict[str, Any]] | None = None
    interfaces: dict[str, Interface] = field(default_factory=dict)
    problem: str = ""

    @property
    def addresses(self) -> dict[str, str]:
        return {address: link.name for link in self.interfaces.values() for address in link.addresses}


def bare(address: str) -> str:
    """An address without its prefix, written as the kernel writes it."""
    text = address.split("/", maxsplit=1)[0]
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except OSError:
        return text


def watched(files: Files) -> list[str]:
    """The units that a look asks systemd about: keepalived's and those that it tracks."""
    return [UNIT, *(files.facts().get("services") or {}).values()]


def look(
    files: Files,
    proc: Path = Path("/proc"),
    report: bool = True,
    units: Mapping[str, Mapping[str, str]] | None = None,
) -> Live:
    """Look once: units, configuration in force, the daemon's report, the kernel's addresses."""
    if units is None:
        units = show_units(files.run, watched(files))
    main = units.get(UNIT, {})
    live = Live(
        running=main.get("ActiveState") in ("active", "reloading"),
        pid=int(main.get("MainPID") or 0),
        since=main.get("ActiveEnterTimestamp", ""),
        units={name: properties.get("ActiveState", "unknown") for name, properties in units.items()},
        interfaces=show_interfaces(files.run),
    )
    live.running = live.running and live.pid > 0
    written = _text(files.root / CONF)
    text = memory(proc / str(live.pid)) if live.running else None
    if text is not None and written is not None:
        live.in_force = in_force(text, written)
    try:
        live.conf = configured(text if text is not None else written or "")
    except ConfError as error:
        live.problem = f"/{CONF}: {error}"
    if live.running and report:
        live.report = ask(proc / str(live.pid), proc / "1")
    return live


def show_units(run: Run, names: list[str]) -> dict[str, dict[str, str]]:
    """Some properties of some units, by name."""
    shown = run(["systemctl", "show", f"--property={','.join(UNIT_PROPERTIES)}", "--", *names]).stdout
    units = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.strip().split("\n\n")
    ]
    return {unit["Id"]: unit for unit in units if "Id" in unit}


def show_interfaces(run: Run) -> dict[str, Interface]:
    """Every link with its addresses."""
    shown = run(["ip", "-json", "address", "show"]).stdout
    links = json.loads(shown) if shown.strip() else []
    return {
        link["ifname"]: Interface(
            name=link["ifname"],
            up={"UP", "LOWER_UP"} <= set(link.get("flags") or []),
            addresses=tuple(info["local"] for info in link.get("addr_info") or [] if "local" in info),
        )
        for link in links
        if "ifname" in link
    }


def memory(process: Path) -> str | None:
    """The configuration that the main process holds in memory; None where it has no such file."""
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return None
    for descriptor in descriptors:
        try:
            if os.readlink(descriptor).startswith(MEMORY):
                return _text(descriptor)
        except OSError:
            continue
    return None


def ask(process: Path, init: Path) -> list[dict[str, Any]] | None:
    """The daemon's own report; None where its /tmp is not private or no report came."""
    path = process / "root" / REPORT
    try:
        if os.path.samestat(os.stat(path.parent), os.stat(init / "root" / "tmp")):
            return None
        if path.exists():
            path.unlink()
        os.kill(int(process.name), signal.SIGRTMIN + 2)
    except (OSError, ValueError):
        return None
    deadline = time.monotonic() + REPORT_SECONDS
    while time.monotonic() < deadline:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            path.unlink()
            return list(found["vrrp"] if isinstance(found, dict) else found)
        except (OSError, ValueError, KeyError):
            time.sleep(0.003)
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


# ------------------------------------------------------------------------------------------------- what follows from it


def instances(files: Files, live: Live) -> list[dict[str, Any]]:
    """State, effective priority and held addresses of every instance, and what keeps one in FAULT."""
    reported = {entry["data"]["iname"]: entry["data"] for entry in live.report or []}
    crashes, joining = files.crashes(), files.joining()
    found = []
    for instance in live.conf["instances"]:
        data = reported.get(instance["name"])
        held = [bare(address) for address in instance["addresses"] if bare(address) in live.addresses]
        reasons = faults(instance, live, crashes, files, joining) if live.running else []
        found.append(
            {
                "name": instance["name"],
                "state": state(instance, live, data, held, reasons),
                "priority": data.get("effective_priority") if data else None,
                "since": data.get("last_transition") if data else None,
                "held": held,
                "reasons": reasons,
            }
        )
    _explain_groups(live, found)
    for entry in found:
        if entry["state"] != "FAULT":
            entry["reasons"] = []
        elif not entry["reasons"]:
            entry["reasons"] = [_unexplained(live, entry["name"])]
    return found


def missing(found: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any], joining: bool) -> list[str]:
    """What is not yet as it is waited for, of what `instances` returned; empty when it is.

    `able` waits until no instance is in FAULT or unknown (with `joining` a node that waits for its peers will do), `held` until
    the kernel has these addresses.
    """
    able = not wanted.get("able") or bool(wanted.get("joining") and joining)
    held = {address for entry in found for address in entry["held"]}
    return [f"{entry['name']} is in {entry['state']}" for entry in found if not able and entry["state"] in UNABLE] + [
        f"{address} is not here" for address in map(bare, wanted.get("held") or []) if address not in held
    ]


def state(
    instance: Mapping[str, Any], live: Live, data: Mapping[str, Any] | None, held: list[str], reasons: list[str]
) -> str:
    """The daemon's word; without a report, what kernel and trackers imply."""
    if not live.running:
        return "STOP"
    if data:
        return STATES.get(data.get("state", -1), "unknown")
    if live.report is not None:
        return "unknown"
    if instance["anchor"] and bare(instance["anchor"]) in held:
        return "MASTER"
    return "FAULT" if reasons else "BACKUP"


def faults(
    instance: Mapping[str, Any], live: Live, crashes: Mapping[str, int | None], files: Files, joining: bool
) -> list[str]:
    """What holds an instance in FAULT, as far as it can be seen from outside the daemon."""
    found = []
    tracked = {entry["name"]: entry["file"] for entry in live.conf.get("track_files") or []}
    for name in instance["track_files"]:
        path = tracked.get(name, "")
        if name.startswith("crash_"):
            if crashes.get(name[len("crash_") :]) == FAULT_VALUE:
                found.append(f"{name[len('crash_') :]} does not run ({path} holds {FAULT_VALUE})")
        elif name == "join" and joining:
            found += waiting(files)
        elif name == "drain" and any((drain.value or 0) <= FAULT_VALUE for drain in files.drained_by()):
            found.append("drained, and nopreempt leaves no other way than FAULT")
    for name in [instance["interface"], *instance["track_interfaces"]]:
        link = live.interfaces.get(name)
        if link is None:
            found.append(f"the interface {name} does not exist")
        elif not link.up:
            found.append(f"the interface {name} is down")
    for script in unweighted(instance, live):
        target = _check_http(script["script"])
        if target and not answers(*target):
            found.append(f"{script['name']}: nobody answers http://{target[0]}:{target[1]}{target[2]}")
    return found


def waiting(files: Files) -> list[str]:
    """What a joining node waits for, in the listener's own words."""
    try:
        said = dict(json.loads((files.volatile / "joining").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        said = {}
    return [f"new here, {text}" for _name, text in sorted(said.items())] or [
        "new here, and its peers have not been heard yet"
    ]


def unweighted(instance: Mapping[str, Any], live: Live) -> list[dict[str, Any]]:
    """The scripts whose failure means FAULT for this instance."""
    names = set(instance["track_scripts"])
    return [script for script in live.conf.get("scripts") or [] if script["name"] in names and not script["weight"]]


def _check_http(script: str) -> tuple[str, int, str] | None:
    words = script.split()
    if len(words) < 4 or words[0] != CHECK_HTTP or not words[2].isdigit():
        return None
    return words[1], int(words[2]), words[3]


def answers(host: str, port: int, path: str, timeout: float = 0.15) -> bool:
    """Whether a URL answers 200: the same question that check_http asks."""
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return re.match(rb"HTTP/\S+ 200\b", connection.recv(64)) is not None
    except OSError:
        return False


def _explain_groups(live: Live, found: list[dict[str, Any]]) -> None:
    """A member of a sync group is in FAULT because another one is."""
    by_name = {entry["name"]: entry for entry in found}
    for group in live.conf.get("sync_groups") or []:
        members = [by_name[name] for name in group["instances"] if name in by_name]
        guilty = [entry["name"] for entry in members if entry["reasons"]]
        for entry in members:
            if not entry["reasons"] and guilty:
                entry["reasons"] = [f"the sync group {group['name']} holds it together with {', '.join(guilty)}"]


def _unexplained(live: Live, name: str) -> str:
    instance = next(entry for entry in live.conf["instances"] if entry["name"] == name)
    scripts = [script["name"] for script in unweighted(instance, live) if not _check_http(script["script"])]
    if scripts:
        return f"one of its scripts fails ({', '.join(scripts)}): journalctl -u keepalived"
    return "keepalived says no reason that can be seen from outside: journalctl -u keepalived"
