"""What haproxy answers to `show acl`; the module itself is tried against a real haproxy in molecule/default."""

from __future__ import annotations

from ansible_collections.evenkeel.lb.plugins.modules.close_kept import entries


def test_entries_of_an_acl_file():
    assert entries("0x55d0c8a0b2f0 on") == ["on"]
    assert entries("") == []
