"""Commits on the scenario's hosts, by ansible as a user calls it, and what the hosts are like before and after."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from crash import Crash  # noqa: E402 - the lab is found by the line above

from lab.hosts import Lab  # noqa: E402
from tests.site import ANSWER, PATIENCE  # noqa: E402

NAME = os.environ.get("LAB_NAME", "mol-commit")
# Each of pytest's processes (gw0, gw1, ...) has a host of its own.
OWN_HOST = f"lb-{int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) + 1}"

CFG = """\
# Managed by evenkeel.lb (scenario commit): change the inventory, not this file.
global
    user haproxy
    group haproxy
    stats socket /run/haproxy/admin.sock mode 600 level admin

defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s

frontend web
    bind :80
    bind :443 ssl crt /etc/haproxy/certs/www.pem
    http-request return status 200 content-type text/plain string "{word}"
{extra}"""
CONFIG = "/etc/haproxy/haproxy.cfg"
CERTIFICATE = "/etc/haproxy/certs/www.pem"
SYSCTL = "/etc/sysctl.d/60-evenkeel-test.conf"
DROP_IN = "/etc/systemd/system/haproxy.service.d/10-evenkeel.conf"
MAP = "/etc/haproxy/maps/hosts.map"


@dataclass
class Answer:
    """What a module call returned, and all that ansible printed."""

    failed: bool
    result: dict[str, Any]
    output: str

    def __getattr__(self, name: str) -> Any:
        try:
            return self.result[name]
        except KeyError:
            raise AttributeError(name) from None

    def diffs(self) -> dict[str, tuple[str, str]]:
        """Before and after, by title."""
        return {one["after_header"].removesuffix(" (absent)"): (one["before"], one["after"]) for one in self.diff}


@dataclass
class Node:
    """One host of the lab."""

    lab: Lab
    name: str

    def sh(self, script: str, timeout: float = 300) -> str:
        """Output of a shell script, as root."""
        return self.lab.run(self.name, ["sh", "-ec", script], timeout=timeout)

    def until(self, command: str) -> None:
        """Wait until a command succeeds there."""
        self.sh(f"timeout {PATIENCE:g} sh -c 'until {command}; do sleep 0.1; done'", timeout=PATIENCE + 30)

    def put(self, path: str, text: str) -> None:
        self.lab.run(self.name, ["sh", "-ec", 'mkdir -p "$(dirname "$1")"; cat > "$1"', "sh", path], stdin=text)

    @property
    def address(self) -> str:
        return self.lab.address(self.name)

    def ansible(self, *argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """ansible against this host."""
        environment = {
            # What molecule sets for its own runs (colours, for one) would show in the answers.
            **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_TIMEOUT": ANSWER,
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_VERBOSITY": "3",  # less hides the diff from a result
            **(env or {}),
        }
        command = ["ansible", self.name, "-i", str(self.lab.inventory), "--become", *argv]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    def commit(self, *options: str, env: dict[str, str] | None = None, **arguments: Any) -> Answer:
        """One call of the module."""
        done = self.ansible("-m", "evenkeel.lb.commit", "-a", json.dumps(arguments), *options, env=env)
        output = done.stdout + done.stderr
        start = done.stdout.find(f"{self.name} | ")
        assert start >= 0, output
        verdict, _, text = done.stdout[start:].partition("=> ")
        return Answer("FAILED" in verdict, json.JSONDecoder().raw_decode(text)[0], output)

    def word(self, port: int = 80) -> str:
        """What the proxy answers."""
        connection = HTTPConnection(self.address, port, timeout=10)
        connection.request("GET", "/")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def says(self, word: str, seconds: float = PATIENCE) -> bool:
        """Whether the proxy comes to answer this: a reload is over some time after the command for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # One that is just being put in place may not answer.
            with contextlib.suppress(OSError, HTTPException):
                if self.word() == word:
                    return True
            time.sleep(0.1)
        return False

    def everything(self) -> str:
        """Every byte, owner, mode and time of what a commit could touch, and every process with its start.

        As soon as no process is left from before a reload: that one goes by itself.
        """
        return self.sh(
            "for i in $(seq 300); do [ $(pgrep -xc haproxy) -gt 2 ] || break; sleep 0.1; done; "
            "find /etc /var/lib/evenkeel/services /usr/local/lib -xdev ! -name resolv.conf "
            "-printf '%p %y %U %G %m %T@ %i %l\\n' | sort; "
            "find /etc /var/lib/evenkeel/services -xdev -type f -exec sha256sum {} + | sort; "
            "sysctl -n net.ipv4.ip_nonlocal_bind; "
            "systemctl show -p MainPID,NRestarts,ActiveState,UnitFileState haproxy; "
            "ps -o pid,lstart,comm -C haproxy"
        )

    def leftovers(self) -> list[str]:
        """What a commit puts beside its targets while it is under way."""
        return self.sh("find /etc -name '*evenkeel-new' -o -name '*evenkeel-old'").split()

    def temporary(self) -> list[str]:
        """The same in our own state."""
        return self.sh("find /var/lib/evenkeel -name '.*'").split()


