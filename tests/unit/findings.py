# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role refuses or warns of, held against its cases (_NAME/findings.yml) and against what its core can say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import Finding
from ansible_collections.evenkeel.lb.plugins.module_utils._core.register import registered, rooms

HERE = Path(__file__).parent
ROOMS = HERE.parents[1] / "plugins" / "module_utils"
KINDS = ("errors", "warnings")
# Who says what is wrong and what to do, and which of the arguments these are.
SPEAKERS = {
    "Finding": (2, 4),
    "finding": (1, 3),
    "fault": (1, 3),
    "refuse": (0, 2),
    "Refused": (0, 1),
    "NoAddress": (0, 1),
    "Unreadable": (0,),
}

each_kind = pytest.mark.parametrize("kind", KINDS)


def said(model: Mapping[str, Any], kind: str) -> list[str]:
    """A model's findings of one kind, as a user reads them."""
    return [str(Finding(**finding)) for finding in model[kind]]


def _cases(role: str) -> list[tuple[str, dict[str, Any]]]:
    """Each case with the kind of its findings. `good` ones have none of either kind."""
    cases = yaml.safe_load((HERE / f"_{role}" / "findings.yml").read_text(encoding="utf-8"))
    good = [(kind, {**case, "expected": []}) for case in cases.get("good", []) for kind in KINDS]
    return [(kind, case) for kind in KINDS for case in cases[kind]] + good


def each_case(role: str) -> pytest.MarkDecorator:
    """A test of `kind` and `case` for each of the role's cases."""
    return pytest.mark.parametrize(
        ("kind", "case"), _cases(role), ids=lambda value: value["case"] if isinstance(value, dict) else value
    )


def expected(role: str) -> str:
    """All that the role's cases say."""
    return "\n".join(line for _kind, case in _cases(role) for line in case["expected"])


def unpinned(role: str, *files: str, least: int) -> list[list[str]]:
    """The sentences of these files, in their fixed parts, that no case says; of at least so many in all."""
    sentences = [parts for name in files for parts in _sentences(ROOMS / name)]
    assert len(sentences) >= least, f"only {len(sentences)} sentences found"
    text = expected(role)
    return [parts for parts in sentences if not all(part in text for part in parts)]


def _sentences(path: Path) -> Iterator[list[str]]:
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        named = _named(statement)
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
                speaker = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                for place in SPEAKERS.get(speaker, ()):
                    for argument in node.args[place : place + 1]:
                        yield from _texts(argument, named)


def _named(statement: ast.stmt) -> dict[str, list[ast.expr]]:
    """What the names within a function or a class may stand for, where it is written out."""
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(statement):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                if isinstance(name, ast.Name):
                    named.setdefault(name.id, []).append(value)
    return named


def _texts(node: ast.expr, named: Mapping[str, list[ast.expr]]) -> Iterator[list[str]]:
    """What an argument may be, where it is written out."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body, named)
        yield from _texts(node.orelse, named)
    elif isinstance(node, ast.Name):
        for value in named.get(node.id, []):
            yield from _texts(value, {})
    elif isinstance(node, ast.Constant):
        yield [str(node.value)]
    elif isinstance(node, ast.JoinedStr):
        yield [str(part.value) for part in node.values if isinstance(part, ast.Constant)]


def silent(*roles: str) -> set[str]:
    """The rules that these roles' rooms check and no case of theirs breaks."""
    told = set(re.findall(r"\[([^\[\]\s]+)\]$", "\n".join(map(expected, roles)), re.MULTILINE))
    return {rule.id for rule in registered().values() if {*rooms(rule)} & {*roles}} - told
