# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: merge_networks
short_description: The fewest networks with the same addresses
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Joins networks that lie side by side, and drops those that another one contains. The result is in the order of the addresses,
    IPv4 first.
requirements:
  - The Python library netaddr on the controller.
options:
  _input:
    description: Networks and single addresses. A single address becomes a network of one.
    type: list
    elements: str
    required: true
seealso:
  - plugin: evenkeel.lb.address_range
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Two halves, and an address in one of them
  ansible.builtin.assert:
    that: >-
      ['198.51.100.128/25', '198.51.100.0/25', '198.51.100.7', '2001:db8::7'] | evenkeel.lb.merge_networks ==
      ['198.51.100.0/24', '2001:db8::7/128']

# In an inventory
# forward: {to: "{{ (offices + data_centres) | evenkeel.lb.merge_networks }}"}
"""

RETURN = r"""
_value:
  description: Networks that do not overlap.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core import networks
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError

NAME = "evenkeel.lb.merge_networks"


def merge_networks(given: list[str]) -> list[str]:
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        raise AnsibleFilterError(f"{NAME}: the input must be a list of networks, not {type(given).__name__}")
    try:
        return networks.merged(networks.read_networks(given))
    except CoreError as error:
        raise AnsibleFilterError(f"{NAME}: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"merge_networks": merge_networks}
