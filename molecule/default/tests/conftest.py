"""The pair of inventories/lab on hosts of its own, and site.yml run over it as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.hosts import Lab

ROOT = Path(__file__).resolve().parents[3]
NAME = "mol-default"


class Site:
    """Runs site.yml, with changes of the balancers' variables laid over the inventory."""

    def __init__(self, lab: Lab, tmp: Path) -> None:
        self.lab = lab
        self.overlay = tmp / "overlay.yml"
        self.reset()

    def reset(self) -> None:
        self._hosts: dict[str, dict[str, Any]] = {}
        self._vars: dict[str, Any] = {}

    def set(self, **variables: Any) -> None:
        """Variables of the group `balancers`; they stay until `reset`."""
        self._vars.update(variables)

    def host(self, name: str, **variables: Any) -> None:
        """Variables of one balancer, which joins the group if it is not in it."""
        self._hosts.setdefault(name, {}).update(variables)

    def variables(self, host: str = "lb-1") -> dict[str, Any]:
        """A host's variables as the inventory has them, templates not resolved."""
        return json.loads(self._run(["ansible-inventory", *self._inventories, "--host", host]).stdout)

    def run(self, *arguments: str, expect: int | None = 0) -> str:
        """Output of a run of site.yml; `expect` is its exit code, None for any failure."""
        done = self._run(["ansible-playbook", "site.yml", *self._inventories, *arguments])
        output = done.stdout + done.stderr
        assert done.returncode != 0 if expect is None else done.returncode == expect, output
        return output

    @property
    def _inventories(self) -> list[str]:
        self.overlay.write_text(yaml.safe_dump({"balancers": {"hosts": self._hosts, "vars": self._vars}}))
        return ["-i", str(self.lab.inventory), "-i", str(self.overlay)]

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, timeout=300
        )


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab.load(NAME)


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(lab, tmp_path_factory.mktemp("site"))


def on(lab: Lab, host: str, command: str) -> str:
    """Output of a shell command run as root on a host."""
    return lab.run(host, ["sh", "-c", command])
