# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: keepalived_model
short_description: One node's plan as the templates of the keepalived role print it
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Nesting, quoting and order are settled here, so that the templates of the role P(evenkeel.lb.keepalived#role) only print.
options:
  _input:
    description: The plan of the cluster, as M(evenkeel.lb.vrrp_plan) returns it.
    type: dict
    required: true
  node:
    description: Name of the node.
    type: str
    required: true
  settings:
    description: >-
      The role's own variables without their prefix: V(script_user), V(garp_master_refresh), V(garp_lower_prio_repeat),
      V(unicast_filter), and where set V(router_id), V(email), V(global_options).
    type: dict
    required: true
seealso:
  - module: evenkeel.lb.vrrp_plan
"""

EXAMPLES = r"""
- name: Show what a node's templates are given
  ansible.builtin.debug:
    msg: >-
      {{ plan | evenkeel.lb.keepalived_model('lb-1', {'script_user': 'evenkeel', 'garp_master_refresh': 60,
                                                      'garp_lower_prio_repeat': 5, 'unicast_filter': true}) }}
"""

RETURN = r"""
_value:
  description: >-
    C(router_id), C(email), C(global_options), C(track_files), C(scripts), C(sync_groups), C(instances), C(services),
    C(filter) (who may send adverts), C(facts) (what the node's own tool needs) and C(secrets).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.errors import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.keepalived_model import build

NAME = "evenkeel.lb.keepalived_model"


def keepalived_model(plan: Any, node: Any, settings: Any) -> dict[str, Any]:
    """Check the arguments and hand them to the core."""
    for what, given in (("the plan", plan), ("settings", settings)):
        if not isinstance(given, Mapping):
            raise AnsibleFilterError(f"{NAME}: {what} must be a dictionary, not {type(given).__name__}.")
    if node not in plan.get("nodes", {}):
        known = ", ".join(plan.get("nodes", {})) or "none"
        raise AnsibleFilterError(f"{NAME}: the plan has no node {node!r}. Accepted: {known}. Is it in evenkeel_nodes?")
    try:
        return build(plan, node, settings)
    except CoreError as error:
        raise AnsibleFilterError(f"{NAME}: {error}") from None


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"keepalived_model": keepalived_model}
