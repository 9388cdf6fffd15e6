# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: library
short_description: The files of evenkeel.lb's own code that a service has on its nodes
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Returns them as M(evenkeel.lb.commit) takes them in O(evenkeel.lb.commit#module:files); the service's own tool C(ctl), and every
    file of the collection that it imports, in a tree of its own below C(/usr/local/lib/evenkeel).
  - Which files those are is read from the imports themselves.
options:
  _terms:
    description: Names of services, as their roles are called.
    type: list
    elements: str
    required: true
seealso:
  - module: evenkeel.lb.commit
"""

EXAMPLES = r"""
- name: Show what haproxy's part of the code is
  ansible.builtin.debug:
    msg: "{{ query('evenkeel.lb.library', 'haproxy') | map(attribute='path') }}"

- name: Commit it with the rest of a set
  evenkeel.lb.commit:
    service: haproxy
    files: "{{ __haproxy_files + query('evenkeel.lb.library', 'haproxy') }}"
    unit: haproxy.service
"""

RETURN = r"""
_list:
  description: The files, with C(path), C(mode) where it is not that of a plain file, and C(src) or C(content).
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import service
from ansible_collections.evenkeel.lb.plugins.plugin_utils.library import files

NAME = "evenkeel.lb.library"


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:
        try:
            return [file for name in terms for file in files(service(name))]
        except KeyError as error:
            raise AnsibleLookupError(f"{NAME}: {error.args[0]}") from error
