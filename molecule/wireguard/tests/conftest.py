# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pair, the mesh and two people who come in; our playbooks as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from lab.hosts import Lab  # noqa: E402  (the path above comes first)
from tests.site import ANSWER, PATIENCE  # noqa: E402

NODES = ("lb-1", "lb-2")
# Where the internal service is: on the identity's own address in the tunnel.
INTERNAL = "192.0.2.241"
CTL = "/usr/local/lib/evenkeel/wireguard/ctl"
# One request, and what was answered: the name of the web server.
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())"


class Site:
    """The lab with shorthand for what every test does."""

    def __init__(self, lab: Lab, inventory: Path | None = None) -> None:
        self.lab = lab
        self.inventory = inventory or lab.inventory
        # Where the playbook leaves what it hands out.
        self.members = lab.state / "members" / self.inventory.name

    def sh(self, host: str, command: str, timeout: float = 300) -> str:
        """Output of a shell command, as root."""
        return self.lab.run(host, ["bash", "-c", command], timeout=timeout)

    def answer(self, host: str, url: str, seconds: float = 1) -> str:
        """What a request from there is answered; empty if it is not."""
        argv = ["docker", "exec", self.lab.container(host), "python3", "-c", ASK, url, str(seconds)]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()

    def tries(self, host: str, url: str, seconds: float = 1) -> bool:
        """Whether a request from there is answered."""
        return bool(self.answer(host, url, seconds))

    @contextmanager
    def sends(self, host: str, address: str, by: str) -> Iterator[None]:
        """A neighbour who sends packets for that address straight to another host."""
        self.sh(host, f"ip route replace {address} via {self.lab.address(by)}")
        try:
            yield
        finally:
            self.sh(host, f"ip route del {address}")

    def play(
        self, playbook: str, *argv: str, expect: int | None = 0, env: dict[str, str] | None = None, **extra: Any
    ) -> str:
        command = ["ansible-playbook", playbook, "-i", str(self.inventory), *argv]
        if extra:
            command += ["-e", json.dumps(extra)]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_TIMEOUT": ANSWER,
            **(env or {}),
        }
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        output = done.stdout + done.stderr
        assert expect is None or done.returncode == expect, output
        return output

    def mesh(self, *argv: str, expect: int | None = 0, env: dict[str, str] | None = None, **extra: Any) -> str:
        """The role on the web servers."""
        return self.play("molecule/wireguard/mesh.yml", *argv, expect=expect, env=env, **extra)

    def status(self, expect: int = 0, **extra: Any) -> str:
        return self.play("playbooks/status.yml", expect=expect, **extra)

    def up(self) -> set[str]:
        """The nodes on which the identity is up now, asked side by side."""
        asked = {
            host: subprocess.Popen(
                ["docker", "exec", self.lab.container(host), "ip", "-o", "link", "show", "up", "dev", "wg0"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            for host in NODES
        }  # fmt: skip
        return {host for host, process in asked.items() if "wg0" in process.communicate(timeout=60)[0]}

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE, pause: float = 0.05) -> float:
        """Seconds until it has come about."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"it did not come about in {seconds:g} s"
            time.sleep(pause)
        return time.monotonic() - began

    def come_in(self, name: str, host: str) -> None:
        """Let somebody in by the playbook, and start the tunnel on that person's machine as docs/members.md says."""
        output = self.members
        conf, known = output / f"{name}.conf", self.inventory / "group_vars/balancers/wireguard_members.yml"
        # A test of an earlier run may have revoked somebody.
        if not (known.exists() and f"name: {name}\n" in known.read_text()):
            for path in output.glob(f"{name}.*"):
                path.unlink()
            self.play("playbooks/member.yml", evenkeel_member=name, evenkeel_output=str(output))
        self.lab.run(host, ["sh", "-c", "umask 077; cat > /etc/wireguard/vpn.conf"], stdin=conf.read_text())

    def switch_on(self, host: str) -> None:
        self.sh(host, "wg-quick down vpn 2>/dev/null; wg-quick up vpn 2>&1")
        self.until(partial(self.tries, host, f"http://{INTERNAL}/"))


@pytest.fixture(scope="session")
def site() -> Site:
    return Site(Lab.load(os.environ.get("LAB_NAME", "mol-wireguard")))


@pytest.fixture(scope="session")
def people(site: Site) -> Site:
    """Anna on `client`, Ben on `web-3`; both are in."""
    for name, host in (("anna", "client"), ("ben", "web-3")):
        site.come_in(name, host)
    site.play("site.yml")
    for host in ("client", "web-3"):
        site.switch_on(host)
    return site
