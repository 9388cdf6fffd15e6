# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived on a node holds, why not, and which configuration is in force: `vrrp_info`, and a part of `node_info`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from . import live as looking
from .files import Files, Run, number
from .history import history


def installed_version(run: Run) -> str:
    """What `keepalived -v` says of itself."""
    said = run(["/usr/sbin/keepalived", "-v"])
    match = re.search(r"Keepalived v([0-9.]+)", said.stderr + said.stdout)
    return match.group(1) if match else ""


def info(
    files: Files, history_since: float | None = None, units: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, Any]:
    """Everything that the RETURN of `vrrp_info` promises. `units`: what systemd said of them, where it was asked already."""
    live = looking.look(files, units=units)
    found = looking.instances(files, live)
    lease = files.lease()
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
    }
