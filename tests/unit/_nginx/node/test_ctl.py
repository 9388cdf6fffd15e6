# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ctl` makes of processes; against a real nginx it is tried in molecule/nginx."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx.node import ctl


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A master (10), a worker, one that leaves, its cache manager, and a worker of somebody else."""
    ticks = os.sysconf("SC_CLK_TCK")
    for pid, parent, title, age in (
        (10, 1, "nginx: master process /usr/sbin/nginx", 100),
        (11, 10, "nginx: worker process", 5),
        (12, 10, "nginx: worker process is shutting down", 90),
        (13, 10, "nginx: cache manager process", 5),
        (21, 20, "nginx: worker process", 5),
    ):
        folder = tmp_path / str(pid)
        folder.mkdir()
        folder.joinpath("cmdline").write_bytes(title.encode() + b"\0" * 8)
        numbers = ["S", str(parent), *["0"] * 17, str((1000 - age) * ticks)]
        folder.joinpath("stat").write_text(f"{pid} (nginx) x) {' '.join(numbers)} 0\n")
    (tmp_path / "uptime").write_text("1000.0 1\n")
    return tmp_path


def test_workers_are_the_masters_own(proc: Path) -> None:
    assert ctl.workers(10, proc) == {11: "nginx: worker process", 12: "nginx: worker process is shutting down"}


def test_those_that_leave_take_no_connections(proc: Path) -> None:
    assert ctl.taking(10, proc) == [11]


@pytest.mark.parametrize(("age", "waits"), [(0, False), (60, True)])
def test_clients_may_keep_their_connections_when_the_old_workers_have_gone(
    proc: Path, monkeypatch: pytest.MonkeyPatch, age: int, waits: bool
) -> None:
    (proc / "nginx.pid").write_text("10\n")
    monkeypatch.setattr(ctl, "PID", str(proc / "nginx.pid"))
    stat = proc / "11" / "stat"
    words = stat.read_text().split()
    stat.write_text(" ".join([*words[:-2], str((1000 - age) * os.sysconf("SC_CLK_TCK")), "0"]) + "\n")
    closing = proc / "closing"
    closing.touch()
    began = time.monotonic()
    ctl.settle(str(closing), proc, patience=0.3)
    assert (time.monotonic() - began >= 0.3) is waits
    assert not closing.exists()


def test_nobody_waits_who_told_nobody(proc: Path) -> None:
    ctl.settle(str(proc / "closing"), proc, patience=60)


@pytest.mark.parametrize("argv", [[], ["verify"], ["check"], ["check", "nowhere"], ["reload", "a", "b"]])
def test_what_it_does_not_know_it_refuses(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(argv) == 2
    assert "verify ADDRESS DIGEST" in capsys.readouterr().err


def test_a_daemon_that_is_not_there_is_said_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctl, "PID", "/nonexistent/nginx.pid")
    assert ctl.main(["verify", "127.0.0.1:1", "0" * 16]) == 1
    assert "/nonexistent/nginx.pid" in capsys.readouterr().out
