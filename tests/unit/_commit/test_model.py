# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What commit refuses to be asked for, word by word."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.errors import CommitError
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import matches, parse

FILE = {"path": "/etc/x.conf"}


def refusal(contents: list[bytes] | None = None, **arguments: Any) -> str:
    with pytest.raises(CommitError) as caught:
        parse({"service": "web", **arguments}, contents or [b"x\n"], own=("/var/lib/evenkeel/services",))
    return caught.value.message()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"service": "a/b"},
            "service: a service's name is letters, digits, '-' and '_'. Found: 'a/b'. Name the role's service.",
        ),
        (
            {"files": [{"path": "etc/x"}]},
            "etc/x: a path must be absolute. Found: 'etc/x'. Write the path in full.",
        ),
        (
            {"files": [{"path": "/etc/../x"}]},
            "/etc/../x: a path must be plain: no '.', '..', doubled or trailing slash. Found: '/etc/../x'."
            " Write the path in full.",
        ),
        (
            {"files": [{"path": "/var/lib/evenkeel/services/x"}]},
            "/var/lib/evenkeel/services/x: this is where commit keeps its own state."
            " Found: '/var/lib/evenkeel/services/x'. Write the path in full.",
        ),
        (
            {"files": [FILE], "absent": ["/etc/x.conf"]},
            "/etc/x.conf: this path is in the set twice. Found: file and absent. Keep one.",
        ),
        (
            {"files": [{**FILE, "mode": "rw"}]},
            "files[0].mode: a mode is three or four octal digits in quotes. Found: 'rw'. Write for example \"0640\".",
        ),
        (
            {"files": [FILE], "apply": {"sysctl": ["/etc/y.conf"]}},
            "apply.sysctl: only a file of the set can be loaded. Found: /etc/y.conf. Add it to files, or leave it out here.",
        ),
        (
            {"unit": "haproxy"},
            "unit: a unit's name ends in its kind. Found: 'haproxy'. Write for example haproxy.service.",
        ),
        (
            {"guard": 30},
            "guard: this needs a run_id, by which it is confirmed. Found: 30. Set run_id too.",
        ),
        (
            {"guard": 0.5, "run_id": "x"},
            "guard: seconds are a number from 1, or 0 for no guard. Found: 0.5. Write for example 30.",
        ),
        (
            {"guard": -1, "run_id": "x"},
            "guard: seconds are a number from 1, or 0 for no guard. Found: -1. Write for example 30.",
        ),
        ({"unit_state": "started"}, "unit_state: this needs a unit. Found: started. Set unit too."),
        (
            {"verify": {"listen": ["somewhere"]}},
            "verify.listen: not an address and a port. Found: 'somewhere'. Write for example 192.0.2.1:80.",
        ),
    ],
)
def test_a_wrong_argument_is_refused_with_place_and_remedy(arguments: dict[str, Any], message: str) -> None:
    assert refusal(**arguments) == message


@pytest.mark.parametrize(("content", "found"), [(b"", "0 bytes"), (b"\n \t\n", "4 bytes of white space")])
def test_an_empty_render_is_refused(content: bytes, found: str) -> None:
    assert refusal([content], files=[FILE]) == (
        "/etc/x.conf: the render is empty, and an empty configuration is one that nobody meant."
        f" Found: {found}. Mend the template; where the file may be empty, set allow_empty: true for it."
    )


def test_a_file_that_may_be_empty_may_be() -> None:
    assert parse({"service": "web", "files": [{**FILE, "allow_empty": True}]}, [b""]).entries[0].content == b""


def test_all_faults_are_told_at_once() -> None:
    message = refusal(service="", files=[{"path": "x", "mode": "9"}], unit="u")
    assert len(message.splitlines()) == 4


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("/etc/haproxy/certs/a.pem", "/etc/haproxy/certs/*", True),
        ("/etc/haproxy/haproxy.cfg", "/etc/haproxy/certs/*", False),
        ("/etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg", True),
    ],
)
def test_patterns(path: str, pattern: str, expected: bool) -> None:
    assert matches(path, [pattern]) is expected
