# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plays of a run noted of a cluster, as the page tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._commit.show import unified
from ansible_collections.evenkeel.lb.plugins.module_utils._report import lines as report
from ansible_collections.evenkeel.lb.plugins.module_utils._report import timeline
from ansible_collections.evenkeel.lb.plugins.module_utils._report.page import Node, Told
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.live import Cluster
from ansible_collections.evenkeel.lb.plugins.plugin_utils.answers import answer, answers
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import plain
from ansible_collections.evenkeel.lb.plugins.plugin_utils.noted import figures, nodes, order

# Beyond so many lines a diff is cut: the page is for reading.
MOST_LINES = 400


def told(
    rollout: Mapping[str, Any], hostvars: Mapping[str, Any], title: str, clients: Any, began: float, ended: float
) -> Told:
    """All that the page tells."""
    names = order(rollout)
    live = answers(names, hostvars, "__evenkeel_live")
    changes = {name: _changes(hostvars[name], live[name]) for name in names}
    moments = {name: plain((hostvars[name].get("__evenkeel_noted") or {}).get("steps") or []) for name in names}
    vips = Cluster(live).vips
    return Told(
        title=title,
        began=began,
        ended=ended,
        nodes={
            name: Node(report.outcome(node), str(hostvars[name].get("__evenkeel_failed", "")), _diffs(hostvars[name]))
            for name, node in nodes(rollout, hostvars).items()
        },
        vips=[(address, vip["instance"], vip["holders"]) for address, vip in vips.items()],
        held=timeline.held(began, ended, rollout["holders"], changes),
        steps=timeline.steps(moments, ended),
        clients=figures(plain(clients) if clients else None),
    )


def _changes(own: Mapping[str, Any], live: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """How a node's instances changed their states."""
    moved = answer(own.get("__evenkeel_moved")) or {}
    found: list[dict[str, Any]] = plain(timeline.remembered(live, moved.get("left_at")))
    return found


def _diffs(own: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What this run gave the node, secrets masked as the node masked them."""
    if "__evenkeel_touched" not in own:
        return ()
    commits = {service: answer(own.get(f"{service}_commit")) or {} for service in own.get("__evenkeel_applies") or {}}
    return tuple(
        (f"{service}: {diff['after_header']}", unified(plain(diff), MOST_LINES))
        for service, commit in commits.items()
        for diff in commit.get("diff") or []
    )
