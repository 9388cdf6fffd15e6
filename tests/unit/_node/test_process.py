# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What /proc says of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._node import process


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """One process, 5 s old, whose name tries to be a whole line of its own."""
    (tmp_path / "11").mkdir()
    fields = ["S", "10", *["0"] * 17, str(995 * os.sysconf("SC_CLK_TCK")), "0"]
    (tmp_path / "11" / "stat").write_bytes(b"11 (x) Z 1 \xff) " + " ".join(fields).encode() + b"\n")
    (tmp_path / "uptime").write_text("1000.0 1\n")
    return tmp_path


def test_a_name_does_not_shift_the_fields(proc: Path) -> None:
    assert process.parent(11, proc) == 10
    assert process.started(11, proc) == pytest.approx(time.time() - 5, abs=1)


@pytest.mark.parametrize(("ago", "older"), [(3, True), (7, False)])
def test_a_process_is_older_than_what_came_after_it(proc: Path, ago: float, older: bool) -> None:
    assert process.older(11, time.time() - ago, proc) is older


def test_a_process_of_this_machine() -> None:
    before = time.time()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert process.parent(child.pid) == os.getpid()
        assert process.started(child.pid) == pytest.approx(before, abs=2)
        child.communicate(b"\n")
    with pytest.raises(FileNotFoundError):
        process.started(child.pid)
