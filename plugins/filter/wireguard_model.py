# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: wireguard_model
short_description: Check the variables of the role wireguard and prepare what its templates print
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Conforms the variables to the role's argument specification, works out who is whose peer from the inventory alone, and
    applies the rules that no checker of WireGuard's has.
  - Public keys come from the hosts that answered in this run; of the others those are used that any host has in its files.
  - Everything that is wrong is reported at once, under V(errors) and V(warnings) as findings that
    P(evenkeel.lb.finding#filter) turns into text.
positional: specification, host, hostvars
options:
  _input:
    description: The role's variables by their names.
    type: dict
    required: true
  specification:
    description: The role's C(meta/argument_specs.yml) as text.
    type: str
    required: true
  host:
    description: The host that is configured.
    type: str
    required: true
  hostvars:
    description:
      - Ansible's C(hostvars). Read of the hosts that the interfaces name and of the cluster's nodes; C(ansible_host),
        C(evenkeel_nodes), C(keepalived_*) and what the role's look at the host found.
    type: dict
    required: true
  names:
    description: Names of the host's variables, to find misspelt ones.
    type: list
    elements: str
    default: []
  reached:
    description: Addresses that the host's other services reach, to find those in a tunnel that nobody there has.
    type: list
    elements: str
    default: []
seealso:
  - module: evenkeel.lb.role_model
"""

EXAMPLES = r"""
- name: What the role would say
  ansible.builtin.debug:
    msg: >-
      {{ (variables | evenkeel.lb.wireguard_model(specification, inventory_hostname, hostvars)).errors
         | map('evenkeel.lb.finding') }}
  vars:
    variables: {wireguard_interfaces: "{{ wireguard_interfaces }}"}
    specification: "{{ lookup('ansible.builtin.file', 'roles/wireguard/meta/argument_specs.yml') }}"
"""

RETURN = r"""
_value:
  description:
    - V(errors) and V(warnings) are findings. Without errors also V(interfaces) and V(filter) for the templates,
      V(forwarding), V(node) (what the node's own tool has to know), V(make) and V(share) (interfaces whose key the host
      makes, or shares with its cluster) and V(secrets).
  type: dict
"""

import json
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.wireguard import Host, build
from ansible_collections.evenkeel.lb.plugins.plugin_utils.keys import public_of
from ansible_collections.evenkeel.lb.plugins.plugin_utils.role import options_of

NAME = "evenkeel.lb.wireguard_model"
LOOK = "__wireguard_look"


def wireguard_model(
    variables: Mapping[str, Any],
    specification: str,
    host: str,
    hostvars: Mapping[str, Any],
    names: list[str] | None = None,
    reached: list[str] | None = None,
) -> dict[str, Any]:
    if not isinstance(variables, Mapping):
        raise AnsibleFilterError(f"{NAME}: the input must be a mapping, not {type(variables).__name__}")
    if not isinstance(specification, str):
        raise AnsibleFilterError(f"{NAME}: specification must be text, not {type(specification).__name__}")
    options = options_of(str(specification))
    # Laid over, not copied: of everything else a host has only what is read is templated.
    own = ChainMap({"wireguard_interfaces": variables.get("wireguard_interfaces")}, hostvars[host])
    wanted = dict.fromkeys((host, *_named(own)))
    # The nodes that share an identity are read with the first of them.
    for name in list(wanted):
        if name in hostvars and name != host:
            wanted.update(dict.fromkeys(_nodes(hostvars[name])))
    hosts = {
        name: _host(name, own if name == host else hostvars[name]) if name in hostvars else None  # noqa: SIM401 - no dict
        for name in wanted
    }
    return build(variables, options, host, hosts, names or [], reached or [])


def _items(variables: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = variables.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, (list, tuple)) else []


def _nodes(variables: Mapping[str, Any]) -> list[str]:
    found = variables.get("evenkeel_nodes")
    return [str(one) for one in found] if isinstance(found, (list, tuple)) else []


def _named(variables: Mapping[str, Any]) -> Iterator[str]:
    """Every host that the interfaces of a host name, and its cluster's nodes."""
    for item in _items(variables, "wireguard_interfaces"):
        for key in ("hosts", "hubs"):
            yield from (str(one) for one in item.get(key) or () if isinstance(item.get(key), (list, tuple)))
    yield from _nodes(variables)


def _host(name: str, variables: Mapping[str, Any]) -> Host:
    look = variables.get(LOOK)
    lines = [str(line).split() for line in (look.get("stdout_lines") or ())] if isinstance(look, Mapping) else []
    interfaces = _items(variables, "wireguard_interfaces")
    keys = {line[1]: line[2] for line in lines if line[:1] == ["key"] and len(line) == 3}
    known: dict[str, dict[str, str]] = {}
    for line in lines:
        if line[:1] == ["peer"] and len(line) == 4:
            known.setdefault(line[1], {})[line[2]] = line[3]
    skews: dict[str, float] = {}
    for line in look.get("stdout_lines") or () if isinstance(look, Mapping) else ():
        if str(line).startswith("skew "):
            with suppress(ValueError):
                skews = dict(json.loads(str(line).partition(" ")[2]))
    for item in interfaces:
        if item.get("private_key"):
            keys[str(item.get("name"))] = public_of(str(item["private_key"]))
    address = str(variables.get("ansible_host") or "")
    vrrp = variables.get("keepalived_address") or address
    literal = next((str(one) for one in ([vrrp] if isinstance(vrrp, str) else vrrp) if _literal(str(one))), "")
    return Host(
        name=name,
        address=address,
        state=str(variables.get("wireguard_state") or "present"),
        nodes=_nodes(variables),
        interfaces=interfaces,
        instances=_items(variables, "keepalived_instances"),
        vrrp_address=literal,
        vrrp_interface=variables.get("keepalived_interface"),
        keys={name: key for name, key in keys.items() if key},
        known=known,
        skews=skews,
    )


def _literal(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"wireguard_model": wireguard_model}
