# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: The services of a host
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Which of our roles the variables of a host speak of, in the order in which they are committed.
options:
  _input:
    description: The names of the host's variables.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Which roles does this host have?
  ansible.builtin.debug:
    msg: "{{ query('ansible.builtin.varnames', '^(haproxy|keepalived)_') | evenkeel.lb.services }}"
"""

RETURN = r"""
_value:
  description: The services.
  type: list
  elements: str
"""

from collections.abc import Sequence
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import decide


def services(variables: Sequence[str]) -> list[str]:
    return decide.services(set(variables))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"services": services}
