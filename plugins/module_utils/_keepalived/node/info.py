# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived on a node holds, why not, and which configuration is in force: `vrrp_info`, and a part of `node_info`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..._commit.lease import Leases
from . import live as looking
from .files import Files, Run, number
from .history import history

POLL_SECONDS = 0.1


def installed_version(run: Run) -> str:
    """What `keepalived -v` says of itself."""
    said = run(["/usr/sbin/keepalived", "-v"])
    match = re.search(r"Keepalived v([0-9.]+)", said.stderr + said.stdout)
    return match.group(1) if match else ""


def info(
    files: Files,
    history_since: float | None = None,
    wait_for: Mapping[str, Any] | None = None,
    wait_seconds: float = 30,
    units: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Everything that the RETURN of `vrrp_info` promises. `units`: what systemd said of them, where it was asked already."""
    live, found, waited = wait(files, wait_for or {}, wait_seconds, units)
    lease = Leases(files.root).read()
    return {
        "running": live.running,
        "since": live.since if live.running else "",
        "version": installed_version(files.run),
        "instances": found,
        "held": sorted({address for entry in found for address in entry["held"]}),
        "configured": live.conf,
        "in_force": live.in_force,
        "problem": live.problem,
        "drain": [asdict(drain) for drain in files.drained_by()],
        "drain_value": number(files.track / "drain"),
        "crash": files.crashes(),
        "joining": files.joining(),
        "lease": lease.as_dict() if lease else None,
        "units": live.units,
        **({} if history_since is None else {"history": history(files.run, history_since)}),
        **({} if wait_for is None else waited),
    }


def wait(
    files: Files, wanted: Mapping[str, Any], seconds: float, units: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[looking.Live, list[dict[str, Any]], dict[str, Any]]:
    """The first look at which nothing is missing, or the last one in time."""
    start = time.monotonic()
    while True:
        live = looking.look(files, units=units)
        found = looking.instances(files, live)
        missing = looking.missing(found, wanted, files.joining())
        waited = round(time.monotonic() - start, 3)
        if not missing or waited >= seconds:
            return live, found, {"missing": missing, "waited_seconds": waited}
        time.sleep(POLL_SECONDS)
