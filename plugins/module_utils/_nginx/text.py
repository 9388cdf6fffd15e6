# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's text: how a value is quoted, how a raw line is read, and blocks within blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_BARE = re.compile(r"[A-Za-z0-9_$/.:,=~^|*()?+@!%&<>\[\]-]+")
_QUOTED = re.compile(r"""(?<![^\s;{}(])(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\\.|\$\{\w*\}""")
_INDENT = "    "


class Unreadable(ValueError):
    """A text that nginx would not read as whole directives."""


def quote(value: object) -> str:
    """A value as one word: bare where that is enough, else in double quotes. A `$` stays what it is, a variable's."""
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def directive(name: str, *words: object) -> str:
    """A directive of words that are quoted where they have to be; what is None or empty is left out."""
    return " ".join([name, *(quote(word) for word in words if word not in (None, ""))]) + ";"


def raw(text: str) -> str:
    """A raw line, whole: with a semicolon unless a block or a comment ends it."""
    line = text.strip()
    return line if not line or line.endswith((";", "}")) or line.startswith("#") else line + ";"


def check(text: str) -> None:
    """Whether a raw line leaves quotes and brackets as it found them; what follows it would mean something else."""
    depth, closing, escaped = 0, "", False
    for before, char in zip(" " + text, text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif closing:
            closing = "" if char == closing else closing
        elif char in "'\"" and before in " \t;{}(":
            closing = char
        elif char == "#" and before in " \t;{}" and not text.lstrip().startswith("#"):
            raise Unreadable("An unquoted # makes a comment of the rest of the line.")
        elif char == "{" and before != "$":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif char == "}" and not re.search(r"\$\{\w*$", text[: text.index(char) + 1][:-1]):
            raise Unreadable("The bracket } closes what the line did not open.")
    if closing:
        raise Unreadable(f"The quote {closing} is never closed.")
    if depth:
        raise Unreadable("The bracket { is never closed.")


def directives(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The words of each directive in raw lines, what is quoted left out, and in how many blocks it stands."""
    for line in lines:
        depth = 0
        for part in re.split(r"([;{}])", "" if line.lstrip().startswith("#") else _QUOTED.sub("''", line)):
            depth += {"{": 1, "}": -1}.get(part, 0)
            if part.split() and part not in (";", "{", "}"):
                yield depth, part.split()


@dataclass(frozen=True)
class Block:
    """A head and what stands in its brackets."""

    head: str
    body: Sequence[str | Block] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"{self.head} {{"
        for item in self.body:
            for line in item.lines() if isinstance(item, Block) else [item]:
                yield _INDENT + line
        yield "}"
