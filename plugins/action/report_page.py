# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the page of a run on the controller."""

from __future__ import annotations

import os
import re
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.module_utils._report.page import Clock
from ansible_collections.evenkeel.lb.plugins.plugin_utils.page import page
from ansible_collections.evenkeel.lb.plugins.plugin_utils.picture import LACKING, Lacking, draw
from ansible_collections.evenkeel.lb.plugins.plugin_utils.told import told

ARGUMENT_SPEC = {
    "directory": {"type": "path", "required": True},
    "rollout": {"type": "dict", "required": True},
    "cluster": {"type": "str", "required": True},
    "run_id": {"type": "str", "required": True},
    "title": {"type": "str", "required": True},
    "began": {"type": "float", "required": True},
    "clients": {"type": "dict"},
}


class ActionModule(ActionBase):
    """See the module's documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(ARGUMENT_SPEC)  # type: ignore[no-untyped-call]
        began, ended = args["began"], time.time()
        run = told(args["rollout"], (task_vars or {})["hostvars"], args["title"], args["clients"], began, ended)
        zone = datetime.now().astimezone().tzinfo
        if zone is None:
            raise AssertionError("a moment that was given a zone has one")
        lines = []
        try:
            picture, lacking = draw(run, Clock(zone)), ""
        except Lacking as error:
            picture, lacking = None, LACKING.format(error=error, python=sys.executable)
            lines.append(lacking)
        path = Path(args["directory"]).expanduser() / f"{file_name(args['cluster'], args['run_id'])}.html"
        try:
            write(path, page(run, zone, picture, lacking))
            lines.insert(0, f"Report: {path}")
            result["path"] = str(path)
        except OSError as error:
            lines = [
                f"Report: not written. {error.filename}: {error.strerror}. evenkeel_report names another directory."
            ]
            result["path"] = ""
        result.update(changed=False, lines=lines)
        return result


def file_name(cluster: str, run_id: str) -> str:
    """A name that any file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", f"{cluster}-{run_id}").lstrip(".")


def write(path: Path, text: str) -> None:
    """A whole file or none; diffs are in it, so it is its owner's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
