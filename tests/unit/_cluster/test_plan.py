# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of a good cluster says, value by value."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.plan import describe, require
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.ranking import cyclic_ranking, pair_ranking
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.tracking import CHECK
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.variables import FIELDS
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import plan_options

from tests.unit._cluster.plan_data import SECOND, five, instance, nodes, plan, plan_all


def good(data: list[dict[str, Any]]) -> dict[str, Any]:
    planned = plan("edge", data)
    require(planned)
    return planned


def of(planned: dict[str, Any], node: str, key: str, name: str = "public") -> Any:
    return next(item for item in planned["nodes"][node]["instances"] if item["name"] == name)[key]


def numbers(planned: dict[str, Any], name: str = "public") -> list[int]:
    return [of(planned, node, "priority", name) for node in planned["nodes"]]


def explicit(first: int, second: int) -> dict[str, dict[str, int]]:
    return {"lb-1": {"keepalived_priority": first}, "lb-2": {"keepalived_priority": second}}


def test_the_pair() -> None:
    planned = good(nodes())
    first = planned["nodes"]["lb-1"]
    assert planned["cluster"] == "edge"
    assert planned["instances"] == {"public": {"order": ["lb-1", "lb-2"]}}
    assert (first["router_id"], first["address"], first["leaving"]) == ("lb-1", "198.51.100.11", False)
    check = {"host": "127.0.0.1", "port": 8405, "interval": 1, "timeout": 1, "fall": 2, "rise": 2, "answer_within": 0.5}
    assert first["services"] == [
        {
            "name": "haproxy",
            "unit": "haproxy.service",
            "alive": {**check, "path": "/alive"},
            "ready": {**check, "path": "/ready", "weight": -13},
        }
    ]
    assert first["instances"] == [
        {
            "name": "public",
            "virtual_router_id": 55,
            "interface": "eth0",
            "version": 3,
            "role": "MASTER",
            "initial_state": "BACKUP",
            "priority": 250,
            "advert_interval": 0.2,
            "down_timer_adverts": 3,
            "unicast": True,
            "unicast_src_ip": "198.51.100.11",
            "unicast_peers": ["198.51.100.12"],
            "virtual_ipaddress": [{"address": "198.51.100.28/24"}],
            "virtual_ipaddress_excluded": [{"address": "2001:db8::28/64"}],
            "preempt_delay": 5,
            "nopreempt": False,
            "auth_pass": None,
            "track": ["haproxy"],
            "track_ready": ["haproxy"],
            "track_scripts": [],
            "track_interfaces": [],
            "detection_seconds": {"crash": 0.006, "hang": 2.506, "dead_node": 0.606},
            "garp_master_refresh": None,
            "notify_master": None,
            "notify_backup": None,
            "notify_fault": None,
            "notify_stop": None,
            "smtp_alert": None,
            "options": [],
            "sync_group": None,
        }
    ]
    second = planned["nodes"]["lb-2"]["instances"][0]
    assert (second["role"], second["priority"], second["preempt_delay"]) == ("BACKUP", 248, None)
    assert (second["unicast_src_ip"], second["unicast_peers"]) == ("198.51.100.12", ["198.51.100.11"])


@pytest.mark.parametrize(
    ("first", "second", "ready", "drain"), [(150, 100, -51, -102), (101, 100, -2, -4), (100, 150, -51, -102)]
)
def test_explicit_priorities_decide_role_order_and_weights(first: int, second: int, ready: int, drain: int) -> None:
    planned = good(nodes(per_node=explicit(first, second)))
    best = "lb-1" if first > second else "lb-2"
    assert numbers(planned) == [first, second]
    assert planned["instances"]["public"]["order"][0] == best
    assert [name for name in planned["nodes"] if of(planned, name, "role") == "MASTER"] == [best]
    assert [name for name in planned["nodes"] if of(planned, name, "preempt_delay")] == [best]
    assert planned["nodes"]["lb-1"]["drain_value"] == drain
    assert planned["nodes"]["lb-1"]["services"][0]["ready"]["weight"] == ready


