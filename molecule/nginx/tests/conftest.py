"""A pair with nginx, an application that runs three times, and a client: requests are made by the client, changes by the role."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("LAB_NAME", "mol-nginx")

from lab import faults  # noqa: E402 - the lab is found by the line above
from lab.hosts import Lab  # noqa: E402
from lab.observer import Observer  # noqa: E402
from tests.faults import CALM, Pair  # noqa: E402
from tests.site import Site, Watched, as_a_user, lab, site, wait_for  # noqa: E402

__all__ = ["lab", "site"]

as_a_user()
LB = "lb-1"
# Enough that a reload that drops kept connections would be seen, and little enough for a machine that is busy with other
# scenarios.
LOAD = {"rate": 60, "kept": 10, "kept_rate": 20}
APPS = ("app-4000", "app-4001", "app-4002")
FEATURES = ROOT / "molecule" / "nginx" / "vars" / "features.yml"

SHOWN = """
import hashlib, socket, ssl, sys
context = ssl._create_unverified_context()
with context.wrap_socket(socket.create_connection((sys.argv[1], 444), 5), server_hostname=sys.argv[2]) as connection:
    print(hashlib.sha256(connection.getpeercert(True)).hexdigest())
"""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def server(self) -> str:
        """Which of the applications it was."""
        return self.headers["x-served-by"]

    @property
    def told(self) -> dict[str, Any]:
        """What the application was asked, as it says itself."""
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Bed:
    """What the tests do to the hosts."""

    lab: Lab
    site: Site

    def on(self, host: str, script: str, timeout: float = 60) -> str:
        return self.lab.run(host, ["sh", "-ec", script], timeout=timeout)

    def get(self, path: str = "/", *options: str, port: int = 81, scheme: str = "http", host: str = "") -> Answer:
        """One request of the client's to the balancer."""
        url = f"{scheme}://{host or self.lab.address(LB)}:{port}{path}"
        text = self.lab.run("client", ["curl", "-gsSki", "--max-time", "8", *options, url])
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

    def converge(self, *arguments: str, expect: int | None = 0, features: bool = True, **variables: Any) -> str:
        """The role alone on lb-1, with all features, and with variables laid over both."""
        extra = ["-e", f"@{FEATURES}"] if features else []
        places = {"scenario_vip": self.lab.vip, "scenario_client": self.lab.address("client")}
        extra += ["-e", json.dumps({**places, **variables})]
        return self.site.play("molecule/nginx/one.yml", *extra, *arguments, expect=expect)

    def restore(self, app: str) -> None:
        """An application that was crashed answers again."""
        port = app.partition("-")[2]
        faults.restore(self.lab, "web-1", f"app@{port}.service")
        wait_for(lambda: answers(self.lab, f"http://{self.lab.address('web-1')}:{port}/health"), 10)

    def settled(self) -> None:
        """Wait until the workers from before a reload have gone."""
        wait_for(lambda: "shutting down" not in self.on(LB, "pgrep -P $(cat /run/nginx.pid) -a"), 20)

    def workers(self) -> str:
        """The workers that take connections, and their master."""
        return self.on(LB, "cat /run/nginx.pid; pgrep -P $(cat /run/nginx.pid) -a | grep -v 'shutting down' | sort")


def answers(lab: Lab, url: str) -> bool:
    return lab.run("client", ["sh", "-c", 'curl -gsfS --max-time 2 "$1" || :', "sh", url]) != ""


@pytest.fixture(scope="session")
def pair(lab: Lab) -> Pair:
    return Pair(lab, load=LOAD)


@pytest.fixture(scope="session")
def bed(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    return Bed(lab, Site(lab, tmp_path_factory.mktemp("bed")))


@pytest.fixture
def watched(lab: Lab, pair: Pair) -> Watched:
    """Starts from a pair that is whole, and sees through until it is calm again."""

    def watch(act: Callable[[], object]) -> dict[str, Any]:
        pair.steady()
        with Observer(lab, pair.nodes) as observer:
            return pair.watched(observer, act, lambda: time.sleep(CALM))

    return watch
