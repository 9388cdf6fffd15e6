# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel values in the files of a set."""

from __future__ import annotations

from dataclasses import dataclass

from .host import Reads


@dataclass(frozen=True)
class Wish:
    """One line of a sysctl.d file."""

    key: str
    value: str
    optional: bool

    @property
    def pattern(self) -> bool:
        return any(sign in self.key for sign in "*?[")


@dataclass(frozen=True)
class SysctlOp:
    """A live value that has to change."""

    key: str
    before: str
    after: str


def parse(text: str) -> list[Wish]:
    """sysctl.d(5): `key = value`, `-key = value` where the kernel may lack it, comments with # or ;."""
    wishes: list[Wish] = []
    for raw in text.splitlines():
        line = raw.strip()
        if line and not line.startswith(("#", ";")) and "=" in line:
            key, dummy, value = line.partition("=")
            key = key.strip()
            wishes.append(Wish(key.lstrip("-"), " ".join(value.split()), key.startswith("-")))
    return wishes


def wanted(host: Reads, texts: list[str]) -> tuple[dict[str, str], list[str]]:
    """Values by key, patterns expanded, the last line winning; and the keys that this kernel does not have."""
    values: dict[str, str] = {}
    unknown: list[str] = []
    for wish in (wish for text in texts for wish in parse(text)):
        if wish.pattern:
            values.update(dict.fromkeys(host.sysctl_keys(wish.key), wish.value))
        elif host.sysctl(wish.key) is not None:
            values[wish.key] = wish.value
        elif not wish.optional:
            unknown.append(wish.key)
    return values, unknown
