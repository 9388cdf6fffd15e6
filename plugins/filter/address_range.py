# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: address_range
short_description: Every address from one to another
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Lists addresses in their order, both ends among them. A range has at most 65536.
requirements:
  - The Python library netaddr on the controller.
positional: last
options:
  _input:
    description: The first address, IPv4 or IPv6.
    type: str
    required: true
  last:
    description: The last address, of the same family and not lower.
    type: str
    required: true
seealso:
  - plugin: evenkeel.lb.nth_host
    plugin_type: filter
  - plugin: evenkeel.lb.merge_networks
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Four addresses
  ansible.builtin.assert:
    that: >-
      '198.51.100.9' | evenkeel.lb.address_range('198.51.100.12') ==
      ['198.51.100.9', '198.51.100.10', '198.51.100.11', '198.51.100.12']

# In an inventory: the first ten hosts of a network as virtual addresses
# virtual_addresses: >-
#   {{ lan | evenkeel.lb.nth_host(1) | evenkeel.lb.address_range(lan | evenkeel.lb.nth_host(10))
#      | product(['/24']) | map('join') | list }}
"""

RETURN = r"""
_value:
  description: The addresses.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core import networks
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError

NAME = "evenkeel.lb.address_range"


def address_range(first: str, last: str) -> list[str]:
    try:
        return networks.address_range(first, last)
    except CoreError as error:
        raise AnsibleFilterError(f"{NAME}: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"address_range": address_range}
