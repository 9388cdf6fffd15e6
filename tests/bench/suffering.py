# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(b) What clients lose by each fault: our pair, and the pair as people build it by hand (seeds/)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from lab import faults
from lab.hosts import Lab
from tests.bench import calls, machine
from tests.bench.hosts import fresh
from tests.bench.tables import medians, table
from tests.faults import FAULTS, KEEPALIVED, Fault, Pair

HERE = Path(__file__).parent
FIGURES = ("gap_ms", "kept_gap_ms", "sent", "lost", "both_ms", "none_ms")
Say = Callable[[str], None]


def measure(runs: int, say: Say, name: str, subnet: IPv4Network) -> dict[str, Any]:
    """Every fault `runs` times on each pair; each pair on fresh hosts."""
    found: dict[str, Any] = {}
    for contender, playbook in {"ours": "site.yml", "seeds": str(HERE / "seeds" / "site.yml")}.items():
        with fresh(name, subnet, say) as lab:
            say(f"- {contender}: {playbook}")
            calls.playbook(["-i", str(lab.inventory), playbook], {})
            found[contender] = suffer(lab, contender, runs, say)
            found.setdefault("daemons", machine.daemons(lab.container("lb-1")))
    return found


def suffer(lab: Lab, contender: str, runs: int, say: Say) -> dict[str, Any]:
    """All faults of one pair: the runs as they were, and their medians."""
    pair = Pair(lab)
    found: dict[str, Any] = {}
    for name, fault in {**FAULTS, "planned hand-over": hand_over(contender)}.items():
        seen = []
        for run in range(runs):
            say(f"- {contender}: {name} ({run + 1} of {runs})")
            seen.append(pair.suffer(fault))
        found[name] = {"median": middle(seen), "runs": seen}
    return found


def hand_over(contender: str) -> Fault:
    """A planned move and its way back, by the means that the pair has."""
    if contender == "ours":
        return Fault(_play("away.yml"), _play("back.yml"), watch=2.0)
    # There is no other way than to stop it.
    return Fault(
        lambda lab, host: faults.stop(lab, host, KEEPALIVED),
        lambda lab, host: faults.restore(lab, host, KEEPALIVED),
        watch=2.0,
    )


def middle(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The medians of the figures, there and back. Pure."""
    found: dict[str, Any] = dict(medians([{key: run[key] for key in FIGURES} for run in runs]))
    found["open"] = any(run["gap_open"] for run in runs)
    found["off_schedule"] = sum(not run["on_schedule"] for run in runs)
    found["by_kind"] = {kind: max(run["by_kind"][kind] for run in runs) for kind in runs[0]["by_kind"]}
    backs = [run["back"] for run in runs if run.get("back")]
    found["back"] = middle(backs) if backs else None
    return found


def report(found: Mapping[str, Any]) -> str:
    """One table: the fault itself, and what its healing costs."""
    head = ["fault", "pair", "gap ms", "kept gap", "lost", "of", "two holders", "back: gap ms", "lost", "two holders"]
    rows = []
    doubtful = 0
    for name in found["ours"]:
        for contender in ("ours", "seeds"):
            figures = found[contender][name]["median"]
            back = figures["back"] or {}
            doubtful += figures["off_schedule"] + back.get("off_schedule", 0)
            rows.append(
                [name, contender, _gap(figures, "gap_ms"), _gap(figures, "kept_gap_ms")]
                + [figures["lost"], figures["sent"], figures["both_ms"]]
                + [_gap(back, "gap_ms"), back.get("lost"), back.get("both_ms")]
            )
    lines = [
        table(head, rows),
        "",
        "Medians. Gap: of new connections, 100 a second; kept gap: of the worst of 20 kept clients.",
        "A frozen node's kernel keeps its addresses: two holders until it thaws, of which clients hear nothing.",
    ]
    if doubtful:
        lines.append(f"In {doubtful} runs the probe was late: this machine was busy with something else.")
    return "\n".join([*lines, ", ".join(f"{name} {version}" for name, version in found["daemons"].items())])


def _gap(figures: Mapping[str, Any], key: str) -> object:
    if key not in figures:
        return None
    return f"> {figures[key]:.0f}" if figures["open"] and figures[key] else figures[key]


def _play(name: str) -> Callable[[Lab, str], None]:
    def act(lab: Lab, _host: str) -> None:
        calls.playbook(["-i", str(lab.inventory), str(HERE / "handover" / name)], {})

    return act
