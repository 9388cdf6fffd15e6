"""A pair with Traefik, three labelled containers behind it, three web servers, and a client.

The pair is seed 0's. What a feature needs beyond it is laid over the inventory of the standby, by the role alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("LAB_NAME", "mol-traefik")

from lab.hosts import Lab  # noqa: E402 - the lab is found by the lines above
from tests import proxies  # noqa: E402
from tests.proxies import clients, probe  # noqa: E402
from tests.site import Site, as_a_user, lab, wait_for  # noqa: E402

__all__ = ["clients", "lab", "probe"]

as_a_user()
HOLDER, LB = "lb-1", "lb-2"


class Bed(proxies.Bed):
    """And what can be asked of the running Traefik. The role runs on the standby, without what would move VIPs."""

    def api(self, path: str, host: str = LB) -> Any:
        """What the running daemon says of itself, to its own node only."""
        ask = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
        return json.loads(self.lab.run(host, ["python3", "-c", ask, f"http://127.0.0.1:8407/api/{path}"]))

    def alive(self, path: str = "alive", host: str = LB) -> int:
        return self.status_here(f"http://127.0.0.1:8407/{path}", host)

    def replicas(self, count: int) -> None:
        """So many labelled containers; no run of ours."""
        script = ROOT / "molecule" / "traefik" / "files" / "replicas"
        subprocess.run([script, self.lab.name, str(count)], check=True, timeout=120)

    def answering(self, count: int = 12) -> set[str]:
        """Which replicas answer so many requests of users."""
        return set(self.bodies(count, "/", host=self.lab.vip, port=80))

    def pid(self, host: str = LB) -> str:
        return self.on(host, "systemctl show -p MainPID --value traefik").strip()


@pytest.fixture(scope="session")
def bed(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    site = Site(lab, tmp_path_factory.mktemp("bed"), "molecule/traefik/role.yml")
    return Bed(site, LB, "traefik", port=8000, tls_port=8443, users_ask=lab.vip)


@pytest.fixture
def three(bed: Bed) -> None:
    """Three replicas answer."""
    bed.replicas(3)
    wait_for(lambda: len(bed.answering()) == 3)
