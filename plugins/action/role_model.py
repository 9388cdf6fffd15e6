# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolves a role's variables on the controller and hands them to the role's core; calls no host."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import NAMES, service
from ansible_collections.evenkeel.lb.plugins.module_utils._plan.accept import VARIABLE
from ansible_collections.evenkeel.lb.plugins.plugin_utils.findings import refusal, texts
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import plain
from ansible_collections.evenkeel.lb.plugins.plugin_utils.role import Role, node_names
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import specification

ARGUMENT_SPEC = {
    "role": {"type": "str", "required": True, "choices": sorted(NAMES)},
    "packages": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """See the module's documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(ARGUMENT_SPEC)  # type: ignore[no-untyped-call]
        known = task_vars or {}
        host = str(known["inventory_hostname"])
        options = specification(args["role"])
        headline = f"The role {args['role']} can't work with its variables"
        nodes = self._resolve("evenkeel_nodes", known) if "evenkeel_nodes" in known else [host]
        try:
            names = node_names(host, nodes)
        except CoreError as error:
            return {**result, **refusal([finding.as_dict() for finding in error.findings], headline)}
        role = Role(
            name=args["role"],
            host=host,
            options=options,
            given={name: self._resolve(name, known) for name in options if name in known},
            names=[name for name in known if name.startswith(f"{args['role']}_")],
            nodes=names,
            hostvars=known["hostvars"],
            packages=args["packages"],
            others={name: self._resolve(name, known) for name in service(args["role"]).reads if name in known},
            now=time.time(),
            accepts=self._resolve(VARIABLE, known) if VARIABLE in known else None,
        )
        try:
            model = role.model()
        except CoreError as error:
            # Not the variables' fault: a library that the role's core needs is missing here.
            return {**result, **refusal([finding.as_dict() for finding in error.findings], headline)}
        result["changed"] = False
        if model["errors"]:
            return {**result, **refusal(model["errors"], headline)}
        # Secrets are in the model, so it is registered whole and printed nowhere; its warnings are shown here.
        for warning in texts(model["warnings"]):
            self._display.warning(warning)
        return {**result, "model": model, "_ansible_no_log": True}

    def _resolve(self, name: str, known: dict[str, Any]) -> Any:
        try:
            return plain(self._templar.template(known[name]))
        except AnsibleError as error:
            raise AnsibleActionFail(f"{name}: {to_text(error)}") from error
