# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration taken apart; what `wg` makes of it is the scenario's to show."""

from __future__ import annotations

from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.device import peers_of

TEXT = """[Interface]
ListenPort = 51820

[Peer]
# ann
PublicKey = aaaa=
AllowedIPs = 192.0.2.242/32

[Peer]
# ben
PublicKey=bbbb=
AllowedIPs = 192.0.2.243/32
"""


def test_sections_by_their_keys() -> None:
    head, peers = peers_of(TEXT)
    assert head == "[Interface]\nListenPort = 51820"
    assert list(peers) == ["aaaa=", "bbbb="]
    assert peers["aaaa="] == "[Peer]\n# ann\nPublicKey = aaaa=\nAllowedIPs = 192.0.2.242/32\n"
    assert head + "\n\n" + "\n".join(peers.values()) == TEXT


def test_a_file_without_peers() -> None:
    assert peers_of("[Interface]\nListenPort = 51820\n") == ("[Interface]\nListenPort = 51820", {})
