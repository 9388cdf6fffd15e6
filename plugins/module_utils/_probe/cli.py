# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe without Ansible: ``probe.pyz run|start|stop`` with the module's parameters as JSON, figures as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from .._core.findings import CoreError
from .background import Background, BackgroundError
from .client import Client, report
from .settings import settings

DIRECTORY = "~/.evenkeel/probe"


def act(verb: str, params: dict[str, Any]) -> dict[str, Any]:
    """Do one of run, start and stop."""
    background = Background(params.get("state_dir") or DIRECTORY)
    if verb == "start":
        return {"pid": background.start(settings(params))}
    if verb == "stop":
        result = background.stop()
    else:
        client = Client(settings(params))
        client.run()
        result = client.result()
    listed = params.get("list_lost")
    return report(result, params.get("marks") or [], 100 if listed is None else listed, bool(params.get("series")))


def main(arguments: list[str]) -> int:
    """Entry point of the packed probe."""
    if not 1 <= len(arguments) <= 2 or arguments[0] not in ("run", "start", "stop"):
        sys.stderr.write("usage: probe.pyz run|start|stop [JSON]\n")
        return 2
    try:
        answer = act(arguments[0], json.loads(arguments[1]) if len(arguments) == 2 else {})
    except (CoreError, BackgroundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{json.dumps(answer)}\n")
    return 0
