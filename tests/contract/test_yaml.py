# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: what no linter of ours refuses, in every playbook, role and scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.suite.steps import ROOT, tree

FOLDERS = {"roles", "playbooks", "molecule", "site.yml"}
FILES = [
    path
    for path in tree()
    if path.suffix == ".yml"
    and path.relative_to(ROOT).parts[0] in FOLDERS
    and not {"defaults", "vars", "meta", "group_vars", "host_vars"} & set(path.parts)
]


class Loader(yaml.SafeLoader):
    """YAML as Ansible writes it: a tag such as !unsafe is its value."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def tasks(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every play, block and task, at any depth."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping):
                yield item
                for name in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
                    yield from tasks(item.get(name))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tasks(path: Path) -> None:
    found = []
    for task in tasks(yaml.load(path.read_text(encoding="utf-8"), Loader)):  # noqa: S506 - derives from SafeLoader
        name = task.get("name", "?")
        if "ignore_errors" in task:
            found.append(f"{name}: ignore_errors hides every failure; say which one is expected with failed_when")
        if "no_log" in task:
            found.append(f"{name}: no_log blanks the diff; commit masks secrets by itself")
        if "when" in task and {"import_tasks", "ansible.builtin.import_tasks"} & set(task):
            found.append(f"{name}: when on an import is copied to every task; use include_tasks")
    assert found == []


# The roles take the name of a run from whoever runs them.
INPUTS = {"evenkeel_run_id"}


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.relative_to(ROOT).parts[0] == "playbooks"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_what_a_play_notes_does_not_look_like_an_input(path: Path) -> None:
    """`evenkeel_*` are what a person may set."""
    noted: set[str] = set()
    for task in tasks(yaml.load(path.read_text(encoding="utf-8"), Loader)):  # noqa: S506 - derives from SafeLoader
        noted |= {task["register"]} if "register" in task else set()
        noted |= set(task.get("ansible.builtin.set_fact", {}))
        noted |= {task["loop_control"]["loop_var"]} if "loop_control" in task else set()
    assert {name for name in noted if not name.startswith("__")} - INPUTS == set()


def test_no_file_of_tasks_has_a_playbook_s_name() -> None:
    """Ansible looks for what a file of tasks includes beside the playbook too, and takes the playbook where it is first met."""
    playbooks = ROOT / "playbooks"
    assert {path.name for path in playbooks.glob("*.yml")} & {
        path.name for path in (playbooks / "tasks").glob("*.yml")
    } == set()
