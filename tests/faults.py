# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault on a running pair: what clients saw, who held the VIP, and the same for the way back.

    pair = Pair(lab)
    seen = pair.suffer(FAULTS["haproxy crashes"])
    assert seen["gap_ms"] <= 200 and seen["holder"] == "lb-2" and seen["back"]["lost"] == 0

The probe runs on the lab's client, the observer beside each node; both by this machine's one clock. The bench and the
scenarios share this file.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import faults
from lab.engine import docker
from lab.hosts import Lab
from lab.observer import Observer, Record, held_by

ROOT = Path(__file__).resolve().parents[1]
PROBE = "/opt/probe.pyz"
# Apart from the module's own, so that a test of the module and a fault do not meet.
PROBE_STATE = "/run/probe-of-tests"
HAPROXY, KEEPALIVED, NGINX = "haproxy.service", "keepalived.service", "nginx.service"
# How long clients are watched before anything happens, and after the VIP is back.
CALM = 1.0
# Around the moment that an observer notes, a VIP moves: from when the kernel had it, 2 ms before, until the neighbours have heard
# of it (gratuitous ARP, unsolicited neighbour advertisement), 10 ms after. What is sent in between, however short, goes to the old
# holder.
MOVE = [tick / 5000 for tick in range(-10, 51)]
# A VIP that changes hands may have two holders for a moment, since the new one comes before the old one goes: 5 to 20 ms, and as
# long as that one has to wait for the processor [ran].
CHANGE_OF_HANDS = 0.1
HANDS_MS = 1000 * CHANGE_OF_HANDS


@dataclass(frozen=True)
class Fault:
    """What happens to the holder (or a web server), for how long, and how it is put right."""

    inject: Callable[[Lab, str], None]
    heal: Callable[[Lab, str], None] | None
    watch: float = 4.0
    on: str | None = None
    # Whether the preferred node has the VIP again some time after healing.
    returns: bool = True


def _unit(act: Callable[[Lab, str, str], None], unit: str) -> Callable[[Lab, str], None]:
    return lambda lab, host: act(lab, host, unit)


def reloads(lab: Lab, host: str) -> None:
    """Ten reloads of haproxy, unevenly apart: keepalived's checks of each second would meet every one at the same moment otherwise."""
    pauses = "0.5 1.0 0.7 1.1 0.6 0.9 0.5 1.1 0.8 0.6"
    lab.run(host, ["sh", "-ec", f"for pause in {pauses}; do systemctl reload {HAPROXY}; sleep $pause; done"])


FAULTS: dict[str, Fault] = {
    "haproxy crashes": Fault(_unit(faults.crash, HAPROXY), _unit(faults.restore, HAPROXY)),
    "keepalived stopped": Fault(_unit(faults.stop, KEEPALIVED), _unit(faults.restore, KEEPALIVED)),
    "node frozen": Fault(faults.freeze, faults.thaw),
    "link cut": Fault(faults.cut, faults.mend),
    "haproxy frozen": Fault(_unit(faults.hang, HAPROXY), _unit(faults.resume, HAPROXY), watch=6.0),
    "a web server crashes": Fault(_unit(faults.crash, NGINX), _unit(faults.restore, NGINX), on="web-1", returns=False),
    "ten reloads": Fault(reloads, None, watch=1.0, returns=False),
}


class Probe:
    """The collection's probe on the lab's client, without Ansible."""

    def __init__(self, lab: Lab, host: str = "client") -> None:
        self.lab = lab
        self.host = host

    def install(self) -> Probe:
        with tempfile.NamedTemporaryFile() as packed:
            packed.write(pack())
            packed.flush()
            docker("cp", packed.name, f"{self.lab.container(self.host)}:{PROBE}")
        return self

    def start(self, targets: Sequence[Mapping[str, Any]], **params: Any) -> None:
        """Send in the background; 600 s at most."""
        self._call("start", {"targets": list(targets), "duration": 600, **params})

    def stop(self, **params: Any) -> dict[str, Any]:
        """The figures, as the module returns them."""
        return self._call("stop", params)

    def run(self, targets: Sequence[Mapping[str, Any]], duration: float, **params: Any) -> dict[str, Any]:
        """Send for a while and return the figures."""
        return self._call("run", {"targets": list(targets), "duration": duration, **params})

    def _call(self, verb: str, params: Mapping[str, Any]) -> dict[str, Any]:
        words = json.dumps({**params, "state_dir": PROBE_STATE})
        answer: dict[str, Any] = json.loads(self.lab.run(self.host, ["python3", PROBE, verb, words]))
        return answer


