# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What haproxy answers to `show acl`; the module itself is tried against the real proxies in molecule/default and molecule/nginx."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import Haproxy
from ansible_collections.evenkeel.lb.plugins.modules.close_kept import entries, raise_flag, switch

from tests.unit._haproxy.node.haproxy_daemon import Daemon

ACL = "/etc/haproxy/drain.acl"


def test_entries_of_an_acl_file() -> None:
    assert entries("0x55d0c8a0b2f0 on") == ["on"]
    assert entries("") == []


@pytest.mark.parametrize(
    ("shown", "wanted", "check_mode", "found", "asked"),
    [
        ("", True, False, (True, None), [f"add acl {ACL} on\n"]),
        ("", True, True, (True, None), []),
        ("0x55d on\n", True, False, (False, None), []),
        ("0x55d on\n", False, False, (True, None), [f"clear acl {ACL}\n"]),
        ("", False, False, (False, None), []),
        ("Unknown ACL identifier.\n", True, False, (False, "Unknown ACL identifier."), []),
    ],
)
def test_one_entry_switches_it(
    tmp_path: Path, shown: str, wanted: bool, check_mode: bool, found: tuple[bool, str | None], asked: list[str]
) -> None:
    daemon = Daemon(tmp_path / "socket")
    daemon.answers.update({"show acl": shown, "add acl": "", "clear acl": ""})
    assert switch(Haproxy(str(tmp_path / "socket")), ACL, wanted, check_mode) == found
    assert daemon.asked == [f"show acl {ACL}\n", *asked]
    daemon.listening.close()


def test_a_refused_entry_is_told(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "socket")
    daemon.answers.update({"show acl": "", "add acl": "permission denied"})
    assert switch(Haproxy(str(tmp_path / "socket")), ACL, True, False) == (False, "permission denied")
    daemon.listening.close()


def test_the_flag_is_raised_and_lowered_once(tmp_path: Path) -> None:
    flag = tmp_path / "evenkeel" / "nginx.closing"
    assert raise_flag(str(flag), wanted=False, check_mode=False) is False
    assert raise_flag(str(flag), wanted=True, check_mode=True) is True
    assert not flag.exists()
    assert raise_flag(str(flag), wanted=True, check_mode=False) is True
    assert (flag.stat().st_mode & 0o777, flag.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    assert raise_flag(str(flag), wanted=True, check_mode=False) is False
    assert raise_flag(str(flag), wanted=False, check_mode=False) is True
    assert not flag.exists()
