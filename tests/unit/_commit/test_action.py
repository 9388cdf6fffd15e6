# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half: what it packs, and what it refuses before any node is asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.evenkeel.lb.plugins.action.commit import ActionModule
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import payload


class Action(ActionModule):
    """Remembers the one call instead of making it."""

    def __init__(self, **arguments: Any) -> None:
        task: Any = SimpleNamespace(args=arguments)
        loader: Any = SimpleNamespace(get_real_file=lambda path: path)
        self._task, self._loader = task, loader
        self.calls: list[dict[str, Any]] = []

    def _find_needle(self, dirname: str, needle: str) -> str:
        return needle

    def _execute_module(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self.calls.append(kwargs["module_args"])
        return {"changed": False}


@pytest.fixture(autouse=True)
def no_base_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda self, tmp, task_vars: {})


def test_contents_and_secrets_are_packed_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "b"
    source.write_bytes(b"\xff from a file\n")
    action = Action(
        service="web",
        files=[
            {"path": "/a", "content": "canary\n"},
            {"path": "/b", "src": str(source)},
            {"path": "/c", "remote_src": "/d"},
        ],
        secrets=["canary"],
        verify={"http": [{"url": "http://x:canary@127.0.0.1/"}]},
        unit="web.service",
    )
    assert action.run() == {"changed": False}
    (call,) = action.calls
    contents, hidden = payload.unpack(call.pop("payload"))
    assert call == {
        "service": "web",
        "files": [{"path": "/a"}, {"path": "/b"}, {"path": "/c", "remote_src": "/d"}],
        "unit": "web.service",
    }
    assert contents == [b"canary\n", b"\xff from a file\n", b""]
    assert hidden == {"secrets": ["canary"], "verify": {"http": [{"url": "http://x:canary@127.0.0.1/"}]}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"files": "text"}, "files must be a list, not str."),
        ({"files": ["text"]}, "files[0] must be a dictionary, not str."),
        (
            {"files": [{"path": "/a"}]},
            "files[0] (/a) needs exactly one of content, src, remote_src; found none.",
        ),
        (
            {"files": [{"path": "/a", "content": "x", "src": "y"}]},
            "files[0] (/a) needs exactly one of content, src, remote_src; found content, src.",
        ),
        ({"files": [{"path": "/a", "content": {"x": 1}}]}, "files[0].content must be text, not dict."),
        (
            {"files": [{"path": "/a", "content": "x", "mode": "0600"}, {"path": "/b", "content": "x", "mode": 0o400}]},
            'files[1] (/b): a mode is octal digits in quotes. Found: the number 256. Write for example "0400".',
        ),
        (
            {"files": [{"path": "/a", "content": "x", "mode": True}]},
            'files[0] (/a): a mode is octal digits in quotes. Found: True. Write for example "0400".',
        ),
        (
            {"directories": [{"path": "/d", "mode": 0o750}]},
            'directories[0] (/d): a mode is octal digits in quotes. Found: the number 488. Write for example "0400".',
        ),
        ({"payload": "x"}, "payload is what this action makes of files and secrets; a task does not set it."),
    ],
)
def test_what_is_refused_on_the_controller(arguments: dict[str, Any], message: str) -> None:
    action = Action(**arguments)
    with pytest.raises(AnsibleActionFail) as caught:
        action.run()
    assert caught.value.message == message
    assert action.calls == []
