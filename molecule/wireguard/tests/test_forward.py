# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarding is a choice: members reach what is named, under the balancer's address, and nothing else; nobody reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from conftest import Site

# A member's routers would send it there; here the hosts are neighbours.
THROUGH = "wg set vpn peer $(wg show vpn peers) allowed-ips {networks}; for one in {far}; do ip route replace $one dev vpn; done"
# What becomes of a connection to a port where nobody listens.
KNOCK = "timeout 2 bash -c '</dev/tcp/{address}/9' 2>&1; true"
DROPPED = re.compile(r"counter packets (\d+) .*drop")


@pytest.fixture(scope="module")
def forwarding(people: Site) -> Iterator[Site]:
    """web-1 is named and web-2 is not; the client sends what is for them into its tunnel."""
    lab = people.lab
    to = [f"{lab.address('web-1')}/32", f"{lab.address6('web-1')}/128"]
    far = [*to, f"{lab.address('web-2')}/32", f"{lab.address6('web-2')}/128"]
    tunnel = {"name": "wg0", "addresses": ["192.0.2.241/28", "2001:db8:a::1/64"], "follow_vip": "public"}
    people.play("site.yml", wireguard_interfaces=[{**tunnel, "forward": {"to": to, "masquerade": True}}])
    networks = ",".join(["192.0.2.240/28", "2001:db8:a::/64", *far])
    people.sh("client", THROUGH.format(networks=networks, far=" ".join(far)))
    yield people
    people.switch_on("client")


def dropped(site: Site) -> list[int]:
    """How many packets each rule of the chain has dropped: those out of the tunnel, those into it."""
    (holder,) = site.up()
    return [int(one) for one in DROPPED.findall(site.sh(holder, "nft list chain inet evenkeel_wireguard forward"))]


def test_what_is_named_is_reached_and_nothing_else(forwarding: Site) -> None:
    site, lab = forwarding, forwarding.lab
    (holder,) = site.up()
    for address, own in (
        (lab.address("web-1"), {lab.address(holder)}),
        (f"[{lab.address6('web-1')}]", {lab.address6(holder), lab.vip6}),
    ):
        assert site.answer("client", f"http://{address}:8080/by-way-of-the-tunnel") == "web-1"
        # The server sees the balancer, so it needs no way back to the member.
        seen = site.sh("web-1", "grep /by-way-of-the-tunnel /var/log/nginx/lab.log | tail -n 1").split()
        assert seen[3] in own
    before = dropped(site)
    assert not site.tries("client", f"http://{lab.address('web-2')}:8080/")
    assert not site.tries("client", f"http://[{lab.address6('web-2')}]:8080/")
    out, into = dropped(site)
    assert out >= before[0] + 2 and into == before[1]


def test_nobody_reaches_a_member(forwarding: Site) -> None:
    """A neighbour who sends to a member by way of the balancer, which forwards; without our table it would hand that on."""
    (holder,) = forwarding.up()
    member = forwarding.sh("client", "ip -4 -o address show dev vpn | awk '{ print $4 }'").strip().partition("/")[0]
    with forwarding.sends("web-1", member, by=holder):
        assert "refused" not in forwarding.sh("web-1", KNOCK.format(address=member))
        assert dropped(forwarding)[1] > 0
        forwarding.sh(holder, "nft delete table inet evenkeel_wireguard")
        try:
            assert "refused" in forwarding.sh("web-1", KNOCK.format(address=member))
        finally:
            forwarding.sh(holder, "nft -f /etc/evenkeel/wireguard.nft")


def test_without_it_nothing_is_left(forwarding: Site) -> None:
    forwarding.play("site.yml")
    for host in ("lb-1", "lb-2"):
        rules = forwarding.sh(host, "nft list table inet evenkeel_wireguard")
        assert "chain input" in rules
        assert "forward" not in rules and "masquerade" not in rules
    assert not forwarding.tries("client", f"http://{forwarding.lab.address('web-1')}:8080/")
