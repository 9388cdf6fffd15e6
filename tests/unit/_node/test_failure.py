# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module says when it fails."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused, fail


class Failed(Exception):
    """What Ansible's own does: the module ends here."""


class Module:
    """Keeps what it is told."""

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        raise Failed({"msg": msg, **kwargs})


def said(problem: Refused | OSError, where: str = "", **result: Any) -> dict[str, Any]:
    with pytest.raises(Failed) as failed:
        fail(Module(), problem, where, **result)
    found: dict[str, Any] = failed.value.args[0]
    return found


def test_a_refusal_is_one_sentence_and_the_same_in_parts() -> None:
    refused = Refused("There is no such server.", "server", "web-9", "Correct the name.", "web-1, web-2")
    assert said(refused, changed=False) == {
        "msg": "server: There is no such server. Found: web-9. Accepted: web-1, web-2. Correct the name.",
        "error": {"what": "There is no such server.", "where": "server", "got": "web-9", "remedy": "Correct the name."},
        "changed": False,
    }


@pytest.mark.parametrize(
    ("problem", "where", "says"),
    [
        (
            PermissionError(13, "Permission denied", "/run/x.sock"),
            "",
            "/run/x.sock: Only root may do this. Found: Permission denied. Run with become: true.",
        ),
        (
            OSError(28, "No space left on device", "/var/lib/x"),
            "",
            "/var/lib/x: The system refuses it. Found: No space left on device. Look at the node: its disk, and the journal.",
        ),
        (
            TimeoutError("timed out"),
            "/run/x.sock",
            "/run/x.sock: The system refuses it. Found: timed out. Look at the node: its disk, and the journal.",
        ),
    ],
)
def test_an_error_of_the_system_says_what_to_do(problem: OSError, where: str, says: str) -> None:
    assert said(problem, where)["msg"] == says
