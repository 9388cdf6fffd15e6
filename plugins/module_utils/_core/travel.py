# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of our files a program on a node needs: the file itself, and whatever it imports of ours, found in the source."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator


def closure(entry: str, read: Callable[[str], str | None]) -> list[str]:
    """The files that `entry` needs, itself among them, as sorted paths below module_utils.

    `read` gives the source at such a path, or None where there is no file. Only relative imports lead to files of ours; one that
    leads nowhere is an ImportError. A package's `__init__.py` holds nothing but its docstring and stays behind.
    """
    sources: dict[str, str | None] = {}

    def source(path: str) -> str | None:
        if path not in sources:
            sources[path] = read(path)
        return sources[path]

    found: set[str] = set()
    open_ends = [entry]
    while open_ends:
        path = open_ends.pop()
        if path in found:
            continue
        text = source(path)
        if text is None:
            raise ImportError(f"{path}: there is no such file")
        found.add(path)
        for candidates in imported(path, text):
            lead = next((one for one in candidates if source(one) is not None), None)
            if lead is None:
                raise ImportError(f"{path} imports {candidates[0]}, which is no file of ours")
            open_ends.append(lead)
    return sorted(found)


def imported(path: str, source: str) -> Iterator[tuple[str, ...]]:
    """For each relative import of a file, wherever it stands: the paths at which the module may lie."""
    home = path.split("/")[:-1]
    for node in _statements(ast.parse(source, path).body):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        if node.level > len(home) + 1:
            raise ImportError(f"{path}, line {node.lineno}: the import leads out of module_utils")
        base = [*home[: len(home) - node.level + 1], *(node.module.split(".") if node.module else [])]
        for alias in node.names:
            # `from .package import name`: a module of the package, or something in a module.
            inside = "/".join([*base, alias.name]) + ".py"
            yield (inside, "/".join(base) + ".py") if node.module else (inside,)


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Statements at any depth. Most of a tree is expressions, which import nothing."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, part, ()))
