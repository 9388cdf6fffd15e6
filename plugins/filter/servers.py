# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: servers
short_description: HAProxy's servers from inventory hosts
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Makes one server of each host, in the order given. Its address is C(haproxy_server_address), where traffic takes
    another way than Ansible, else C(ansible_host).
  - A host's own C(haproxy_server_port), C(haproxy_server_weight), C(haproxy_server_backup), C(haproxy_server_maxconn),
    C(haproxy_server_check), C(haproxy_server_id), C(haproxy_server_cookie), C(haproxy_server_disabled) and
    C(haproxy_server_options) go before what is given for all.
  - A host that is not in the inventory or has no address is refused; all such hosts are named at once.
positional: hostvars
options:
  _input:
    description: Names of hosts, for example those of a group.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  port:
    description:
      - Port of every server. Other keys of a server (C(weight), C(backup), C(maxconn), C(check), C(send_proxy), C(tls),
        ...) are given alike.
    type: int
seealso:
  - name: Role haproxy
    description: The key C(servers) of C(haproxy_backends) takes this list.
    link: https://example.com/evenkeel/lb
"""

EXAMPLES = r"""
# With web-1 at 198.51.100.21, and web-2 at 198.51.100.22 with haproxy_server_weight: 50 in the inventory, this holds:
- name: Two servers of a group
  ansible.builtin.assert:
    that: >-
      ['web-1', 'web-2'] | evenkeel.lb.servers(hostvars, port=8080) == [
        {'name': 'web-1', 'address': '198.51.100.21', 'port': 8080},
        {'name': 'web-2', 'address': '198.51.100.22', 'port': 8080, 'weight': 50}]

# In an inventory
# haproxy_backends:
#   - name: app
#     servers: "{{ groups['webs'] | evenkeel.lb.servers(hostvars, port=8080) }}"
"""

RETURN = r"""
_value:
  description: Servers as C(haproxy_backends) takes them.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.servers import servers as build

NAME = "evenkeel.lb.servers"


def servers(hosts: list[str], hostvars: Mapping[str, Any], **common: Any) -> list[dict[str, Any]]:
    if isinstance(hosts, str) or not isinstance(hosts, (list, tuple)):
        raise AnsibleFilterError(f"{NAME}: the input must be a list of host names, not {type(hosts).__name__}")
    try:
        return build(hosts, lambda host: hostvars[host] if host in hostvars else None, common)  # noqa: SIM401 - no dict
    except CoreError as error:
        raise AnsibleFilterError(f"{NAME}: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"servers": servers}
