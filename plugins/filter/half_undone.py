# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: half_undone
short_description: What a rollback says that failed on a node
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Adds to the failure of a node how far the rollback of its cluster came.
positional: node, run, undone_on
options:
  _input:
    description: Why it failed.
    type: str
    required: true
  node:
    description: The node.
    type: str
    required: true
  run:
    description: The run that is undone.
    type: str
    required: true
  undone_on:
    description: The nodes on which it is undone.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Name what failed
  ansible.builtin.fail:
    msg: "{{ 'It does not answer.' | evenkeel.lb.half_undone('lb-1', '20261121T150000Z-123456', ['lb-2']) }}"
"""

RETURN = r"""
_value:
  description: The whole text.
  type: str
"""

from collections.abc import Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import ending


def half_undone(failed: str, node: str, run: str, undone_on: Sequence[str]) -> str:
    return ending.half_undone(failed, node, run, undone_on)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"half_undone": half_undone}
