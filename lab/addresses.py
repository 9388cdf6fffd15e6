# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of a lab: who has which, and moving an inventory from the default subnets into a lab's own. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network

DEFAULT_NAME = "evenkeel"
DEFAULT_SUBNET = IPv4Network("198.51.100.0/24")
DEFAULT_SUBNET6 = IPv6Network("2001:db8::/64")
# Below 31, so that a lab fits into any /27. The same number in both families: .11 and ::11.
NUMBERS = {
    "lb-1": 11,
    "lb-2": 12,
    "lb-3": 13,
    "lb-4": 14,
    "lb-5": 15,
    "lb-6": 16,
    "lb-7": 17,
    "web-1": 21,
    "web-2": 22,
    "web-3": 23,
    "vip": 28,
    "client": 30,
}
HOSTS = tuple(name for name in NUMBERS if name != "vip")

_V4 = re.compile(r"(?<![\d.])198\.51\.100\.(\d{1,3})(?![\d.]\d)(/24(?!\d))?")
_V6 = re.compile(r"(?<![0-9a-fA-F:])2001:db8::(?:([0-9a-f]{1,4})|(?=/64(?!\d)))(?![0-9a-fA-F:])(/64(?!\d))?")


def address(subnet: IPv4Network, host: str) -> str:
    return str(subnet[NUMBERS[host]])


def address6(subnet: IPv6Network, host: str) -> str:
    """The number as it is written: web-1 is ::21, not ::15."""
    return str(subnet[int(str(NUMBERS[host]), 16)])


def subnet6_for(subnet: IPv4Network) -> IPv6Network:
    """The IPv6 prefix that goes with a subnet: its last two octets, as they are written. 192.0.2.32/27: 2001:db8:2:32::/64."""
    if subnet == DEFAULT_SUBNET:
        return DEFAULT_SUBNET6
    *_, third, fourth = str(subnet.network_address).split(".")
    return IPv6Network(f"2001:db8:{third}:{fourth}::/64")


def move(text: str, subnet: IPv4Network, subnet6: IPv6Network) -> str:
    """Every address of the default subnets in `text`, in the given ones; a /24 or /64 behind it becomes theirs."""

    def v4(match: re.Match[str]) -> str:
        number = int(match[1])
        if number >= subnet.num_addresses:
            raise ValueError(f"{match[0]}: {subnet} has no address number {number}.")
        return f"{subnet[number]}" + (f"/{subnet.prefixlen}" if match[2] else "")

    def v6(match: re.Match[str]) -> str:
        return f"{subnet6[int(match[1] or '0', 16)]}" + (f"/{subnet6.prefixlen}" if match[2] else "")

    return _V6.sub(v6, _V4.sub(v4, text))
