# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: The services that a host has
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - A host has the services of which its inventory speaks. Any of the variables that make up a service names it (for haproxy
    C(haproxy_frontends) and C(haproxy_listens)), and so does C(<service>_state).
  - The order is the order of the commits.
positional: _input
options:
  _input:
    description: The names of the host's variables.
    type: list
    elements: str
    required: true
seealso:
  - plugin: ansible.builtin.varnames
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show which roles site.yml runs on this host
  ansible.builtin.debug:
    msg: "{{ query('ansible.builtin.varnames', '.') | evenkeel.lb.services }}"

# ['keepalived_instances', 'haproxy_listens', 'haproxy_maps'] | evenkeel.lb.services == ['haproxy', 'keepalived']
# ['nginx_state'] | evenkeel.lb.services == ['nginx']
# ['haproxy_maps'] | evenkeel.lb.services == []
"""

RETURN = r"""
_value:
  description: The services' names, which are those of their roles.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import selected

NAME = "evenkeel.lb.services"


def services(names: Sequence[str]) -> list[str]:
    if isinstance(names, (str, Mapping)) or not isinstance(names, Sequence):
        raise AnsibleFilterError(f"{NAME}: the input must be a list of variables' names, not {type(names).__name__}")
    return selected(set(names))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"services": services}
