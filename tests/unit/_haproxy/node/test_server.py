# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draining a server: what is refused, what is kept on the node, and what becomes of it when servers come and go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node import answers
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import Haproxy
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import Refused as Said
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.drains import GRACE_SECONDS, Drains, Wish
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused
from ansible_collections.evenkeel.lb.plugins.modules import haproxy_server
from ansible_collections.evenkeel.lb.plugins.modules.haproxy_server import Run

from tests.unit._haproxy.node.haproxy_daemon import RELEASES, Daemon, recorded

WEB_1 = ("app", "web-1")
Make = Callable[..., Run]


@pytest.fixture(params=RELEASES)
def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Daemon]:
    """HAProxy as it was recorded, with web-1 as its last usable server; it remembers the states that it is told."""
    daemon = Daemon(tmp_path / "socket")
    daemon.answers.update(recorded(request.param))
    daemon.answers["set server app/"] = lambda command: obey(daemon, command)
    yield daemon
    daemon.listening.close()


def obey(daemon: Daemon, command: str) -> str:
    name, word = command.split()[2].partition("/")[2], command.split()[4]
    bits = {"drain": "8", "maint": "1", "ready": "0"}[word]
    states = str(daemon.answers["show servers state"]).splitlines()
    lines = [line.split() for line in states]
    changed = [
        " ".join([*line[:6], bits, *line[7:]]) if line[3:4] == [name] else text
        for line, text in zip(lines, states, strict=True)
    ]
    daemon.answers["show servers state"] = "\n".join(changed) + "\n"
    return "\n"


@pytest.fixture
def make(daemon: Daemon, tmp_path: Path) -> Make:
    def made(check_mode: bool = False, **params: Any) -> Run:
        given: dict[str, Any] = {"server": "web-1", "backend": None, "state": "drained", "reason": "", "force": False}
        given.update({"wait_sessions": 1, "wait_seconds": 0, **params})
        # The master answers on the same socket here.
        haproxy = Haproxy(str(tmp_path / "socket"), str(tmp_path / "socket"))
        return Run(given, haproxy, Drains(tmp_path / "kept" / "drains.json"), check_mode)

    return made


def changed(run: Run) -> bool:
    run.look()
    return run.change()


