# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: traefik_model
short_description: Check the variables of the role traefik and prepare what it renders
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Conforms the variables to the role's argument specification, finds names, references and settings that Traefik would find
    out late or never, and prepares the static, the dynamic and the trial's configuration with everything around them.
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
  nodes:
    description: The nodes of the cluster; ACME on several of them is checked.
    type: list
    elements: str
    default: []
  names:
    description: Names of the host's variables, to find misspelt ones.
    type: list
    elements: str
    default: []
seealso:
  - plugin: evenkeel.lb.servers
    plugin_type: filter
  - plugin: evenkeel.lb.haproxy_model
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What the role would say
  ansible.builtin.debug:
    msg: "{{ (variables | evenkeel.lb.traefik_model(specification)).errors | map('evenkeel.lb.finding') }}"
  vars:
    variables: {traefik_entry_points: "{{ traefik_entry_points }}", traefik_routers: "{{ traefik_routers }}"}
    specification: "{{ lookup('ansible.builtin.file', 'roles/traefik/meta/argument_specs.yml') }}"
"""

RETURN = r"""
_value:
  description:
    - V(errors) and V(warnings) are findings. Without errors also V(static), V(dynamic) and V(trial), texts for the files,
      V(files) for M(evenkeel.lb.commit), V(sockets) that listen when all is well, V(binary) (where it comes from and lies),
      V(digest), which changes with anything in the dynamic configuration, and V(secrets).
  type: dict
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.traefik import build

NAME = "evenkeel.lb.traefik_model"


def traefik_model(
    variables: Mapping[str, Any],
    specification: str,
    nodes: list[str] | None = None,
    names: list[str] | None = None,
) -> dict[str, Any]:
    if not isinstance(variables, Mapping):
        raise AnsibleFilterError(f"{NAME}: the input must be a mapping, not {type(variables).__name__}")
    if not isinstance(specification, str):
        raise AnsibleFilterError(f"{NAME}: specification must be text, not {type(specification).__name__}")
    return build(variables, _options(str(specification)), [str(node) for node in nodes or []], names or [])


@lru_cache(maxsize=4)
def _options(specification: str) -> Mapping[str, Any]:
    """The entry point's options. A play asks for the model several times, and reading YAML is most of the work."""
    options: Mapping[str, Any] = yaml.load(specification, getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
        "argument_specs"
    ]["main"]["options"]
    return options


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"traefik_model": traefik_model}
