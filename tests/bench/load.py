# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(e) Requests a second and latency of each proxy as the roles configure it, beside the same daemon as people configure it."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

from lab.hosts import Lab
from tests.bench import calls, machine
from tests.bench.hosts import fresh
from tests.bench.tables import table

FILES = Path(__file__).parent / "throughput"
BALANCER, CLIENT = "lb-1", "client"
# Short and many: what else the machine does drifts, and meets both of a pair.
PAIRS = 30
SECONDS, CONNECTIONS, THREADS = 2, 50, 2
Say = Callable[[str], None]


class Proxy(NamedTuple):
    """The ports of ours and theirs; their files, and how they are started."""

    ours: int
    theirs: int
    files: Sequence[str]
    command: Sequence[str]


# Traefik's binary is where the role has put it.
TRAEFIK = "exec $(systemctl show -p ExecStart --value traefik | grep -o '/[^ ;]*/traefik' | head -1) --configFile=/etc/theirs/traefik.yml"
PROXIES = {
    "haproxy": Proxy(8001, 9001, ["haproxy.cfg"], ["haproxy", "-Ws", "-f", "/etc/theirs/haproxy.cfg"]),
    "nginx": Proxy(8002, 9002, ["nginx.conf"], ["nginx", "-c", "/etc/theirs/nginx.conf", "-g", "daemon off;"]),
    "traefik": Proxy(8003, 9003, ["traefik.yml", "dynamic.yml"], ["sh", "-c", TRAEFIK]),
}


def measure(runs: int, say: Say, name: str, subnet: IPv4Network) -> dict[str, Any]:
    """Each proxy's two configurations in turn, `PAIRS` times or `runs` if that is more, on the same hosts."""
    pairs = max(PAIRS, runs)
    found: dict[str, Any] = {}
    with fresh(name, subnet, say) as lab:
        lab.run(CLIENT, ["sh", "-c", "apt-get update -q && apt-get install -qy --no-install-recommends wrk"])
        copy(lab, CLIENT, "/root/answer.lua", (FILES / "answer.lua").read_text())
        for proxy, about in PROXIES.items():
            say(f"- {proxy}: {pairs} times {SECONDS} s of each configuration")
            begin(lab, proxy)
            found[proxy] = {"ours": [], "theirs": []}
            for turn in range(pairs):
                # Who goes first changes, so that a machine that warms up or slows down favours neither.
                for whose in ("ours", "theirs") if turn % 2 == 0 else ("theirs", "ours"):
                    found[proxy][whose].append(drive(lab, about.ours if whose == "ours" else about.theirs))
            end(lab, proxy)
        daemons = machine.daemons(lab.container(BALANCER))
    return {"proxies": found, "daemons": daemons}


def copy(lab: Lab, host: str, path: str, text: str) -> None:
    lab.run(host, ["sh", "-c", 'mkdir -p "$(dirname "$0")" && printf %s "$1" > "$0"', path, text])


def begin(lab: Lab, proxy: str) -> None:
    """Ours by the role, theirs as a transient unit beside it."""
    calls.playbook(["-i", str(lab.inventory), str(FILES / "ours.yml"), "-e", f"proxy={proxy}"], {})
    places = {"address": lab.address(BALANCER)}
    places |= {f"web_{number}": lab.address(f"web-{number}") for number in (1, 2, 3)}
    about = PROXIES[proxy]
    for name in about.files:
        # nginx's own braces are doubled in the file; the others have none.
        copy(lab, BALANCER, f"/etc/theirs/{name}", _source(name).read_text().format(**places))
    lab.run(
        BALANCER, ["systemd-run", "--quiet", f"--unit=theirs-{proxy}", "--property=LimitNOFILE=65536", *about.command]
    )


def _source(name: str) -> Path:
    """Linters take every .yml here for a playbook, so Traefik's files have another suffix."""
    return (FILES / name).with_suffix(".conf") if name.endswith(".yml") else FILES / name


def end(lab: Lab, proxy: str) -> None:
    lab.run(BALANCER, ["systemctl", "stop", f"theirs-{proxy}", proxy])


def drive(lab: Lab, port: int) -> dict[str, Any]:
    """One run of wrk from the client."""
    argv = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", "/root/answer.lua"]
    said = lab.run(CLIENT, [*argv, f"http://{lab.address(BALANCER)}:{port}/"])
    seen: dict[str, Any] = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    return {**seen, "rate": seen["requests"] / seen["seconds"]}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """The geometric mean of the paired ratios and its 95 % interval, by Student's t over their logarithms. Pure."""
    logs = [math.log(one / other) for one, other in zip(ours, theirs, strict=True)]
    middle = statistics.fmean(logs)
    half = student(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def student(freedom: int, probability: float = 0.975) -> float:
    """A quantile of Student's t (Abramowitz and Stegun, 26.7.5); within 0.001 from 7 degrees of freedom on. Pure."""
    z = NormalDist().inv_cdf(probability)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def report(found: Mapping[str, Any]) -> str:
    """One table."""
    head = [
        "proxy",
        "ours req/s",
        "theirs",
        "ratio",
        "from",
        "to",
        "ours p99 ms",
        "theirs",
        "ratio",
        "from",
        "to",
        "errors",
    ]
    rows: list[list[object]] = []
    for proxy, seen in found["proxies"].items():
        row: list[object] = [proxy]
        for key in ("rate", "p99_ms"):
            ours, theirs = ([float(run[key]) for run in seen[whose]] for whose in ("ours", "theirs"))
            row += [statistics.median(ours), statistics.median(theirs), *(f"{one:.3f}" for one in ratio(ours, theirs))]
        rows.append([*row, sum(run["errors"] for whose in ("ours", "theirs") for run in seen[whose])])
    pairs = len(next(iter(found["proxies"].values()))["ours"])
    return "\n".join(
        [
            table(head, rows),
            "",
            f"Medians of {pairs} alternating runs of {SECONDS} s with {CONNECTIONS} kept connections; ratio: geometric mean of "
            "ours to theirs, pair by pair, and its 95 % interval.",
            ", ".join(f"{name} {version}" for name, version in found["daemons"].items()),
        ]
    )
