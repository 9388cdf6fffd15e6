# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file is what it was or what it is to be, never half of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._node.files import write


def test_a_file_and_its_directory_are_roots_alone(tmp_path: Path) -> None:
    target = tmp_path / "new" / "drain"
    write(target, "0\n")
    assert target.read_text(encoding="ascii") == "0\n"
    assert (target.stat().st_mode & 0o777, target.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_it_is_replaced_by_a_rename_with_its_mode_and_owner(tmp_path: Path) -> None:
    target = tmp_path / "conf"
    target.write_text("old")
    before = target.stat().st_ino
    write(target, b"\xff new", 0o640, (os.geteuid(), os.getegid()))
    after = target.stat()
    assert (target.read_bytes(), after.st_mode & 0o777) == (b"\xff new", 0o640)
    assert after.st_ino != before


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "drain"
    write(target, "0\n")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(target, "-82\n")
    assert target.read_text(encoding="ascii") == "0\n"
    assert [path.name for path in tmp_path.iterdir()] == ["drain"]


def test_it_is_on_disk_before_it_is_in_place_and_so_is_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: list[str] = []
    replace, fsync = os.replace, os.fsync

    def renamed(*paths: str) -> None:
        acts.append("rename")
        replace(*paths)

    def synced(handle: int) -> None:
        acts.append("sync")
        fsync(handle)

    monkeypatch.setattr("os.replace", renamed)
    monkeypatch.setattr("os.fsync", synced)
    write(tmp_path / "drain", "0\n")
    assert acts == ["sync", "rename", "sync"]
