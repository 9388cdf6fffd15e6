# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classes of changes: from what a node runs to what is planned for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import require
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.change import classify
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.conf import auth_digest

from tests.unit._cluster.plan_data import SECOND, five, instance, nodes, plan


def planned(data: list[dict[str, Any]] | None = None, node: str = "lb-1") -> dict[str, Any]:
    found = plan("edge", nodes() if data is None else data)
    require(found)
    return found["nodes"][node]


def running(node: dict[str, Any]) -> dict[str, Any]:
    """What vrrp_info reads on a node that runs this."""
    found = []
    for item in node["instances"]:
        anchor = item["virtual_ipaddress"][0]["address"]
        rest = [vip["address"] for vip in item["virtual_ipaddress_excluded"]]
        keys = (
            "name",
            "virtual_router_id",
            "version",
            "interface",
            "priority",
            "unicast",
            "unicast_src_ip",
            "nopreempt",
        )
        found.append(
            {
                **{key: item[key] for key in keys},
                "advert_interval": float(item["advert_interval"]),
                "down_timer_adverts": item["down_timer_adverts"],
                "unicast_peers": list(reversed(item["unicast_peers"])),
                "preempt_delay": item["preempt_delay"] and float(item["preempt_delay"]),
                "sync_group": item["sync_group"],
                "state": "BACKUP",
                "anchor": anchor,
                "virtual_ipaddress": [anchor],
                "virtual_ipaddress_excluded": rest,
                "addresses": [anchor, *rest],
                "auth_digest": auth_digest(item["auth_pass"]),
                "track_scripts": ["haproxy_alive", "haproxy_ready"],
            }
        )
    return {"router_id": node["router_id"], "instances": found}


OLD: dict[str, Any] = {"keepalived_vrrp_version": 2, "keepalived_advert_interval": 1}
MOVED = {**SECOND, "virtual_addresses": ["192.0.2.28/24", "2001:db8::28/64"]}

CASES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]], str, list[str]]] = [
    ("nothing", nodes(), nodes(), "none", []),
    (
        "a priority",
        nodes(),
        nodes(per_node={"lb-1": {"keepalived_priority": 150}, "lb-2": {"keepalived_priority": 100}}),
        "rolling",
        ["public: the priority changes from 250 to 150"],
    ),
    (
        "the advert interval",
        nodes(),
        nodes(keepalived_advert_interval=0.5),
        "rolling",
        ["public: the advert interval changes from 0.2 to 0.5"],
    ),
    (
        "the advert interval under version 2",
        nodes(**OLD),
        nodes(**{**OLD, "keepalived_advert_interval": 2}),
        "switch",
        ["public: the advert interval changes from 1.0 to 2"],
    ),
    (
        "the preempt delay",
        nodes(),
        nodes(keepalived_preempt_delay=0),
        "rolling",
        ["public: the preempt delay changes from 5.0 to none"],
    ),
    (
        "an address more and one less",
        nodes(),
        nodes(instances=[instance(virtual_addresses=["198.51.100.28/24", "198.51.100.29/24"])]),
        "rolling",
        ["public: the list of addresses changes: 198.51.100.29/24 comes and 2001:db8::28/64 goes"],
    ),
    (
        "a node more",
        nodes(),
        nodes(five(3)),
        "rolling",
        ["public: the list of peers changes: 198.51.100.13 comes"],
    ),
    ("an instance more", nodes(), nodes(instances=[instance(), SECOND]), "rolling", ["private: the instance is new"]),
    ("an instance less", nodes(instances=[instance(), SECOND]), nodes(), "rolling", ["private: the instance goes"]),
    (
        "the order of the list",
        nodes(),
        nodes(instances=[instance(virtual_addresses=["2001:db8::28/64", "198.51.100.28/24"], anchor="198.51.100.28")]),
        "none",
        [],
    ),
    (
        "an address to another instance",
        nodes(instances=[instance(), SECOND]),
        nodes(instances=[instance(virtual_addresses=["198.51.100.28/24"]), MOVED]),
        "two-step",
        [
            "private: 2001:db8::28/64 comes from the instance public",
            "public: the list of addresses changes: 2001:db8::28/64 goes",
            "private: the list of addresses changes: 2001:db8::28/64 comes",
        ],
    ),
    (
        "an address to an instance that does not run yet",
        nodes(),
        nodes(instances=[instance(virtual_addresses=["198.51.100.28/24"]), MOVED]),
        "switch",
        [
            "private: 2001:db8::28/64 comes from the instance public",
            "public: the list of addresses changes: 2001:db8::28/64 goes",
            "private: the instance is new",
        ],
    ),
    (
        "an address from an instance that goes",
        nodes(instances=[instance(virtual_addresses=["198.51.100.28/24"]), MOVED]),
        nodes(),
        "two-step",
        [
            "public: 2001:db8::28/64 comes from the instance private",
            "public: the list of addresses changes: 2001:db8::28/64 comes",
            "private: the instance goes",
        ],
    ),
    (
        "another name",
        nodes(),
        nodes(instances=[instance(name="web")]),
        "switch",
        [
            "web: 198.51.100.28/24 comes from the instance public",
            "web: 2001:db8::28/64 comes from the instance public",
            "web: the instance is new",
            "public: the instance goes",
        ],
    ),
    (
        "the virtual router id",
        nodes(),
        nodes(instances=[instance(virtual_router_id=57)]),
        "switch",
        ["public: the virtual router id changes from 55 to 57"],
    ),
    (
        "the anchor",
        nodes(),
        nodes(instances=[instance(virtual_addresses=["198.51.100.29/24", "198.51.100.28/24", "2001:db8::28/64"])]),
        "switch",
        [
            "public: the anchor changes from 198.51.100.28/24 to 198.51.100.29/24",
            "public: the list of addresses changes: 198.51.100.29/24 comes",
        ],
    ),
    (
        "the version",
        nodes(**OLD),
        nodes(keepalived_advert_interval=1),
        "switch",
        ["public: the VRRP version changes from 2 to 3"],
    ),
    (
        "a password",
        nodes(**OLD),
        nodes(**OLD, keepalived_auth_pass="hunter22"),
        "switch",
        ["public: the authentication changes"],
    ),
    (
        "multicast",
        nodes(),
        nodes(keepalived_unicast=False),
        "switch",
        [
            "public: unicast changes from yes to no",
            "public: the source address changes from 198.51.100.11 to none",
            "public: the list of peers changes: 198.51.100.12 goes",
        ],
    ),
    (
        "the interface",
        nodes(),
        nodes(instances=[instance(interface="eth1")]),
        "switch",
        ["public: the interface changes from eth0 to eth1"],
    ),
]


