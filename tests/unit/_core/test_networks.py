# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as inventories write them: the arithmetic, the filters, and a controller without netaddr."""

from __future__ import annotations

import sys
from ipaddress import ip_address, ip_network
from typing import Any

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter import address_range, merge_networks, nth_host
from ansible_collections.evenkeel.lb.plugins.module_utils._core import networks
from hypothesis import given
from hypothesis import strategies as st

PLUGINS: dict[str, Any] = {
    "nth_host": nth_host,
    "address_range": address_range,
    "merge_networks": merge_networks,
}


@st.composite
def network(draw: st.DrawFn) -> str:
    """One of few addresses, so that networks often meet."""
    length = draw(st.integers(0, 32))
    address = (draw(st.integers(0, 255)) << 24 | draw(st.integers(0, 255))) >> (32 - length) << (32 - length)
    return f"{ip_address(address)}/{length}"


@pytest.mark.parametrize("name", PLUGINS)
def test_the_documented_examples_hold(name: str) -> None:
    wanted = yaml.safe_load(PLUGINS[name].EXAMPLES)[0]["ansible.builtin.assert"]["that"]
    environment = jinja2.Environment()
    for plugin in PLUGINS.values():
        environment.filters.update(plugin.FilterModule().filters())
    for example in [wanted] if isinstance(wanted, str) else wanted:
        assert environment.compile_expression(example.replace("evenkeel.lb.", ""))() is True, example


def test_an_inventory_may_say_the_first_ten_hosts() -> None:
    first = nth_host.nth_host("198.51.100.0/24", 1)
    assert address_range.address_range(first, nth_host.nth_host("198.51.100.0/24", 10))[-1] == "198.51.100.10"


@pytest.mark.parametrize(
    ("text", "number", "host"),
    [
        ("192.0.2.0/31", 1, "192.0.2.0"),
        ("192.0.2.0/31", -1, "192.0.2.1"),
        ("192.0.2.4/32", 1, "192.0.2.4"),
        ("192.0.2.9/24", 1, "192.0.2.1"),
        ("2001:db8::/64", 1, "2001:db8::1"),
        ("2001:db8::/64", -1, "2001:db8::ffff:ffff:ffff:ffff"),
        ("2001:db8::/127", 1, "2001:db8::"),
    ],
)
def test_hosts_of_small_and_large_networks(text: str, number: int, host: str) -> None:
    assert nth_host.nth_host(text, number) == host


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda: nth_host.nth_host("192.0.2.0/30", 3),
            "evenkeel.lb.nth_host: number: The network 192.0.2.0/30 has no such host. Found: 3. Accepted: 1 to 2, or -1 to -2"
            " from the last one on. Choose another number, or a larger network. [networks]",
        ),
        (
            lambda: nth_host.nth_host("192.0.2.0/30", 0),
            "evenkeel.lb.nth_host: number: The network 192.0.2.0/30 has no such host. Found: 0. Accepted: 1 to 2, or -1 to -2"
            " from the last one on. Choose another number, or a larger network. [networks]",
        ),
        (
            lambda: nth_host.nth_host("192.0.2.9", 1),
            "evenkeel.lb.nth_host: the input: This is not a network. Found: '192.0.2.9'. Write it like 198.51.100.0/24 or"
            " 2001:db8::/64. [networks]",
        ),
        (
            lambda: nth_host.nth_host("192.0.2.0/24", "1"),  # type: ignore[arg-type]
            "evenkeel.lb.nth_host: `number` must be a whole number, not str",
        ),
        (
            lambda: address_range.address_range("192.0.2.9", "192.0.2.8"),
            "evenkeel.lb.address_range: last: The range ends before it begins. Found: 192.0.2.9 to 192.0.2.8. Write the lower"
            " address first, and both of one family. [networks]",
        ),
        (
            lambda: address_range.address_range("192.0.2.9", "2001:db8::1"),
            "evenkeel.lb.address_range: last: The range ends before it begins. Found: 192.0.2.9 to 2001:db8::1. Write the lower"
            " address first, and both of one family. [networks]",
        ),
        (
            lambda: address_range.address_range("2001:db8::", "2001:db8::1:0"),
            "evenkeel.lb.address_range: last: The range is too long to be listed. Found: 65537 addresses. Accepted: 1 to 65536."
            " Shorten it. [networks]",
        ),
        (
            lambda: address_range.address_range("web-1", "192.0.2.9"),
            "evenkeel.lb.address_range: first: This is not an address. Found: 'web-1'. Write it like 198.51.100.10 or"
            " 2001:db8::10. [networks]",
        ),
        (
            lambda: merge_networks.merge_networks("192.0.2.0/24"),  # type: ignore[arg-type]
            "evenkeel.lb.merge_networks: the input must be a list of networks, not str",
        ),
        (
            lambda: merge_networks.merge_networks(["x/1", "192.0.2.9", 3]),  # type: ignore[list-item]
            "evenkeel.lb.merge_networks: [0]: This is not a network. Found: 'x/1'. Write it like 198.51.100.0/24 or"
            " 2001:db8::/64. [networks]\n[2]: This is not a network. Found: 3. Write it like 198.51.100.0/24 or"
            " 2001:db8::/64. [networks]",
        ),
    ],
)
def test_what_a_filter_refuses(ask: Any, said: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        ask()
    assert str(error.value) == said


@pytest.mark.parametrize("name", PLUGINS)
def test_without_netaddr_a_filter_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "netaddr", None)
    arguments = {"nth_host": ("192.0.2.0/24", 1), "address_range": ("192.0.2.1", "192.0.2.2")}
    with pytest.raises(AnsibleFilterError) as error:
        getattr(PLUGINS[name], name)(*arguments.get(name, (["192.0.2.0/24"],)))
    assert str(error.value) == (
        f"evenkeel.lb.{name}: this controller: The Python library netaddr is missing. Found: import of netaddr halted; None in"
        f" sys.modules. Install it beside Ansible: {sys.executable} -m pip install 'netaddr~=1.3' [networks]"
    )


