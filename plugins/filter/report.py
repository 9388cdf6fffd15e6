# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: report
short_description: What a run did to a cluster, and what its clients saw of it
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Makes the lines that the playbooks C(evenkeel.lb.site) and C(evenkeel.lb.propagate) end with, from what their plays noted.
positional: hostvars, title
options:
  _input:
    description: The cluster's rollout, as P(evenkeel.lb.rollout#filter) returns it.
    type: dict
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  title:
    description: The first line.
    type: str
    required: true
  clients:
    description: A result of M(evenkeel.lb.probe), or nothing.
    type: dict
seealso:
  - module: evenkeel.lb.probe
"""

EXAMPLES = r"""
- name: Say what was done
  evenkeel.lb.show:
    lines: "{{ __evenkeel_rollout | evenkeel.lb.report(hostvars, 'edge') }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._report import lines as core
from ansible_collections.evenkeel.lb.plugins.plugin_utils.noted import figures, nodes

NAME = "evenkeel.lb.report"


def report(rollout: Mapping[str, Any], hostvars: Mapping[str, Any], title: str, clients: Any = None) -> list[str]:
    if not isinstance(rollout, Mapping) or "turns" not in rollout:
        raise AnsibleFilterError(f"{NAME}: the input must be a rollout, not {type(rollout).__name__}")
    return core.report(title, nodes(rollout, hostvars), figures(clients))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"report": report}
