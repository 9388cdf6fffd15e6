"""A pair with nginx, an application that runs three times, and a client: requests are made by the client, changes by the role."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("LAB_NAME", "mol-nginx")

from lab import faults  # noqa: E402 - the lab is found by the lines above
from lab.hosts import Lab  # noqa: E402
from tests import proxies  # noqa: E402
from tests.faults import Pair  # noqa: E402
from tests.proxies import LOAD, clients, probe  # noqa: E402
from tests.site import Site, Watched, as_a_user, lab, site, wait_for, watching  # noqa: E402

__all__ = ["clients", "lab", "probe", "site"]

as_a_user()
LB, NODES = "lb-1", ("lb-1", "lb-2")
APPS = ("app-4000", "app-4001", "app-4002")
FEATURES = ROOT / "molecule" / "nginx" / "vars" / "features.yml"


class Bed(proxies.Bed):
    """With all features on lb-1, beside the pair's own server."""

    def converge(self, *arguments: str, expect: int | None = 0, features: bool = True, **variables: Any) -> str:
        """The role alone on lb-1, with all features, and with variables laid over both."""
        places = {"scenario_vip": self.lab.vip, "scenario_client": self.lab.address("client")}
        extra = ["-e", f"@{FEATURES}"] if features else []
        return super().converge(*extra, "-e", json.dumps(places), *arguments, expect=expect, **variables)

    def restore(self, app: str) -> None:
        """An application that was crashed answers again."""
        port = app.partition("-")[2]
        faults.restore(self.lab, "web-1", f"app@{port}.service")
        health = f"http://{self.lab.address('web-1')}:{port}/health"
        wait_for(lambda: not self.refused(health))

    def settled(self) -> None:
        """Wait until the workers from before a reload have gone."""
        wait_for(lambda: "shutting down" not in self.on(LB, "pgrep -P $(cat /run/nginx.pid) -a"))

    def workers(self) -> str:
        """The workers that take connections, and their master."""
        return self.on(LB, "cat /run/nginx.pid; pgrep -P $(cat /run/nginx.pid) -a | grep -v 'shutting down' | sort")


@pytest.fixture(scope="session")
def bed(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    site = Site(lab, tmp_path_factory.mktemp("bed"), "molecule/nginx/role.yml")
    return Bed(site, LB, "nginx", port=81, tls_port=444, users_ask=lab.vip)


@pytest.fixture(scope="session")
def pair(lab: Lab) -> Pair:
    return Pair(lab, load=LOAD)


@pytest.fixture
def watched(lab: Lab, pair: Pair) -> Watched:
    return watching(lab, pair, NODES)
