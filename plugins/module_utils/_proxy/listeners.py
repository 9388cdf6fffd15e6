# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where HAProxy listens: read an address, and tell whether two of them overlap."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

_FORM = "Write it as 198.51.100.28:80, [2001:db8::28]:80, *:80 (every IPv4 address), [::]:80 (every IPv6 address) or /run/app.sock."


class NoAddress(ValueError):
    """A text that names no place to listen; `remedy` says how to write one."""

    def __init__(self, problem: str, remedy: str = _FORM) -> None:
        super().__init__(problem)
        self.remedy = remedy


@dataclass(frozen=True)
class Listener:
    """One socket, or one range of ports, and where in the inventory it comes from."""

    where: str
    text: str
    address: Address | None
    first: int = 0
    last: int = 0
    udp: bool = False
    both_families: bool = False
    shared: bool = False

    def overlaps(self, other: Listener) -> bool:
        """Whether the kernel, or the order of arrival, would have to choose between the two."""
        if self.address is None or other.address is None:
            return self.address is other.address and self.text == other.text
        if self.udp != other.udp or self.last < other.first or other.last < self.first:
            return False
        if self.address.version == other.address.version:
            return self.address == other.address or self.address.is_unspecified or other.address.is_unspecified
        return any(
            one.both_families and one.address is not None and one.address.is_unspecified for one in (self, other)
        )

    def is_loopback(self) -> bool:
        """Whether only this host reaches it."""
        return self.address is None or self.address.is_loopback

    def sockets(self) -> list[str]:
        """`address:port` of what is listening once HAProxy runs; of a long range both ends."""
        if self.address is None or self.udp:
            return []
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return [f"{host}:{port}" for port in sorted({self.first, self.last})]


def listener(text: str, where: str = "", options: str = "", shared: bool = False) -> Listener:
    """Read an address as HAProxy's `bind` takes it; names, lists and missing ports are refused."""
    kind, dummy, rest = text.rpartition("@")
    udp = kind in ("quic4", "quic6", "udp4", "udp6")
    if kind in ("unix", "abns", "abnsz", "fd", "sockpair") or rest.startswith("/"):
        return Listener(where, text, None, shared=shared)
    if kind not in ("", "ipv4", "ipv6", "tcp", "tcp4", "tcp6") and not udp:
        raise NoAddress(f"The kind of address {kind}@ is unknown.")
    if "," in rest:
        raise NoAddress("Several addresses stand in one item.", "Write one item for each.")
    host, separator, ports = rest.rpartition(":")
    if not separator or not ports:
        raise NoAddress("The port is missing.")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise NoAddress("An IPv6 address without brackets leaves open where the port begins.")
    first, last = _ports(ports)
    if host in ("", "*"):
        host = "::" if kind in ("ipv6", "tcp6", "quic6", "udp6") else "0.0.0.0"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise NoAddress("This is not a literal address.") from None
    return Listener(where, text, address, first, last, udp, "v4v6" in options.split(), shared)


def _ports(text: str) -> tuple[int, int]:
    first, dummy, last = text.partition("-")
    if not first.isdigit() or (last and not last.isdigit()):
        raise NoAddress("The port is not a number.")
    numbers = int(first), int(last or first)
    if not 1 <= numbers[0] <= numbers[1] <= 65535:
        raise NoAddress("The port is not within 1 to 65535.")
    return numbers
