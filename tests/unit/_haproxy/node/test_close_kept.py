"""What haproxy answers to `show acl`; the module itself is tried against the real proxies in molecule/default and molecule/nginx."""

from __future__ import annotations

from ansible_collections.evenkeel.lb.plugins.modules.close_kept import entries, raise_flag


def test_entries_of_an_acl_file():
    assert entries("0x55d0c8a0b2f0 on") == ["on"]
    assert entries("") == []


def test_the_flag_is_raised_and_lowered_once(tmp_path):
    flag = tmp_path / "evenkeel" / "nginx.closing"
    assert raise_flag(str(flag), wanted=False, check_mode=False) is False
    assert raise_flag(str(flag), wanted=True, check_mode=True) is True
    assert not flag.exists()
    assert raise_flag(str(flag), wanted=True, check_mode=False) is True
    assert (flag.stat().st_mode & 0o777, flag.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    assert raise_flag(str(flag), wanted=True, check_mode=False) is False
    assert raise_flag(str(flag), wanted=False, check_mode=False) is True
    assert not flag.exists()
