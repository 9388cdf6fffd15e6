# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model of every role does alike: variables conformed and checked, errors told from warnings, digests, versions.

A service's `model.py` has a function `of`, which is given a `Role`.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .findings import ERROR, WARNING, Finding
from .spec import conform_dict, slips


@dataclass(frozen=True)
class Role(ABC):
    """One role on one host.

    `given` are the variables that the role knows, resolved; `names` all of the host that begin like them; `packages` are
    lines `NAME VERSION` of `dpkg-query`; `others` are variables of other roles that its model reads, resolved.
    """

    name: str
    host: str
    options: Mapping[str, Any]
    given: Mapping[str, Any]
    names: Sequence[str]
    nodes: Sequence[str]
    hostvars: Mapping[str, Any]
    packages: Sequence[str] = ()
    others: Mapping[str, Any] = field(default_factory=dict)
    now: float | None = None

    @abstractmethod
    def inventory(self, node: str) -> dict[str, Any] | None:
        """What the plan reads of a node; None if the inventory does not have it."""


@dataclass
class Draft:
    """The variables of a role as its options want them, and all that is wrong with them so far."""

    model: dict[str, Any]
    findings: list[Finding]

    @classmethod
    def of(
        cls,
        given: Mapping[str, Any],
        options: Mapping[str, Any],
        names: Iterable[str] = (),
        findings: Iterable[Finding] = (),
    ) -> Draft:
        """`names` are all variables of the host that look like the role's; `findings` what was found before."""
        found = [*slips(names, options), *findings]
        return cls(conform_dict(given, options, "", found), found)

    @property
    def refused(self) -> bool:
        return any(finding.severity == ERROR for finding in self.findings)

    def check(self, rules: Callable[..., Iterable[Finding]], *about: Any) -> None:
        """Apply rules. They are written for a model whose values are what the options want."""
        if not self.refused:
            self.findings += rules(self.model, *about)

    def verdict(self) -> dict[str, Any]:
        """As every model begins; with errors there is nothing else in it."""
        return {
            "errors": [finding.as_dict() for finding in self.findings if finding.severity == ERROR],
            "warnings": [finding.as_dict() for finding in self.findings if finding.severity == WARNING],
        }


def digest(whole: Any) -> str:
    """It changes with anything in the configuration: by it a running daemon is asked what it runs."""
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()[:16]


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version or a Debian package version: `1.26.3-3+deb13u1` is (1, 26, 3)."""
    match = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return tuple(int(number) for number in match.group(1).split(".")) if match else (0,)


def versions(
    packages: Iterable[str], daemon: str, by_release: Mapping[str, tuple[str, str]], parts: int | None = None
) -> tuple[str, str]:
    """A daemon's version, in so many parts, and OpenSSL's major and minor, from `packages` (lines `NAME VERSION`).

    Of a package that is missing the version is that of Debian's release, the first of `by_release` where that is another.
    """
    installed = dict(line.split(None, 1) for line in packages if " " in line.strip())
    release = installed.get("base-files", "").split(".")[0].split("+")[0]
    expected = by_release.get(release) or next(iter(by_release.values()))
    libraries = [installed[name] for name in ("libssl3t64", "libssl3") if name in installed]
    return (
        _dotted(installed[daemon], parts) if daemon in installed else expected[0],
        _dotted(libraries[0], 2) if libraries else expected[1],
    )


def _dotted(version: str, parts: int | None) -> str:
    return ".".join(str(number) for number in numbers(version)[:parts])
