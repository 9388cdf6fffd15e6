# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(c) Plan and rendering of many pairs: the pure functions alone, and through Ansible without any host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.bench.inventory import hostvars, inventory
from tests.bench.tables import medians, table
from tests.suite.steps import BIN, ROOT

NODES = (100, 300, 1000)
ROLES = ("haproxy", "keepalived")
PLAYS = Path(__file__).parent / "planning"


def measure(runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures for each number of nodes; the core is the median of `runs`, Ansible runs once."""
    found: dict[str, Any] = {}
    for nodes in NODES:
        say(f"- plan and render {nodes} nodes")
        found[str(nodes)] = {
            "core": medians([core(nodes) for _ in range(max(runs, 3))]),
            "ansible": through_ansible(nodes),
        }
    return found


def report(found: dict[str, Any]) -> str:
    """The figures as a table: seconds, and milliseconds per node."""
    head = ["nodes", "plan: core s", "ms/node", "task s", "ms/node", "render: task s", "ms/node", "empty task s"]
    rows = []
    for nodes, figures in found.items():
        each = 1000 / int(nodes)
        core_plan, task = figures["core"]["plan"], figures["ansible"]
        rows.append(
            [nodes, core_plan, core_plan * each, task["plan"], task["plan"] * each]
            + [task["render"], task["render"] * each, task["empty"]]
        )
    return table(head, rows)


def core(nodes: int) -> dict[str, float | None]:
    """Seconds that the pure functions take."""
    sys.path.insert(0, str(ROOT / ".ansible" / "collections"))
    from ansible_collections.evenkeel.lb.plugins.module_utils._core.plan import plan_all

    variables = hostvars(nodes)
    begin = time.perf_counter()
    planned = plan_all(list(variables), variables.get)
    seconds = time.perf_counter() - begin
    assert not planned["errors"], planned["errors"][:3]
    return {"plan": seconds}


def through_ansible(nodes: int) -> dict[str, float]:
    """Seconds that the tasks of planning/render.yml take."""
    with tempfile.TemporaryDirectory() as folder:
        hosts, tasks = Path(folder) / "hosts.json", Path(folder) / "tasks.json"
        defaults = [yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()) for role in ROLES]
        hosts.write_text(json.dumps(inventory(nodes, {key: value for one in defaults for key, value in one.items()})))
        done = subprocess.run(
            ["ansible-playbook", "-i", str(hosts), str(PLAYS / "render.yml")],
            env={
                **os.environ,
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CALLBACK_PLUGINS": str(PLAYS / "callbacks"),
                "ANSIBLE_CALLBACKS_ENABLED": "task_seconds",
                "BENCH_TASKS": str(tasks),
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"planning/render.yml with {nodes} nodes:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
        seconds = json.loads(tasks.read_text())
    return {
        "empty": seconds["Do nothing"],
        "plan": seconds["Plan"],
        "render": sum(value for name, value in seconds.items() if name.startswith("Render")),
    }