@dataclass
class Pair:
    """A running cluster and its clients."""

    lab: Lab
    nodes: tuple[str, ...] = ("lb-1", "lb-2")
    path: str = "/"
    # What clients ask for; the first one is followed. The lab's unless said.
    vips: tuple[str, ...] = ()
    load: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.vips = self.vips or (self.lab.vip,)
        self.probe = Probe(self.lab).install()

    @property
    def targets(self) -> list[dict[str, Any]]:
        """The first VIP as the probe asks unless told otherwise, the others by fewer clients."""
        first, *others = ({"name": vip, "address": vip, "path": self.path} for vip in self.vips)
        return [first, *({**other, "rate": 50, "kept": 2} for other in others)]

    def holders(self) -> set[str]:
        """Who has the VIP at this moment, asked from the kernels."""
        return {node for node in self.nodes if self.vips[0] in held_by(self.lab, node)}

    def steady(self, holder: str | None = None, timeout: float = 120) -> str:
        """Wait until one node (that one) holds the VIP and clients lose nothing for a second; return it."""
        wanted = holder or self.nodes[0]
        deadline = time.monotonic() + timeout
        while True:
            found = self.holders()
            if found == {wanted}:
                seen = self.probe.run(self.targets, 1.0, rate=50, kept=0, timeout=10)
                if not seen["lost"]:
                    return wanted
                found_text = f"clients lose {seen['lost']} of {seen['sent']}: {seen['lost_by_kind']}"
            else:
                found_text = f"held by {', '.join(sorted(found)) or 'nobody'}"
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.vips[0]} did not settle on {wanted} within {timeout:g} s: {found_text}")
            time.sleep(0.2)

    def suffer(self, fault: Fault) -> dict[str, Any]:
        """One fault from calm to calm; returns its figures, those of the way back under ``back``."""
        holder = self.steady()
        victim = fault.on or holder
        with Observer(self.lab, self.nodes) as observer:
            seen = self.watched(observer, lambda: fault.inject(self.lab, victim), lambda: time.sleep(fault.watch))
            if fault.heal is None:
                return {**seen, "back": None}
            heal = fault.heal
            seen["back"] = self.watched(
                observer, lambda: heal(self.lab, victim), lambda: self._returned(observer, holder, fault)
            )
        return seen

    def watched(self, observer: Observer, act: Callable[[], object], wait: Callable[[], object]) -> dict[str, Any]:
        """What clients and kernels saw while something was done and awaited."""
        self.probe.start(self.targets, **self.load)
        try:
            time.sleep(CALM)
            begin = time.time()
            act()
            wait()
        finally:
            end = time.time()
            record = observer.record
            events = {event.time for event in record.events if event.address in self.vips}
            moves = sorted(event + instant for event in events for instant in MOVE)
            clients = self.probe.stop(list_lost=50, marks=moves)
        return figures(clients, record, self.vips, begin, end)

    def _returned(self, observer: Observer, holder: str, fault: Fault) -> None:
        deadline = time.monotonic() + 60
        while fault.returns and time.monotonic() < deadline:
            if observer.record.holders(self.vips[0]) == {holder}:
                break
            time.sleep(0.05)
        time.sleep(2 * CALM)


def figures(
    clients: Mapping[str, Any], record: Record, vips: Sequence[str], begin: float, end: float
) -> dict[str, Any]:
    """The figures of one stretch, of the probe's answer and the observer's record."""

    def longest(holders: int, address: str, since: float = begin) -> float:
        return record.longest(address, holders=holders, since=since, until=end)

    late = max(longest(2, vip, begin + 1) for vip in vips)
    both = {
        address: round(1000 * longest(2, address), 1)
        for address in {*vips, *(event.address for event in record.events)}
        if address
    }
    return {
        "gap_ms": clients["new"]["gap_ms"],
        "gap_open": bool((clients["new"]["gap"] or {}).get("open")),
        "kept_gap_ms": clients["kept"]["gap_ms"],
        "sent": clients["sent"],
        "lost": clients["lost"],
        "lost_new": clients["new"]["lost"],
        "lost_kept": clients["kept"]["lost"],
        "lost_in_flight": clients["lost_in_flight"],
        "by_kind": clients["lost_by_kind"],
        "both_ms": max(both[vip] for vip in vips),
        # Of each address that came or went.
        "both_ms_of": both,
        "none_ms": max(round(1000 * longest(0, vip), 1) for vip in vips),
        # Two holders a second and more after it began (a fault, or its healing); a change of hands is none.
        "both_late_ms": round(1000 * late, 1) if late > CHANGE_OF_HANDS else 0.0,
        "holder": ", ".join(sorted(record.holders(vips[0], at=end))),
        "on_schedule": clients["on_schedule"],
        "late_ms": clients["late_ms"],
        "latency_ms": clients["new"]["latency_ms"],
        "lost_list": clients["lost_list"],
        "story": "\n".join(record.story(vip) for vip in vips),
    }


def pack() -> bytes:
    """The probe as one file that any python3 runs: probe.pyz run|start|stop JSON."""
    home = ROOT / "plugins" / "module_utils"
    files = [*sorted((home / "_probe").glob("*.py")), home / "_core" / "findings.py", home / "_core" / "__init__.py"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("evenkeel_probe/__init__.py", "")
        for path in files:
            packed.write(path, f"evenkeel_probe/{path.relative_to(home)}")
        packed.writestr(
            "__main__.py", "import sys\nfrom evenkeel_probe._probe.cli import main\nsys.exit(main(sys.argv[1:]))\n"
        )
    return archive.getvalue()
