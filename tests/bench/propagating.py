# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(d) A change of both daemons carried over the running pair: ours, roles that restart through handlers, and a sync script."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from lab.hosts import Lab
from lab.observer import Observer
from tests.bench import calls, machine
from tests.bench.hosts import fresh
from tests.bench.tables import medians, table
from tests.bench.wall import NODES, PLAIN, capture, compare
from tests.faults import CALM, Pair
from tests.suite.steps import BIN

SCRIPT = Path(__file__).parent / "seeds" / "propagate.sh"
LOST = ("lost", "lost_new", "lost_kept", "lost_in_flight", "sent")
FIGURES = ("seconds", *LOST, "gap_ms", "kept_gap_ms", "none_ms", "both_ms")
# Seconds in which the VIP has to be back where it was.
RETURNS = 20
Say = Callable[[str], None]


class Change:
    """Two configurations of a pair, and the ways from the one that is there to the other."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.inventory = ["-i", str(lab.inventory)]
        self.at = "old"
        self.files = {"old": self._capture("old")}

    @property
    def other(self) -> str:
        return "new" if self.at == "old" else "old"

    def variables(self) -> dict[str, Any]:
        """What the inventory says of the configuration that is not there: balance and advert interval."""
        if self.other == "old":
            return {}
        argv = [f"{BIN}/ansible-inventory", *self.inventory, "--host", NODES[0]]
        found = subprocess.run(argv, capture_output=True, text=True, check=True)
        backends = json.loads(found.stdout)["haproxy_backends"]
        return {
            "haproxy_backends": [{**backends[0], "balance": "leastconn"}, *backends[1:]],
            "keepalived_advert_interval": 0.3,
        }

    def propagate(self, drain: str) -> Callable[[], object]:
        """By propagate.yml, which also writes its report."""
        more = {**self.variables(), "evenkeel_drain": drain, "evenkeel_report": str(self.folder)}
        return lambda: calls.playbook([*self.inventory, "playbooks/propagate.yml", "-e", json.dumps(more)], {})

    def handlers(self) -> Callable[[], object]:
        """By roles as most write them: every node at once, a restart of what changed at the end."""
        more = f"captured_folder={self.folder / self.other}"
        return lambda: calls.playbook([*self.inventory, str(PLAIN), "-e", more], {})

    def script(self) -> Callable[[], object]:
        """By hand on the first node, by the script on the second."""
        argv = ["sh", str(SCRIPT), str(self.lab.state / "ssh_config"), str(self.folder / self.other)]
        return lambda: subprocess.run(argv, check=True, capture_output=True)

    def done(self) -> None:
        """The other configuration is there now, byte for byte; fails if it is not."""
        self.at = self.other
        if self.at not in self.files:
            self.files[self.at] = self._capture(self.at)
        different = [path for node in NODES for path in compare(self.lab, node, self.files[self.at][node])]
        if different:
            raise AssertionError(f"This way did not bring the same files; different: {', '.join(different)}")

    def _capture(self, name: str) -> dict[str, dict[str, Any]]:
        (self.folder / name).mkdir()
        return {node: capture(self.lab, node, self.folder / name) for node in NODES}


# In this order, since the first one makes the other configuration; each goes to where the next one starts.
WAYS: dict[str, Callable[[Change], Callable[[], object]]] = {
    "propagate": lambda change: change.propagate("auto"),
    "propagate, drain: always": lambda change: change.propagate("always"),
    "restart by handlers": lambda change: change.handlers(),
    "sync script": lambda change: change.script(),
}


def measure(runs: int, say: Say, name: str, subnet: IPv4Network) -> dict[str, Any]:
    """Every way `runs` times, there and back in turn, all on one pair."""
    seen: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, fresh(name, subnet, say) as lab:
        calls.playbook(["-i", str(lab.inventory), "site.yml"], {})
        pair = Pair(lab)
        pair.steady()
        change = Change(lab, Path(folder))
        for run in range(runs):
            for way, make in WAYS.items():
                say(f"- {way} ({run + 1} of {runs})")
                seen[way].append(carry(pair, make(change)))
                change.done()
        daemons = machine.daemons(lab.container(NODES[0]))
    return {"ways": {way: {"median": middle(found), "runs": found} for way, found in seen.items()}, "daemons": daemons}


def carry(pair: Pair, act: Callable[[], object]) -> dict[str, Any]:
    """What clients saw until the VIP was back, and how long the act took."""
    holder = pair.steady()
    took = []

    def timed() -> None:
        begin = time.monotonic()
        act()
        took.append(time.monotonic() - begin)

    with Observer(pair.lab, pair.nodes) as observer:

        def back() -> None:
            deadline = time.monotonic() + RETURNS
            while observer.record.holders(pair.lab.vip) != {holder} and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(2 * CALM)

        seen = pair.watched(observer, timed, back)
    return {**seen, "seconds": took[0]}


def middle(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The medians of the figures. Pure."""
    found: dict[str, Any] = dict(medians([{key: run[key] for key in FIGURES} for run in runs]))
    found["off_schedule"] = sum(not run["on_schedule"] for run in runs)
    return found


def report(found: Mapping[str, Any]) -> str:
    """One table."""
    head = [
        "way",
        "seconds",
        "lost",
        "new",
        "kept",
        "in flight",
        "of",
        "gap ms",
        "kept gap",
        "no holder ms",
        "two holders",
    ]
    figures = {way: ours["median"] for way, ours in found["ways"].items()}
    lines = [
        table(head, [[way, *(own[key] for key in FIGURES)] for way, own in figures.items()]),
        "",
        "Medians. The same change of haproxy and keepalived on the same pair, watched until the VIP was back; the files are "
        "the same afterwards.",
        "In flight: of the lost, what was on its way when the VIP moved. Seconds: of the playbook or script alone.",
    ]
    doubtful = sum(own["off_schedule"] for own in figures.values())
    if doubtful:
        lines.append(f"In {doubtful} runs the probe was late: this machine was busy with something else.")
    return "\n".join([*lines, ", ".join(f"{name} {version}" for name, version in found["daemons"].items())])
