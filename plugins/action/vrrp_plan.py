# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans on the controller: reads the inventory of the cluster's own nodes and calls no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.inventory import CLUSTER_DEFAULT
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import describe
from ansible_collections.evenkeel.lb.plugins.module_utils._plan.accept import plan, plan_all
from ansible_collections.evenkeel.lb.plugins.plugin_utils.findings import refusal, texts
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import variables
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options

ARGUMENT_SPEC = {
    "cluster": {"type": "str"},
    "nodes": {"type": "list", "elements": "str"},
    "hosts": {"type": "list", "elements": "str"},
}


class ActionModule(ActionBase):
    """See the module's documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(  # type: ignore[no-untyped-call]
            ARGUMENT_SPEC,
            required_one_of=[("nodes", "hosts")],
            mutually_exclusive=[("nodes", "hosts"), ("cluster", "hosts")],
        )
        hostvars = (task_vars or {})["hostvars"]
        result["changed"] = False

        if args["hosts"] is not None:
            planned = plan_all(args["hosts"], lambda name: variables(hostvars, name), plan_options())
            plans = list(planned["plans"].values())
            answer: dict[str, Any] = {"plans": planned["plans"]}
        else:
            nodes = [{"name": name, "vars": variables(hostvars, name)} for name in args["nodes"]]
            first = nodes[0]["vars"] if nodes else None
            cluster = args["cluster"] or (first or {}).get("evenkeel_cluster") or CLUSTER_DEFAULT
            planned = plan(cluster, nodes, plan_options())
            plans = [planned]
            answer = {"plan": planned}

        result["warnings"] = texts(planned["warnings"])
        if planned["errors"]:
            return {**result, **refusal(planned["errors"], "The inventory cannot be planned")}
        result.update(answer, summary=[line for one in plans for line in describe(one)])
        if any(_has_password(one) for one in plans):
            # Registered whole, printed nowhere: the warnings are lost with the rest, so they are shown here.
            for warning in result.pop("warnings"):
                self._display.warning(warning)
            result["_ansible_no_log"] = True
        return result


def _has_password(planned: dict[str, Any]) -> bool:
    return any(instance["auth_pass"] for node in planned["nodes"].values() for instance in node["instances"])
