# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: together
short_description: Why a change can't be made node by node
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Looks at what would become of C(keepalived.conf) and says why the nodes of a cluster must change together, because two of them would
    hold the virtual IPs meanwhile. Empty where they need not.
options:
  _input:
    description: The RV(evenkeel.lb.commit#module:diff) of M(evenkeel.lb.commit) in check mode.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what stands against a rollback
  ansible.builtin.debug:
    msg: "{{ tried.diff | evenkeel.lb.together }}"
"""

RETURN = r"""
_value:
  description: The reasons.
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.undo import together


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"together": together}
