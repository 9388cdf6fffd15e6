# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: server_lines
short_description: What became of a server on a node
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Says what M(evenkeel.lb.haproxy_server) returned.
positional: node
options:
  _input:
    description: The result of M(evenkeel.lb.haproxy_server).
    type: dict
    required: true
  node:
    description: The node.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show it
  evenkeel.lb.show:
    lines: "{{ served | evenkeel.lb.server_lines(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: A line for each server, and one for the note.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._rollout import ending


def server_lines(served: Mapping[str, Any], node: str) -> list[str]:
    return ending.server_lines(node, served)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"server_lines": server_lines}
