"""A pair with Traefik, three labelled containers behind it, three web servers, and a client.

The pair is seed 0's. What a feature needs beyond it is laid over the inventory of the standby, by the role alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from lab.hosts import Lab  # noqa: E402 - the lab is found by the line above
from tests.faults import Probe  # noqa: E402

NAME = os.environ.get("LAB_NAME", "mol-traefik")
HOLDER, LB = "lb-1", "lb-2"
# Molecule colours what its children print.
PLAIN = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
# Enough that a change that drops connections would be seen, and little enough for a machine that is busy with other
# scenarios.
LOAD = {"rate": 60, "kept": 10, "kept_rate": 10}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Bed:
    """What the tests do to the hosts."""

    lab: Lab

    def on(self, host: str, script: str, timeout: float = 60) -> str:
        return self.lab.run(host, ["sh", "-ec", script], timeout=timeout)

    def get(self, path: str = "/", *options: str, port: int = 8000, scheme: str = "http", host: str = "") -> Answer:
        """One request of the client's to the standby."""
        url = f"{scheme}://{host or self.lab.address(LB)}:{port}{path}"
        text = self.lab.run("client", ["curl", "-gsSki", "--max-time", "5", *options, url])
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        lines = head.splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Answer(int(lines[0].split()[1]), headers, body.strip())

    def sequence(self, count: int, *options: str, host: str = "", port: int = 8000) -> list[str]:
        """Who answered so many requests, one after the other."""
        url = f"http://{host or self.lab.address(LB)}:{port}/"
        script = f"for i in $(seq {count}); do curl -sS --max-time 5 {' '.join(options)} {url} || echo; done"
        return self.on("client", script, timeout=120).split()

    def api(self, path: str, host: str = LB) -> Any:
        """What the running daemon says of itself, to its own node only."""
        ask = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
        return json.loads(self.lab.run(host, ["python3", "-c", ask, f"http://127.0.0.1:8407/api/{path}"]))

    def alive(self, path: str = "alive", host: str = LB) -> int:
        ask = (
            "import sys, urllib.request, urllib.error\n"
            "try: print(urllib.request.urlopen(sys.argv[1]).status)\n"
            "except urllib.error.HTTPError as error: print(error.code)"
        )
        return int(self.lab.run(host, ["python3", "-c", ask, f"http://127.0.0.1:8407/{path}"]))

    def replicas(self, count: int) -> None:
        """So many labelled containers; no run of ours."""
        subprocess.run(
            [ROOT / "molecule" / "traefik" / "files" / "replicas", NAME, str(count)], check=True, timeout=120
        )

    def pid(self, host: str = LB) -> str:
        return self.on(host, "systemctl show -p MainPID --value traefik").strip()

    def converge(
        self, *arguments: str, expect: int = 0, playbook: str = "molecule/traefik/role.yml", **over: Any
    ) -> str:
        """Run the role on the standby, with variables laid over the inventory's; what it said, however it was folded."""
        argv = ["ansible-playbook", "-i", str(self.lab.inventory), playbook, "-e", json.dumps(over), *arguments]
        done = subprocess.run(argv, cwd=ROOT, env={**os.environ, **PLAIN}, capture_output=True, text=True, timeout=300)
        assert done.returncode == expect, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())

    def until(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def bed() -> Bed:
    return Bed(Lab.load(NAME))


@pytest.fixture(scope="session")
def probe(bed: Bed) -> Probe:
    return Probe(bed.lab).install()


@pytest.fixture
def three(bed: Bed) -> Iterator[None]:
    """Three replicas, before and after."""
    bed.replicas(3)
    bed.until(lambda: len(set(bed.sequence(12, host=bed.lab.vip, port=80))) == 3)
    yield
    bed.replicas(3)


def watched(bed: Bed, probe: Probe, act: Callable[[], object]) -> dict[str, Any]:
    """What new and kept clients of the VIP saw while something happened."""
    probe.start([{"name": "web", "address": bed.lab.vip}], **LOAD)
    try:
        time.sleep(1)
        act()
        time.sleep(1)
    finally:
        seen = probe.stop()
    assert seen["kept"]["sent"] > 100 and seen["new"]["sent"] > 100
    return seen
