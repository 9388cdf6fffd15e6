# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of the proxies on the hosts of its scenario: requests of a client, changes by the role, what is lost meanwhile.

The scenario's conftest says where its proxy is, and what else can be asked of that one:

    class Bed(proxies.Bed): ...

    @pytest.fixture(scope="session")
    def bed(lab, tmp_path_factory):
        return Bed(Site(lab, tmp_path_factory.mktemp("bed"), "molecule/NAME/converge.yml"), "lb-1", "NAME")
"""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from lab.hosts import Lab
from tests.faults import CALM, Probe
from tests.site import Site, Watched, flat

# Enough that a change that drops kept connections would be seen (it loses nearly every one), and little enough for a
# machine that is busy with other scenarios.
LOAD = {"rate": 60, "kept": 10, "kept_rate": 20}
CURL = ("curl", "-gsS", "-k", "--max-time", "20")
SHOWN = """
import hashlib, socket, ssl, sys
context = ssl._create_unverified_context()
address, port, name = sys.argv[1:]
with context.wrap_socket(socket.create_connection((address, port), 20), server_hostname=name) as connection:
    print(hashlib.sha256(connection.getpeercert(True)).hexdigest())
"""
STATUS = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
FILES = """
find /etc/ROLE /etc/systemd/system/ROLE.service* /etc/sysctl.d /usr/local/lib/evenkeel -type f -not -path '*/bin/*' \\
  -exec sha256sum {} + | sort
sysctl net.ipv4.ip_nonlocal_bind
ss -Hltn | awk '{print $4}' | sort
"""
PROCESSES = """
systemctl show -p MainPID,NRestarts ROLE
pgrep -a -P $(systemctl show -p MainPID --value ROLE) | sort
"""


@dataclass
class Answer:
    """What a client was answered."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def server(self) -> str:
        """Which server it was, by its own word."""
        return self.headers["x-served-by"]

    @property
    def told(self) -> dict[str, Any]:
        """What the server was asked, where it says that."""
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Bed:
    """What the tests do to the hosts. Requests go to one balancer, `lb`, unless another host is named."""

    site: Site
    lb: str
    role: str
    port: int = 80
    tls_port: int = 443
    # Where the clients are who watch while something happens: the address that users ask.
    users_ask: str = ""

    @property
    def lab(self) -> Lab:
        return self.site.lab

    @functools.cached_property
    def variables(self) -> dict[str, Any]:
        """The balancer's variables as the inventory has them, templates not resolved."""
        return self.site.variables(self.lb)

    def on(self, host: str, script: str, timeout: float = 300) -> str:
        """Output of a shell script, as root."""
        return self.lab.run(host, ["sh", "-ec", script], timeout=timeout)

    def url(self, path: str = "/", port: int = 0, scheme: str = "http", host: str = "") -> str:
        return f"{scheme}://{host or self.lab.address(self.lb)}:{port or self.port}{path}"

    def get(self, path: str = "/", *options: str, port: int = 0, scheme: str = "http", host: str = "") -> Answer:
        """One request."""
        text = self.lab.run("client", [*CURL, "-i", *options, self.url(path, port, scheme, host)])
        # A PROXY or CONNECT answer would come first; the last head is the one that counts.
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        lines = head.splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Answer(int(lines[0].split()[1]), headers, body.strip())

    def bodies(self, count: int, path: str, *options: str, port: int = 0, host: str = "") -> list[str]:
        """What so many requests were answered, one right after the other; nothing of one without an answer."""
        command = shlex.join([*CURL, *options, self.url(path, port, host=host)])
        return self.on("client", f"for i in $(seq {count}); do {command} || echo; done", timeout=600).split()

    def takers(self, count: int, path: str, *options: str, port: int = 0) -> Counter[str]:
        """How many of so many requests each server took."""
        return Counter(self._each(count, "%header{x-served-by}", path, *options, port=port))

    def statuses(self, count: int, path: str, *options: str, port: int = 0) -> list[str]:
        """000 is that of a request without an answer."""
        return self._each(count, "%{http_code}", path, *options, port=port)

    def _each(self, count: int, what: str, path: str, *options: str, port: int) -> list[str]:
        return self.bodies(count, path, "-o", "/dev/null", "-w", f"{what}\\n", *options, port=port)

    def refused(self, *arguments: str) -> bool:
        """Whether curl got no answer at all."""
        asked = f"{shlex.join(CURL)} -o /dev/null {' '.join(arguments)}"
        return self.on("client", f"{asked} 2>/dev/null && echo answered || echo refused").strip() == "refused"

    def status_here(self, url: str, host: str = "") -> int:
        """What the balancer, or another host, is answered itself."""
        return int(self.lab.run(host or self.lb, ["python3", "-c", STATUS, url]))

    def shown_certificate(self, name: str) -> str:
        """Fingerprint of the certificate that a client is shown who asks for this name."""
        asked = ["python3", "-c", SHOWN, self.lab.address(self.lb), str(self.tls_port), name]
        return self.lab.run("client", asked).strip()

    def made_certificate(self, name: str) -> str:
        """Fingerprint of one that the scenario made."""
        text = (self.lab.state / "tls" / f"{name}.crt").read_text()
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()

    def converge(self, *arguments: str, expect: int | None = 0, **variables: Any) -> str:
        """Run the role, with variables laid over the inventory's."""
        return self.site.run(*arguments, "-e", json.dumps(variables), expect=expect)

    def refusal(self, *arguments: str, **variables: Any) -> str:
        """What a run says that has to fail, in one line."""
        return flat(self.converge(*arguments, expect=2, **variables)).replace('\\"', '"')

    def settled(self) -> None:
        """Wait until what a reload replaced has gone, where a reload leaves anything behind."""

    def files(self) -> str:
        """Every file that a commit could touch, what the kernel was told, and every socket that listens."""
        return self.on(self.lb, FILES.replace("ROLE", self.role))

    def everything(self) -> str:
        """That, and the processes that serve: as soon as none of them is on its way out."""
        self.settled()
        return self.files() + self.on(self.lb, PROCESSES.replace("ROLE", self.role))

    def withdraw(self, *places: str) -> None:
        """Without the role's daemon: it is down for good, and at none of these places is anything left of ours."""
        gone: dict[str, Any] = {f"{self.role}_state": "absent"}
        assert "changed=1" in self.converge(**gone)
        unit = f"{self.role}.service"
        states = self.on(self.lb, f"systemctl is-active {unit} || :; systemctl is-enabled {unit} 2>/dev/null || :")
        assert {"active", "enabled"} & set(states.split()) == set(), states
        assert self.on(self.lb, f"ls -d {' '.join(places)} 2>/dev/null || :") == ""
        assert "changed=0" in self.converge(**gone)


