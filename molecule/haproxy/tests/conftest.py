"""One balancer, three web servers and a client; requests are made by the client, changes by the role."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("LAB_NAME", "mol-haproxy")

from lab.hosts import Lab  # noqa: E402 - the lab is found by the lines above
from lab.shell import LabError  # noqa: E402
from tests import proxies  # noqa: E402
from tests.proxies import clients, probe  # noqa: E402
from tests.site import Site, as_a_user, lab, wait_for  # noqa: E402

__all__ = ["clients", "lab", "probe"]

as_a_user()
LB = "lb-1"
ASK = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect("/run/haproxy/admin.sock")
connection.sendall(sys.argv[1].encode() + b"\\n")
print(connection.makefile().read())
"""


class Bed(proxies.Bed):
    """And what can be asked of the running haproxy."""

    def ask(self, command: str) -> str:
        """The running daemon."""
        return self.lab.run(LB, ["python3", "-c", ASK, command]).strip()

    def worker(self) -> str:
        return next(line for line in self.ask("show info").splitlines() if line.startswith("Pid:"))

    def anew(self, script: str) -> None:
        """Reload or restart the daemon, and wait until another worker answers."""

        def answers() -> str:
            try:
                return self.worker()
            except (LabError, StopIteration):
                return ""

        before = self.worker()
        self.on(LB, script)
        wait_for(lambda: answers() not in ("", before))

    def settled(self) -> None:
        """Wait until the workers from before a reload have gone."""
        wait_for(lambda: self.on(LB, "pgrep -xc haproxy || :").strip() == "2")

    def stat(self, proxy: str, name: str, column: str) -> str:
        head, *lines = [line.split(",") for line in self.ask("show stat").lstrip("# ").splitlines()]
        return next(dict(zip(head, line, strict=False))[column] for line in lines if line[:2] == [proxy, name])

    def server(self, backend: str, name: str) -> dict[str, str]:
        lines = [line.split() for line in self.ask(f"show servers state {backend}").splitlines()[1:]]
        head = lines[0][1:]
        return next(dict(zip(head, line, strict=False)) for line in lines[1:] if line[3] == name)

    def module(
        self, name: str, host: str = LB, expect: int = 0, check: bool = False, **arguments: Any
    ) -> dict[str, Any]:
        """Call one of the collection's modules as a user does; its result."""
        return self.site.ask(host, f"evenkeel.lb.{name}", *["--check"] * check, expect=expect, **arguments)

    def backend(self, name: str, **changes: Any) -> list[dict[str, Any]]:
        """The inventory's backends with one of them changed."""
        return [{**item, **changes} if item["name"] == name else item for item in self.variables["haproxy_backends"]]


@pytest.fixture(scope="session")
def bed(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    site = Site(lab, tmp_path_factory.mktemp("bed"), "molecule/haproxy/converge.yml")
    return Bed(site, LB, "haproxy", users_ask=lab.address(LB))
