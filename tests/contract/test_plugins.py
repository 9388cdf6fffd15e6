# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins: each is documented with examples and return values, and each module is in the action group."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.docs import ROOT

PLUGINS = ROOT / "plugins"
MODULES = sorted(path for path in (PLUGINS / "modules").glob("*.py") if not path.name.startswith("_"))
OTHERS = sorted(
    path
    for folder in PLUGINS.iterdir()
    if folder.is_dir() and folder.name not in {"modules", "module_utils", "action", "doc_fragments", "plugin_utils"}
    for path in folder.glob("*.py")
    if not path.name.startswith("_")
)
HEADER = [
    "# Copyright (c) 2026, the evenkeel.lb authors",
    "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
]


def blocks(path: Path) -> dict[str, Any]:
    """The documentation blocks of a plugin, without importing it."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in {"DOCUMENTATION", "EXAMPLES", "RETURN"}:
                found[name] = yaml.safe_load(ast.literal_eval(node.value))
    return found


@pytest.mark.parametrize("path", MODULES + OTHERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_documentation(path: Path) -> None:
    found = blocks(path)
    assert set(found) == {"DOCUMENTATION", "EXAMPLES", "RETURN"}
    assert found["EXAMPLES"]
    documentation = found["DOCUMENTATION"]
    assert documentation.get("module", documentation.get("name")) == path.stem
    assert documentation["version_added"]
    assert documentation["author"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_says_how_it_behaves_in_check_mode(path: Path) -> None:
    attributes = blocks(path)["DOCUMENTATION"].get("attributes", {})
    assert {"check_mode", "diff_mode"} <= set(attributes)


def test_action_group_names_every_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["lb"] == [path.stem for path in MODULES]


def test_every_action_has_its_module() -> None:
    actions = {path.stem for path in (PLUGINS / "action").glob("*.py") if not path.name.startswith("_")}
    assert actions - {path.stem for path in MODULES} == set()


def documentation_alone(path: Path) -> bool:
    """A module whose action does all of it on the controller."""
    return not any(isinstance(node, ast.FunctionDef) for node in ast.parse(path.read_text(encoding="utf-8")).body)


@pytest.mark.parametrize("path", [path for path in MODULES if documentation_alone(path)], ids=lambda path: path.stem)
def test_an_action_takes_what_its_module_documents(path: Path) -> None:
    """validate-modules compares them where the module has the specification."""
    action = import_module(f"ansible_collections.evenkeel.lb.plugins.action.{path.stem}")
    known = ("type", "elements", "required", "default", "choices")
    documented = blocks(path)["DOCUMENTATION"]["options"]
    assert {
        name: {key: option[key] for key in known if key in option} for name, option in documented.items()
    } == action.ARGUMENT_SPEC


def test_a_module_without_an_action_does_something() -> None:
    actions = {path.stem for path in (PLUGINS / "action").glob("*.py")}
    assert [path.stem for path in MODULES if documentation_alone(path) and path.stem not in actions] == []


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_licence_header(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    if lines[:1] == ["#!/usr/bin/python"]:
        del lines[0]
    assert lines[:3] in (HEADER, [])
