# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conform values to the options of an argument_specs.yml: convert, fill in nested defaults, report every fault at once.

Ansible itself only validates: it converts nothing, applies no nested default and names no near miss. The specification
stays the one place where an option is described. What it can't say, `refine` adds to it: the rule that a mistake breaks
(`rule`), bounds (`low`, `high`), what to do (`remedy`) and how a value is read further (`read`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .findings import WARNING, Finding
from .register import Rule, define

SPEC = define("spec", "A variable is what its specification says.", room="all")
NAMES = define("spec-name", "A variable that begins like a role's is one that the role knows.", WARNING, room="all")
TRUE = {"yes", "on", "true", "1", "y", "t"}
FALSE = {"no", "off", "false", "0", "n", "f"}
# A control character would end a line of the rendered file, and what follows would be a directive of its own.
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
SECRET = {
    "auth_pass",
    "password",
    "password_hash",
    "key",
    "content",
    "private_key",
    "preshared_key",
    "preshared_secret",
}
MULTILINE = {"key", "content"}


class Refused(Exception):
    """Raised by an option's `read` about its value, by the option's own rule unless it says another."""

    def __init__(self, what: str, remedy: str, accepted: str = "", rule: Rule | None = None) -> None:
        super().__init__(what)
        self.what, self.remedy, self.accepted, self.rule = what, remedy, accepted, rule


def refine(
    options: Mapping[str, Any], more: Mapping[str, Mapping[str, Any]], path: str = "", rule: Rule = SPEC
) -> dict[str, Any]:
    """The options with what `more` adds to them by path: `option`, `list[]` for its items, `list[].key`, `dictionary.key`.

    An option has the rule of what it is in, unless it has one of its own; what is refused becomes None.
    """
    found: dict[str, Any] = {}
    for name, option in options.items():
        here = f"{path}{name}"
        inner = f"{here}[]" if option.get("type") == "list" else here
        refined = {"rule": rule, "refused": None, **option, **more.get(here, {})}
        items = {"rule": refined["rule"], "refused": None, **more.get(inner, {})}
        if option.get("options"):
            refined["options"] = refine(option["options"], more, f"{inner}.", items["rule"])
        if option.get("type") == "list":
            refined["item"] = {"type": option.get("elements", "raw"), "options": refined.get("options"), **items}
        found[name] = refined
    return found


def conform(value: Any, option: Mapping[str, Any], where: str, findings: list[Finding]) -> Any:
    """`value` as `option` wants it: converted, every key of a dict present (None where unset)."""
    if value is None:
        value = option.get("default")
        if value is None:
            return None
    kind, rule = option.get("type", "str"), option.get("rule", SPEC)
    refused = option.get("refused", option.get("default"))
    written = value
    if kind == "raw":
        value = _raw(value, option, where, findings)
    else:
        try:
            value = _CONVERT[kind](value)
        except (TypeError, ValueError, OverflowError):
            what, remedy = f"The value must be {_A[kind]}.", option.get("remedy", "Write it so.")
            findings.append(rule.finding(where, what, show(value, where), remedy, _bounds(option)))
            return refused
    if kind == "dict":
        value = conform_dict(value, option.get("options"), where, findings, rule=rule)
    elif kind == "list":
        value = _each(value, option, where, findings)
    elif kind == "str":
        _one_line(value, where, findings, rule)
    if value is None or kind not in ("dict", "list") and not _accepted(value, option, where, findings, written):
        return refused
    if "read" not in option:
        return value
    try:
        return option["read"](value, where, findings)
    except Refused as error:
        findings.append(
            (error.rule or rule).finding(where, error.what, show(value, where), error.remedy, error.accepted)
        )
        return refused


def _each(value: Iterable[Any], option: Mapping[str, Any], where: str, findings: list[Finding]) -> list[Any]:
    """The items of a list. One that is refused is left out."""
    item = option.get("item") or {"type": option.get("elements", "raw"), "options": option.get("options")}
    found = []
    for index, one in enumerate(value):
        path = f"{where}[{index}]"
        # Null stands for nothing in a list of texts, unless a rule says what belongs there.
        if one is None and (item["type"] == "dict" or "rule" in item):
            what, rule = f"The value must be {_A[item['type']]}.", item.get("rule", SPEC)
            findings.append(rule.finding(path, what, show(one), "Write it so."))
        found.append(conform(one, item, path, findings))
    return [one for one in found if one is not None]


def conform_dict(
    value: Mapping[str, Any],
    options: Any,
    where: str,
    findings: list[Finding],
    known: Sequence[str] = (),
    rule: Rule = SPEC,
) -> dict[str, Any]:
    """A mapping by its options. `known` are further keys that pass through untouched."""
    if not options:
        return dict(value)
    for name in value:
        if name not in options and name not in known:
            findings.append(
                rule.finding(
                    where,
                    f"The key {name} is unknown here.",
                    str(name),
                    f"{_near(str(name), options)}Correct or remove it.",
                    ", ".join(options),
                )
            )
    result: dict[str, Any] = {}
    for name, option in options.items():
        given = value.get(name)
        if given is None and option.get("required"):
            broken = option.get("rule", SPEC)
            findings.append(broken.finding(where, f"The key {name} is missing.", "nothing", f"Add {name}."))
        unset = given is None and option.get("default") is None
        path = f"{where}.{name}" if where else name
        result[name] = None if unset else conform(given, option, path, findings)
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


def show(value: Any, where: str = "") -> str:
    """A value for a message; of a secret only its length, and of what may hold one no values."""
    if value is None:
        return "nothing"
    if secret(where):
        return f"a value of {len(str(value))} characters"
    if isinstance(value, Mapping):
        return f"a dictionary of {', '.join(str(key) for key in value) or 'nothing'}"
    if isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def secret(where: str) -> bool:
    """Whether the value at this path is a secret, as an item's key or as a role's own variable."""
    leaf = where.rsplit(".", 1)[-1]
    return leaf in SECRET or leaf.endswith("_auth_pass")


def nearest(word: str, known: Iterable[str], otherwise: str = "Remove it, or correct its name.") -> str:
    """A sentence that helps whoever mistyped."""
    return _near(str(word), known).rstrip() or otherwise


def _raw(value: Any, option: Mapping[str, Any], where: str, findings: list[Finding]) -> Any:
    """A short form (text) or, with options, the dict that it stands for."""
    rule = option.get("rule", SPEC)
    if isinstance(value, Mapping) and option.get("options"):
        return conform_dict(value, option["options"], where, findings, rule=rule)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        _one_line(str(value), where, findings, rule)
        return str(value)
    findings.append(rule.finding(where, f"The value must be {_A['raw']}.", show(value, where), "Write it so."))
    return None


def _one_line(value: str, where: str, findings: list[Finding], rule: Rule) -> None:
    if where.rsplit(".", 1)[-1] not in MULTILINE and CONTROL.search(value):
        findings.append(
            rule.finding(
                where,
                "The value holds a line break or another control character.",
                show(value, where),
                "Write one line; a list takes further lines as further items.",
            )
        )


def _accepted(value: Any, option: Mapping[str, Any], where: str, findings: list[Finding], written: Any) -> bool:
    """Whether the value is one of the option's choices and within its bounds."""
    rule, choices = option.get("rule", SPEC), option.get("choices")
    if choices and value not in choices:
        accepted = ", ".join(str(choice) for choice in choices)
        remedy = option.get("remedy", f"{_near(str(value), map(str, choices))}Choose one of them.")
        findings.append(
            rule.finding(where, "The value is not one that is known.", show(value, where), remedy, accepted)
        )
        return False
    if "low" in option and not option["low"] <= value <= option["high"]:
        remedy = option.get("remedy", "Correct it.")
        findings.append(rule.finding(where, "The number is out of range.", show(written), remedy, _bounds(option)))
        return False
    return True


def _bounds(option: Mapping[str, Any]) -> str:
    return f"{option['low']} to {option['high']}" if "low" in option else ""


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
    "raw": "a text or a mapping",
}
