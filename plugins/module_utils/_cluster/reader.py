# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes typed values out of what a person wrote, and notes a finding for each that is not what it should be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .._core.findings import Finding
from .._core.register import Rule
from .._core.spec import SPEC
from .demands import INTERFACE as INTERFACES
from .demands import NAMES

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*\Z")
INTERFACE = re.compile(r"[^\s/\"'#!{}]{1,15}\Z")
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def show(value: Any) -> str:
    """A value as an error message shows it."""
    if value is None:
        return "nothing"
    # A dictionary may hold a password.
    if isinstance(value, Mapping):
        return f"a dictionary of {', '.join(str(key) for key in value) or 'nothing'}"
    if isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def show_secret(value: Any) -> str:
    """A secret as an error message shows it."""
    return f"{len(str(value))} characters" if value else "nothing"


def nearest(word: str, known: Iterable[str], otherwise: str = "Remove it, or correct its name.") -> str:
    """A sentence that helps whoever mistyped."""
    match = get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"Did you mean {match[0]}?" if match else otherwise


class Reader:
    """Reads values below `where`; `findings` fills up as they are read, and a bad value is None."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.findings: list[Finding] = []

    def refuse(self, rule: Rule, path: str, what: str, got: str, remedy: str, accepted: str = "") -> None:
        self.findings.append(rule.finding(f"{self.where}: {path}", what, got, remedy, accepted))

    def integer(self, rule: Rule, path: str, value: Any, low: int, high: int, remedy: str = "") -> int | None:
        number: int | None = None
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            or isinstance(value, str)
            and re.match(r"-?[0-9]{1,9}\Z", value)
        ):
            number = int(value)
        if number is not None and low <= number <= high:
            return number
        self.refuse(
            rule, path, "This must be a whole number.", show(value), remedy or "Correct the number.", f"{low} to {high}"
        )
        return None

    def number(self, rule: Rule, path: str, value: Any, low: float, high: float) -> float | None:
        number: float | None = None
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            try:
                number = float(value)
            except ValueError:
                number = None
        if number is not None and low <= number <= high:
            return int(number) if number == int(number) else number
        self.refuse(
            rule, path, "This must be a number of seconds.", show(value), "Correct the number.", f"{low} to {high}"
        )
        return None

    def boolean(self, path: str, value: Any, default: bool) -> bool:
        if isinstance(value, bool):
            return value
        word = _WORDS.get(str(value).lower()) if isinstance(value, (str, int)) else None
        if word is None:
            self.refuse(SPEC, path, "This must be true or false.", show(value), "Write one of them.", "true, false")
            return default
        return word

    def choice(self, path: str, value: Any, accepted: Sequence[str]) -> str | None:
        if isinstance(value, str) and value in accepted:
            return str(value)
        remedy = nearest(str(value), accepted, otherwise="Write one of the accepted words.")
        self.refuse(SPEC, path, "This is not a word that is known here.", show(value), remedy, ", ".join(accepted))
        return None

    def text(self, path: str, value: Any) -> str | None:
        if isinstance(value, str) and value and "\n" not in value:
            return str(value)
        self.refuse(SPEC, path, "This must be one line of text.", show(value), "Write it as a string.")
        return None

    def name(self, path: str, value: Any) -> str | None:
        text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if NAME.match(text):
            return text
        self.refuse(
            NAMES,
            path,
            "keepalived needs a name in one word.",
            show(value),
            "Give it a name without blanks and quotes.",
            "letters, digits and . _ : -",
        )
        return None

    def interface(self, path: str, value: Any) -> str | None:
        if isinstance(value, str) and INTERFACE.match(value) and value != "lo":
            return str(value)
        self.refuse(
            INTERFACES,
            path,
            "This is not the name of a network interface that can carry VRRP.",
            show(value),
            "Write the name as `ip link` shows it.",
            "1 to 15 characters without blanks, not lo",
        )
        return None

    def mapping(self, path: str, value: Any, keys: Sequence[str]) -> dict[str, Any]:
        """A dictionary with no other keys than these; unset (null) ones are left out."""
        if not isinstance(value, Mapping):
            self.refuse(
                SPEC, path, "This must be a dictionary.", show(value), "Write it as `key: value`.", ", ".join(keys)
            )
            return {}
        for key in value:
            if key not in keys:
                self.refuse(
                    SPEC, f"{path}.{key}", "This key is not known here.", show(key), nearest(key, keys), ", ".join(keys)
                )
        return {key: value[key] for key in keys if value.get(key) is not None}

    def sequence(self, path: str, value: Any) -> list[Any]:
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            return list(value)
        if value is not None:
            self.refuse(SPEC, path, "This must be a list.", show(value), "Write it as a list.")
        return []

    def words(self, path: str, value: Any) -> tuple[str, ...]:
        found = []
        for position, item in enumerate(self.sequence(path, value)):
            text = self.text(f"{path}[{position}]", item)
            if text is not None:
                found.append(text)
        return tuple(found)
