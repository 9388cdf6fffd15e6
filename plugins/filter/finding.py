# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: finding
short_description: A finding as one readable line
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Turns a finding of M(evenkeel.lb.vrrp_plan) or P(evenkeel.lb.rollout#filter) into text - where, what, what was
    found, what is accepted, what to do.
options:
  _input:
    description:
      - The finding, with the keys V(rule), V(where), V(what), V(got), V(accepted), V(remedy) and V(severity).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the warnings
  ansible.builtin.debug:
    msg: "{{ plan.warnings | map('evenkeel.lb.finding') | list }}"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import Finding

NAME = "evenkeel.lb.finding"


def finding(fields: Mapping[str, Any]) -> str:
    try:
        return str(Finding(**fields))
    except TypeError as error:
        raise AnsibleFilterError(f"{NAME}: the input must be a finding of evenkeel.lb ({error})") from error


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"finding": finding}