def test_detection_seconds_by_hand() -> None:
    """RFC 9568 6.1, for the node that takes over: 100 of 256 is 156/256 of an interval away."""
    planned = good(nodes(per_node=explicit(150, 100)))
    assert of(planned, "lb-1", "detection_seconds") == {"crash": 0.122, "hang": 2.622, "dead_node": 0.722}
    assert of(planned, "lb-2", "detection_seconds") == {"crash": 0.083, "hang": 2.583, "dead_node": 0.683}
    slow = good(nodes(per_node=explicit(150, 100), keepalived_vrrp_version=2, keepalived_advert_interval=1))
    assert of(slow, "lb-1", "detection_seconds") == {"crash": 0.609, "hang": 3.109, "dead_node": 3.609}
    patient = good(nodes(keepalived_advert_interval=0.1, keepalived_down_timer_adverts=30))
    assert of(patient, "lb-1", "detection_seconds")["dead_node"] == 3.003
    quick = good(nodes(keepalived_track_services={"haproxy": {"alive": {"fall": 1, "answer_within": 0.2}}}))
    assert of(quick, "lb-1", "detection_seconds")["hang"] == 1.206
    blind = good(nodes(instances=[instance(track=[])]))
    assert of(blind, "lb-1", "detection_seconds")["hang"] is None
    alone = plan("edge", nodes(["lb-1"]))
    assert of(alone, "lb-1", "detection_seconds") == {"crash": None, "hang": None, "dead_node": None}


