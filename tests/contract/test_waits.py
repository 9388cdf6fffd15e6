# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits of the scenarios end on a state: a bound of their own is one that a busy machine reaches."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.docs import ROOT

SHORTEST = 60
WAITS = {"wait_for", "until", "says", "steady"}
# In a shell script on a host: `timeout 20 sh -c 'until ...'`.
IN_SHELL = re.compile(r"timeout (\d+) (?:ba)?sh -c '(?:until|while)")
MEASURING = {"watch"}
SOURCES = sorted((ROOT / "molecule").glob("*/tests/*.py"))


def is_alone(function: ast.FunctionDef, module_alone: bool) -> bool:
    """Whether nothing else runs beside this test; then it may hold a time against a bound."""
    marks = {ast.unparse(one) for one in function.decorator_list}
    return module_alone or "pytest.mark.alone" in marks or bool({one.arg for one in function.args.args} & MEASURING)


def seconds(call: ast.Call) -> float | None:
    """The bound that a wait is given."""
    given = [one.value for one in call.keywords if one.arg in ("seconds", "timeout")] + call.args[1:2]
    return next(
        (float(one.value) for one in given if isinstance(one, ast.Constant) and isinstance(one.value, (int, float))),
        None,
    )


def short_waits(source: str) -> Iterator[str]:
    """Those of a file's functions, by line."""
    tree = ast.parse(source)
    module_alone = "pytestmark = pytest.mark.alone" in source
    for function in (one for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))):
        if isinstance(function, ast.FunctionDef) and is_alone(function, module_alone):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                bound = seconds(node) if name in WAITS else None
                if bound is not None and bound < SHORTEST:
                    yield f"{node.lineno}: {name} for {bound:g} s"
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from (
                    f"{node.lineno}: timeout {found}" for found in IN_SHELL.findall(node.value) if int(found) < SHORTEST
                )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "molecule")))
def test_no_wait_has_a_short_bound(path: Path) -> None:
    assert list(short_waits(path.read_text(encoding="utf-8"))) == []


BAD = """
def test_one(pair):
    wait_for(lambda: True, 20)
    pair.until(lambda: True, seconds=5)
    sh("timeout 20 sh -c 'until true; do sleep 1; done'")
    wait_for(lambda: True)

def test_two(watch):
    wait_for(lambda: True, 20)

@pytest.mark.alone
def test_three(pair):
    wait_for(lambda: True, 20)
"""


def test_a_short_bound_is_found() -> None:
    assert list(short_waits(BAD)) == ["3: wait_for for 20 s", "4: until for 5 s", "5: timeout 20"]
