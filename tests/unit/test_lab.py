# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's pure parts: addresses, the digest of the images, who held an address when."""

from __future__ import annotations

import struct
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from lab import addresses, image, watcher
from lab.observer import Event, Record, intervals

SUBNET = IPv4Network("192.0.2.32/27")
SUBNET6 = IPv6Network("2001:db8:2:32::/64")


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("ansible_host: 198.51.100.11", "ansible_host: 192.0.2.43"),
        ("[198.51.100.28/24, x]", "[192.0.2.60/27, x]"),
        ("198.51.100.28/32", "192.0.2.60/32"),
        ("198.51.100.28:80", "192.0.2.60:80"),
        ("See 198.51.100.11.", "See 192.0.2.43."),
        ("198.51.100.0/24", "192.0.2.32/27"),
        ("198.51.100.28/240", "192.0.2.60/240"),
        ("1198.51.100.1", "1198.51.100.1"),
        ("198.51.100.1.5", "198.51.100.1.5"),
        ("192.0.2.9 127.0.0.1", "192.0.2.9 127.0.0.1"),
        ('"2001:db8::28/64"', '"2001:db8:2:32::28/64"'),
        ("[2001:db8::28]:80", "[2001:db8:2:32::28]:80"),
        ("2001:db8::28/128", "2001:db8:2:32::28/128"),
        ("2001:db8::/64", "2001:db8:2:32::/64"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:db8:5::28", "2001:db8:5::28"),
        ("2001:db8::28:1", "2001:db8::28:1"),
    ],
)
def test_move(written: str, moved: str) -> None:
    assert addresses.move(written, SUBNET, SUBNET6) == moved


def test_move_to_the_default_subnets_changes_nothing() -> None:
    text = "198.51.100.11 198.51.100.28/24 2001:db8::28/64 [2001:db8::28]:80 2001:db8::/64"
    assert addresses.move(text, addresses.DEFAULT_SUBNET, addresses.DEFAULT_SUBNET6) == text


def test_move_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"198\.51\.100\.40: 192\.0\.2\.32/27 has no address number 40\."):
        addresses.move("198.51.100.40", SUBNET, SUBNET6)


def test_addresses_have_the_same_number_in_both_families() -> None:
    assert addresses.address(SUBNET, "web-1") == "192.0.2.53"
    assert addresses.address6(SUBNET6, "web-1") == "2001:db8:2:32::21"
    assert max(addresses.NUMBERS.values()) < 31, "a lab fits into a /27"


@pytest.mark.parametrize(
    ("subnet", "expected"),
    [
        ("198.51.100.0/24", "2001:db8::/64"),
        ("192.0.2.160/27", "2001:db8:2:160::/64"),
        ("198.51.100.160/27", "2001:db8:100:160::/64"),
    ],
)
def test_the_ipv6_prefix_goes_with_the_subnet(subnet: str, expected: str) -> None:
    assert addresses.subnet6_for(IPv4Network(subnet)) == IPv6Network(expected)


def test_digest_follows_every_input(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x")
    seen = {image.digest("bookworm", tmp_path), image.digest("trixie", tmp_path)}
    (tmp_path / "Dockerfile").write_text("FROM y")
    seen.add(image.digest("bookworm", tmp_path))
    (tmp_path / "Dockerfile").rename(tmp_path / "Other")
    seen.add(image.digest("bookworm", tmp_path))
    (tmp_path / "Other").chmod(0o755)
    seen.add(image.digest("bookworm", tmp_path))
    (tmp_path / "empty").write_text("")
    seen.add(image.digest("bookworm", tmp_path))
    assert len(seen) == 6
    assert image.digest("bookworm", tmp_path) == image.digest("bookworm", tmp_path)


@pytest.mark.parametrize(("host", "kind"), [("lb-1", "host"), ("web-3", "web"), ("client", "client"), ("webs", "host")])
def test_the_image_is_told_by_the_name(host: str, kind: str) -> None:
    assert image.kind_of(host) == kind


VIP = "192.0.2.60"
EVENTS = (
    Event(9, "lb-1", "add", VIP),
    Event(9, "lb-1", "add", "192.0.2.43"),
    Event(13, "lb-1", "del", VIP),
    Event(12, "lb-2", "add", VIP),
    Event(15, "lb-2", "gone"),
    Event(15.5, "lb-2", "del", VIP),
    Event(16, "lb-1", "add", VIP),
)


def test_intervals() -> None:
    parts = [(part.start, part.end, sorted(part.holders)) for part in intervals(EVENTS, VIP, 10, 20)]
    assert parts == [
        (10, 12, ["lb-1"]),
        (12, 13, ["lb-1", "lb-2"]),
        (13, 15, ["lb-2"]),
        (15, 16, []),
        (16, 20, ["lb-1"]),
    ]


def test_an_address_is_the_same_however_written() -> None:
    events = [Event(1, "lb-1", "add", "2001:db8::28")]
    assert intervals(events, "2001:DB8:0::0028", 2, 3)[0].holders == {"lb-1"}


def test_record() -> None:
    record = Record(EVENTS, 10, 20)
    assert record.longest(VIP, holders=2) == 1
    assert record.longest(VIP, holders=0) == 1
    assert record.longest(VIP, holders=1) == 5, "changes of hands are no interruption of one holder or more"
    assert record.longest(VIP, holders=2, since=12.75) == 0.25
    assert record.longest(VIP, holders=2, since=14) == 0
    assert record.holders(VIP) == {"lb-1"}
    assert record.holders(VIP, at=15.2) == set()
    assert record.longest("192.0.2.61", holders=0) == 10
    assert "+1.000 s  192.0.2.60: lb-1, lb-2" in record.story(VIP)


def test_the_watcher_reads_what_the_kernel_says() -> None:
    def attribute(kind: int, value: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(value), kind) + value

    head4, head6 = struct.pack("=BBBBI", 2, 27, 0, 0, 7), struct.pack("=BBBBI", 10, 64, 0, 0, 7)
    peer, own = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 60])
    assert watcher.address_in(head4 + attribute(1, peer) + attribute(2, own)) == VIP
    assert watcher.address_in(head4 + attribute(3, b"eth0\0\0\0\0") + attribute(1, own)) == VIP
    v6 = bytes.fromhex("20010db8000000000000000000000028")
    assert watcher.address_in(head6 + attribute(1, v6)) == "2001:db8::28"