@pytest.mark.parametrize(("before", "after", "kind", "reasons"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_classes(before: list[dict[str, Any]], after: list[dict[str, Any]], kind: str, reasons: list[str]) -> None:
    assert classify(planned(after), running(planned(before))) == {"class": kind, "reasons": reasons}


def test_a_node_without_keepalived() -> None:
    assert classify(planned(), {}) == {"class": "rolling", "reasons": ["public: the instance is new"]}


def test_what_was_not_read_is_not_compared() -> None:
    assert classify(planned(), {"instances": [{"name": "public"}]}) == {"class": "none", "reasons": []}


def test_a_configuration_that_a_person_wrote() -> None:
    written = {"name": "public", "anchor": "$VIP", "addresses": ["$VIP", "2001:DB8::28/64"], "unicast_peers": ["lb-2"]}
    change = classify(planned(), {"instances": [written]})
    assert change["class"] == "switch"
    assert change["reasons"] == [
        "public: the anchor changes from $VIP to 198.51.100.28/24",
        "public: the list of peers changes: 198.51.100.12 comes and lb-2 goes",
        "public: the list of addresses changes: 198.51.100.28/24 comes and $VIP goes",
    ]


def test_a_node_that_advertised_every_address_does_not_hear_one_that_advertises_the_anchor() -> None:
    """keepalived drops adverts that name other addresses than its own."""
    vips = ["198.51.100.28/24", "198.51.100.29/24"]
    (one,) = running(planned(nodes(instances=[instance(virtual_addresses=vips)])))["instances"]
    written = {"instances": [{**one, "virtual_ipaddress": vips, "virtual_ipaddress_excluded": []}]}
    assert classify(planned(nodes(instances=[instance(virtual_addresses=vips)])), written) == {
        "class": "switch",
        "reasons": ["public: what the adverts name beside the anchor changes: 198.51.100.29/24 goes"],
    }


def test_a_password_is_not_in_the_reasons() -> None:
    old = planned(nodes(**OLD, keepalived_auth_pass="canary1"))
    new = planned(nodes(**OLD, keepalived_auth_pass="canary2"))
    assert "canary" not in repr(classify(new, running(old)))
