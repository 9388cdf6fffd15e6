# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on their host: what is there is never replaced, and only its own recipient reads a wrapped one. wg is on hosts, not here."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node import mirror
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node.keys import Keys, KeyTrouble

KEY = base64.b64encode(bytes(range(32))).decode()


def keys(root: Path, name: str = "wg0") -> Keys:
    return Keys(name, root / "etc", root / "state")


def written(root: Path, text: str) -> Keys:
    (root / "etc").mkdir(parents=True)
    found = keys(root)
    found.path.write_text(text)
    return found


def test_a_key_that_is_damaged_is_not_replaced(tmp_path: Path) -> None:
    damaged = written(tmp_path, "damaged\n")
    with pytest.raises(KeyTrouble) as trouble:
        damaged.make()
    assert str(trouble.value) == (
        f"{damaged.path}: this is not a private key, and a new one would cut off every peer that knows the old one. "
        "Found: 7 characters instead of 44. Put the old key back, or remove the file to have a new one made."
    )
    assert damaged.path.read_text() == "damaged\n"


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    there = written(tmp_path, f"{KEY}\n")
    there.make()
    assert there.path.read_text() == f"{KEY}\n"


def test_a_key_in_somebodys_configuration_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/wg0.conf").write_text(f"[Interface]\nPrivateKey = {KEY}\n")
    found = keys(tmp_path)
    found.make()
    assert found.path.read_text() == f"{KEY}\n"
    assert found.path.stat().st_mode & 0o777 == 0o600


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyTrouble, match="this is no interface's name. Found: '../x'. Correct it."):
        keys(tmp_path, "../x").private()


def test_only_the_recipient_reads_a_wrapped_key(tmp_path: Path) -> None:
    giver, taker, stranger = written(tmp_path / "a", f"{KEY}\n"), keys(tmp_path / "b"), keys(tmp_path / "c")
    stranger.recipient()
    wrapped = giver.wrap(taker.recipient())
    assert KEY not in wrapped
    with pytest.raises(KeyTrouble):
        stranger.unwrap(wrapped)
    taker.unwrap(wrapped)
    assert taker.path.read_text() == f"{KEY}\n"
    assert taker.path.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "b/state").iterdir()} == {0o600}


def test_messages_are_believed_from_those_who_have_the_key() -> None:
    signing, other = mirror.signing_key(KEY), mirror.signing_key(KEY[::-1])
    places = {f"key-{number:02}": f"198.51.100.1:{number}" for number in range(30)}
    sent = list(mirror.messages(signing, "wg0", "198.51.100.11", 7.0, places))
    assert max(len(message) for message in sent) < 1280
    heard = [mirror.read({"wg0": signing}, message) for message in sent]
    assert {key: place for one in heard if one for key, place in one["endpoints"].items()} == places
    assert mirror.read({"wg0": other}, sent[0]) is None
    assert mirror.read({"wg0": signing}, sent[0][:-1] + b"!") is None
    assert mirror.read({"wg1": signing}, sent[0]) is None
    assert mirror.read({"wg0": signing}, b"") is None


def test_a_holder_without_members_says_so_too() -> None:
    (message,) = mirror.messages(mirror.signing_key(KEY), "wg0", "198.51.100.11", 7.0, {})
    assert json.loads(message[mirror.SIGNATURE :])["endpoints"] == {}
