# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of plugins/module_utils: who may import whom, where I/O is, and how large a room may grow."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UTILS = ROOT / "plugins" / "module_utils"
FILES = sorted(UTILS.rglob("*.py"))
DAEMONS = {"_haproxy", "_nginx", "_traefik", "_wireguard", "_keepalived"}
OUTSIDE = {"os", "subprocess", "socket", "ansible"}
# The transaction, and the client that sends requests, are I/O as a whole.
TOUCHES = {"_node", "_commit"}
CLIENT = {"_probe/client.py", "_probe/background.py", "_probe/cli.py"}
LARGEST = 0.18


def names(path: Path) -> str:
    return path.relative_to(UTILS).as_posix()


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """Every module that a file imports, as a path: ours from module_utils on, others by their own name."""
    home = path.relative_to(UTILS).parts[:-1] if UTILS in path.parents else ()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield tuple(str(node.module).split("."))
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1]
            for alias in node.names:
                yield (*base, *(node.module.split(".") if node.module else [alias.name]))


def rooms(path: Path) -> set[str]:
    """The rooms of ours that a file imports from."""
    return {found[0] for found in imports(path) if found[0].startswith("_") and found[0] != "__future__"}


@pytest.mark.parametrize("path", FILES, ids=names)
def test_imports_within_module_utils_are_relative(path: Path) -> None:
    assert [found for found in imports(path) if found[0] == "ansible_collections"] == []


@pytest.mark.parametrize("path", FILES, ids=names)
def test_only_what_runs_on_a_node_does_io(path: Path) -> None:
    parts = path.relative_to(UTILS).parts
    if "node" in parts or parts[0] in TOUCHES or names(path) in CLIENT:
        return
    assert {found[0] for found in imports(path)} & OUTSIDE == set()


@pytest.mark.parametrize("path", FILES, ids=names)
def test_no_daemon_imports_another(path: Path) -> None:
    room = path.relative_to(UTILS).parts[0]
    if room in DAEMONS:
        assert rooms(path) & (DAEMONS - {room}) == set()


@pytest.mark.parametrize("path", FILES, ids=names)
def test_the_kernel_imports_nothing_of_ours(path: Path) -> None:
    if path.relative_to(UTILS).parts[0] == "_core":
        assert rooms(path) - {"_core"} == set()


def files_of(name: tuple[str, ...]) -> set[Path]:
    """The file of ours that an import names, as a module or as something in one."""
    if "module_utils" in name:
        name = name[name.index("module_utils") + 1 :]
    paths = {UTILS.joinpath(*name[:end]).with_suffix(".py") for end in (len(name), len(name) - 1) if end > 0}
    return {path for path in paths if path.is_file()}


def closure(wanted: set[Path]) -> set[Path]:
    """These files, and all of module_utils that they import by whatever way."""
    found: set[Path] = set()
    while wanted:
        found |= wanted
        wanted = {file for path in wanted for name in imports(path) for file in files_of(name)} - found
    return found


def test_nothing_that_travels_to_a_node_needs_netaddr() -> None:
    """Nodes have Python's standard library only. Ansible sends a module with all that it imports."""
    on_nodes = {path for path in FILES if {"node", *TOUCHES} & set(path.relative_to(UTILS).parts)}
    sent = closure(on_nodes | set((ROOT / "plugins" / "modules").glob("*.py")))
    users = {path for path in (ROOT / "plugins").rglob("*.py") if "netaddr" in {name[0] for name in imports(path)}}
    assert users == {UTILS / "_core" / "networks.py"}
    assert UTILS / "_core" / "findings.py" in sent, "imports are not followed"
    assert sent & users == set()


def test_every_file_lies_in_a_room_that_says_what_it_is_for() -> None:
    assert [names(path) for path in UTILS.glob("*.py")] == []
    for init in UTILS.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))), init


def test_no_room_is_larger_than_its_share_of_the_plugins() -> None:
    lines: Counter[str] = Counter()
    for path in (ROOT / "plugins").rglob("*.py"):
        parts = path.relative_to(ROOT / "plugins").parts
        lines["/".join(parts[:2]) if parts[0] == "module_utils" else parts[0]] += len(path.read_bytes().splitlines())
    total = sum(lines.values())
    assert {room: count for room, count in lines.items() if count > LARGEST * total} == {}


def test_unit_tests_lie_in_rooms_of_the_same_names() -> None:
    folders = {path.relative_to(ROOT / "tests" / "unit") for path in (ROOT / "tests" / "unit").rglob("test_*.py")}
    known = {path.relative_to(UTILS).parent for path in FILES}
    assert {folder.parent for folder in folders} - known - {Path()} == set()
