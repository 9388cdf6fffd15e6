# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_model
short_description: Check the variables of the role nginx and prepare what its templates print
version_added: 0.1.0
author: The evenkeel.lb authors
description:
  - Conforms the variables to the role's argument specification, applies the rules that nginx's own checker would apply
    late or not at all, and prepares sections, files, sockets and secrets.
  - Everything that is wrong is reported at once, under V(errors) and V(warnings) as findings that
    P(evenkeel.lb.finding#filter) turns into text.
positional: specification
options:
  _input:
    description: The role's variables by their names.
    type: dict
    required: true
  specification:
    description: The role's C(meta/argument_specs.yml) as text.
    type: str
    required: true
  packages:
    description: Lines C(NAME VERSION) of C(dpkg-query). Of a package that is missing the release's version is assumed.
    type: list
    elements: str
    default: []
  names:
    description: Names of the host's variables, to find misspelt ones.
    type: list
    elements: str
    default: []
  now:
    description: Seconds since the epoch, to find certificates that have ended.
    type: float
seealso:
  - plugin: evenkeel.lb.servers
    plugin_type: filter
  - plugin: evenkeel.lb.haproxy_model
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What the role would say
  ansible.builtin.debug:
    msg: "{{ (variables | evenkeel.lb.nginx_model(specification)).errors | map('evenkeel.lb.finding') }}"
  vars:
    variables: {nginx_servers: "{{ nginx_servers }}", nginx_backends: "{{ nginx_backends }}"}
    specification: "{{ lookup('ansible.builtin.file', 'roles/nginx/meta/argument_specs.yml') }}"
"""

RETURN = r"""
_value:
  description:
    - V(errors) and V(warnings) are findings. Without errors also V(global), V(defaults), V(sections), V(stream) and V(health) for
      the templates, V(files) for M(evenkeel.lb.commit), V(sockets) that listen when all is well, V(packages) that it takes, V(secrets),
      V(nginx) and V(openssl) (versions), V(keeps) (whether this nginx leaves kept connections alone at a reload) and V(digest), which
      changes with anything in the configuration.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.nginx import build
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import options_of

NAME = "evenkeel.lb.nginx_model"


def nginx_model(
    variables: Mapping[str, Any],
    specification: str,
    packages: list[str] | None = None,
    names: list[str] | None = None,
    now: float | None = None,
) -> dict[str, Any]:
    if not isinstance(variables, Mapping):
        raise AnsibleFilterError(f"{NAME}: the input must be a mapping, not {type(variables).__name__}")
    if not isinstance(specification, str):
        raise AnsibleFilterError(f"{NAME}: specification must be text, not {type(specification).__name__}")
    return build(
        variables,
        options_of(str(specification)),
        packages or [],
        names or [],
        float(now) if now is not None else None,
    )


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"nginx_model": nginx_model}