def clients_of(probe: Probe, address: str, port: int = 80, patience: float = 15) -> Watched:
    """Tells what new and kept clients of an address saw while something happened; they wait so many seconds.

    On a busy machine one answer of many thousands takes seconds, which is nobody's fault (`lost` asks after the 99th percentile
    instead). What has to be quick is asked with less patience, by a test that runs alone.
    """

    def watch(act: Callable[[], object]) -> dict[str, Any]:
        probe.start([{"name": "web", "address": address, "port": port}], timeout=patience, **LOAD)
        try:
            time.sleep(CALM)
            act()
            time.sleep(CALM)
        finally:
            seen = probe.stop()
        assert seen["kept"]["sent"] > 100 and seen["new"]["sent"] > 50
        return seen

    return watch


def lost(seen: dict[str, Any]) -> str:
    """Empty if nothing was and clients in general did not wait; otherwise what, and how late the busy machine was itself."""
    # The probe's figures have the two kinds of clients apart; those of tests/faults.py the latency of the new ones.
    latency = [seen[who]["latency_ms"] for who in ("new", "kept")] if "new" in seen else [seen["latency_ms"]]
    if not seen["lost"] and all((one["p99"] or 0) < 3000 for one in latency):
        return ""
    return f"{seen['lost']} of {seen['sent']}, late by {seen['late_ms']} ms, latency {latency}: {seen['lost_list'][:5]}"


@pytest.fixture(scope="session")
def probe(lab: Lab) -> Probe:
    return Probe(lab).install()


@pytest.fixture
def clients(bed: Bed, probe: Probe) -> Watched:
    """What users saw while something happened."""
    return clients_of(probe, bed.users_ask)
