# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, in words: what was left undone, and when what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What the plays note of a node (playbooks/tasks): why it failed, that it was changed, why it could not be put back.
FAILED, TOUCHED, LEFT = "__evenkeel_failed", "__evenkeel_touched", "__evenkeel_left"
Noted = Mapping[str, Any]


def left_undone(node: str, noted: Mapping[str, Noted], dead: bool, playbook: str, guard: int) -> list[str]:
    """Why this node is not at what the inventory says; empty when it is. `noted` has all nodes of its cluster."""
    own, again = noted[node], f"run {playbook}.yml"
    said = []
    if FAILED in own:
        stuck = [name for name, other in noted.items() if LEFT in other]
        back = "What this run had changed"
        if TOUCHED not in own:
            back = ""
        elif not stuck:
            back = f" {back} on the cluster was put back."
        else:
            back = f" {back} was put back, but not on {', '.join(stuck)}."
        said.append(f"{node}: {own[FAILED]}{back}")
    elif dead:
        said.append(
            f"{node} can't be reached: nothing was changed there, and the others were brought to the inventory without it."
            f" When it is back, {again} again."
        )
    if LEFT in own:
        said.append(
            f"{node} may still have what this run gave it: it could not be put back. {own[LEFT]}"
            + (f" It puts itself back {guard} s after its last change." if guard else "")
            + f" When it answers again, {again}; the peers run what they did before."
        )
    return said


def half_undone(failed: str, node: str, run: str, undone_on: Sequence[str]) -> str:
    """What a rollback says that failed on a node, and how far it came on the cluster."""
    if undone_on:
        return (
            f"{failed} That was on {node}: run {run} is undone on {', '.join(undone_on)} only, and the cluster is held."
            " Mend it and run the rollback again, or release the hold and run site.yml."
        )
    return f"{failed} Nothing was undone."


def server_lines(node: str, served: Mapping[str, Any]) -> list[str]:
    """What became of a server on a node, as `haproxy_server` returns it."""
    said = [f"{one['backend']}/{one['name']} is {one['admin']}" for one in served["servers"]]
    return [f"{node}: {text}" for text in [*said, served["note"]] if text]


def run_times(nodes: Mapping[str, Noted]) -> dict[str, Any]:
    """When the run began on a cluster, and when a VIP moved in it, as the drains, the kernels and the journals have it.

    What was in flight at such a moment is counted apart."""
    live = [own.get("__evenkeel_live") or {} for own in nodes.values()]
    steps = [(own.get("__evenkeel_noted") or {}).get("steps") or [] for own in nodes.values()]
    moves = [(own.get("__evenkeel_moved") or {}).get("left_at") for own in nodes.values()]
    moves += [one.get("since") for said in live for one in said.get("instances") or []]
    moves += [change["at"] for said in live for change in said.get("history") or []]
    return {
        "began": min((found[0]["at"] for found in steps if found), default=None),
        "moves": [moment for moment in moves if isinstance(moment, (int, float))],
    }
