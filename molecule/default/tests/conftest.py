"""The pair of inventories/lab on hosts of its own, and site.yml run over it as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from lab.hosts import Lab  # noqa: E402 - the lab is found by the line above
from lab.observer import Observer  # noqa: E402
from tests.bench.calls import Run, playbook  # noqa: E402
from tests.faults import CALM, Pair  # noqa: E402

# Molecule's own settings of Ansible are for its plays, not for a user's.
for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
    del os.environ[name]
os.environ.update(ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), ANSIBLE_NOCOLOR="1")

NAME = os.environ.get("LAB_NAME", "mol-default")
NODES = ("lb-1", "lb-2", "lb-3")

# Does something while clients are there; returns what they and the kernels saw (tests/faults.py).
Watched = Callable[[Callable[[], object]], dict[str, Any]]


class Site:
    """Runs site.yml, with changes of the balancers' variables laid over the inventory."""

    def __init__(self, lab: Lab, tmp: Path) -> None:
        self.lab = lab
        self.overlay = tmp / "overlay.yml"
        self.reset()

    def reset(self) -> None:
        self._hosts: dict[str, dict[str, Any]] = {}
        self._vars: dict[str, Any] = {}

    @property
    def changed(self) -> bool:
        """Whether anything is laid over the inventory."""
        return bool(self._hosts or self._vars)

    def add(self, name: str, **variables: Any) -> None:
        """One more balancer of the lab, with variables of its own."""
        self._hosts[name] = {"ansible_host": self.lab.address(name), **variables}

    def set(self, **variables: Any) -> None:
        """Variables of all hosts, stronger than the inventory's; they stay until `reset`."""
        self._vars.update(variables)

    def variables(self, host: str = "lb-1") -> dict[str, Any]:
        """A host's variables as the inventory has them, templates not resolved."""
        return json.loads(self._run(["ansible-inventory", *self._arguments, "--host", host]).stdout)

    def run(self, *arguments: str, expect: int | None = 0) -> str:
        """Output of a run of site.yml; `expect` is its exit code, None for any failure."""
        return self.play("site.yml", *arguments, expect=expect)

    def play(self, playbook: str, *arguments: str, expect: int | None = 0) -> str:
        """The same of any playbook."""
        done = self._run(["ansible-playbook", playbook, *self._arguments, *arguments])
        output = done.stdout + done.stderr
        assert done.returncode != 0 if expect is None else done.returncode == expect, output
        return output

    def ask(self, host: str, module: str, **arguments: Any) -> dict[str, Any]:
        """What a module answers about a host."""
        argv = ["ansible", host, *self._arguments, "-m", module]
        if arguments:
            argv += ["-a", json.dumps(arguments)]
        with_json = {
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        }
        done = self._run(argv, with_json)
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
        return answer

    def run_counted(self) -> Run:
        """A run over cold connections, and the ssh calls it made."""
        return playbook(["site.yml", *self._arguments], {self.lab.address(node): node for node in NODES[:2]})

    @property
    def _settings(self) -> list[str]:
        return ["-e", json.dumps(self._vars)] if self._vars else []

    @property
    def _arguments(self) -> list[str]:
        self.overlay.write_text(yaml.safe_dump({"balancers": {"hosts": self._hosts}}))
        return ["-i", str(self.lab.inventory), "-i", str(self.overlay), *self._settings]

    def _run(self, argv: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **(env or {})}
        return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab.load(NAME)


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(lab, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def pair(lab: Lab) -> Pair:
    return Pair(lab)


@pytest.fixture
def watched(lab: Lab, pair: Pair) -> Watched:
    def watch(act: Callable[[], object]) -> dict[str, Any]:
        pair.steady()
        with Observer(lab, NODES) as observer:
            return pair.watched(observer, act, lambda: time.sleep(CALM))

    return watch


def on(lab: Lab, host: str, command: str) -> str:
    """Output of a shell command run as root on a host."""
    return lab.run(host, ["sh", "-c", command])
