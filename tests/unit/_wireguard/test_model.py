# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is whose peer, whichever host asks; and a member's configuration."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard import member
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.model import preshared
from ansible_collections.evenkeel.lb.plugins.plugin_utils.role import Role

from tests.wireguard import KEYS, options

NAMES = ["a", "b", "c"]


def inventory(known: list[str] = NAMES, **common: Any) -> dict[str, dict[str, Any]]:
    """Three hosts of one tunnel; those of `known` have answered."""
    hosts: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(NAMES, 1):
        item = {"name": "wg0", "addresses": [f"192.0.2.{number}/24"], "hosts": NAMES, **common}
        hosts[name] = {"ansible_host": f"198.51.100.{number}", "wireguard_interfaces": [item]}
        if name in known:
            hosts[name]["__wireguard_look"] = {"stdout_lines": [f"key wg0 {KEYS[number]}"]}
    return hosts


def model(host: str, hosts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    given = {"wireguard_interfaces": hosts[host]["wireguard_interfaces"]}
    found = Role("wireguard", host, options(), given, [], [], hosts).model()
    assert found["errors"] == []
    return found


def peers(host: str, hosts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {peer["name"]: peer for peer in model(host, hosts)["interfaces"][0]["peers"]}


def test_in_a_mesh_each_knows_each() -> None:
    hosts = inventory()
    for name in NAMES:
        assert sorted([name, *peers(name, hosts)]) == NAMES
    assert peers("a", hosts)["b"]["allowed_ips"] == ["192.0.2.2/32"]
    assert peers("a", hosts)["b"]["endpoint"] == "198.51.100.2:51820"


def test_a_hub_is_the_way_to_all() -> None:
    hosts = inventory(hubs=["b"])
    hosts["c"]["wireguard_interfaces"][0]["networks"] = ["198.51.100.128/28"]
    assert set(peers("a", hosts)) == {"b"}
    assert peers("a", hosts)["b"]["allowed_ips"] == ["192.0.2.0/24", "198.51.100.128/28"]
    assert set(peers("b", hosts)) == {"a", "c"}
    assert model("b", hosts)["forwarding"] and not model("a", hosts)["forwarding"]


def test_a_host_that_does_not_answer_keeps_its_place() -> None:
    """G4: its key is what any host has in its files."""
    hosts = inventory(known=["a", "c"])
    hosts["c"]["__wireguard_look"]["stdout_lines"].append(f"peer wg0 b {KEYS[7]}")
    assert peers("a", hosts)["b"]["public_key"] == KEYS[7]
    hosts["a"]["__wireguard_look"]["stdout_lines"].append(f"peer wg0 b {KEYS[8]}")
    assert peers("a", hosts)["b"]["public_key"] == KEYS[8]
    full = inventory()
    assert [one["lines"] for one in model("a", full)["interfaces"][0]["sections"]][1] == [
        one["lines"] for one in model("a", hosts)["interfaces"][0]["sections"]
    ][1]


def test_a_host_that_nobody_knows_is_left_out_and_named() -> None:
    found = model("a", inventory(known=["a", "c"]))
    assert [one["name"] for one in found["interfaces"][0]["sections"]] == ["c"]
    assert [one["got"] for one in found["warnings"]] == ["b"]


def test_both_ends_derive_one_preshared_key() -> None:
    hosts = inventory(preshared_secret="a-secret-of-the-tests")
    assert peers("a", hosts)["b"]["preshared_key"] == peers("b", hosts)["a"]["preshared_key"]
    assert len({preshared("s" * 16, "wg0", one, other) for one, other in (("a", "b"), ("a", "c"), ("b", "c"))}) == 3


def test_an_identity_is_one_peer_at_the_vip() -> None:
    hosts = inventory(hubs=["a", "b"])
    for name in ("a", "b"):
        hosts[name]["wireguard_interfaces"][0].update(follow_vip="public", addresses=["192.0.2.1/24"])
        hosts[name].update(
            evenkeel_nodes=["a", "b"],
            keepalived_instances=[{"name": "public", "interface": "eth0", "virtual_addresses": ["198.51.100.28/27"]}],
        )
    hosts["b"]["__wireguard_look"] = {"stdout_lines": []}
    found = peers("c", hosts)
    assert {name: (peer["endpoint"], peer["public_key"]) for name, peer in found.items()} == {
        "192.0.2.1": ("198.51.100.28:51820", KEYS[1])
    }
    assert set(peers("a", hosts)) == set(peers("b", hosts)) == {"c"}
    assert model("a", hosts)["interfaces"][0]["follow"]["nodes"] == ["198.51.100.2"]


def test_an_identity_keeps_its_name_and_its_secret_when_its_nodes_change_their_order() -> None:
    hosts = inventory(hubs=["a", "b"], preshared_secret="a-secret-of-the-tests")
    for name in ("a", "b"):
        hosts[name]["wireguard_interfaces"][0].update(follow_vip="public", addresses=["192.0.2.1/24"])
        hosts[name].update(
            evenkeel_nodes=["a", "b"],
            keepalived_instances=[{"name": "public", "interface": "eth0", "virtual_addresses": ["198.51.100.28/27"]}],
        )
    before = peers("c", hosts)
    # The nodes are not in the play: what they said is known from this host's own file.
    for name in ("a", "b"):
        hosts[name].update(evenkeel_nodes=["b", "a"], __wireguard_look={})
    for called in ("a", "192.0.2.1"):  # as an earlier version wrote it, and as this one does
        look = [*hosts["c"]["__wireguard_look"]["stdout_lines"], f"peer wg0 {called} {KEYS[1]}"]
        assert peers("c", {**hosts, "c": {**hosts["c"], "__wireguard_look": {"stdout_lines": look}}}) == before


def test_two_identities_with_one_address_are_not_taken_for_one() -> None:
    hosts = inventory()
    for name in ("a", "b"):
        hosts[name]["wireguard_interfaces"][0].update(follow_vip="public", addresses=["192.0.2.1/24"])
        hosts[name].update(
            evenkeel_nodes=[name],
            keepalived_instances=[{"name": "public", "interface": "eth0", "virtual_addresses": ["198.51.100.28/27"]}],
        )
    with pytest.raises(AssertionError, match="The peers 192.0.2.1 and b claim the same addresses"):
        model("c", hosts)


def test_only_tunnels_that_forward_open_the_others_to_nobody() -> None:
    """The kernel forwards for all of them once it does for one."""
    hosts = inventory()
    mine = hosts["a"]["wireguard_interfaces"]
    mine.append({"name": "wg1", "addresses": ["192.0.2.129/28"], "port": 51821})
    assert model("a", hosts)["filter"]["forward"] == []
    mine[0]["forward"] = {"to": ["198.51.100.0/27"]}
    found = model("a", hosts)
    assert found["forwarding"] == ["ip"]
    mine[0]["networks"] = ["2001:db8:5::/64"]
    assert model("a", hosts)["forwarding"] == ["ip", "ip6"]
    assert [rule for rule in found["filter"]["forward"] if "wg1" in rule] == [
        'iifname "wg1" ct state established,related accept',
        'iifname "wg1" counter drop',
        'oifname "wg1" ct state established,related accept',
        'oifname "wg1" counter drop',
    ]


def test_whoever_asked_a_second_vip_is_answered_from_it() -> None:
    hosts = inventory()
    hosts["a"]["wireguard_interfaces"][0].update(follow_vip="public", hosts=[])
    vips = ["198.51.100.29/27", "198.51.100.28/27", "2001:db8::28/64"]
    hosts["a"].update(
        evenkeel_nodes=["a"],
        keepalived_instances=[{"name": "public", "interface": "eth0", "virtual_addresses": vips}],
    )
    assert model("a", hosts)["filter"]["output"] == [
        'oifname "eth0" udp sport 51820 ip saddr != { 198.51.100.29, 198.51.100.28 } ip saddr set 198.51.100.29',
        'oifname "eth0" udp sport 51820 ip6 saddr != { 2001:db8::28 } ip6 saddr set 2001:db8::28',
    ]


def test_a_member_gets_the_first_free_addresses() -> None:
    interface: dict[str, Any] = model("a", inventory())["interfaces"][0]
    assert member.free_addresses(interface) == ["192.0.2.4"]
    with pytest.raises(CoreError, match="The tunnel's network has no address left. Found: 192.0.2.0/30."):
        member.free_addresses({**interface, "tunnel": ["192.0.2.0/30"]})


def test_a_large_claim_is_stepped_over() -> None:
    """Looking at each address of it would take years."""
    office = {"name": "office", "public_key": KEYS[2], "allowed_ips": ["2001:db8::/65"]}
    interface = {"name": "wg0", "addresses": ["2001:db8:0:0:8000::/64"], "tunnel": ["2001:db8::/64"], "peers": [office]}
    assert member.free_addresses(interface) == ["2001:db8::8000:0:0:1"]


def test_sets_of_the_filter_hold_no_address_twice() -> None:
    """nftables refuses a set whose networks overlap."""
    hosts = inventory()
    listed = ["198.51.100.0/27", "198.51.100.32/27", "198.51.100.9/32"]
    hosts["a"]["wireguard_interfaces"][0].update(networks=listed, forward={"to": listed, "masquerade": True})
    found = model("a", hosts)["filter"]
    assert found["forward"][1] == 'iifname "wg0" ip daddr { 198.51.100.0/26 } accept'
    assert found["forward"][4] == 'oifname "wg0" ip saddr { 198.51.100.0/26 } accept'
    assert found["postrouting"] == [
        'oifname != "wg0" ip saddr { 192.0.2.0/24 } ip daddr { 198.51.100.0/26 } masquerade'
    ]


def test_a_hub_is_asked_for_each_address_once() -> None:
    hosts = inventory(hubs=["b"])
    hosts["b"]["wireguard_interfaces"][0]["networks"] = ["0.0.0.0/0"]
    hosts["c"]["wireguard_interfaces"][0]["networks"] = ["198.51.100.128/28", "198.51.100.130/32", "0.0.0.0/0"]
    assert peers("a", hosts)["b"]["allowed_ips"] == ["192.0.2.0/24", "0.0.0.0/0", "198.51.100.128/28"]


def test_a_members_configuration() -> None:
    interface = {"tunnel": ["192.0.2.0/24"], "forward": ["192.0.2.0/28", "198.51.100.0/27"]}
    assert member.configuration(
        interface, KEYS[0], "198.51.100.28:51820", ["192.0.2.4"], private_key="P", dns=["192.0.2.1"]
    ) == (
        "[Interface]\nPrivateKey = P\nAddress = 192.0.2.4/32\nDNS = 192.0.2.1\n\n"
        f"[Peer]\nPublicKey = {KEYS[0]}\nEndpoint = 198.51.100.28:51820\nAllowedIPs = 192.0.2.0/24, 198.51.100.0/27\n"
        "PersistentKeepalive = 25\n"
    )


def test_a_member_is_let_in_once_and_out_once() -> None:
    anna = {"name": "anna", "addresses": ["192.0.2.4"], "public_key": KEYS[0]}
    assert member.without_member(member.with_member([], anna), "anna") == []
    with pytest.raises(
        CoreError, match="There is a member of this name, and a configuration is written once. Found: anna."
    ):
        member.with_member([anna], anna)
    with pytest.raises(
        CoreError, match="There is no member of this name. Found: ben. Accepted: anna. Correct the name."
    ):
        member.without_member([anna], "ben")


def test_what_the_proxy_reaches_in_the_tunnel_is_somebody_s() -> None:
    """G10; the addresses are those of all its servers."""
    hosts, given = inventory(), {"wireguard_interfaces": inventory()["a"]["wireguard_interfaces"]}
    proxy = {
        "haproxy_backends": [{"name": "app", "servers": [{"name": "b", "address": "192.0.2.2"}]}],
        "haproxy_listens": [{"name": "x", "servers": [{"name": "c", "address": "192.0.2.9"}]}, {"name": "y"}],
    }
    found = Role("wireguard", "a", options(), given, [], [], hosts, others=proxy).model()
    assert [(one["rule"], one["got"]) for one in found["errors"]] == [("G10", "192.0.2.9")]
