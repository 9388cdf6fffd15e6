# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes of a cluster answered, wherever a play registered it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def answer(result: Any) -> Mapping[str, Any] | None:
    """A module's result that really came from the node."""
    if not isinstance(result, Mapping) or result.get("unreachable") or result.get("failed") or result.get("skipped"):
        return None
    return result


def answers(nodes: Iterable[str], hostvars: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any] | None]:
    """Each node's own registered variable `name`, or what another asked it in a loop over `__evenkeel_node`."""
    nodes = list(nodes)
    found = {node: answer(hostvars[node].get(name)) if node in hostvars else None for node in nodes}
    for node in nodes:
        results = (hostvars[node].get(f"{name}_outside") or {}).get("results") if node in hostvars else None
        for item in results or []:
            if item["__evenkeel_node"] in found:
                found[item["__evenkeel_node"]] = found[item["__evenkeel_node"]] or answer(item)
    return found
