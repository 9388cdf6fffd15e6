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

import jinja2
import yaml
from ansible.plugins.filter.core import FilterModule

from tests.bench.inventory import hostvars, inventory
from tests.bench.tables import medians, table
from tests.suite.steps import BIN, ROOT

NODES = (100, 300, 1000)
LOCAL = (10, 50, 100)
ROLES = ("haproxy", "keepalived")
PACKAGES = ["haproxy 2.6.12-1", "libssl3 3.0.17-1"]
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
    for nodes in LOCAL:
        say(f"- compare {nodes} nodes that need nothing")
        found[f"compare {nodes}"] = medians([comparing(nodes) for _ in range(runs)])
    return found


def report(found: dict[str, Any]) -> str:
    """The figures as a table: seconds, and milliseconds per node."""
    head = ["nodes"]
    for column in ("plan: core", "plan: task", "render: core", "render: tasks", "an empty task"):
        head += [f"{column} s", "ms/node"]
    rows: list[list[object]] = []
    for nodes, figures in found.items():
        if nodes.startswith("compare"):
            continue
        pure, tasks = figures["core"], figures["ansible"]
        row: list[object] = [nodes]
        for seconds in (pure["plan"], tasks["plan"], pure["render"], tasks["render"], tasks["empty"]):
            row += [seconds, 1000 * seconds / int(nodes)]
        rows.append(row)
    return f"{table(head, rows)}\n\n{compared(found)}"


def compared(found: dict[str, Any]) -> str:
    """What comparing a node takes on the controller where nothing differs, and whether that grows with their number."""
    rows: list[list[object]] = []
    for nodes in LOCAL:
        figures = found[f"compare {nodes}"]
        rows.append([nodes, figures["compare"], *(1000 * figures[one] / nodes for one in ("compare", "empty"))])
    return table(["nodes that need nothing", "compare s", "ms/node", "an empty task ms/node"], rows)


def core(nodes: int) -> dict[str, float | None]:
    """Seconds that the pure functions take: the plan of all clusters, then models and files of all nodes."""
    sys.path.insert(0, str(ROOT / ".ansible" / "collections"))
    from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import plan_all
    from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy import model as haproxy
    from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived import model as keepalived_model
    from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options, specification

    templates = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
    templates.filters.update(FilterModule().filters())
    files = {role: templates.from_string(_template(role)) for role in ROLES}
    options = {role: specification(role) for role in ROLES}
    defaults = role_defaults()
    variables = hostvars(nodes)

    begin = time.perf_counter()
    planned = plan_all(list(variables), variables.get, plan_options())
    planned_at = time.perf_counter()
    assert not planned["errors"], planned["errors"][:3]
    for name, own in variables.items():
        given = {key: value for key, value in {**defaults, **own}.items() if key.startswith("haproxy_")}
        model = haproxy.build(given, options["haproxy"], name, packages=PACKAGES)
        assert not model["errors"], model["errors"][:3]
        assert files["haproxy"].render(__haproxy={"model": model})
        plan = planned["plans"][own["evenkeel_cluster"]]
        model = keepalived_model.prepare(plan, name, {**defaults, **own}, options["keepalived"])
        assert not model["errors"], model["errors"][:3]
        assert files["keepalived"].render(keepalived=model)
    return {"plan": planned_at - begin, "render": time.perf_counter() - planned_at}


def role_defaults() -> dict[str, Any]:
    """The defaults of both roles."""
    found: dict[str, Any] = {}
    for role in ROLES:
        found.update(yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()))
    return found


def _template(role: str) -> str:
    """A role's main template without Ansible's own first line."""
    name = {"haproxy": "haproxy.cfg.j2", "keepalived": "keepalived.conf.j2"}[role]
    text = (ROOT / "roles" / role / "templates" / name).read_text()
    return text.split("\n", 1)[1] if text.startswith("#jinja2:") else text


def through_ansible(nodes: int) -> dict[str, float]:
    """Seconds that the tasks of planning/render.yml take."""
    seconds = _tasks("render.yml", nodes)
    return {
        "empty": seconds["Do nothing"],
        "plan": seconds["Plan"],
        "render": sum(value for name, value in seconds.items() if name.startswith(("Prepare", "Render"))),
    }


def comparing(nodes: int) -> dict[str, float | None]:
    """Seconds that the tasks of planning/compare.yml take."""
    seconds = _tasks("compare.yml", nodes)
    return {"empty": seconds["Do nothing"], "compare": seconds["Compare"]}


def _tasks(playbook: str, nodes: int) -> dict[str, float]:
    """Seconds by task."""
    with tempfile.TemporaryDirectory() as folder:
        hosts, tasks = Path(folder) / "hosts.json", Path(folder) / "tasks.json"
        hosts.write_text(json.dumps(inventory(nodes, role_defaults())))
        done = subprocess.run(
            ["ansible-playbook", "-i", str(hosts), str(PLAYS / playbook)],
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
            raise RuntimeError(f"planning/{playbook} with {nodes} nodes:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
        return dict(json.loads(tasks.read_text()))
