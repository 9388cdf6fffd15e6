# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles: defaults, argument_specs and golden inputs agree; what is offered is used; no role knows a group's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.docs import ROOT, specification

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
GOLDEN = ROOT / "tests" / "golden"

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def defaults_text(role: Path) -> str:
    return (role / "defaults" / "main.yml").read_text(encoding="utf-8")


def code_of(role: Path) -> str:
    """What a role runs, and the plugins that may read its variables for it."""
    folders = [role / name for name in ("tasks", "templates", "vars", "handlers")] + [
        ROOT / "plugins",
        ROOT / "playbooks",
    ]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in {".yml", ".j2", ".py"}]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_every_folder_of_roles_is_a_role() -> None:
    assert [role.name for role in ROLES if not (role / "meta" / "argument_specs.yml").is_file()] == []


@each_role
def test_defaults_and_specification_have_the_same_values(role: Path) -> None:
    options = specification(role)["options"]
    defaults = yaml.safe_load(defaults_text(role)) or {}
    specified = {name: option["default"] for name, option in options.items() if "default" in option}
    assert defaults == specified


@each_role
def test_defaults_and_specification_have_the_same_order(role: Path) -> None:
    """A variable without a default stands in defaults as a comment, `# name: an example`."""
    options = specification(role)["options"]
    written = re.findall(rf"^(?:# ?)?({role.name}_\w+|evenkeel_\w+):", defaults_text(role), re.MULTILINE)
    first = list(dict.fromkeys(name for name in written if name in options))
    assert first == list(options)


@each_role
def test_a_required_option_has_no_default(role: Path) -> None:
    def wrong(options: Mapping[str, Any], where: str = "") -> Iterator[str]:
        for name, option in options.items():
            if option.get("required") and "default" in option:
                yield where + name
            yield from wrong(option.get("options", {}), f"{where}{name}.")

    assert list(wrong(specification(role)["options"])) == []


@each_role
def test_every_option_is_described(role: Path) -> None:
    def silent(options: Mapping[str, Any], where: str = "") -> Iterator[str]:
        for name, option in options.items():
            if not option.get("description") or "type" not in option:
                yield where + name
            yield from silent(option.get("options", {}), f"{where}{name}.")

    assert list(silent(specification(role)["options"])) == []


@each_role
def test_names_start_with_the_role(role: Path) -> None:
    names = specification(role)["options"]
    assert [name for name in names if not name.startswith((f"{role.name}_", "evenkeel_"))] == []


@each_role
def test_state_is_present_or_absent(role: Path) -> None:
    state = specification(role)["options"][f"{role.name}_state"]
    assert (state["choices"], state["default"]) == (["present", "absent"], "present")


@each_role
def test_a_state_that_does_not_exist_is_left_to_the_model(role: Path) -> None:
    """Whatever is not `absent` is worked on, and the model says what is accepted."""
    steps = yaml.safe_load((role / "tasks/main.yml").read_text(encoding="utf-8"))
    assert [step["when"] for step in steps] == [f"{role.name}_state != 'absent'", f"{role.name}_state == 'absent'"]


@each_role
def test_every_variable_is_used(role: Path) -> None:
    code = code_of(role)
    names = list(specification(role)["options"])
    for path in sorted((role / "vars").glob("*.yml")):
        names += list(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    # A variable of vars/ counts as used where it is read, not where it is set.
    unused = [name for name in names if not re.search(rf"\b{name}\b(?!\s*:\s)", code)]
    # The plan's core reads some variables by their name without the role's prefix.
    assert unused == []


@each_role
def test_main_is_a_table_of_contents(role: Path) -> None:
    lines = (role / "tasks" / "main.yml").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60


@each_role
def test_no_group_name_inside_a_role(role: Path) -> None:
    """Roles take lists of hosts as variables; which group they come from is the inventory's affair."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted(role.rglob("*"))
        if path.suffix in {".yml", ".j2"} and path.parent.name != "meta"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\bgroups\s*[\[.]|\bgroup_names\b", line) and not line.lstrip().startswith("#")
    ]
    assert found == []


def used_paths(value: Any, path: str) -> Iterator[str]:
    """The option paths that occur in a variable's value: `haproxy_frontends[].bind`."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from used_paths(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from used_paths(inner, f"{path}[]")


def offered_paths(options: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, option in options.items():
        here = f"{path}.{name}" if path else name
        yield here
        yield from offered_paths(option.get("options", {}), f"{here}[]" if option.get("type") == "list" else here)


def golden_paths() -> set[str]:
    """Every option path of every golden input; variables may stand at any depth of the file."""
    prefixes = tuple(f"{role.name}_" for role in ROLES) + ("evenkeel_",)
    found: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                if str(name).startswith(prefixes):
                    found.add(str(name))
                    found.update(used_paths(inner, str(name)))
                else:
                    collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    for path in sorted([*GOLDEN.rglob("*.yml"), *GOLDEN.rglob("*.yaml")]):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            collect(document)
    return found


def shape(path: str) -> str:
    """A variable's own options by their full path; deeper ones by their last two names, since sections share them."""
    names = path.split(".")
    return path if len(names) < 3 else ".".join(names[-2:])


@each_role
def test_every_option_occurs_in_a_golden_input(role: Path) -> None:
    golden = {shape(path) for path in golden_paths()}
    assert [path for path in offered_paths(specification(role)["options"]) if shape(path) not in golden] == []
