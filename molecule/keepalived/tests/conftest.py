"""The pair, and what acts on it: the lab's faults, our role and modules as a user runs them, one observer of the kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from lab.hosts import Lab  # noqa: E402  (the path above comes first)
from lab.observer import Observer  # noqa: E402
from tests.site import ANSWER, PATIENCE  # noqa: E402

NODES = ("lb-1", "lb-2", "lb-3")
CTL = "/usr/local/lib/evenkeel/vrrp/ctl"


class Pair:
    """The lab with shorthand for what every test does."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.vip, self.vip6 = lab.vip, lab.vip6
        self.six = lab.vip6.replace("::28", "::29")

    def sh(self, host: str, command: str) -> str:
        """Output of a shell command, as root."""
        return self.lab.run(host, ["bash", "-c", command])

    def ansible(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_TIMEOUT": ANSWER,
                "ANSIBLE_FORCE_COLOR": "0",
                "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
                "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal" if argv[0] == "ansible" else "default",
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return done

    def play(self, hosts: str = "lb-1:lb-2", *argv: str, check: bool = True, **extra: Any) -> str:
        """Run the role."""
        return self.ansible(
            "ansible-playbook", "-i", str(self.lab.inventory), "molecule/keepalived/converge.yml", *argv,
            "-e", json.dumps({"scenario_hosts": hosts, **extra}), check=check,
        ).stdout  # fmt: skip

    def module(self, host: str, name: str, **arguments: Any) -> dict[str, Any]:
        """Run a module and return its result."""
        given = ["-a", json.dumps(arguments)] if arguments else []
        said = self.ansible(
            "ansible", "-i", str(self.lab.inventory), host, "-m", f"evenkeel.lb.{name}", *given, check=False
        ).stdout
        return dict(json.loads(said[said.index("=> {") + 3 : said.rindex("}") + 1]))

    def info(self, host: str) -> dict[str, Any]:
        return self.module(host, "vrrp_info")

    def state(self, host: str, instance: str = "public") -> dict[str, Any]:
        return next(entry for entry in self.info(host)["instances"] if entry["name"] == instance)

    def holders(self, address: str = "") -> set[str]:
        """Who has an address now."""
        wanted = address or self.vip
        return {
            host for host in NODES if any(f" {wanted}/" in line for line in self.sh(host, "ip -o address").splitlines())
        }

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.05)

    def reset(self) -> None:
        """Take back what a test that failed half-way may have left."""
        for host in ("lb-1", "lb-2"):
            self.sh(host, f"rm -f /run/app-lost /var/lib/evenkeel/drain/*; [ ! -x {CTL} ] || {CTL} derive")

    def settle(self, host: str = "lb-1") -> None:
        """Wait until all is as the plan wants it."""
        self.until(lambda: self.holders() == {host} and self.holders(self.six) == {host})


@pytest.fixture(scope="session")
def pair() -> Pair:
    return Pair(Lab.load(os.environ.get("LAB_NAME", "mol-keepalived")))


@pytest.fixture
def watch(pair: Pair) -> Iterator[Observer]:
    """The kernels' own account, from a settled pair on."""
    pair.reset()
    pair.settle()
    with Observer(pair.lab, NODES) as observer:
        yield observer
