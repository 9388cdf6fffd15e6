# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pair of inventories/lab on hosts of a scenario, and our playbooks run over it as a user runs them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.hosts import Lab
from lab.observer import Observer
from tests.bench.calls import Run, playbook
from tests.faults import CALM, Pair
from tests.suite.steps import ROOT
from tests.suite.turns import MACHINE

NODES = ("lb-1", "lb-2", "lb-3")
# By path and by full name, as users run them.
DRAIN, UNDRAIN, STATUS, ROLLBACK = (
    "playbooks/drain.yml",
    "evenkeel.lb.undrain",
    "evenkeel.lb.status",
    "evenkeel.lb.rollback",
)

# What a wait for a state may take: it ends with the state, and no busy machine comes near this. What has to be quick is
# measured, in a test that runs alone (tests/alone.py).
PATIENCE = 120.0
# Seconds that Ansible waits for ssh and sudo, which do not answer a busy machine within its own ten.
ANSWER = "60"

# Does something while clients are there; returns what they and the kernels saw (tests/faults.py).
Watched = Callable[[Callable[[], object]], dict[str, Any]]


class Site:
    """Runs site.yml, or another playbook, with changes of the balancers' variables laid over the inventory."""

    def __init__(self, lab: Lab, tmp: Path, playbook: str = "site.yml") -> None:
        self.lab = lab
        self.playbook = playbook
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

    def unset(self, name: str) -> bool:
        """A variable is the inventory's again; whether it was anything else."""
        return self._vars.pop(name, None) is not None

    def variables(self, host: str = "lb-1") -> dict[str, Any]:
        """A host's variables as this run would have them, templates not resolved."""
        return json.loads(self._run(["ansible-inventory", *self._arguments, "--host", host]).stdout)

    def run(self, *arguments: str, expect: int | None = 0) -> str:
        """Output of a run; `expect` is its exit code, None for any failure."""
        return self.play(self.playbook, *arguments, expect=expect)

    def play(self, playbook: str, *arguments: str, expect: int | None = 0) -> str:
        """The same of any playbook."""
        done = self._run(["ansible-playbook", playbook, *self._arguments, *arguments])
        output = done.stdout + done.stderr
        assert done.returncode != 0 if expect is None else done.returncode == expect, output
        return output

    def run_with(self, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """A run with more in its environment, however it ends."""
        return self._run(["ansible-playbook", self.playbook, *self._arguments], env)

    def ask(self, host: str, module: str, *options: str, expect: int = 0, **arguments: Any) -> dict[str, Any]:
        """What a module answers about a host; unless `expect` is 0 it has to fail."""
        argv = ["ansible", host, *self._arguments, "-m", module, *options]
        if arguments:
            argv += ["-a", json.dumps(arguments)]
        with_json = {
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        }
        done = self._run(argv, with_json)
        assert (done.returncode != 0) is (expect != 0), done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout[done.stdout.index("=> {") + 3 :])
        return answer

    def run_counted(self) -> Run:
        """A run over cold connections, and the ssh calls it made."""
        return playbook(["site.yml", *self._arguments], {self.lab.address(node): node for node in NODES[:2]})

    @property
    def _settings(self) -> list[str]:
        # Nobody's home is filled with the reports of tests; None is what a user has who says nothing.
        said = {"evenkeel_report": "", **self._vars}
        return ["-e", json.dumps({name: value for name, value in said.items() if value is not None})]

    @property
    def _arguments(self) -> list[str]:
        self.overlay.write_text(yaml.safe_dump({"balancers": {"hosts": self._hosts}}))
        return ["-i", str(self.lab.inventory), "-i", str(self.overlay), *self._settings]

    def _run(self, argv: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **(env or {})}
        return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)