def test_fixed_slots() -> None:
    assert [pair_ranking(index) for index in range(8)] == [
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
        [1, 0, 2, 3, 4, 5, 6, 7, 8],
        [0, 2, 1, 3, 4, 5, 6, 7, 8],
        [1, 2, 0, 3, 4, 5, 6, 7, 8],
        [0, 3, 1, 2, 4, 5, 6, 7, 8],
        [1, 3, 0, 2, 4, 5, 6, 7, 8],
        [0, 4, 2, 1, 3, 5, 6, 7, 8],
        [1, 4, 2, 0, 3, 5, 6, 7, 8],
    ]
    assert [cyclic_ranking(index, 3) for index in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


def test_nine_nodes_have_nine_numbers() -> None:
    assert numbers(good(nodes(five(9)))) == [250, 248, 245, 243, 242, 241, 240, 239, 238]


def test_two_instances_are_shared_by_the_pair() -> None:
    planned = good(nodes(instances=[instance(), SECOND]))
    assert (numbers(planned), numbers(planned, "private")) == ([250, 248], [248, 250])


def test_spread_over_all_nodes() -> None:
    third = instance(name="third", virtual_router_id=57, virtual_addresses=["192.0.2.30/24"])
    planned = good(nodes(five(3), instances=[instance(), SECOND, third], keepalived_spread="all"))
    assert [entry["order"][0] for entry in planned["instances"].values()] == ["lb-1", "lb-2", "lb-3"]


def test_prefer_pins_and_keeps_the_order_of_the_others() -> None:
    planned = good(nodes(five(3), instances=[instance(prefer="lb-3")]))
    assert planned["instances"]["public"]["order"] == ["lb-3", "lb-1", "lb-2"]
    assert numbers(planned) == [248, 245, 250]


def test_members_of_a_sync_group_move_together() -> None:
    group = {"name": "all", "instances": ["public", "private"]}
    planned = good(nodes(instances=[instance(), SECOND], keepalived_sync_groups=[group]))
    assert numbers(planned) == numbers(planned, "private") == [250, 248]
    assert planned["sync_groups"] == [{**group, "options": [], "tracking_weight": True}]
    assert of(planned, "lb-2", "sync_group", "private") == "all"
    pinned = good(nodes(instances=[instance(), {**SECOND, "prefer": "lb-2"}], keepalived_sync_groups=[group]))
    assert numbers(pinned) == numbers(pinned, "private") == [248, 250]


def test_a_leaving_node_keeps_its_slot_and_is_nobodys_peer() -> None:
    planned = good(nodes(five(3), per_node={"lb-1": {"keepalived_state": "absent"}}))
    assert numbers(planned) == [250, 248, 245]
    assert planned["instances"]["public"]["order"] == ["lb-2", "lb-3"]
    assert of(planned, "lb-2", "unicast_peers") == ["198.51.100.13"]
    assert of(planned, "lb-1", "unicast_peers") == ["198.51.100.12", "198.51.100.13"]
    assert [of(planned, name, "role") for name in five(3)] == ["BACKUP", "MASTER", "BACKUP"]
    assert [of(planned, name, "preempt_delay") for name in five(3)] == [None, 5, None]
    assert planned["nodes"]["lb-1"]["leaving"] is True


def test_the_last_but_one_leaves() -> None:
    planned = plan("edge", nodes(per_node={"lb-2": {"keepalived_state": "absent"}}))
    assert planned["errors"] == []
    assert [warning["rule"] for warning in planned["warnings"]] == ["A23-alone"]
    assert of(planned, "lb-1", "unicast_peers") == []


def test_a_whole_cluster_leaves() -> None:
    planned = good(nodes(keepalived_state="absent"))
    assert planned["instances"] == {"public": {"order": []}}
    assert planned["warnings"] == []


def test_without_preemption_a_drain_is_a_fault_and_no_weight_is_left() -> None:
    planned = good(nodes(instances=[instance(nopreempt=True)]))
    node = planned["nodes"]["lb-1"]
    assert node["drain_value"] == -254
    assert node["services"][0]["ready"] is None
    assert of(planned, "lb-1", "track_ready") == []
    assert of(planned, "lb-1", "track") == ["haproxy"]
    assert of(planned, "lb-1", "preempt_delay") is None
    assert [warning["rule"] for warning in planned["warnings"]] == ["B4-cost"]


def test_with_preemption_beside_it_the_other_instance_keeps_its_ready_check() -> None:
    planned = good(nodes(instances=[instance(), {**SECOND, "nopreempt": True}]))
    assert planned["nodes"]["lb-1"]["services"][0]["ready"]["weight"] == -13
    assert of(planned, "lb-1", "track_ready") == ["haproxy"]
    assert of(planned, "lb-1", "track_ready", "private") == []


def test_anchor_and_order_of_the_rest() -> None:
    planned = good(
        nodes(instances=[instance(virtual_addresses=["2001:DB8:0::28/64", "198.51.100.28/24"], anchor="198.51.100.28")])
    )
    assert of(planned, "lb-1", "virtual_ipaddress") == [{"address": "198.51.100.28/24"}]
    assert of(planned, "lb-1", "virtual_ipaddress_excluded") == [{"address": "2001:db8::28/64"}]


def test_initial_state_is_for_the_preferred_node() -> None:
    planned = good(nodes(instances=[instance(initial_state="MASTER")]))
    assert [of(planned, name, "initial_state") for name in five(2)] == ["MASTER", "BACKUP"]
    assert of(planned, "lb-1", "preempt_delay") is None


def test_interfaces_per_node() -> None:
    planned = good(
        nodes(
            instances=[instance(), SECOND],
            per_node={"lb-1": {"keepalived_interface": {"private": "ens4"}}, "lb-2": {"keepalived_interface": "ens3"}},
        )
    )
    assert [of(planned, name, "interface") for name in five(2)] == ["eth0", "ens3"]
    assert [of(planned, name, "interface", "private") for name in five(2)] == ["ens4", "ens3"]


def test_multicast_needs_no_address() -> None:
    planned = good(nodes(keepalived_unicast=False, ansible_host=None))
    assert planned["nodes"]["lb-1"]["address"] is None
    assert (of(planned, "lb-1", "unicast_src_ip"), of(planned, "lb-1", "unicast_peers")) == (None, [])


def test_an_address_per_family() -> None:
    both = {
        "lb-1": {"keepalived_address": ["198.51.100.11", "2001:db8::11"]},
        "lb-2": {"keepalived_address": ["198.51.100.12", "2001:db8::12"]},
    }
    six = {**SECOND, "virtual_addresses": ["2001:db8::29/64"]}
    planned = good(nodes(instances=[instance(), six], per_node=both))
    assert of(planned, "lb-1", "unicast_peers") == ["198.51.100.12"]
    assert of(planned, "lb-1", "unicast_peers", "private") == ["2001:db8::12"]


def test_a_host_named_by_its_address() -> None:
    planned = good(nodes(["198.51.100.11", "198.51.100.12"], ansible_host=None))
    assert of(planned, "198.51.100.11", "unicast_peers") == ["198.51.100.12"]


def test_values_from_an_ini_inventory_are_converted() -> None:
    planned = good(
        nodes(
            instances=[instance(virtual_router_id="55", name=50, smtp_alert="yes")],
            per_node={"lb-1": {"keepalived_priority": "150"}, "lb-2": {"keepalived_priority": "100"}},
            keepalived_advert_interval="0.5",
            keepalived_unicast="false",
        )
    )
    first = planned["nodes"]["lb-1"]["instances"][0]
    assert (first["name"], first["virtual_router_id"], first["priority"]) == ("50", 55, 150)
    assert (first["advert_interval"], first["unicast"], first["smtp_alert"]) == (0.5, False, True)


def test_own_services_are_merged_over_the_table() -> None:
    planned = good(
        nodes(
            instances=[instance(track=["haproxy", "wireguard"])],
            keepalived_track_services={
                "haproxy": {"alive": {"port": 9000}},
                "wireguard": {"unit": "wg-quick@wg0.service"},
            },
        )
    )
    haproxy, wireguard = planned["nodes"]["lb-1"]["services"]
    assert (haproxy["alive"]["port"], haproxy["alive"]["path"], haproxy["ready"]["port"]) == (9000, "/alive", 8405)
    assert wireguard == {"name": "wireguard", "unit": "wg-quick@wg0.service", "alive": None, "ready": None}
    assert of(planned, "lb-1", "track_ready") == ["haproxy"]


@pytest.mark.parametrize(
    ("given", "unit"),
    [("named", "named.service"), ("wg-quick@wg0", "wg-quick@wg0.service"), ("php8.2-fpm", "php8.2-fpm.service")]
    + [(unit, unit) for unit in ("named.service", "docker.socket", "mnt-data.mount")],
)
def test_a_unit_has_its_whole_name(given: str, unit: str) -> None:
    planned = good(nodes(instances=[instance(track=["dns"])], keepalived_track_services={"dns": {"unit": given}}))
    assert planned["nodes"]["lb-1"]["services"][0]["unit"] == unit


@pytest.mark.parametrize(
    ("given", "interval", "timeout"),
    [({}, 1, 1), ({"interval": 5}, 5, 5), ({"interval": "5"}, 5, 5), ({"interval": 5, "timeout": 2}, 5, 2)],
)
def test_a_script_may_take_as_long_as_its_interval(given: dict[str, Any], interval: int, timeout: int) -> None:
    scripts = [{"name": "gateway", "command": "/usr/local/bin/gateway", **given}]
    planned = good(nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=scripts))
    (script,) = planned["nodes"]["lb-1"]["scripts"]
    assert (script["interval"], script["timeout"], script["fall"], script["rise"]) == (interval, timeout, 2, 2)


