# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services of a host need nothing, told from this run's look at it; calls no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.plugin_utils.quiet import Loud, Quiet
from ansible_collections.evenkeel.lb.plugins.plugin_utils.seen import VARIABLE

ARGUMENT_SPEC = {
    "services": {"type": "list", "elements": "str", "required": True},
    "look": {"type": "str", "default": ""},
}


class ActionModule(ActionBase):
    """See the module's documentation."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(ARGUMENT_SPEC)  # type: ignore[no-untyped-call]
        quiet: dict[str, Any] = {}
        why: dict[str, str] = {}
        for service in args["services"] if args["look"] else ():
            try:
                found = Quiet(self, service, {**(task_vars or {}), VARIABLE: args["look"]}).run()
                quiet[service] = found[f"{service}_commit"]
            except Loud as reason:
                why[service] = str(reason)
        differs = [service for service in args["services"] if service not in quiet]
        return {**result, "changed": False, "quiet": quiet, "differs": differs, "why": why}
