# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of an inventory: their hosts, what is free in them, what overlaps, what is one.

By netaddr, which the controller has and no node: nothing that travels to a node may import this. Networks and addresses
are texts here, as inventories have them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .findings import CoreError, Finding

if TYPE_CHECKING:
    from netaddr import IPNetwork, IPSet

RULE = "networks"
# More are a mistake, and a list of them would fill the controller's memory.
LONGEST_RANGE = 65536


def within(addresses: Iterable[str], networks: Iterable[str]) -> list[str]:
    """Those of `addresses` that lie in one of `networks`. A name is no address, and in none."""
    space = _space(networks)
    return [one for one in addresses if _is_address(one) and one in space]


def overlapping(networks: Sequence[str]) -> list[tuple[int, int]]:
    """The positions of every two networks that share an address, in the order of the list."""
    read = [_network(one) for one in networks]
    order = sorted(range(len(read)), key=lambda index: (read[index].version, read[index].first, -read[index].last))
    pairs: list[tuple[int, int]] = []
    # Of two networks that overlap one contains the other, so those around the current one are a stack.
    around: list[int] = []
    for index in order:
        while around and not _contains(read[around[-1]], read[index]):
            around.pop()
        pairs += [(min(index, other), max(index, other)) for other in around]
        around.append(index)
    return sorted(pairs)


def merged(networks: Iterable[str]) -> list[str]:
    """The fewest networks with the same addresses, in the order of the addresses."""
    return [str(one) for one in _netaddr().cidr_merge([_network(one) for one in networks])]


def outermost(networks: Iterable[str]) -> list[str]:
    """As given, without those that another one contains. Default routes contain none: beside one, others still choose a way."""
    given = list(dict.fromkeys(whole(one) for one in networks))
    pairs = [(given[one], given[other]) for one, other in overlapping(given)]
    inner = {max(pair, key=length) for pair in pairs if min(map(length, pair)) > 0}
    return [one for one in given if one not in inner]


def whole(network: str) -> str:
    """A network the one way in which it is compared: with its prefix, also where it has one address."""
    return str(_network(network))


def is_default(network: str) -> bool:
    """Whether it has every address of its family."""
    return length(network) == 0


def length(network: str) -> int:
    """The length of a network's prefix."""
    return int(_network(network).prefixlen)


def subnets_of(networks: Iterable[str], others: Iterable[str]) -> list[str]:
    """Those of `networks` that lie in one of `others` as a whole."""
    space = _space(others)
    return [one for one in networks if _network(one) in space]


def meet(networks: Iterable[str], others: Iterable[str]) -> bool:
    """Whether an address is in both."""
    return not _space(networks).isdisjoint(_space(others))


def first_free(network: str, taken: Iterable[str]) -> str | None:
    """The first host's address in `network` that none of `taken` (addresses and networks) has."""
    low, high = _hosts(_network(network))
    library = _netaddr()
    free = library.IPSet(library.IPRange(low, high)) - _space(taken)
    return str(next(iter(free))) if free else None


def nth_host(network: str, number: int) -> str:
    """The address of the `number`-th host, from 1; negative numbers count from the last."""
    read = _network(network)
    low, high = _hosts(read)
    count = int(high) - int(low) + 1
    if not 1 <= abs(number) <= count:
        raise _refused(
            "number",
            f"The network {read.cidr} has no such host.",
            str(number),
            "Choose another number, or a larger network.",
            f"1 to {count}, or -1 to -{count} from the last one on",
        )
    return str(low + (number - 1) if number > 0 else high - (abs(number) - 1))


def address_range(first: str, last: str) -> list[str]:
    """Every address from the first to the last."""
    low, high = (_address(text, where) for text, where in ((first, "first"), (last, "last")))
    if low.version != high.version or low > high:
        raise _refused(
            "last",
            "The range ends before it begins.",
            f"{first} to {last}",
            "Write the lower address first, and both of one family.",
        )
    count = int(high) - int(low) + 1
    if count > LONGEST_RANGE:
        raise _refused(
            "last", "The range is too long to be listed.", f"{count} addresses", "Shorten it.", f"1 to {LONGEST_RANGE}"
        )
    return [str(one) for one in _netaddr().iter_iprange(low, high)]


def read_network(text: Any, where: str) -> str:
    """What a person wrote as a network, refused if it is none."""
    library = _netaddr()
    try:
        if not isinstance(text, str) or "/" not in text:
            raise ValueError
        library.IPNetwork(text)
    except (ValueError, library.AddrFormatError):
        raise CoreError([_not_a_network(text, where)]) from None
    return str(text)


def read_networks(given: Sequence[Any]) -> list[str]:
    """The same for a list, in which an address stands for itself; every fault at once."""
    findings = []
    for position, text in enumerate(given):
        try:
            if not isinstance(text, str) or not _is_address(text):
                read_network(text, f"[{position}]")
        except CoreError as error:
            findings += error.findings
    if findings:
        raise CoreError(findings)
    return [str(text) for text in given]


def _netaddr() -> Any:
    try:
        import netaddr
    except ImportError as error:
        raise CoreError(
            [
                Finding(
                    RULE,
                    "this controller",
                    "The Python library netaddr is missing.",
                    str(error),
                    f"Install it beside Ansible: {sys.executable} -m pip install 'netaddr~=1.3'",
                )
            ]
        ) from None
    return netaddr


def _refused(where: str, what: str, got: str, remedy: str, accepted: str = "") -> CoreError:
    return CoreError([Finding(RULE, where, what, got, remedy, accepted)])


def _not_a_network(text: Any, where: str) -> Finding:
    remedy = "Write it like 198.51.100.0/24 or 2001:db8::/64."
    return Finding(RULE, where, "This is not a network.", repr(text), remedy)


def _network(text: str) -> IPNetwork:
    network: IPNetwork = _netaddr().IPNetwork(text)
    return network


def _space(networks: Iterable[str]) -> IPSet:
    space: IPSet = _netaddr().IPSet(networks)
    return space


def _address(text: Any, where: str) -> Any:
    if not isinstance(text, str) or not _is_address(text):
        raise _refused(where, "This is not an address.", repr(text), "Write it like 198.51.100.10 or 2001:db8::10.")
    return _netaddr().IPAddress(text)


def _is_address(text: str) -> bool:
    library = _netaddr()
    return bool(library.valid_ipv4(text) or library.valid_ipv6(text))


def _contains(outer: IPNetwork, inner: IPNetwork) -> bool:
    return bool(outer.version == inner.version and outer.first <= inner.first and inner.last <= outer.last)


def _hosts(network: IPNetwork) -> tuple[Any, Any]:
    """The first and the last address that a host may have: neither the network's own nor, in IPv4, the one for broadcast."""
    library = _netaddr()
    width = 32 if network.version == 4 else 128
    inner = width - network.prefixlen > 1
    low = network.first + (1 if inner else 0)
    high = network.last - (1 if inner and network.version == 4 else 0)
    return library.IPAddress(low, network.version), library.IPAddress(high, network.version)
