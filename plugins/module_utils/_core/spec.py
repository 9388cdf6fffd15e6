# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conform values to the options of an argument_specs.yml: convert, fill in nested defaults, report every fault at once.

Ansible itself only validates: it converts nothing, applies no nested default and names no near miss. The specification
stays the one place where an option is described.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .findings import WARNING, Finding
from .register import define

SPEC = define("spec", "A variable is what its specification says.", room="all")
NAMES = define("spec-name", "A variable that begins like a role's is one that the role knows.", WARNING, room="all")
TRUE = {"yes", "on", "true", "1", "y", "t"}
FALSE = {"no", "off", "false", "0", "n", "f"}
# A control character would end a line of the rendered file, and what follows would be a directive of its own.
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
SECRET = {"password", "password_hash", "key", "content", "private_key", "preshared_key", "preshared_secret"}
MULTILINE = {"key", "content"}


def conform(value: Any, option: Mapping[str, Any], where: str, findings: list[Finding]) -> Any:
    """`value` as `option` wants it: converted, every key of a dict present (None where unset)."""
    if value is None:
        value = option.get("default")
        if value is None:
            return None
    kind = option.get("type", "str")
    if kind == "raw":
        return _raw(value, option, where, findings)
    try:
        value = _CONVERT[kind](value)
    except (TypeError, ValueError):
        findings.append(SPEC.finding(where, f"The value must be {_A[kind]}.", describe(value, where), "Write it so."))
        return option.get("default")
    if kind == "dict":
        return conform_dict(value, option.get("options"), where, findings)
    if kind == "list":
        element = {"type": option.get("elements", "raw"), "options": option.get("options")}
        items = (conform(item, element, f"{where}[{index}]", findings) for index, item in enumerate(value))
        return [item for item in items if item is not None]
    if kind == "str":
        _one_line(value, where, findings)
    choices = option.get("choices")
    if choices and value not in choices:
        accepted = ", ".join(str(choice) for choice in choices)
        findings.append(
            SPEC.finding(
                where,
                "The value is not one that is known.",
                describe(value, where),
                f"{_near(str(value), map(str, choices))}Choose one of them.",
                accepted,
            )
        )
    return value


def conform_dict(
    value: Mapping[str, Any], options: Any, where: str, findings: list[Finding], known: Sequence[str] = ()
) -> dict[str, Any]:
    """A mapping by its options. `known` are further keys that pass through untouched."""
    if not options:
        return dict(value)
    for name in value:
        if name not in options and name not in known:
            findings.append(
                SPEC.finding(
                    where,
                    f"The key {name} is unknown here.",
                    str(name),
                    f"{_near(str(name), options)}Correct or remove it.",
                    ", ".join(options),
                )
            )
    result: dict[str, Any] = {}
    for name, option in options.items():
        path = f"{where}.{name}" if where else name
        if value.get(name) is None and option.get("required"):
            findings.append(SPEC.finding(where, f"The key {name} is missing.", "nothing", f"Add {name}."))
        result[name] = conform(value.get(name), option, path, findings)
    return result


def slips(names: Iterable[str], options: Mapping[str, Any]) -> list[Finding]:
    """Variables (`names`) that a role does not know but that look like slips of the pen."""
    # Per server, for the filter `servers`.
    unknown = [name for name in names if name not in options and "_server_" not in name]
    near = {name: get_close_matches(name, list(options), n=1, cutoff=0.85) for name in unknown}
    return [
        NAMES.finding(name, "The role does not know this variable.", name, f"Did you mean {close[0]}?")
        for name, close in near.items()
        if close
    ]


def describe(value: Any, where: str = "") -> str:
    """A value for a message; of a secret only its type and length."""
    if where.rsplit(".", 1)[-1] in SECRET:
        return f"a value of {len(str(value))} characters"
    text = str(value)
    return repr(value) if len(text) <= 60 else f"{type(value).__name__} {text[:57]!r}..."


def _raw(value: Any, option: Mapping[str, Any], where: str, findings: list[Finding]) -> Any:
    """A short form (text) or, with options, the dict that it stands for."""
    if isinstance(value, Mapping) and option.get("options"):
        return conform_dict(value, option["options"], where, findings)
    if isinstance(value, (str, int, float)):
        _one_line(str(value), where, findings)
        return str(value)
    findings.append(
        SPEC.finding(where, "The value must be a text or a mapping.", describe(value, where), "Write it so.")
    )
    return None


def _one_line(value: str, where: str, findings: list[Finding]) -> None:
    if where.rsplit(".", 1)[-1] not in MULTILINE and CONTROL.search(value):
        findings.append(
            SPEC.finding(
                where,
                "The value holds a line break or another control character.",
                describe(value, where),
                "Write one line; a list takes further lines as further items.",
            )
        )


def _near(name: str, candidates: Iterable[str]) -> str:
    close = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}? " if close else ""


def _text(value: Any) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise TypeError


def _whole(value: Any) -> int:
    if isinstance(value, (bool, float)):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in TRUE | FALSE:
        raise ValueError
    return word in TRUE


def _items(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    raise TypeError


def _mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError


_CONVERT = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "list": _items,
    "dict": _mapping,
    "path": _text,
}
_A = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "path": "a path",
}