def test_a_check_can_be_taken_out() -> None:
    planned = good(nodes(keepalived_track_services={"haproxy": {"ready": None}}))
    assert planned["nodes"]["lb-1"]["services"][0]["ready"] is None
    assert planned["nodes"]["lb-1"]["drain_value"] == -13


def test_own_weights_count_in_the_drain() -> None:
    gateway = {"name": "gateway", "command": "/usr/local/bin/gateway", "weight": -30}
    planned = good(nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[gateway]))
    assert planned["nodes"]["lb-1"]["drain_value"] == -56
    assert of(planned, "lb-1", "track_scripts") == [{"name": "gateway", "weight": -30}]
    assert planned["nodes"]["lb-1"]["scripts"] == [{**gateway, "interval": 1, "timeout": 1, "fall": 2, "rise": 2}]


def test_the_result_is_json_and_its_bytes_are_the_same() -> None:
    assert json.dumps(plan("edge", nodes())) == json.dumps(plan("edge", nodes()))


def test_a_refused_cluster_has_no_plan() -> None:
    planned = plan("edge", nodes(keepalived_priority=100))
    assert (planned["nodes"], planned["instances"]) == ({}, {})
    with pytest.raises(CoreError, match=r"lb-2: keepalived_priority: Two nodes of public .* \[A7\]"):
        require(planned)


