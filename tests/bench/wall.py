# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(a) Seconds and remote calls of site.yml, first and without changes, beside the same result task by task (plain/)."""

from __future__ import annotations

import base64
import io
import json
import statistics
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from lab.hosts import Lab
from tests.bench.calls import Run, playbook
from tests.bench.hosts import fresh
from tests.bench.tables import table
from tests.faults import Pair
from tests.suite.steps import ROOT

NODES = ("lb-1", "lb-2")
PLAIN = Path(__file__).parent / "plain" / "site.yml"
# What Ansible does by itself; it only has to find the collection.
EMPTY = Path(__file__).parent / "empty.yml"
NO_CFG = f"[defaults]\ncollections_path = {ROOT}/.ansible/collections\n"
Say = Callable[[str], None]


def measure(runs: int, say: Say, name: str, subnet: IPv4Network) -> dict[str, Any]:
    """Ours and plain, with our ansible.cfg and without, each on fresh hosts. All four end with the same files."""
    found: dict[str, Any] = {}
    wanted: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for contender, argv in {"site.yml": ["site.yml"], "task by task": [str(PLAIN)]}.items():
            for config, text in {"ours": None, "none": NO_CFG}.items():
                with fresh(name, subnet, say) as lab:
                    extra = ["-i", str(lab.inventory), "-e", f"captured_folder={folder}"]
                    hosts = {lab.address(node): node for node in NODES}
                    say(f"- {contender}, ansible.cfg: {config}")
                    first = playbook([*argv, *extra], hosts, text)
                    # In turn, so that whatever else the machine does slows both down.
                    pairs = [
                        [playbook([*what, *extra], hosts, text) for what in ([str(EMPTY)], argv)] for _ in range(runs)
                    ]
                    empty, again = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
                    Pair(lab).steady()
                    if contender == "site.yml":
                        wanted = {node: capture(lab, node, Path(folder)) for node in NODES}
                    found[f"{contender}, {config}"] = {
                        "first": summary([first]),
                        "again": summary(again),
                        "empty": summary(empty),
                    }
                    different = [path for node in NODES for path in compare(lab, node, wanted[node])]
                    if different:
                        raise AssertionError(f"plain/site.yml has fallen behind; different: {', '.join(different)}")
    return found


def summary(runs: list[Run]) -> dict[str, Any]:
    """The median of the seconds, and what the last run did. Pure."""
    last = runs[-1]
    return {
        "seconds": statistics.median(run.seconds for run in runs),
        "cpu": statistics.median(run.cpu for run in runs),
        "calls": last.calls,
        "changed": sum(last.changed.values()),
    }


def report(found: Mapping[str, Any]) -> str:
    """Seconds and remote calls of the node with the most."""
    head = [
        "playbook, ansible.cfg",
        "first s",
        "cpu s",
        "calls a node",
        "no change s",
        "cpu s",
        "calls a node",
        "changed",
        "an empty playbook s",
        "times that",
    ]
    rows = []
    for name, figures in found.items():
        first, again = figures["first"], figures["again"]
        rows.append(
            [name, first["seconds"], first["cpu"], max(first["calls"].values())]
            + [again["seconds"], again["cpu"], max(again["calls"].values()), again["changed"]]
            + [figures["empty"]["seconds"], again["seconds"] / figures["empty"]["seconds"]]
        )
    shares = [
        f"{config}: {found[f'site.yml, {config}']['again']['seconds'] / found[f'task by task, {config}']['again']['seconds']:.2f}"
        for config in ("ours", "none")
        if f"task by task, {config}" in found
    ]
    note = (
        "A call is an ssh, sftp or scp that really started. Every run starts over cold connections. "
        "cpu: what the controller worked, which a busy machine changes less than the time by the clock."
    )
    return f"{table(head, rows)}\n\nA run without changes, of the time that the same takes task by task: {', '.join(shares)}\n\n{note}"


def capture(lab: Lab, node: str, folder: Path) -> dict[str, Any]:
    """Keep what site.yml wrote on a node, as plain/site.yml reads it; returns what has to be there afterwards."""
    script = (
        "import glob, json; print(json.dumps([json.load(open(path))['entries']"
        " for path in glob.glob('/var/lib/evenkeel/services/*/manifest.json')]))"
    )
    entries: dict[str, Any] = {}
    for manifest in json.loads(lab.run(node, ["python3", "-c", script])):
        for path, entry in manifest.items():
            # A directory that commit made on the way to a file has no mode of its own.
            entries[path] = {**entry["state"], "mode": 0o755} if entry["implied"] else entry["state"]
    files = sorted(path for path, state in entries.items() if state["kind"] == "file")
    relative = [f".{path}" for path in files]
    packed = base64.b64decode(lab.run(node, ["sh", "-ec", 'tar -C / -c "$@" | base64', "sh", *relative]))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder / node, filter="data")
    listed = {
        kind: [
            {"path": path, "mode": f"{state['mode']:04o}"}
            for path, state in sorted(entries.items())
            if state["kind"] == what
        ]
        for kind, what in (("files", "file"), ("directories", "directory"))
    }
    (folder / f"{node}.json").write_text(json.dumps(listed))
    return {path: entries[path]["digest"] for path in files}


def compare(lab: Lab, node: str, wanted: Mapping[str, str]) -> list[str]:
    """Paths of a node whose contents are not as wanted."""
    lines = lab.run(node, ["sh", "-c", 'sha256sum "$@" 2>/dev/null; true', "sh", *wanted]).splitlines()
    there = {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in lines}
    return [f"{node}:{path}" for path, digest in wanted.items() if there.get(path) != digest]
