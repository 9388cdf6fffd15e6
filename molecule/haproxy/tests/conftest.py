"""One balancer, three web servers and a client; requests are made by the client, changes by the role."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from lab.hosts import Lab  # noqa: E402 - the lab is found by the line above
from lab.shell import LabError  # noqa: E402
from tests.faults import Probe  # noqa: E402
from tests.site import wait_for  # noqa: E402

NAME = os.environ.get("LAB_NAME", "mol-haproxy")
LB = "lb-1"
CONTROL = "/usr/local/lib/evenkeel/haproxy/ctl"
# Molecule colours what its children print.
PLAIN = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
ASK = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect("/run/haproxy/admin.sock")
connection.sendall(sys.argv[1].encode() + b"\\n")
print(connection.makefile().read())
"""

SHOWN = """
import hashlib, socket, ssl, sys
context = ssl._create_unverified_context()
with context.wrap_socket(socket.create_connection((sys.argv[1], 443), 5), server_hostname=sys.argv[2]) as connection:
    print(hashlib.sha256(connection.getpeercert(True)).hexdigest())
"""


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

    def get(self, path: str = "/", *options: str, port: int = 80, scheme: str = "http", host: str = "") -> Answer:
        """One request of the client's to the balancer."""
        url = f"{scheme}://{host or self.lab.address(LB)}:{port}{path}"
        text = self.lab.run("client", ["curl", "-gsSki", "--max-time", "5", *options, url])
        # A PROXY or CONNECT answer would come first; the last head is the one that counts.
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        lines = head.splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Answer(int(lines[0].split()[1]), headers, body.strip())

    def shown_certificate(self, name: str) -> str:
        """Fingerprint of the certificate that a client is shown who asks for this name."""
        return self.lab.run("client", ["python3", "-c", SHOWN, self.lab.address(LB), name]).strip()

    def made_certificate(self, name: str) -> str:
        """Fingerprint of one that the scenario made."""
        text = (self.lab.state / "tls" / f"{name}.crt").read_text()
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()

    def ask(self, command: str) -> str:
        """The running daemon."""
        return self.lab.run(LB, ["python3", "-c", ASK, command]).strip()

    def worker(self) -> str:
        return next(line for line in self.ask("show info").splitlines() if line.startswith("Pid:"))

    def anew(self, script: str) -> None:
        """Reload or restart the daemon, and wait until another worker answers."""
        before = self.worker()
        self.on(LB, script)
        wait_for(lambda: self.answers() not in ("", before), 20)

    def answers(self) -> str:
        """The worker, or nothing while none is there."""
        try:
            return self.worker()
        except (LabError, StopIteration):
            return ""

    def settled(self) -> None:
        """Wait until the workers from before a reload have gone."""
        wait_for(lambda: self.on(LB, "pgrep -xc haproxy || :").strip() == "2", 20)

    def stat(self, proxy: str, name: str, column: str) -> str:
        head, *lines = [line.split(",") for line in self.ask("show stat").lstrip("# ").splitlines()]
        return next(dict(zip(head, line, strict=False))[column] for line in lines if line[:2] == [proxy, name])

    def server(self, backend: str, name: str) -> dict[str, str]:
        lines = [line.split() for line in self.ask(f"show servers state {backend}").splitlines()[1:]]
        head = lines[0][1:]
        return next(dict(zip(head, line, strict=False)) for line in lines[1:] if line[3] == name)

    def converge(self, *arguments: str, expect: int = 0, **variables: Any) -> str:
        """Run the role, with variables laid over the inventory's."""
        argv = [
            "ansible-playbook",
            "-i",
            str(self.lab.inventory),
            "molecule/haproxy/converge.yml",
            "-e",
            json.dumps(variables),
            *arguments,
        ]
        done = subprocess.run(argv, cwd=ROOT, env={**os.environ, **PLAIN}, capture_output=True, text=True, timeout=300)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def module(
        self, name: str, host: str = LB, expect: int = 0, check: bool = False, **arguments: Any
    ) -> dict[str, Any]:
        """Call one of the collection's modules as a user does; its result."""
        argv = ["ansible", host, "-i", str(self.lab.inventory), "-m", f"evenkeel.lb.{name}"]
        argv += ["-a", json.dumps(arguments)] if arguments else []
        done = subprocess.run(
            argv + ["--check"] * check,
            cwd=ROOT,
            env={**os.environ, **PLAIN, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode != 0) is (expect != 0), done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("=> {") + 3 :])
        return result

    def variables(self) -> dict[str, Any]:
        """The balancer's variables as the inventory has them, templates not resolved."""
        argv: Sequence[str] = ["ansible-inventory", "-i", str(self.lab.inventory), "--host", LB]
        return dict(json.loads(subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout))

    def backend(self, name: str, **changes: Any) -> list[dict[str, Any]]:
        """The inventory's backends with one of them changed."""
        return [{**item, **changes} if item["name"] == name else item for item in self.variables()["haproxy_backends"]]


# Enough that a reload that drops kept connections would be seen (it loses nearly every one), and little enough for a
# machine that is busy with other scenarios.
LOAD = {"rate": 60, "kept": 10, "kept_rate": 20}


def watched(bed: Bed, probe: Probe, act: Callable[[], object]) -> dict[str, Any]:
    """What new and kept clients saw while something happened."""
    probe.start([{"name": "web", "address": bed.lab.address(LB)}], **LOAD)
    try:
        time.sleep(1)
        act()
        time.sleep(1)
    finally:
        seen = probe.stop()
    assert seen["kept"]["sent"] > 100 and seen["new"]["sent"] > 100
    return seen


def lost(seen: dict[str, Any]) -> str:
    """Empty if nothing was; otherwise what, and whether the machine was too busy for the figures to be trusted."""
    return (
        ""
        if not seen["lost"]
        else f"{seen['lost']} of {seen['sent']}, late by {seen['late_ms']} ms: {seen['lost_list'][:5]}"
    )


@pytest.fixture(scope="session")
def bed() -> Bed:
    return Bed(Lab.load(NAME))


@pytest.fixture(scope="session")
def probe(bed: Bed) -> Probe:
    return Probe(bed.lab).install()
