# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML for people and for Traefik: plain names, every text in double quotes, the order as given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
# What YAML 1.1 would read as something else than a text.
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_WIDTH = 120


def text(value: Any) -> str:
    """A document. Texts are written as JSON writes them, which YAML reads alike."""
    return "".join(f"{line}\n" for line in _lines(value, 0))


def _key(name: Any) -> str:
    plain = isinstance(name, str) and _PLAIN.fullmatch(name) and name.lower() not in _WORDS
    return str(name) if plain else json.dumps(str(name), ensure_ascii=False)


def _flow(value: Any) -> str:
    """On one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    # Ansible's own kinds of text are no str for json.
    return json.dumps(str(value) if isinstance(value, str) else value, ensure_ascii=False)


def _lines(value: Any, depth: int) -> Iterator[str]:
    space = "  " * depth
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            line = f"{space}{_key(name)}: {_flow(inner)}"
            short = not isinstance(inner, (Mapping, list)) or not inner or (depth and len(line) <= _WIDTH)
            if short:
                yield line
            else:
                yield f"{space}{_key(name)}:"
                yield from _lines(inner, depth + 1)
    elif isinstance(value, list) and value:
        for inner in value:
            line = f"{space}- {_flow(inner)}"
            if len(line) <= _WIDTH or not isinstance(inner, (Mapping, list)):
                yield line
            else:
                first, *rest = _lines(inner, depth + 1)
                yield f"{space}- {first.lstrip()}"
                yield from rest
    else:
        yield f"{space}{_flow(value)}"
