# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every role's model does alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import WARNING, Finding
from ansible_collections.evenkeel.lb.plugins.module_utils._core.role import Draft, digest, numbers, versions
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.model import BY_RELEASE as HAPROXY
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx.model import BY_RELEASE as NGINX

OPTIONS: dict[str, Any] = {"web_port": {"type": "int", "default": 80}, "web_name": {"type": "str"}}


def fault(severity: str = "error") -> Finding:
    return Finding("W1", "web_port", "This is odd.", "7", "Write another.", severity=severity)


def odd(model: Mapping[str, Any], *expected: int) -> Iterator[Finding]:
    if model["web_port"] not in expected:
        yield fault()


def test_a_model_that_is_well_is_checked_and_says_so() -> None:
    draft = Draft.of({"web_port": "80"}, OPTIONS)
    draft.check(odd, 80, 443)
    assert (draft.model, draft.refused) == ({"web_port": 80, "web_name": None}, False)
    assert draft.verdict() == {"errors": [], "warnings": []}
    draft.check(odd, 443)
    assert draft.refused and draft.verdict()["errors"] == [fault().as_dict()]


def test_rules_do_not_see_what_the_options_refuse() -> None:
    draft = Draft.of({"web_port": "many"}, OPTIONS)
    draft.check(odd)
    assert [error["where"] for error in draft.verdict()["errors"]] == ["web_port"]
    assert [error["rule"] for error in draft.verdict()["errors"]] == ["spec"]


def test_a_warning_refuses_nothing() -> None:
    draft = Draft.of({}, OPTIONS, ["web_prot"], [fault(WARNING)])
    assert not draft.refused
    assert [(one["where"], one["rule"]) for one in draft.verdict()["warnings"]] == [
        ("web_prot", "spec-name"),
        ("web_port", "W1"),
    ]


def test_a_digest_changes_with_anything_and_with_nothing_else() -> None:
    one = digest({"a": [1, 2], "b": "x"})
    assert one == digest({"b": "x", "a": [1, 2]}) and len(one) == 16
    assert one != digest({"a": [2, 1], "b": "x"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2.6.12-1+deb12u3", (2, 6, 12)),
        ("1:3.0.11-1", (3, 0, 11)),
        ("3.5~rc1-1", (3, 5)),
        ("13", (13,)),
        ("1.26.3-3+deb13u1", (1, 26, 3)),
        ("1.30-1", (1, 30)),
        ("2:1.28.0", (1, 28, 0)),
        ("unknown", (0,)),
    ],
)
def test_numbers_of_a_version(text: str, found: tuple[int, ...]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        (["haproxy 2.6.12-1+deb12u3", "libssl3 3.0.17-1~deb12u2", "base-files 12.4+deb12u11"], ("2.6", "3.0")),
        (["haproxy 3.0.11-1+deb13u3", "libssl3t64 3.5.1-1", "base-files 13.8"], ("3.0", "3.5")),
        (["base-files 13.8+deb13u1"], ("3.0", "3.5")),
        (["base-files 12.4+deb12u11"], ("2.6", "3.0")),
        (["base-files 99"], ("2.6", "3.0")),
        ([], ("2.6", "3.0")),
    ],
)
def test_what_is_not_installed_is_what_the_release_has(packages: list[str], found: tuple[str, str]) -> None:
    assert versions(packages, "haproxy", HAPROXY, parts=2) == found


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        (["base-files 12.4+deb12u11", "nginx 1.22.1-9+deb12u3", "libssl3 3.0.17-1~deb12u2"], ("1.22.1", "3.0")),
        (["base-files 13.8", "nginx 1.26.3-3+deb13u1", "libssl3t64 3.5.1-1"], ("1.26.3", "3.5")),
        (["base-files 13.8"], ("1.26.3", "3.5")),
        (["base-files 12.4+deb12u11"], ("1.22.1", "3.0")),
        ([], ("1.22.1", "3.0")),
        (["nginx 1:1.28.0-1~bookworm"], ("1.28.0", "3.0")),
    ],
)
def test_a_version_has_all_its_parts_unless_fewer_are_asked_for(packages: list[str], found: tuple[str, str]) -> None:
    assert versions(packages, "nginx", NGINX) == found
