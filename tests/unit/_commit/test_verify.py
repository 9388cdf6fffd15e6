# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a new set may take to be in force."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Completed

from tests.unit._commit.commit_host import World

TIMEOUT = 0.05
UNIT = """\
LoadState=loaded
ActiveState={state}
SubState=running
UnitFileState=enabled
NRestarts=0
MainPID=0
ControlGroup=
Result=success
ReloadResult=success
StatusText=
"""


class Daemon:
    """Reloads until it has been checked so many times; a check takes longer than the whole timeout."""

    def __init__(self, checks: int) -> None:
        self.checks, self.reloaded = checks, False

    def answer(self, argv: Sequence[str]) -> Completed | None:
        if list(argv) == ["slow"]:
            time.sleep(2 * TIMEOUT)
            self.checks -= self.reloaded
            return Completed(0, "")
        if list(argv[:2]) == ["systemctl", "reload"]:
            self.reloaded = True
            return Completed(0, "")
        if list(argv[:2]) != ["systemctl", "show"]:
            return None
        return Completed(0, UNIT.format(state="reloading" if self.reloaded and self.checks > 0 else "active"))


def reload(world: World, daemon: Daemon, content: str) -> str:
    """What went wrong as a running daemon was given this."""
    world.host.active, world.host.answer = True, daemon.answer
    verify = {"command": [["slow"]], "timeout": TIMEOUT}
    done = world.commit(world.file("web.conf", content), unit="web.service", unit_state="started", verify=verify)
    return done.error.message() if done.error else ""


def test_a_daemon_that_was_on_its_way_is_asked_again_after_a_check_that_took_longer_than_the_timeout(
    tmp_path: Path,
) -> None:
    """A killed session's work on a busy machine was put back: its one look had begun while haproxy reloaded."""
    world = World(tmp_path)
    assert reload(world, Daemon(checks=1), "new\n") == ""
    assert world.files() == {"web.conf": "new\n"}


def test_a_daemon_that_stays_on_its_way_is_put_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert "still reloading after 0.05 s" in reload(world, Daemon(checks=10**6), "new\n")
    assert world.files() == {}
