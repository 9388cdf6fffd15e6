# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did to a cluster, and what its clients saw of it, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CHANGED = "changed"


def report(title: str, nodes: Mapping[str, Mapping[str, Any]], clients: Mapping[str, Any] | None) -> list[str]:
    """The lines. `nodes` by name, in the order of their change: what `outcome` reads."""
    width = max(map(len, nodes), default=0)
    lines = [title, *(f"  {name:<{width}}  {outcome(node)}" for name, node in nodes.items())]
    return lines + (list(client_lines(clients)) if clients else [])


def fate(own: Mapping[str, Any], failed: bool, dead: bool) -> str:
    """What became of a node, from what the plays noted of it; `failed` says whether its cluster did."""
    if dead:
        return "can't be reached"
    if "__evenkeel_left" in own:
        return "could not be put back"
    if "__evenkeel_touched" in own:
        return "put back" if failed else CHANGED
    return "left as it was" if own.get("__evenkeel_pending") else "nothing to change"


def outcome(node: Mapping[str, Any]) -> str:
    """What became of a node, or how each service came to its new configuration."""
    if node["fate"] != CHANGED:
        return str(node["fate"])
    applied = ", ".join(f"{service} {how}" for service, how in node["applied"].items() if how != "none")
    return applied or "nothing had to reload"


def client_lines(clients: Mapping[str, Any]) -> Iterator[str]:
    """The probe's figures; a measurement that was late is no measurement of us."""
    yield f"Clients: {clients['sent']:,} requests, {clients['lost']:,} lost" + (
        f" ({clients['lost_in_flight']:,} of them in flight when a VIP moved)" if clients["lost"] else ""
    )
    if clients["lost"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in clients["lost_by_kind"].items() if count)
        yield f"  {kinds}; longest gap {clients['gap_ms']:.0f} ms"
    served = ", ".join(f"{server} {count:,}" for server, count in sorted(clients["servers"].items()))
    if served:
        yield f"  answered by {served}"
    if not clients["on_schedule"]:
        yield f"  The probe could not keep its own schedule ({clients['late_ms']['max']:.0f} ms late): a gap may be the probe's."