def test_outermost_networks_keep_their_order_and_default_routes_take_none_away() -> None:
    listed = ["198.51.100.0/27", "192.0.2.0/24", "0.0.0.0/0", "192.0.2.9", "192.0.2.0/24", "2001:db8::/32"]
    assert networks.outermost(listed) == ["198.51.100.0/27", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32"]


def test_a_half_that_is_taken_is_stepped_over() -> None:
    assert networks.first_free("2001:db8::/64", ["2001:db8::/65"]) == "2001:db8:0:0:8000::"
    assert networks.first_free("192.0.2.0/29", ["192.0.2.0/30", "192.0.2.4/31", "192.0.2.6"]) is None


@given(st.lists(network(), max_size=8))
def test_overlaps_are_those_of_every_two(listed: list[str]) -> None:
    read = [ip_network(one) for one in listed]
    assert networks.overlapping(listed) == [
        (index, later)
        for index in range(len(read))
        for later in range(index + 1, len(read))
        if read[index].overlaps(read[later])
    ]


@given(st.lists(network(), max_size=6), network(), st.integers(0, 2**32 - 1))
def test_merged_networks_hold_the_same_addresses_and_never_overlap(listed: list[str], other: str, number: int) -> None:
    address, merged = str(ip_address(number)), networks.merged(listed)
    assert networks.within([address], listed) == networks.within([address], merged)
    assert networks.overlapping(merged) == []
    assert networks.meet(listed, [other]) == any(ip_network(one).overlaps(ip_network(other)) for one in listed)


@given(st.integers(24, 32), st.lists(network(), max_size=5), st.sets(st.integers(0, 255), max_size=20))
def test_the_first_free_address_is_what_looking_at_each_finds(length: int, listed: list[str], ends: set[int]) -> None:
    tunnel = ip_network(f"0.0.0.0/{length}")
    taken = [*(one for one in listed if not networks.is_default(one)), *(f"0.0.0.{end}" for end in ends)]
    claimed = [ip_network(one) for one in taken]
    expected = next((one for one in tunnel.hosts() if not any(one in claim for claim in claimed)), None)
    assert networks.first_free(str(tunnel), taken) == (str(expected) if expected else None)
