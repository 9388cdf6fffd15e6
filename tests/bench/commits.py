# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(f) This tree beside an earlier commit: the upgrade of a running pair, and the time that a rolled change takes."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from lab.hosts import Lab
from tests.bench.hosts import fresh
from tests.bench.propagating import carry
from tests.bench.tables import table
from tests.faults import Pair
from tests.suite.steps import BIN, ROOT

COLLECTION = Path(".ansible/collections/ansible_collections/evenkeel/lb")
PLAYBOOKS = ("site.yml", "playbooks/propagate.yml")
Say = Callable[[str], None]


class BenchFailed(Exception):
    """A run that was to be measured did not pass."""


@contextlib.contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The tree of a commit, with the collection link that its ansible.cfg asks for; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ek-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=tree, input=archive, check=True)
        link = tree / COLLECTION
        link.parent.mkdir(parents=True)
        link.symlink_to(tree)
        yield tree


class Tree:
    """A work tree whose playbooks run over one lab."""

    def __init__(self, root: Path, lab: Lab) -> None:
        self.root = root
        self.lab = lab

    def run(self, playbook: str, **variables: Any) -> float:
        """Seconds of a run; fails where the run does."""
        env = {**os.environ, "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        env["PATH"] = f"{BIN}{os.pathsep}{env['PATH']}"
        said = json.dumps({"evenkeel_report": "", **variables})
        argv = ["ansible-playbook", playbook, "-i", str(self.lab.inventory), "-e", said]
        begin = time.monotonic()
        done = subprocess.run(argv, cwd=self.root, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise BenchFailed(f"{' '.join(argv)} in {self.root}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}")
        return time.monotonic() - begin

    def backends(self, balance: str) -> list[dict[str, Any]]:
        """The inventory's backends with a balance of their own: the change of one backend."""
        argv = [f"{BIN}/ansible-inventory", "-i", str(self.lab.inventory), "--host", "lb-1"]
        found = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
        first, *others = found["haproxy_backends"]
        return [{**first, "balance": balance}, *others]

    def rolled(self, runs: int) -> dict[str, float]:
        """The medians of a change that is rolled over the pair, and of a run without one."""
        seconds = []
        for run in range(runs):
            seconds.append(
                self.run("site.yml", haproxy_backends=self.backends("leastconn" if run % 2 == 0 else "first"))
            )
        self.run("site.yml")
        return {
            "rolled": statistics.median(seconds),
            "no change": statistics.median(self.run("site.yml") for _ in range(runs)),
        }


def measure(runs: int, say: Say, name: str, subnet: IPv4Network, commit: str) -> dict[str, Any]:
    """The earlier commit brings a pair up; this tree upgrades it under clients, by each playbook on fresh hosts."""
    found: dict[str, Any] = {"commit": commit, "upgrades": {}, "seconds": {}}
    with checkout(commit) as before:
        for playbook in PLAYBOOKS:
            with fresh(name, subnet, say) as lab:
                earlier, ours = Tree(before, lab), Tree(ROOT, lab)
                earlier.run("site.yml")
                pair = Pair(lab, vips=(lab.vip, lab.vip6), load={"kept_rate": 20})
                pair.steady()
                if playbook == PLAYBOOKS[0]:
                    say(f"- a change by {commit}")
                    found["seconds"][commit] = earlier.rolled(runs)
                say(f"- the upgrade by {playbook}")
                found["upgrades"][playbook] = carry(pair, partial(ours.run, playbook))
                found["upgrades"][playbook]["left"] = left(lab)
                if playbook == PLAYBOOKS[0]:
                    say("- a change by this tree")
                    found["seconds"]["this tree"] = ours.rolled(runs)
    return found


def left(lab: Lab) -> list[str]:
    """Files below our own directory that no manifest of a node names: what an upgrade should have taken away."""
    script = (
        "import glob, json, os\n"
        "known = {path for file in glob.glob('/var/lib/evenkeel/services/*/manifest.json') for path in json.load(open(file))['entries']}\n"
        "root = '/usr/local/lib/evenkeel'\n"
        "found = [os.path.join(at, name) for at, _, names in os.walk(root) for name in names]\n"
        "ours = [path for path in found if path.count('/') > 5 and not path.startswith(root + '/evenkeel_commit')]\n"
        "print(json.dumps(sorted(path for path in ours if path not in known and not path.endswith('.pyc'))))\n"
    )
    return [
        f"{node}:{path}" for node in ("lb-1", "lb-2") for path in json.loads(lab.run(node, ["python3", "-c", script]))
    ]


def report(found: Mapping[str, Any]) -> str:
    """What clients lost by the upgrade, and both trees' seconds with their ratio."""
    upgrades = [
        [playbook, seen["seconds"], seen["lost"], seen["sent"], seen["both_ms"], seen["none_ms"], len(seen["left"])]
        for playbook, seen in found["upgrades"].items()
    ]
    head = ["upgrade by", "seconds", "lost", "of", "two holders ms", "no holder ms", "files left"]
    earlier, ours = found["seconds"][found["commit"]], found["seconds"]["this tree"]
    seconds = [[what, earlier[what], ours[what], ours[what] / earlier[what]] for what in earlier]
    return "\n\n".join(
        [
            table(head, upgrades),
            table(["site.yml over the pair", f"{found['commit']} s", "this tree s", "ratio"], seconds),
        ]
    )
