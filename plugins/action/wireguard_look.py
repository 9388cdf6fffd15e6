# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a host's public keys and the peers that its files name; none where this run has looked already."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node import found
from ansible_collections.evenkeel.lb.plugins.plugin_utils.seen import seen

ARGUMENT_SPEC = {
    "interfaces": {"type": "list", "elements": "str", "required": True},
    "given": {"type": "list", "elements": "str", "default": [], "no_log": False},
}


class ActionModule(ActionBase):
    """See the module's documentation."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(ARGUMENT_SPEC)  # type: ignore[no-untyped-call]
        names = args["interfaces"]
        looked = seen(self, task_vars)
        lines = found.of(names, looked["tunnels"] if looked.get("tunnels") is not None else self._ask(names))
        keyless = [name for name in found.keyless(names, lines) if name not in args["given"]]
        # In check mode the keys are announced, and nobody makes them.
        announced = bool(keyless) and bool(self._task.check_mode)
        if announced:
            result.update(msg=f"Would make the keys of {', '.join(keyless)}.", _ansible_verbose_always=True)
        return {
            **result,
            "changed": announced,
            "stdout_lines": lines,
            "kernel": "kernel" in lines,
            "keyless": [] if announced else keyless,
        }

    def _ask(self, names: Sequence[str]) -> list[str]:
        command = shlex.join(found.command(names))
        said: dict[str, Any] = self._low_level_execute_command(command)  # type: ignore[no-untyped-call]
        lines: list[str] = to_text(said.get("stdout", "")).splitlines()
        return lines
