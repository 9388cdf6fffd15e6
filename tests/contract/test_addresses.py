# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation addresses only, and no host that packages come from."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

from tests.suite.steps import ROOT, tree

ALLOWED = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "127.0.0.0/8",
        "0.0.0.0/32",
        "224.0.0.0/4",
        "255.0.0.0/8",
        "2001:db8::/32",
        "::/128",
        "::1/128",
        "fe80::/10",
        "ff00::/8",
    )
]
IPV4 = re.compile(r"(?<![\w.:-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
IPV6 = re.compile(r"(?<![\w:.\]])(?:[0-9a-fA-F]{1,4}:+){1,7}:?(?:[0-9a-fA-F]{1,4})?(?![\w:])")
# By their form, so that this file names none.
PACKAGES = re.compile(
    r"\b(?:(?:deb|ftp\d*(?:\.\w+)?|archive|mirrors?|registry(?:-\d)?|galaxy|hub|ghcr|quay|ci-files\.[\w.]+)\.\w[\w.-]*"
    r"\.?(?:org|com|io|net)|pypi\.\w+|\w+\.pythonhosted\.\w+)\b"
)
# Generated texts and the licence; values that a test must find wrong.
EXCEPT = ("LICENSE", "changelogs/changelog.yaml", "tests/unit/", "tests/property/", "tests/contract/")


def lines() -> Iterator[tuple[Path, int, str]]:
    for path in tree():
        name = path.relative_to(ROOT)
        if not str(name).startswith(EXCEPT):
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            for number, line in enumerate(text.splitlines(), 1):
                yield name, number, line


def foreign(line: str) -> Iterator[str]:
    """The addresses of a line that are somebody's."""
    for literal in IPV4.findall(line) + IPV6.findall(line):
        try:
            address = ipaddress.ip_address(literal)
        except ValueError:
            continue
        if not any(address in network for network in ALLOWED):
            yield literal


def test_foreign_addresses_are_found() -> None:
    assert list(foreign("bind 10.0.0.1:80 and [2a00::1]:80, 192.0.2.7/24, ::1, 2001:db8::28/64 at 12:30:00")) == [
        "10.0.0.1",
        "2a00::1",
    ]


def test_addresses() -> None:
    assert [f"{name}:{number}: {literal}" for name, number, line in lines() for literal in foreign(line)] == []


def test_package_hosts() -> None:
    found = [f"{name}:{number}: {line.strip()}" for name, number, line in lines() if PACKAGES.search(line)]
    assert found == []
