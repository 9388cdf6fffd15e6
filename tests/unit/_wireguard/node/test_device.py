# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration taken apart; what `wg` makes of it is the scenario's to show."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._node.verbs import Trouble
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node import device, mirror, watch
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node.device import Device, peers_of

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


# -- what a node hears from the holder

HOLDER = "198.51.100.11"


@pytest.fixture
def standby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> watch.Identity:
    monkeypatch.setattr(device, "RUN", tmp_path)
    monkeypatch.setattr(watch, "SKEWS", tmp_path / "skew")
    # On a busy machine a test takes a moment, which would count as a difference between clocks.
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)
    return watch.Identity(Device("wg0", {"follow": {"nodes": [HOLDER]}}))


def tell(standby: watch.Identity, at: float, places: dict[str, str]) -> None:
    """A message of the holder's, over the wire's format."""
    for data in mirror.messages(b"key", "wg0", HOLDER, at, places):
        said = mirror.read({"wg0": b"key"}, data)
        assert said
        standby.hear(said["from"], said["time"], said["endpoints"])


def test_a_message_of_several_datagrams_is_heard_whole(standby: watch.Identity) -> None:
    places = {f"key-{number}": f"198.51.100.1:{number}" for number in range(3 * mirror.PEERS)}
    tell(standby, time.time(), places)
    assert standby.device.last_seen() == places
    # One that was overtaken says nothing new.
    tell(standby, time.time() - 60, {"key-1": "198.51.100.2:1"})
    assert standby.device.last_seen() == places


def test_a_clock_that_is_put_right_is_heard_again(standby: watch.Identity) -> None:
    now = time.time()
    for ahead in (3600.0, 3600.2, 3600.4):
        tell(standby, now + ahead, {"key-1": "198.51.100.1:1"})
    assert HOLDER in watch.skews()
    for right in (0.0, 0.2, 0.4):
        tell(standby, now + right, {"key-1": "198.51.100.1:2"})
    assert standby.device.last_seen() == {"key-1": "198.51.100.1:2"}
    assert watch.skews() == {}
    # What was said before is still not believed.
    tell(standby, now - 60, {"key-1": "198.51.100.1:3"})
    assert standby.device.last_seen() == {"key-1": "198.51.100.1:2"}


def test_clocks_differ_when_several_messages_say_so(
    standby: watch.Identity, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    for late in (9.0, 8.0):  # they waited on their way, maybe
        tell(standby, now - late, {})
    assert watch.skews() == {}
    tell(standby, now - 5.0, {})
    assert {name: round(seconds) for name, seconds in watch.skews().items()} == {HOLDER: 5}
    said = r"the clock of 198\.51\.100\.11 differs from this node's by 5\.\d s: a take-over may not be believed\n"
    assert re.fullmatch(said, capsys.readouterr().err)
    tell(standby, now, {})
    assert watch.skews() == {}


def test_a_message_that_somebody_repeats_renews_nobody(standby: watch.Identity) -> None:
    standby.up = True
    said = time.time()
    tell(standby, said, {})
    assert standby.renew_at
    standby.renew_at.clear()
    tell(standby, said, {})
    assert standby.renew_at == []


def test_a_renewal_that_fails_is_tried_again(standby: watch.Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []

    def renew(self: Device, since: float) -> None:
        tries.append(since)
        if len(tries) == 1:
            raise Trouble("no name server")

    monkeypatch.setattr(Device, "renew", renew)
    monkeypatch.setattr(watch, "AGAIN", 0.0)
    standby.up, standby.told, standby.renew_at = True, time.monotonic(), [0.0]
    with pytest.raises(Trouble):
        standby.work(60)
    standby.work(60)
    standby.work(60)
    assert len(tries) == 2


# -- routes


def test_the_network_of_a_device_is_not_led_into_the_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def run(*argv: str) -> str:
        asked.append(argv)
        return '[{"dst": "198.51.100.0/27", "dev": "eth0", "protocol": "kernel"}]' if "exact" in argv else "[]"

    monkeypatch.setattr(device, "run", run)
    tunnel = Device("wg0", {"addresses": ["192.0.2.1/24"], "routes": ["198.51.100.0/27"]})
    with pytest.raises(Trouble, match="198.51.100.0/27 is the network of eth0, and is not led into wg0"):
        tunnel._routes("")
    assert not [argv for argv in asked if "replace" in argv]
