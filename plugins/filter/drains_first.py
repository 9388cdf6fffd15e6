# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: drains_first
short_description: Whether a node gives its VIPs away before it changes
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Says so for a node that holds a virtual IP which a healthy node would take, where the person who runs this wants it always,
    or where the change can't be made in place without a loss.
positional: held, others, applies, way, leaving, cuts
options:
  _input:
    description: The node.
    type: str
    required: true
  held:
    description: The addresses that the node holds.
    type: list
    elements: str
    required: true
  others:
    description: Healthy nodes of the cluster; the node itself does not count.
    type: list
    elements: str
    required: true
  applies:
    description: What would be done to each service - RV(evenkeel.lb.commit#module:apply) of M(evenkeel.lb.commit), by service.
    type: dict
    required: true
  way:
    description: V(auto) only for a change that can't be made in place.
    type: str
    choices: [auto, always, never]
    default: auto
  leaving:
    description: Whether the node leaves the cluster.
    type: bool
    default: false
  cuts:
    description: Whether the change cuts kept connections (P(evenkeel.lb.reload_cuts#filter)).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Are its VIPs moved first?
  ansible.builtin.debug:
    msg: "{{ 'lb-1' | evenkeel.lb.drains_first(live.held, ['lb-2'], {'haproxy': 'restart'}) }}"
"""

RETURN = r"""
_value:
  description: Whether it does.
  type: bool
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import decide


def drains_first(
    node: str,
    held: Sequence[str],
    others: Sequence[str],
    applies: Mapping[str, str],
    way: str = decide.AUTO,
    leaving: bool = False,
    cuts: bool = False,
) -> bool:
    return decide.drains_first(held, [name for name in others if name != node], applies, way, leaving, cuts)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"drains_first": drains_first}
