# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plays of a run noted of a cluster, as the text report tells it. Loaded in every run, so it needs little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._report import lines as report
from ansible_collections.evenkeel.lb.plugins.plugin_utils.answers import answer


def order(rollout: Mapping[str, Any]) -> list[str]:
    """The nodes in the order of their change."""
    return sorted(rollout["turns"], key=rollout["turns"].__getitem__)


def nodes(rollout: Mapping[str, Any], hostvars: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What `report.outcome` reads, by node."""
    found = order(rollout)
    failed = any("__evenkeel_failed" in hostvars[node] for node in found)
    return {
        node: {
            "fate": report.fate(hostvars[node], failed, node in rollout["dead"]),
            "applied": hostvars[node].get("__evenkeel_applies") or {},
        }
        for node in found
    }


def figures(clients: Any) -> Mapping[str, Any] | None:
    """The probe's figures, if it has any."""
    found = answer(clients)
    return found if found and "sent" in found else None