def test_a_place_is_the_inventorys_whatever_is_refused_before_it() -> None:
    vips = [5, "198.51.100.0/24", {"label": "x"}, ["192.0.2.28/24"], "198.51.100.28/24"]
    broken = [
        None,
        "public",
        instance(virtual_addresses=vips, track=["haproxy", {}], options=["", "state MASTER"]),
    ]
    planned = plan(
        "edge",
        nodes(
            instances=broken,
            keepalived_scripts=[None, {"name": "gateway", "command": " "}],
            keepalived_track_services={"dns": {"unit": "", "alive": {"port": 0, "prt": 1}}, "a b": None, "ntp": "x"},
        ),
    )
    assert [f"{error['where']}: {error['what']} [{error['rule']}]" for error in planned["errors"]] == [
        "edge: keepalived_instances[0]: The value must be a mapping. [spec]",
        "edge: keepalived_instances[1]: The value must be a mapping. [spec]",
        "edge: keepalived_instances[2].virtual_addresses[0]: This is not an address with a prefix. [C15]",
        "edge: keepalived_instances[2].virtual_addresses[1]: This is the address of the network itself. [C10]",
        "edge: keepalived_instances[2].virtual_addresses[2]: The key address is missing. [C15]",
        "edge: keepalived_instances[2].virtual_addresses[3]: The value must be a text or a mapping. [spec]",
        "edge: keepalived_instances[2].track[1]: The value must be a text. [spec]",
        "edge: keepalived_instances[2].options[0]: The value is empty. [spec]",
        "edge: keepalived_instances[2].options[1]: A raw line must not repeat what the plan computes for each node. [A9-raw]",
        "edge: keepalived_scripts[0]: The value must be a mapping. [spec]",
        "edge: keepalived_scripts[1].command: The value is empty. [spec]",
        "edge: keepalived_track_services.dns.unit: The value is empty. [spec]",
        "edge: keepalived_track_services.dns.alive: The key prt is unknown here. [spec]",
        "edge: keepalived_track_services.dns.alive.port: The number is out of range. [B13]",
        "edge: keepalived_track_services.a b: keepalived needs a name in one word. [A21]",
        "edge: keepalived_track_services.ntp: The value must be a mapping. [spec]",
    ]


def test_describe() -> None:
    assert describe(good(nodes())) == [
        "cluster edge: lb-1, lb-2",
        "  public: VRID 55, VRRPv3, unicast, an advert every 0.2 s",
        "    198.51.100.28/24 (anchor)",
        "    2001:db8::28/64",
        "    lb-1: MASTER, priority 250, eth0, 198.51.100.11",
        "      as MASTER, lost and replaced after: crash 0.006 s, hang 2.506 s, dead node 0.606 s",
        "    lb-2: BACKUP, priority 248, eth0, 198.51.100.12",
        "      as MASTER, lost and replaced after: crash 0.005 s, hang 2.505 s, dead node 0.605 s",
        "  when drained -26, backends lost: haproxy -13",
    ]


# --- several clusters -----------------------------------------------------------------------------------------------


