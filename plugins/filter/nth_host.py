# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nth_host
short_description: The n-th host's address in a network
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Counts addresses that a host may have. The network's own address is none, nor is an IPv4 network's broadcast address, except in
    networks of one or two addresses.
requirements:
  - The Python library netaddr on the controller.
positional: number
options:
  _input:
    description: A network, or an address with its prefix, such as V(198.51.100.0/24).
    type: str
    required: true
  number:
    description: Which host; V(1) is the first, V(-1) the last.
    type: int
    required: true
  prefix:
    description: Appends the network's prefix, as virtual addresses and tunnels want it.
    type: bool
    default: false
seealso:
  - plugin: evenkeel.lb.address_range
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Hosts of two networks
  ansible.builtin.assert:
    that:
      - "'198.51.100.0/24' | evenkeel.lb.nth_host(28) == '198.51.100.28'"
      - "'198.51.100.0/24' | evenkeel.lb.nth_host(-1) == '198.51.100.254'"
      - "'2001:db8::/64' | evenkeel.lb.nth_host(28, prefix=true) == '2001:db8::1c/64'"

# In an inventory
# keepalived_instances:
#   - name: public
#     virtual_addresses: ["{{ lan | evenkeel.lb.nth_host(28, prefix=true) }}"]
"""

RETURN = r"""
_value:
  description: The address.
  type: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core import networks
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError

NAME = "evenkeel.lb.nth_host"


def nth_host(network: str, number: int, prefix: bool = False) -> str:
    if isinstance(number, bool) or not isinstance(number, int):
        raise AnsibleFilterError(f"{NAME}: `number` must be a whole number, not {type(number).__name__}")
    try:
        read = networks.read_network(network, "the input")
        found = networks.nth_host(read, number)
        return f"{found}/{networks.length(read)}" if prefix else found
    except CoreError as error:
        raise AnsibleFilterError(f"{NAME}: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"nth_host": nth_host}