def watching(lab: Lab, pair: Pair, nodes: tuple[str, ...] = NODES) -> Watched:
    """Starts from a pair that is whole, and sees through until it is calm again. Nothing else runs meanwhile."""

    def watch(act: Callable[[], object]) -> dict[str, Any]:
        pair.steady()
        with Observer(lab, nodes) as observer, MACHINE.by_itself():
            if pair.holders() != {pair.nodes[0]}:
                pair.steady()
            return pair.watched(observer, act, lambda: time.sleep(CALM))

    return watch


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The hosts of the scenario; its conftest names them."""
    return Lab.load(os.environ["LAB_NAME"])


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(lab, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def pair(lab: Lab) -> Pair:
    # Kept clients ask 20 times a second. The probe's own 50 take the processor from the run that is watched.
    return Pair(lab, vips=(lab.vip, lab.vip6), load={"kept_rate": 20})


@pytest.fixture
def watched(lab: Lab, pair: Pair) -> Watched:
    return watching(lab, pair)


def leastconn(site: Site) -> list[dict[str, Any]]:
    """The inventory's backends with another balance: a change that a reload makes."""
    backends = site.variables()["haproxy_backends"]
    return [{**backends[0], "balance": "leastconn"}, *backends[1:]]


def put_back(site: Site, pair: Pair) -> None:
    if site.changed:
        site.reset()
        site.run()
        pair.steady("lb-1")


@pytest.fixture(autouse=True)
def as_it_was(request: pytest.FixtureRequest, site: Site, pair: Pair) -> None:
    """Each test starts from the inventory, unless its mark says that it goes on from where the one before it ended."""
    if not request.node.get_closest_marker("goes_on"):
        put_back(site, pair)


@pytest.fixture(scope="module", autouse=True)
def as_it_was_in_the_end(site: Site, pair: Pair) -> Iterator[None]:
    yield
    put_back(site, pair)


def as_a_user() -> None:
    """Molecule's own settings of Ansible are for its plays, not for a user's."""
    for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
        del os.environ[name]
    os.environ.update(ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), ANSIBLE_NOCOLOR="1", ANSIBLE_TIMEOUT=ANSWER)


def on(lab: Lab, host: str, command: str) -> str:
    """Output of a shell command run as root on a host."""
    return lab.run(host, ["sh", "-c", command])


CONFIGS = """
cat /etc/haproxy/haproxy.cfg /etc/keepalived/keepalived.conf | sha256sum
systemctl show -p MainPID,NRestarts haproxy keepalived
"""


def fingerprint(lab: Lab, *hosts: str) -> dict[str, str]:
    """What the nodes are configured for, and the processes that run it."""
    return {host: on(lab, host, CONFIGS) for host in hosts}


def nothing_changed(site: Site, lab: Lab, before: Mapping[str, str]) -> None:
    """Then what was asked for can be forgotten without a run."""
    assert fingerprint(lab, *before) == before
    site.reset()


def lines(lab: Lab, host: str, file: str) -> list[str]:
    return [line.strip() for line in on(lab, host, f"cat {file}").splitlines()]


def changed(output: str) -> dict[str, int]:
    """Changes a host, as the recap counts them."""
    return {host: int(count) for host, count in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", output, re.MULTILINE)}


def flat(output: str) -> str:
    """A message without its line breaks."""
    return " ".join(output.split())


@contextmanager
def on_reload(lab: Lab, host: str, command: str) -> Iterator[None]:
    """What no check can foresee: something happens when the node's haproxy has reloaded."""
    folder = "/run/systemd/system/haproxy.service.d"
    drop_in = f"[Service]\nExecReload=+{command}\n"
    lab.run(host, ["sh", "-c", f'mkdir -p {folder}; printf %s "$1" > {folder}/99-test.conf', "sh", drop_in])
    on(lab, host, "systemctl daemon-reload")
    try:
        yield
    finally:
        on(lab, host, f"rm {folder}/99-test.conf; systemctl daemon-reload")


def states(site: Site) -> dict[str, str]:
    """What each node of a pair is in its first VRRP instance; without those that do not answer (yet)."""
    found = {}
    for host in ("lb-1", "lb-2"):
        with contextlib.suppress(AssertionError):
            found[host] = site.ask(host, "evenkeel.lb.vrrp_info")["instances"][0]["state"]
    return found


def wait_for(happens: Callable[[], object], seconds: float = PATIENCE, or_say: Callable[[], str] = str) -> None:
    """Fails if it has not happened by then, with what there is to say."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"it has not happened in {seconds:g} s. {or_say()}"
        time.sleep(0.2)