@dataclass
class Client:
    """Asks for the page all the time."""

    node: Node
    sent: int = 0
    bad: list[str] = field(default_factory=list)

    def ask(self) -> None:
        self.sent += 1
        try:
            self.node.word()
        except (OSError, HTTPException) as error:
            self.bad.append(f"{time.time():.2f} {error!r}")


@contextmanager
def traffic(node: Node) -> Iterator[Client]:
    """A request every 10 ms while the body runs."""
    client, stop = Client(node), threading.Event()

    def run() -> None:
        while not stop.is_set():
            client.ask()
            time.sleep(0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield client
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab.load(NAME)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two certificates with their keys."""
    found = []
    for number in range(2):
        directory = tmp_path_factory.mktemp(f"certificate{number}")
        subprocess.run(
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=www{number}.example.com "
            "-keyout key -out crt",
            shell=True,
            check=True,
            cwd=directory,
            capture_output=True,
        )
        found.append((directory / "crt").read_text() + (directory / "key").read_text())
    return found


class Proxy:
    """The set that most tests commit."""

    def __init__(self, certificates: list[str]) -> None:
        self.certificates = certificates

    def arguments(self, word: str, extra: str = "", certificate: int = 0, **changes: Any) -> dict[str, Any]:
        return {
            "service": "haproxy",
            "run_id": f"run-{word}",
            "files": [
                {"path": CONFIG, "content": CFG.format(word=word, extra=extra)},
                {"path": CERTIFICATE, "content": self.certificates[certificate], "mode": "0600", "secret": True},
                {"path": SYSCTL, "content": f"net.ipv4.ip_nonlocal_bind = {certificate}\n"},
                {
                    "path": DROP_IN,
                    "content": f"[Service]\nRestart=always\nRestartSec=100ms\nEnvironment=SET={certificate}\n",
                },
            ],
            "validate": [["haproxy", "-c", "-f", CONFIG]],
            "apply": {"sysctl": [SYSCTL]},
            "unit": "haproxy.service",
            "unit_state": "started",
            "enabled": True,
            "verify": {"listen": ["*:80", "*:443"], "http": [{"url": "http://127.0.0.1/"}], "timeout": 20},
            **changes,
        }


@pytest.fixture(scope="session")
def proxy(certificates: list[str]) -> Proxy:
    return Proxy(certificates)


@pytest.fixture(scope="session")
def crash(lab: Lab) -> Crash:
    return Crash(lab, OWN_HOST)


@pytest.fixture
def node(lab: Lab, crash: Crash, proxy: Proxy) -> Node:
    """A host with the set `one` in force."""
    answer = crash.run(proxy.arguments("one", on_drift="overwrite"))
    assert "error" not in answer, answer
    return Node(lab, crash.host)