def inventory(**clusters: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Hosts by name; the nodes of each cluster get its name before their own."""
    found = {}
    for position, (cluster, members) in enumerate(clusters.items()):
        names = [f"{cluster}-{node['name']}" for node in members]
        for number, node in enumerate(members):
            own = {
                **node["vars"],
                "evenkeel_cluster": cluster,
                "evenkeel_nodes": names,
                "ansible_host": f"198.51.100.{11 + 10 * position + number}",
            }
            found[names[number]] = own
    return found


def test_every_cluster_is_planned_once() -> None:
    hosts = inventory(a=nodes(), b=nodes(instances=[instance(virtual_addresses=["192.0.2.28/24"])]))
    planned = plan_all(["a-lb-1", "b-lb-2"], hosts.get)
    assert planned["errors"] == []
    assert {name: list(one["nodes"]) for name, one in planned["plans"].items()} == {
        "a": ["a-lb-1", "a-lb-2"],
        "b": ["b-lb-1", "b-lb-2"],
    }


def said(planned: dict[str, Any]) -> list[str]:
    return [f"{error['where']}: {error['what']} {error['got']} [{error['rule']}]" for error in planned["errors"]]


def test_an_address_in_two_clusters() -> None:
    hosts = inventory(a=nodes(), b=nodes(instances=[instance(virtual_addresses=["198.51.100.28/32"])]))
    assert said(plan_all(hosts, hosts.get)) == [
        "b: keepalived_instances (public).virtual_addresses: Cluster a has this address too. '198.51.100.28/32' [C10-clusters]"
    ]


def test_an_address_that_is_another_clusters_host() -> None:
    hosts = inventory(a=nodes(), b=nodes(instances=[instance(virtual_addresses=["198.51.100.11/24"])]))
    assert said(plan_all(hosts, hosts.get)) == [
        "b: keepalived_instances (public).virtual_addresses: This is the own address of a-lb-1 in cluster a."
        " '198.51.100.11/24' [C10-clusters]"
    ]


def test_a_host_in_two_clusters() -> None:
    hosts = inventory(a=nodes(), b=nodes(instances=[instance(virtual_addresses=["192.0.2.28/24"])]))
    for name in ("b-lb-1", "b-lb-2"):
        hosts[name]["evenkeel_nodes"] = ["b-lb-1", "b-lb-2", "a-lb-1"]
    assert "a-lb-1: evenkeel_cluster: A node belongs to one cluster. a, but b lists it in evenkeel_nodes [A23]" in said(
        plan_all(hosts, hosts.get)
    )


def test_a_host_that_its_cluster_does_not_list() -> None:
    hosts = inventory(a=nodes(five(3)))
    for own in hosts.values():
        own["evenkeel_nodes"] = ["a-lb-1", "a-lb-2"]
    assert said(plan_all(hosts, hosts.get)) == [
        "a-lb-3: evenkeel_nodes: This host is of cluster a, whose list of nodes lacks it. a-lb-1, a-lb-2 [A23]"
    ]


def test_a_cluster_without_a_list_of_nodes_and_a_host_that_is_not_there() -> None:
    hosts = inventory(a=nodes())
    for own in hosts.values():
        del own["evenkeel_nodes"]
    assert said(plan_all([*hosts, "lb-9"], hosts.get)) == [
        "lb-9: hosts: This host is not in the inventory. 'lb-9' [A23]",
        "a-lb-1: evenkeel_nodes: A cluster must name its nodes in order of preference. nothing [A23]",
    ]


def loud(*addresses: str, **changes: Any) -> list[dict[str, Any]]:
    """A pair that multicasts; `anchor` is link-local for IPv6."""
    return nodes(instances=[instance(virtual_addresses=list(addresses), unicast=False, **changes)])


def test_one_number_in_two_clusters_that_multicast_in_one_network() -> None:
    hosts = inventory(a=loud("198.51.100.28/24"), b=loud("198.51.100.29/24"))
    assert said(plan_all(hosts, hosts.get)) == [
        "b: keepalived_instances (public).virtual_router_id: Cluster a multicasts with this number there too, so the nodes"
        " of both hear each other. 55 in 198.51.100.0/24 [A3]"
    ]
    hosts = inventory(a=loud("fe80::28/64", "2001:db8::28/64"), b=loud("fe80::29/64", "2001:db8::29/64"))
    assert [error["rule"] for error in plan_all(hosts, hosts.get)["errors"]] == ["A3"]


@pytest.mark.parametrize(
    "other",
    [
        nodes(instances=[instance(virtual_addresses=["198.51.100.29/24"])]),
        loud("198.51.100.29/24", virtual_router_id=56),
        loud("192.0.2.29/24"),
        loud("fe80::29/64", "198.51.100.29/24"),
        loud("fe80::29/64"),
    ],
    ids=["unicast", "another number", "another network", "another family", "nobody knows where"],
)
def test_a_cluster_beside_one_that_multicasts(other: list[dict[str, Any]]) -> None:
    hosts = inventory(a=loud("198.51.100.28/24"), b=other, c=loud("fe80::30/64"))
    assert said(plan_all(hosts, hosts.get)) == []


def test_a_cluster_named_by_a_number() -> None:
    planned = plan(1, nodes(evenkeel_cluster=1))  # type: ignore[arg-type]
    assert (planned["cluster"], planned["errors"]) == ("1", [])


@pytest.mark.clock
def test_a_thousand_nodes_in_two_seconds() -> None:
    hosts = {}
    for number in range(500):
        names = [f"n{number}-1", f"n{number}-2"]
        for position, name in enumerate(names):
            hosts[name] = {
                "evenkeel_cluster": f"c{number}",
                "evenkeel_nodes": names,
                "keepalived_instances": [instance(virtual_addresses=[f"2001:db8:{number:x}::28/64"])],
                "ansible_host": f"2001:db8:{number:x}::{11 + position}",
            }
    started = time.process_time()
    planned = plan_all(hosts, hosts.get)
    elapsed = time.process_time() - started
    assert planned["errors"] == []
    assert len(planned["plans"]) == 500
    assert elapsed < 2


def test_what_the_plan_adds_is_added_to_an_option() -> None:
    options = plan_options()
    for path in FIELDS:
        known = options
        *outer, last = path.removesuffix("[]").replace("[]", "").split(".")
        for name in outer:
            known = known[name]["options"]
        assert last in known, path
        assert not path.endswith("[]") or known[last]["type"] == "list", path


def test_scripts_and_services_are_checked_at_the_same_pace() -> None:
    script = plan_options()["keepalived_scripts"]["options"]
    assert {key: script[key]["default"] for key in ("interval", "fall", "rise")} == {
        key: CHECK[key] for key in ("interval", "fall", "rise")
    }
