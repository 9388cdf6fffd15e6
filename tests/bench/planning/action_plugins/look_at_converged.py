# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What node_info would return of a node on which the roles' sets are in force: made from what the roles would commit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.action import commit
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import payload, sysctl
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import parse
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.state import ABSENT, DIRECTORY, NOTHING, State, digest
from ansible_collections.evenkeel.lb.plugins.plugin_utils import quiet
from ansible_collections.evenkeel.lb.plugins.plugin_utils.seen import VARIABLE

VERSIONS = {"haproxy": "2.6.12-1", "libssl3": "3.0.17-1", "keepalived": "1:2.2.7-1", "nftables": "1.0.6-2"}


class Captured(commit.ActionModule):
    """Notes the set as a look would find it, instead of comparing it."""

    sets: dict[str, Any]

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        files, contents = self._files(self._task.args["files"])
        request = parse({**self._task.args, "files": files, "check": True}, contents)
        entries = {one.path: one for one in request.entries}
        states = {
            path: NOTHING
            if one.kind == ABSENT
            else State(one.kind, "" if one.kind == DIRECTORY else digest(one.content), 0, 0, one.mode)
            for path, one in entries.items()
        }
        wishes = [wish for path in request.sysctl_files for wish in sysctl.parse(entries[path].content.decode())]
        values = {wish.key: {"value": wish.value, "origin": ""} for wish in wishes}
        self.sets["services"][request.service] = {
            "number": 1,
            "entries": {
                path: [asdict(state), entries[path].secret, entries[path].allow_empty, False]
                for path, state in states.items()
            },
            "sysctls": values,
        }
        self.sets["paths"].update({path: asdict(state) for path, state in states.items()})
        self.sets["directories"] += [str(above) for path in states for above in PurePath(path).parents]
        self.sets["sysctls"].update({key: one["value"] for key, one in values.items()})
        self.sets["units"][request.unit] = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled"
        return {"changed": False}


class ActionModule(ActionBase):
    """Returns `seen`."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        Captured.sets = {
            "services": {},
            "paths": {},
            "directories": [],
            "real": {},
            "sysctls": {},
            "patterns": {},
            "units": {},
            "owners": {"root": 0},
            "groups": {"root": 0},
        }
        host = {"packages": VERSIONS, "users": ["root", "evenkeel"], "intact": [], "tunnels": None}
        quiet.ACTIONS = {**quiet.ACTIONS, "evenkeel.lb.commit": Captured}
        for service in ("haproxy", "keepalived"):
            quiet.Quiet(self, service, {**(task_vars or {}), VARIABLE: payload.pack([], {**host, "sets": {}})}).run()
        seen = payload.pack([], {**host, "sets": Captured.sets})
        return {**result, "changed": False, "seen": seen}