# --- what is refused


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {},
            "server: web-1 is the last usable server of app. Found: in app web-2, web-3, web-4 not usable. "
            "Bring another one back first, or let clients have errors with force: true.",
        ),
        (
            {"server": "web-11"},
            "server: haproxy has no server of this name. Found: web-11. Accepted: web-1, web-2, web-3, web-4. Did you mean web-1?",
        ),
        (
            {"backend": "app", "server": "nobody"},
            "server: The backend app has no server of this name. Found: nobody. Accepted: web-1, web-2, web-3, web-4. Name one of them.",
        ),
        (
            {"backend": "ap"},
            "backend: haproxy has no backend of this name with servers. Found: ap. Accepted: app. Did you mean app?",
        ),
        (
            {"server": "web-11", "state": "ready"},
            "server: haproxy has no server of this name. Found: web-11. Accepted: web-1, web-2, web-3, web-4. Did you mean web-1?",
        ),
    ],
)
def test_what_is_refused_changes_nothing(
    make: Make, daemon: Daemon, params: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as refused:
        changed(make(**params))
    assert str(refused.value) == said
    assert not [command for command in daemon.asked if command.startswith("set")]
    assert not (tmp_path / "kept" / "drains.json").exists()


def test_the_last_one_goes_by_force(make: Make, daemon: Daemon) -> None:
    assert changed(make(force=True)) is True
    assert "set server app/web-1 state drain\n" in daemon.asked


def test_one_that_clients_do_not_get_anyway_is_nobodys_last(make: Make) -> None:
    assert changed(make(server="web-2")) is True


def test_sessions_that_stay_are_told(make: Make, daemon: Daemon) -> None:
    run = make(force=True, wait_seconds=0.05)
    old = next(one["pid"] for one in answers.processes(str(daemon.answers["show proc"]))["workers"] if one["old"])
    daemon.answers[f"@!{old} show stat"] = daemon.answers["@!OLD show stat app 4 -1"]
    assert changed(run) is True
    with pytest.raises(Refused) as refused:
        run.wait()
    # The one session is that of the worker from before the reload.
    assert str(refused.value) == (
        "wait_seconds: it is drained, but after 0.05 s it still has sessions. Found: 1 of app/web-1. Accepted: fewer than 1. "
        "Wait longer, or end them with: shutdown sessions server BACKEND/SERVER (on haproxy's admin socket)."
    )
    assert make(force=True, wait_sessions=2).params["wait_sessions"] == 2
    patient = make(force=True, wait_sessions=2, wait_seconds=1)
    assert changed(patient) is False
    assert patient.wait() < 1


# --- what is a change


def test_what_is_so_already_is_no_change(make: Make, daemon: Daemon) -> None:
    assert changed(make(force=True, reason="new disk")) is True
    told = len(daemon.asked)
    assert changed(make(force=True)) is False
    assert not [command for command in daemon.asked[told:] if command.startswith("set")]
    assert make().drains.read()[WEB_1].reason == "new disk"
    assert changed(make(force=True, reason="newer disk")) is True
    assert changed(make(state="ready")) is True
    assert make().drains.read() == {}


def test_ready_that_is_ready_is_noted(make: Make) -> None:
    run = make(state="ready")
    assert changed(run) is False
    assert run.notes == ["app/web-1 was not drained."]


def test_what_the_configuration_disables_is_noted(make: Make) -> None:
    run = make(server="web-4", state="ready")
    assert changed(run) is True
    assert run.notes == [
        "app/web-4 is disabled by the configuration, which the next start or reload puts in force again."
    ]


def test_a_drain_by_hand_becomes_a_wish(make: Make, daemon: Daemon) -> None:
    """web-3 was drained on the socket: nothing to tell HAProxy, but a restart would have forgotten it."""
    assert changed(make(server="web-3")) is True
    assert not [command for command in daemon.asked if command.startswith("set")]
    assert make().drains.read()[("app", "web-3")].state == "drained"


def test_check_mode_writes_nothing(make: Make, daemon: Daemon, tmp_path: Path) -> None:
    run = make(check_mode=True, force=True)
    assert changed(run) is True
    assert [server["admin"] for server in run.servers] == ["drained"]
    assert not [command for command in daemon.asked if command.startswith("set")]
    assert not (tmp_path / "kept").exists()


def test_the_diff_shows_states() -> None:
    assert haproxy_server.lines([{"backend": "app", "name": "web-1", "admin": "drained"}]) == "app/web-1 drained\n"


# --- what is kept


def test_a_wish_holds_haproxys_own_line(make: Make) -> None:
    changed(make(force=True))
    wish = make().drains.read()[WEB_1]
    assert wish.line.startswith("5 app 7 web-1 127.0.0.1 2 8 1 1 ")
    assert wish.since > 0
    assert make().drains.file.stat().st_mode & 0o777 == 0o600


def test_a_daemon_that_has_forgotten_is_told_again(make: Make, daemon: Daemon) -> None:
    run = make(force=True)
    changed(run)
    obey(daemon, "set server app/web-1 state ready")
    assert run.drains.settle(run.haproxy) == ["app/web-1 is drained again, as an operator wishes"]
    assert daemon.asked[-1] == "set server app/web-1 state drain\n"
    assert run.drains.settle(run.haproxy) == []


def test_a_server_that_leaves_is_forgotten_unless_it_comes_back(make: Make, daemon: Daemon) -> None:
    run = make(force=True)
    changed(run)
    with_it = str(daemon.answers["show servers state"])
    without = "\n".join(line for line in with_it.splitlines() if " web-1 " not in line)
    daemon.answers["show servers state"] = without
    assert run.drains.settle(run.haproxy, 1000.0) == [
        "app/web-1 has left the configuration: that it is drained is forgotten unless it comes back within 60 minutes"
    ]
    assert run.drains.settle(run.haproxy, 1001.0) == [], "it is said once"
    assert WEB_1 in run.drains.read(1000.0 + GRACE_SECONDS - 1)
    assert run.drains.read(1000.0 + GRACE_SECONDS) == {}
    # A rollback brings it back in time, and it is drained as if nothing had been.
    daemon.answers["show servers state"] = with_it.replace(" 2 8 ", " 2 0 ")
    assert run.drains.settle(run.haproxy, 1002.0) == ["app/web-1 is drained again, as an operator wishes"]
    assert run.drains.read(1e12)[WEB_1].gone is None


def test_what_has_left_can_be_put_back(make: Make) -> None:
    run = make(state="ready", server="old")
    run.drains.write({("app", "old"): Wish("drained")})
    assert changed(run) is True
    assert run.notes == ["app/old is no longer in the configuration; that it was drained is forgotten."]
    assert run.drains.read() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read (Expecting property name"),
        ("[]", "cannot be read ("),
        ('{"schema": 1, "servers": {"a/b": {"what": 1}}}', "cannot be read ("),
        ('{"schema": 2, "servers": {}}', "was written by a newer evenkeel.lb (schema 2): update this one"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(text: str, said: str, tmp_path: Path) -> None:
    drains = Drains(tmp_path / "drains.json")
    drains.file.write_text(text)
    with pytest.raises(Said) as refused:
        drains.read()
    assert str(refused.value).startswith(f"{drains.file} {said}")


def test_the_file_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drains = Drains(tmp_path / "drains.json")
    drains.write({WEB_1: Wish("drained", "first")})

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        drains.write({WEB_1: Wish("drained", "second")})
    assert json.loads(drains.file.read_text())["servers"]["app/web-1"]["reason"] == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["drains.json"]
