# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels to a node for each service: a tree that needs nothing but Python, and holds nothing that is not needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import LIBRARIES, NAMES, service

from tests.library import installed
from tests.suite.pythons import python

# What every service may share on a node.
SHARED = {"_core", "_node", "_proxy"}
OLDEST = python("3.9") or sys.executable
each_service = pytest.mark.parametrize("name", NAMES)
# Says, one a line, which files of the tree were read.
LOADED = r"""
import importlib, sys
root, module = sys.argv[1:]
sys.path.insert(0, root)
importlib.import_module(module)
files = [getattr(one, "__file__", None) or "" for one in sys.modules.values()]
print(*sorted(path for path in files if path.startswith(root)), sep="\n")
"""


def lay_out(name: str, root: Path) -> Path:
    """The service's tree below `root`; its tool."""
    for path, content in installed(name).items():
        place = root / Path(path).relative_to(LIBRARIES)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.replace(LIBRARIES.encode(), str(root).encode()) if place.name == "ctl" else content)
    return root / Path(service(name).tree).name / "ctl"


@each_service
def test_the_tool_runs_with_its_tree_alone(name: str, tmp_path: Path) -> None:
    """Neither Ansible nor another service's files are there, and no directory of packages. By the oldest Python, where it is."""
    tool = lay_out(name, tmp_path)
    assert tool.read_text(encoding="utf-8").startswith("#!/usr/bin/python3 -SEB\n# Managed by evenkeel.lb ")
    done = subprocess.run(
        [OLDEST, "-SEB", tool, "no-such-verb"], cwd="/", env={}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert f"{service(name).tree}/ctl VERB" in done.stderr


@each_service
def test_the_usage_names_every_verb(name: str) -> None:
    """The table of verbs, as the tool's main has it, beside its documentation."""
    source = installed(name)[f"{service(name).tree}/{service(name).room}/node/ctl.py"]
    module = ast.parse(source)
    tables = [
        node.value for node in ast.walk(module) if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    ]
    verbs = [ast.literal_eval(key).split()[0] for table in tables for key in table.keys if key]
    told = re.findall(r"^([a-z]+)(?: |$)", (ast.get_docstring(module) or "").partition("\n\n")[2], re.MULTILINE)
    assert verbs and sorted(verbs) == sorted(told)


@each_service
def test_all_that_travels_is_used(name: str, tmp_path: Path) -> None:
    tool = lay_out(name, tmp_path)
    module = f"{tool.parent.name}.{service(name).room}.node.ctl"
    done = subprocess.run(
        [sys.executable, "-SEBc", LOADED, tmp_path, module], cwd="/", env={}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == sorted(map(str, tmp_path.rglob("*.py"))), done.stderr


@each_service
def test_nothing_of_another_service_goes_along(name: str) -> None:
    tree = service(name).tree
    rooms = {Path(path).relative_to(tree).parts[0] for path in installed(name)}
    assert rooms - SHARED == {"ctl", service(name).room}


@each_service
def test_what_travels_imports_the_standard_library_and_itself(name: str) -> None:
    found = set()
    for path, content in installed(name).items():
        for node in ast.walk(ast.parse(content, path)):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).split(".")[0])
    # The tool names its own tree.
    assert found - sys.stdlib_module_names == {Path(service(name).tree).name}


@each_service
def test_no_package_on_the_way_holds_code(name: str) -> None:
    """Its `__init__.py` stays behind."""
    utils = Path(__file__).parents[2] / "plugins" / "module_utils"
    folders = {Path(path).relative_to(service(name).tree).parent for path in installed(name)}
    for folder in folders | {above for one in folders for above in one.parents}:
        init = utils / folder / "__init__.py"
        if init.is_file() and folder.parts:
            assert len(ast.parse(init.read_text(encoding="utf-8")).body) == 1, init
