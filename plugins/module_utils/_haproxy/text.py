# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's text: how a value is quoted, how a raw line is read, and in which order lines of a section stand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product

# A term of a condition: a name, or what stands in braces.
_TERM = re.compile(r"\s*(!?)\s*(\{\s.*?\s\}(?!\S)|\S+)")
_NEEDS_QUOTES = frozenset(" \t\\#'\"")

# A raw line that begins with one of these would open a section of its own.
SECTIONS = frozenset(
    [
        "global",
        "defaults",
        "frontend",
        "backend",
        "listen",
        "peers",
        "userlist",
        "resolvers",
        "cache",
        "mailers",
        "program",
        "http-errors",
        "ring",
        "log-forward",
        "fcgi-app",
        "crt-store",
        "log-profile",
        "traces",
        "acme",
    ]
)

# HAProxy evaluates the lines of a proxy by kind, not by place, and warns where the two differ: within a section
# lines stand in this order, raw ones after ours of the same kind. What is not named here comes first.
_ORDER = (
    ("acl",),
    ("tcp-request", "connection"),
    ("tcp-request", "session"),
    ("tcp-request", "content"),
    ("http-request",),
    ("redirect",),
    ("tcp-response",),
    ("http-response",),
    ("http-after-response",),
    ("stick",),
    ("use_backend",),
    ("default_backend",),
    ("use-server",),
    ("default-server",),
    ("server",),
    ("server-template",),
)


class Unreadable(ValueError):
    """A text that HAProxy would not read as one line."""


def quote(value: object) -> str:
    """A value as one word: bare where that is enough, else in strong quotes, in which nothing is special."""
    text = str(value)
    if text and not _NEEDS_QUOTES & set(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def words(text: str) -> list[str]:
    """The words of a raw line as HAProxy's parser sees them."""
    found: list[str] = []
    word: str | None = None
    closing = ""
    index = 0
    while index < len(text):
        char = text[index]
        if closing == "'":
            word, closing = (word, "") if char == "'" else ((word or "") + char, closing)
        elif char == "\\" and index + 1 < len(text):
            index += 1
            word = (word or "") + text[index]
        elif closing == '"':
            word, closing = (word, "") if char == '"' else ((word or "") + char, closing)
        elif char in "'\"":
            word, closing = word or "", char
        elif char == "#":
            raise Unreadable("An unquoted # makes a comment of the rest of the line.")
        elif char in " \t":
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or "") + char
        index += 1
    if closing:
        raise Unreadable(f"The quote {closing} is never closed.")
    if word is not None:
        found.append(word)
    return found


def either(condition: str, further: str) -> str:
    """`further` in every alternative of `condition`: HAProxy has no brackets, and `and` binds closer than `or`."""
    return " || ".join(" ".join([further, *map("".join, terms)]) for terms in _alternatives(condition))


def neither(condition: str) -> str:
    """The opposite of a condition: of each of its alternatives one term does not hold."""
    opposites = [[term if negated else f"!{term}" for negated, term in terms] for terms in _alternatives(condition)]
    return " || ".join(" ".join(chosen) for chosen in product(*opposites))


def _alternatives(condition: str) -> list[list[tuple[str, str]]]:
    """What `or` divides: terms, each with the `!` before it."""
    found: list[list[tuple[str, str]]] = [[]]
    for negated, term in _TERM.findall(condition):
        if term in ("||", "or"):
            found.append([])
        else:
            found[-1].append((negated, term))
    return found


def arrange(lines: Iterable[str]) -> list[str]:
    """The lines of a section in the order in which HAProxy evaluates them; stable within a kind."""
    return sorted(lines, key=_kind)


def _kind(line: str) -> int:
    start = tuple(line.split()[:2])
    for place, prefix in enumerate(_ORDER, 1):
        if start[: len(prefix)] == prefix:
            return place
    return 0


def join(*parts: object) -> str:
    """The parts that are there, as one line."""
    return " ".join(str(part) for part in parts if part not in (None, ""))
