# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of rules: an identifier is written once, and each rule has a case that says it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from ansible_collections.evenkeel.lb.plugins.module_utils._plan.rules import known

from tests.suite.steps import ROOT

# Said by a task of the role wireguard, since only the host sees its files (molecule/wireguard/tests/test_secrets.py).
TASKS = {"G5"}


def identifiers() -> Iterator[str]:
    """What looks like an identifier, wherever it is written."""
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and re.fullmatch(r"[A-HK]\d{1,2}(-[a-z-]+)?", str(node.value)):
                yield str(node.value)


def test_an_identifier_is_written_once() -> None:
    written = Counter(identifiers())
    assert {name: count for name, count in written.items() if count > 1} == {}
    assert set(written) == {name for name in known() if name[:1].isupper()}


def test_each_rule_says_what_it_demands() -> None:
    titles = [rule.title for rule in known().values()]
    assert [title for title in titles if not re.fullmatch(r"\S.*\.", title)] == []
    assert len(titles) == len(set(titles))


def test_each_rule_has_a_case() -> None:
    tables = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "unit").glob("_*/findings.yml")]
    said = set(re.findall(r"\[([\w-]+)\]'?$", "\n".join(tables), re.MULTILINE))
    assert set(known()) - said == TASKS
