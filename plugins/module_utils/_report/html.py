# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages without a template: whatever is not markup of ours is text, and escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

# Elements that have no end.
VOID = ("meta", "br")


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Markup:
    """An element. A trailing underscore keeps an attribute's name apart from Python's words, others become hyphens."""
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"' for name, value in attributes.items()
    )
    if tag in VOID:
        return Markup(f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{join(children)}</{tag}>")


def join(children: Iterable[str], between: str = "") -> Markup:
    """Several pieces as one."""
    return Markup(between.join(text(child) for child in children))


def text(piece: str) -> Markup:
    """A piece as markup."""
    return piece if isinstance(piece, Markup) else Markup(escape(readable(piece), quote=False))


def readable(piece: str) -> str:
    """Without what no page may hold (control characters, halves of characters): that shows as such."""
    return "".join(one if one in "\n\t" or one.isprintable() else "\ufffd" for one in piece)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> Markup:
    """A table whose first column names the row."""
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(element("th", title, scope="col") for title in head))),
        element("tbody", *body),
    )
