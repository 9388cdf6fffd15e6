# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: due
short_description: What a comparison found to do on a host
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Reads what the roles registered in check mode, C(NAME_commit), C(__NAME_packages) and C(__NAME_look). A service is due when its set
    differs, or when a package, an account or a key that it needs is missing.
positional: variables
options:
  _input:
    description: The services of the host, in the order of their commits.
    type: list
    elements: str
    required: true
  variables:
    description: The host's entry of Ansible's C(hostvars).
    type: dict
    required: true
seealso:
  - module: evenkeel.lb.commit
  - module: evenkeel.lb.packages
"""

EXAMPLES = r"""
- name: Say what is due
  ansible.builtin.debug:
    msg: "{{ (['haproxy', 'keepalived'] | evenkeel.lb.due(hostvars[inventory_hostname])).pending }}"
"""

RETURN = r"""
_value:
  description: V(pending), the services that are due; V(applies), what a commit of each would do to its unit.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

# What a role registers, by the service's name.
NEEDS = ("{}_commit", "__{}_packages", "__{}_look")


def due(services: list[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "pending": [
            name for name in services if any((variables.get(need.format(name)) or {}).get("changed") for need in NEEDS)
        ],
        "applies": {name: (variables.get(f"{name}_commit") or {}).get("apply", "none") for name in services},
    }


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"due": due}
