# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's model from the variables of one host: what the roles' tasks and templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import no_nodes
from ansible_collections.evenkeel.lb.plugins.module_utils._core import role as core
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import service
from ansible_collections.evenkeel.lb.plugins.module_utils._plan import accept
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import variables

UTILS = "ansible_collections.evenkeel.lb.plugins.module_utils"


@dataclass(frozen=True)
class Role(core.Role):
    """One role on one host, whose inventory is Ansible's; `accepts` is its `evenkeel_accept`."""

    accepts: Any = None

    def model(self) -> dict[str, Any]:
        """`errors` and `warnings` (findings as dicts); without errors also what is rendered."""
        # A task is a process of its own, and needs but one of the models.
        found: dict[str, Any] = import_module(f"{UTILS}.{service(self.name).room}.model").of(self)
        return accept.of_host(found, self.accepts)

    def inventory(self, node: str) -> dict[str, Any] | None:
        return variables(self.hostvars, node)


def node_names(host: str, value: Any) -> list[str]:
    """The names in `evenkeel_nodes`; refuses what lists none."""
    if not isinstance(value, list) or any(isinstance(name, bool) or not isinstance(name, (str, int)) for name in value):
        raise CoreError([no_nodes(host, value, "a list of host names")])
    return [str(name) for name in value]
