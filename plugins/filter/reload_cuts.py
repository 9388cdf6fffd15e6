# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: reload_cuts
short_description: Whether a change that only reloads cuts kept connections
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - A reload of an nginx before 1.27.4 does.
positional: packages
options:
  _input:
    description: What would be done to each service - RV(evenkeel.lb.commit#module:apply) of M(evenkeel.lb.commit), by service.
    type: dict
    required: true
  packages:
    description: Lines that name installed packages, such as V(nginx 1.22.1-9).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Would clients notice?
  ansible.builtin.debug:
    msg: "{{ {'nginx': 'reload'} | evenkeel.lb.reload_cuts(['nginx 1.22.1-9']) }}"
"""

RETURN = r"""
_value:
  description: Whether it does.
  type: bool
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import decide


def reload_cuts(applies: Mapping[str, str], packages: Sequence[str]) -> bool:
    return decide.reload_cuts(applies, packages)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"reload_cuts": reload_cuts}
