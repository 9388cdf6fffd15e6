# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: require_balancers
short_description: The group that a playbook works on, if its command line leaves any of it
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Fails where the hosts of a run have no balancer among them, or where the run has tags. It is for the C(hosts) of a play, where
    neither a limit nor a tag can skip it.
positional: hosts, limit, run_tags, skip_tags
options:
  _input:
    description: The balancers of the inventory.
    type: list
    elements: str
    required: true
  hosts:
    description: The hosts of this run.
    type: list
    elements: str
    required: true
  limit:
    description: Ansible's C(ansible_limit); empty where there is none.
    type: str
    required: true
  run_tags:
    description: Ansible's C(ansible_run_tags).
    type: list
    elements: str
    required: true
  skip_tags:
    description: Ansible's C(ansible_skip_tags). Those that Molecule always skips do not count.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Do what needs a balancer
  hosts: >-
    {{ groups.balancers | default([])
       | evenkeel.lb.require_balancers(ansible_play_hosts, ansible_limit | default(''), ansible_run_tags, ansible_skip_tags) }}
"""

RETURN = r"""
_value:
  description: The name of the group, V(balancers).
  type: str
"""

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import command_line


def require_balancers(
    balancers: Sequence[str], hosts: Sequence[str], limit: str, run_tags: Sequence[str], skip_tags: Sequence[str]
) -> str:
    try:
        return command_line.require_balancers(balancers, hosts, limit, run_tags, skip_tags)
    except CoreError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"require_balancers": require_balancers}
