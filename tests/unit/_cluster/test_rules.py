# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of the plan: what breaks it, and the very words in which it is refused or warned about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import Finding

from tests.unit._cluster.plan_data import SECOND, five, instance, nodes, plan

CHECK = {"name": "gateway", "command": "/usr/local/bin/gateway"}


def one(**changes: Any) -> list[dict[str, Any]]:
    """The pair with its one instance changed."""
    return nodes(instances=[instance(**changes)])


def two(**changes: Any) -> list[dict[str, Any]]:
    """Two instances, the second one with changes."""
    return [instance(), {**SECOND, **changes}]


def said(data: list[dict[str, Any]]) -> list[str]:
    planned = plan("edge", data)
    return [f"{finding['severity']}: {Finding(**finding)}" for finding in (*planned["errors"], *planned["warnings"])]


CASES: list[tuple[str, list[dict[str, Any]], list[str]]] = [
    (
        "A1 unset",
        one(virtual_router_id=None),
        [
            (
                "error: edge: keepalived_instances[0]: The key virtual_router_id is missing. Found: nothing. Add "
                "virtual_router_id. [A1]"
            ),
        ],
    ),
    (
        "A1 range",
        one(virtual_router_id=0),
        [
            (
                "error: edge: keepalived_instances[0].virtual_router_id: The number is out of range. Found: 0. "
                "Accepted: 1 to 255. Choose a number that no other VRRP router on this network uses. [A1]"
            ),
        ],
    ),
    (
        "A1 no number",
        one(virtual_router_id="many"),
        [
            (
                "error: edge: keepalived_instances[0].virtual_router_id: The value must be a whole number. Found: "
                "'many'. Accepted: 1 to 255. Choose a number that no other VRRP router on this network uses. [A1]"
            ),
        ],
    ),
    (
        "A2",
        nodes(instances=two(virtual_router_id=55)),
        [
            (
                "error: edge: keepalived_instances[1].virtual_router_id: public has this number too, and the "
                "same nodes hear both. Found: 55. Give each instance its own number. [A2]"
            ),
        ],
    ),
    (
        "A2 multicast",
        nodes(
            instances=[
                instance(unicast=False),
                {**SECOND, "unicast": False, "virtual_router_id": 55, "interface": "eth0"},
            ]
        ),
        [
            (
                "error: edge: keepalived_instances[1].virtual_router_id: public has this number too, and the "
                "same nodes hear both. Found: 55. Give each instance its own number. [A2]"
            ),
        ],
    ),
    (
        "A5",
        nodes(per_node={"lb-1": {"keepalived_priority": 255}, "lb-2": {"keepalived_priority": 0}}),
        [
            (
                "error: lb-1: keepalived_priority: The number is out of range. Found: 255. Accepted: 1 to 254. Choose"
                " a number from 2 to 254; 255 belongs to an owner of the address, and a virtual one has none. [A5]"
            ),
            (
                "error: lb-2: keepalived_priority: The number is out of range. Found: 0. Accepted: 1 to 254. Choose a"
                " number from 2 to 254; 255 belongs to an owner of the address, and a virtual one has none. [A5]"
            ),
        ],
    ),
    (
        "A6",
        nodes(per_node={"lb-1": {"keepalived_priority": 150}}),
        [
            (
                "error: lb-2: keepalived_priority: Other nodes have a priority of their own in public. Found: "
                "nothing. Give every node a number for this instance, or none: then the plan computes all of "
                "them. [A6]"
            ),
        ],
    ),
    (
        "A6 instance",
        nodes(keepalived_priority={"pubic": 150}),
        [
            (
                "error: lb-1: keepalived_priority.pubic: No instance has this name. Found: 'pubic'. Accepted: "
                "public. Did you mean public? [A6]"
            ),
            (
                "error: lb-2: keepalived_priority.pubic: No instance has this name. Found: 'pubic'. Accepted: "
                "public. Did you mean public? [A6]"
            ),
        ],
    ),
    (
        "A6 interface",
        nodes(per_node={"lb-2": {"keepalived_interface": {"pubic": "ens3"}}}),
        [
            (
                "error: lb-2: keepalived_interface.pubic: No instance has this name. Found: 'pubic'. Accepted: "
                "public. Did you mean public? [A6]"
            ),
        ],
    ),
    (
        "A7",
        nodes(keepalived_priority=100),
        [
            (
                "error: lb-2: keepalived_priority: Two nodes of public have the same priority, so both could be "
                "MASTER. Found: 100, as on lb-1. Give each node its own number. [A7]"
            ),
        ],
    ),
    (
        "A8 unknown",
        one(prefer="lb-3"),
        [
            (
                "error: edge: keepalived_instances[0].prefer: This is not a node of the cluster. Found: 'lb-3'. "
                "Accepted: lb-1, lb-2. Did you mean lb-2? [A8]"
            ),
        ],
    ),
    (
        "A8 explicit",
        nodes(
            instances=[instance(prefer="lb-2")],
            per_node={"lb-1": {"keepalived_priority": 150}, "lb-2": {"keepalived_priority": 100}},
        ),
        [
            (
                "error: edge: keepalived_instances[0].prefer: The priorities written in the inventory prefer "
                "another node. Found: 'lb-2', but lb-1 has 150. Remove `prefer`, or give that node the highest "
                "keepalived_priority. [A8]"
            ),
        ],
    ),
    (
        "A8 spread",
        nodes(keepalived_spread="pairs"),
        [
            (
                "error: edge: keepalived_spread: The value is not one that is known. Found: 'pairs'. Accepted: pair, "
                "all. Did you mean pair? Choose one of them. [A8]"
            ),
        ],
    ),
    (
        "A9",
        one(initial_state="MASTER"),
        [
            (
                "warning: edge: keepalived_instances[0].initial_state: The preferred node takes the address as "
                "soon as keepalived starts, without listening first. Found: 'MASTER'. Leave it out: a node that "
                "starts as BACKUP takes over without two holders. [A9]"
            ),
        ],
    ),
    (
        "A9 option",
        one(options=["priority 100"]),
        [
            (
                "error: edge: keepalived_instances[0].options[0]: A raw line must not repeat what the plan "
                "computes for each node. Found: 'priority 100'. Use keepalived_priority instead. [A9]"
            ),
        ],
    ),
    (
        "A9 word",
        one(initial_state="MAIN"),
        [
            (
                "error: edge: keepalived_instances[0].initial_state: The value is not one that is known. Found: "
                "'MAIN'. Accepted: BACKUP, MASTER. Choose one of them. [A9]"
            ),
        ],
    ),
    (
        "A10 v2",
        nodes(keepalived_vrrp_version=2),
        [
            (
                "error: edge: keepalived_advert_interval: VRRPv2 counts adverts in whole seconds. Found: 0.2. "
                "Accepted: 1 to 255. Set keepalived_advert_interval: 1 (or advert_interval at the instance), or "
                "use version 3. [A10]"
            ),
            (
                "warning: edge: keepalived_vrrp_version: VRRPv2 adverts in whole seconds and waits up to a "
                "second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address. Found: 2. Use version 3 unless an old router takes part. [A14]"
            ),
        ],
    ),
    (
        "A10 v3",
        nodes(keepalived_advert_interval=0.125),
        [
            (
                "error: edge: keepalived_advert_interval: VRRPv3 counts adverts in hundredths of a second. "
                "Found: 0.125. Accepted: 0.01 to 40.95. Choose a multiple of 0.01 below 40.96. [A10]"
            ),
        ],
    ),
    (
        "A10 range",
        nodes(keepalived_advert_interval=0),
        [
            (
                "error: edge: keepalived_advert_interval: The number is out of range. Found: 0. Accepted: 0.01 to "
                "255. Correct it. [A10]"
            ),
        ],
    ),
    (
        "A10 differ",
        nodes(per_node={"lb-2": {"keepalived_advert_interval": 1}}),
        [
            (
                "error: lb-2: keepalived_advert_interval: The nodes of a cluster must agree on "
                "keepalived_advert_interval. Found: 1, where lb-1 has 0.2. Set it once, in the vars of the "
                "cluster's group, and not per host. [A10]"
            ),
        ],
    ),
    (
        "A11",
        one(version=4),
        [
            (
                "error: edge: keepalived_instances[0].version: The value is not one that is known. Found: 4. "
                "Accepted: 2, 3. Use 3, or 2 where old routers have to take part. [A11]"
            ),
        ],
    ),
    (
        "A11 differ",
        nodes(per_node={"lb-2": {"keepalived_vrrp_version": 2}}),
        [
            (
                "error: lb-2: keepalived_vrrp_version: The nodes of a cluster must agree on "
                "keepalived_vrrp_version. Found: 2, where lb-1 has 3. Set it once, in the vars of the cluster's "
                "group, and not per host. [A11]"
            ),
        ],
    ),
    (
        "A12",
        nodes(
            keepalived_vrrp_version=2,
            keepalived_advert_interval=1,
            per_node={"lb-1": {"keepalived_auth_pass": "hunter22"}, "lb-2": {"keepalived_auth_pass": "hunter2"}},
        ),
        [
            (
                "error: lb-2: keepalived_auth_pass: The nodes of a cluster must agree on keepalived_auth_pass. Found:"
                " a value of 7 characters, where lb-1 has a value of 8 characters. Set it once, in the vars of the "
                "cluster's group, and not per host. [A12]"
            ),
            (
                "warning: edge: keepalived_vrrp_version: VRRPv2 adverts in whole seconds and waits up to a "
                "second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address; the password crosses the network readable. Found: 2. Use version 3 "
                "unless an old router takes part. [A14]"
            ),
        ],
    ),
    (
        "A12 equal length",
        nodes(
            keepalived_vrrp_version=2,
            keepalived_advert_interval=1,
            per_node={"lb-1": {"keepalived_auth_pass": "hunter22"}, "lb-2": {"keepalived_auth_pass": "hunter33"}},
        ),
        [
            (
                "error: lb-2: keepalived_auth_pass: The nodes of a cluster must agree on keepalived_auth_pass. Found:"
                " a value of 8 characters, where lb-1 has a value of 8 characters, another one. Set it once, in the "
                "vars of the cluster's group, and not per host. [A12]"
            ),
            (
                "warning: edge: keepalived_vrrp_version: VRRPv2 adverts in whole seconds and waits up to a "
                "second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address; the password crosses the network readable. Found: 2. Use version 3 "
                "unless an old router takes part. [A14]"
            ),
        ],
    ),
    (
        "A13 long",
        one(auth_pass="Venezuela21", version=2, advert_interval=1),
        [
            (
                "error: edge: keepalived_instances[0].auth_pass: The password is longer than 8 characters: keepalived"
                " would use another one without a word. Found: a value of 11 characters. Accepted: 1 to 8 ASCII "
                "characters without blanks, quotes, braces, backslashes, # and !. Choose another password. [A13]"
            ),
            (
                "warning: edge: keepalived_instances[0].version: VRRPv2 adverts in whole seconds and waits up to"
                " a second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address. Found: 2. Use version 3 unless an old router takes part. [A14]"
            ),
        ],
    ),
    *(
        (
            label,
            one(auth_pass=password, version=2, advert_interval=1),
            [
                (
                    "error: edge: keepalived_instances[0].auth_pass: The password holds a character that keepalived reads"
                    " differently: keepalived would use another one without a word. Found: a value of 3 characters. "
                    "Accepted: 1 to 8 ASCII characters without blanks, quotes, braces, backslashes, # and !. Choose "
                    "another password. [A13]"
                ),
                (
                    "warning: edge: keepalived_instances[0].version: VRRPv2 adverts in whole seconds and waits up to"
                    " a second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                    "nodes hold the address. Found: 2. Use version 3 unless an old router takes part. [A14]"
                ),
            ],
        )
        for label, password in (("A13 char", "a b"), ("A13 backslash", "a\\b"))
    ),
    (
        "A13 more than ASCII",
        one(auth_pass="schlüss", version=2, advert_interval=1),
        [
            (
                "error: edge: keepalived_instances[0].auth_pass: The password holds a character that keepalived reads"
                " differently: keepalived would use another one without a word. Found: a value of 7 characters. "
                "Accepted: 1 to 8 ASCII characters without blanks, quotes, braces, backslashes, # and !. Choose "
                "another password. [A13]"
            ),
            (
                "warning: edge: keepalived_instances[0].version: VRRPv2 adverts in whole seconds and waits up to"
                " a second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address. Found: 2. Use version 3 unless an old router takes part. [A14]"
            ),
        ],
    ),
    (
        "A14",
        nodes(keepalived_auth_pass="hunter22"),
        [
            (
                "error: edge: keepalived_auth_pass: VRRPv3 has no passwords. Found: 8 characters. Remove the "
                "password, or set keepalived_vrrp_version: 2 with whole-second adverts. [A14]"
            ),
        ],
    ),
    (
        "A14 cost",
        nodes(keepalived_vrrp_version=2, keepalived_advert_interval=1),
        [
            (
                "warning: edge: keepalived_vrrp_version: VRRPv2 adverts in whole seconds and waits up to a "
                "second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address. Found: 2. Use version 3 unless an old router takes part. [A14]"
            ),
        ],
    ),
    (
        "A14 cost pass",
        nodes(keepalived_vrrp_version=2, keepalived_advert_interval=1, keepalived_auth_pass="hunter22"),
        [
            (
                "warning: edge: keepalived_vrrp_version: VRRPv2 adverts in whole seconds and waits up to a "
                "second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address; the password crosses the network readable. Found: 2. Use version 3 "
                "unless an old router takes part. [A14]"
            ),
        ],
    ),
    (
        "A16",
        nodes(keepalived_down_timer_adverts=0),
        [
            (
                "error: edge: keepalived_down_timer_adverts: The number is out of range. Found: 0. Accepted: 1 to "
                "100. Correct it. [A16]"
            ),
        ],
    ),
    (
        "A17 anchor",
        one(anchor="198.51.100.29"),
        [
            (
                "error: edge: keepalived_instances[0].anchor: The anchor must be one of the instance's virtual "
                "addresses. Found: '198.51.100.29'. Accepted: 198.51.100.28/24, 2001:db8::28/64. Write one of "
                "them, or leave `anchor` out for the first. [A17]"
            ),
        ],
    ),
    (
        "A17 differ",
        nodes(
            per_node={
                "lb-2": {"keepalived_instances": [instance(virtual_addresses=["198.51.100.29/24", "2001:db8::28/64"])]}
            }
        ),
        [
            (
                "error: lb-2: keepalived_instances[0].virtual_addresses[0]: The nodes of a cluster must agree on"
                " keepalived_instances. Found: '198.51.100.29/24', where lb-1 has '198.51.100.28/24'. Set it "
                "once, in the vars of the cluster's group, and not per host. [A17]"
            ),
        ],
    ),
    (
        "A17 count",
        nodes(per_node={"lb-2": {"keepalived_instances": []}}),
        [
            (
                "error: lb-2: keepalived_instances: The nodes of a cluster must agree on keepalived_instances. "
                "Found: [], where lb-1 has a list of 1. Set it once, in the vars of the cluster's group, and not"
                " per host. [A17]"
            ),
        ],
    ),
    (
        "A21 twice",
        nodes(instances=two(name="public")),
        [
            (
                "error: edge: keepalived_instances[1].name: Two instances have this name. Found: 'public'. "
                "Rename one of them. [A21]"
            ),
        ],
    ),
    (
        "A21 blank",
        one(name="the public"),
        [
            (
                "error: edge: keepalived_instances[0].name: keepalived needs a name in one word. Found: 'the "
                "public'. Accepted: letters, digits and . _ : -. Give it a name without blanks and quotes. [A21]"
            ),
        ],
    ),
    (
        "A21 key",
        one(virtual_adresses=[]),
        [
            (
                "error: edge: keepalived_instances[0]: The key virtual_adresses is unknown here. Found: "
                "virtual_adresses. Accepted: name, virtual_router_id, interface, virtual_addresses, anchor, track, "
                "track_scripts, track_interfaces, prefer, version, advert_interval, unicast, preempt_delay, "
                "nopreempt, initial_state, auth_pass, garp_master_refresh, notify_master, notify_backup, "
                "notify_fault, notify_stop, smtp_alert, options. Did you mean virtual_addresses? Correct or remove "
                "it. [A21]"
            ),
        ],
    ),
    (
        "A21 shape",
        nodes(instances=["public"]),
        [
            ("error: edge: keepalived_instances[0]: The value must be a mapping. Found: 'public'. Write it so. [A21]"),
        ],
    ),
    (
        "A21 script twice",
        nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[CHECK, CHECK]),
        [
            (
                "error: edge: keepalived_scripts[1].name: Two scripts have this name. Found: 'gateway'. Rename "
                "one of them. [A21]"
            ),
        ],
    ),
    (
        "A21 script reserved",
        nodes(
            instances=[instance(track_scripts=["haproxy_alive"])],
            keepalived_scripts=[{**CHECK, "name": "haproxy_alive"}],
        ),
        [
            (
                "error: edge: keepalived_scripts[0].name: This is the name of a check that `track` makes. Found:"
                " 'haproxy_alive'. Rename the script. [A21]"
            ),
        ],
    ),
    (
        "A22",
        one(virtual_addresses=[]),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses: An instance needs at least one virtual "
                "address. Found: []. List the addresses that shall move, like 198.51.100.28/24. [A22]"
            ),
        ],
    ),
    (
        "A22 nothing",
        nodes(instances=[]),
        [
            (
                "warning: edge: keepalived_instances: There is no virtual address to plan. Found: nothing. Add "
                "an instance. [A22]"
            ),
        ],
    ),
    (
        "A23 one",
        nodes(["lb-1"]),
        [
            (
                "warning: edge: evenkeel_nodes: A cluster of one node has nobody to take over; its adverts go "
                "nowhere (C1). Found: 'lb-1'. Add a second node. [A23]"
            ),
        ],
    ),
    (
        "A23 none",
        [],
        [
            (
                "error: edge: evenkeel_nodes: A cluster needs nodes. Found: nothing. Name its nodes in order of "
                "preference. [A23]"
            ),
        ],
    ),
    (
        "A23 missing",
        [*nodes(["lb-1", "lb-2"], evenkeel_nodes=["lb-1", "lb-2", "lb-3"]), {"name": "lb-3", "vars": None}],
        [
            (
                "error: edge: evenkeel_nodes: A node of the cluster is not in the inventory. Found: 'lb-3'. Add "
                "lb-3 to the inventory, or take it out of evenkeel_nodes. [A23]"
            ),
        ],
    ),
    (
        "A23 twice",
        nodes(["lb-1", "lb-2", "lb-2"]),
        [
            "error: edge: evenkeel_nodes: A node is named twice. Found: 'lb-2'. Name each node once. [A23]",
        ],
    ),
    (
        "A23 six",
        nodes(five(6)),
        [
            (
                "error: edge: evenkeel_nodes: A cluster has at most five nodes. Found: 6. Accepted: 1 to 5. Make"
                " several clusters, each with its own evenkeel_cluster and evenkeel_nodes. [A23]"
            ),
        ],
    ),
    (
        "A23 cluster",
        nodes(per_node={"lb-2": {"evenkeel_cluster": "inner"}}),
        [
            (
                "error: lb-2: evenkeel_cluster: A node belongs to one cluster. Found: inner, but edge lists it "
                "in evenkeel_nodes. Set evenkeel_cluster: edge on lb-2, or take it out of that list. [A23]"
            ),
        ],
    ),
    (
        "A23 list",
        nodes(["lb-1", "lb-2"], evenkeel_nodes=["lb-1", "lb-2", "lb-3"]),
        [
            (
                "error: edge: evenkeel_nodes: The plan needs all nodes of the cluster, whatever the play's "
                "hosts. Found: asked for lb-1, lb-2, where lb-1 has lb-1, lb-2, lb-3. Pass evenkeel_nodes "
                "itself. [A23]"
            ),
        ],
    ),
    (
        "A23 lists differ",
        nodes(per_node={"lb-2": {"evenkeel_nodes": ["lb-2", "lb-1"]}}),
        [
            (
                "error: lb-2: evenkeel_nodes[0]: The nodes of a cluster must agree on evenkeel_nodes. Found: "
                "'lb-2', where lb-1 has 'lb-1'. Set it once, in the vars of the cluster's group, and not per "
                "host. [A23]"
            ),
        ],
    ),
    (
        "A23 template",
        nodes(per_node={"lb-2": {"keepalived_address": "{{ ansible_facts.eth0.ipv4.address }}"}}),
        [
            (
                "error: lb-2: keepalived_address: This template cannot be resolved from the inventory alone. "
                "Found: '{{ ansible_facts.eth0.ipv4.address }}'. Use inventory variables only: facts of another "
                "node may be missing. [A23]"
            ),
        ],
    ),
    (
        "A23 state",
        nodes(per_node={"lb-2": {"keepalived_state": "gone"}}),
        [
            (
                "error: lb-2: keepalived_state: The value is not one that is known. Found: 'gone'. Accepted: present,"
                " absent. Choose one of them. [A23]"
            ),
        ],
    ),
    (
        "B1 gap",
        nodes(per_node={"lb-1": {"keepalived_priority": 200}, "lb-2": {"keepalived_priority": 10}}),
        [
            (
                "error: edge: keepalived_instances[0] (public): keepalived_priority: No weight that keepalived "
                "takes can beat this gap, so the address would stay on a node that lost its backends or is "
                "drained. Found: a gap of 190 with 1 tracked services and own weights of 0 needs -382. Accepted:"
                " -253 to 253. Bring the priorities within 125 of each other. [B1]"
            ),
        ],
    ),
    (
        "B1 services",
        nodes(
            instances=[instance(track=["haproxy", "nginx", "traefik", "d", "e", "f"])],
            keepalived_track_services={n: {"alive": None, "ready": {"port": 1}} for n in "def"},
        ),
        [
            (
                "error: edge: keepalived_instances[0] (public).track: No weight that keepalived takes can beat "
                "this gap, so the address would stay on a node that lost its backends or is drained. Found: a "
                "gap of 40 with 6 tracked services and own weights of 0 needs -287. Accepted: -253 to 253. Track"
                " fewer services in one instance, or give its own checks smaller weights. [B1]"
            ),
        ],
    ),
    (
        "B1 lowest",
        nodes(per_node={"lb-1": {"keepalived_priority": 2}, "lb-2": {"keepalived_priority": 1}}),
        [
            (
                "error: lb-2: keepalived_priority: keepalived lowers no priority below 1, so no drained node "
                "would be less than this one. Found: 1. Accepted: 2 to 254. Raise the priorities of public. [B1]"
            ),
        ],
    ),
    (
        "B1 weight",
        nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[{**CHECK, "weight": -5}]),
        [
            (
                "error: edge: keepalived_instances[0].track_scripts[0] (gateway): When this check fails on lb-1 "
                "it keeps 245 against 240 of lb-2: the address would not move. Found: a weight of -5. Use a "
                "weight below -10, or none: then a failure is a FAULT. [B1]"
            ),
        ],
    ),
    (
        "B1 interface",
        one(track_interfaces=[{"name": "eth9", "weight": -10}]),
        [
            (
                "error: edge: keepalived_instances[0].track_interfaces[0] (eth9): When this check fails on lb-1 "
                "it keeps 240 against 240 of lb-2: the address would not move. Found: a weight of -10. Use a "
                "weight below -10, or none: then a failure is a FAULT. [B1]"
            ),
        ],
    ),
    (
        "B2",
        nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[{**CHECK, "weight": 2}]),
        [
            (
                "error: edge: keepalived_instances[0].track_scripts[0] (gateway): When this check fails on lb-1 "
                "it keeps 250 against 242 of lb-2: the address would not move. Found: a weight of 2. Use a "
                "weight below -10, or none: then a failure is a FAULT. [B2]"
            ),
        ],
    ),
    (
        "B3",
        nodes(
            instances=[instance(nopreempt=True, track_scripts=["gateway"])],
            keepalived_scripts=[{**CHECK, "weight": -60}],
        ),
        [
            (
                "error: edge: keepalived_instances[0].track_scripts[0] (gateway): With nopreempt a lower "
                "priority never moves the address. Found: a weight of -60. Remove the weight: then a failure is "
                "a FAULT, which does move it. Or remove nopreempt. [B3]"
            ),
            (
                "warning: edge: keepalived_instances[0].nopreempt: Without preemption a drain is a FAULT: the "
                "address is gone for the skew time at every planned move, and a node that lost its backends "
                "keeps it. Found: true. Leave nopreempt out; preempt_delay already keeps the address from "
                "flapping. [B4]"
            ),
        ],
    ),
    (
        "B4 state",
        one(nopreempt=True, initial_state="MASTER"),
        [
            (
                "error: edge: keepalived_instances[0].initial_state: keepalived ignores nopreempt on a node that"
                " starts as MASTER. Found: 'MASTER'. Accepted: BACKUP. Leave initial_state out. [B4]"
            ),
            (
                "warning: edge: keepalived_instances[0].nopreempt: Without preemption a drain is a FAULT: the "
                "address is gone for the skew time at every planned move, and a node that lost its backends "
                "keeps it. Found: true. Leave nopreempt out; preempt_delay already keeps the address from "
                "flapping. [B4]"
            ),
        ],
    ),
    (
        "B4 cost",
        nodes(instances=[instance(), {**SECOND, "nopreempt": True}]),
        [
            (
                "warning: edge: keepalived_instances[1].nopreempt: Without preemption a drain is a FAULT: the "
                "address is gone for the skew time at every planned move, and a node that lost its backends "
                "keeps it; so it is for public. Found: true. Leave nopreempt out; preempt_delay already keeps "
                "the address from flapping. [B4]"
            ),
        ],
    ),
    (
        "B5 range",
        nodes(keepalived_preempt_delay=1001),
        [
            (
                "error: edge: keepalived_preempt_delay: The number is out of range. Found: 1001. Accepted: 0 to 1000."
                " Correct it. [B5]"
            ),
        ],
    ),
    (
        "B5 nopreempt",
        one(nopreempt=True, preempt_delay=5),
        [
            (
                "error: edge: keepalived_instances[0].preempt_delay: keepalived ignores it together with "
                "nopreempt. Found: 5. Remove preempt_delay or nopreempt. [B5]"
            ),
            (
                "warning: edge: keepalived_instances[0].nopreempt: Without preemption a drain is a FAULT: the "
                "address is gone for the skew time at every planned move, and a node that lost its backends "
                "keeps it. Found: true. Leave nopreempt out; preempt_delay already keeps the address from "
                "flapping. [B4]"
            ),
        ],
    ),
    (
        "B5 state",
        one(initial_state="MASTER", preempt_delay=5),
        [
            (
                "error: edge: keepalived_instances[0].preempt_delay: keepalived ignores it together with "
                "initial_state: MASTER. Found: 5. Remove preempt_delay or initial_state: MASTER. [B5]"
            ),
            (
                "warning: edge: keepalived_instances[0].initial_state: The preferred node takes the address as "
                "soon as keepalived starts, without listening first. Found: 'MASTER'. Leave it out: a node that "
                "starts as BACKUP takes over without two holders. [A9]"
            ),
        ],
    ),
    (
        "B6",
        nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[{**CHECK, "weight": -254}]),
        [
            (
                "error: edge: keepalived_scripts[0].weight: The number is out of range. Found: -254. Accepted: -253 "
                "to 253. Choose a weight in range, or none: then a failure is a FAULT. [B6]"
            ),
        ],
    ),
    (
        "B7 warn",
        nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[{**CHECK, "weight": 12}]),
        [
            (
                "warning: edge: keepalived_instances[0] (public): keepalived raises no priority above 254, so "
                "the weights that reward leave less distance between the nodes than was written. Found: 250 + "
                "12. Use negative weights, or lower the priorities. [B7]"
            ),
        ],
    ),
    (
        "B7 tie",
        nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[{**CHECK, "weight": 20}]),
        [
            (
                "error: edge: keepalived_instances[0] (public): keepalived raises no priority above 254, so the "
                "weights that reward leave several healthy nodes equal. Found: 250 + 20. Use negative weights, "
                "or lower the priorities. [B7]"
            ),
        ],
    ),
    (
        "B8 lost",
        nodes(
            five(3),
            per_node={
                "lb-1": {"keepalived_priority": 150},
                "lb-2": {"keepalived_priority": 100},
                "lb-3": {"keepalived_priority": 50},
            },
        ),
        [
            (
                "warning: edge: keepalived_instances[0] (public): When all nodes have lost what they track, "
                "several have priority 1: then the higher address decides, not the order. Found: 150, 100, 50 "
                "with -101 for what is lost and -202 for a drain. Raise the priorities, or bring them closer "
                "together (250, 240, 230 leave room for everything). [B8]"
            ),
        ],
    ),
    (
        "B8 drained",
        nodes(
            five(3),
            instances=[instance(track=[])],
            per_node={
                "lb-1": {"keepalived_priority": 30},
                "lb-2": {"keepalived_priority": 20},
                "lb-3": {"keepalived_priority": 10},
            },
        ),
        [
            (
                "warning: edge: keepalived_instances[0] (public): When all nodes are drained, several have "
                "priority 1: then the higher address decides, not the order. Found: 30, 20, 10 with -0 for what "
                "is lost and -21 for a drain. Raise the priorities, or bring them closer together (250, 240, 230"
                " leave room for everything). [B8]"
            ),
        ],
    ),
    (
        "B8 both",
        nodes(per_node={"lb-1": {"keepalived_priority": 20}, "lb-2": {"keepalived_priority": 11}}),
        [
            (
                "warning: edge: keepalived_instances[0] (public): When all nodes are drained, several have "
                "priority 1: then the higher address decides, not the order. Found: 20, 11 with -10 for what is "
                "lost and -20 for a drain. Raise the priorities, or bring them closer together (250, 240, 230 "
                "leave room for everything). [B8]"
            ),
        ],
    ),
    (
        "B9",
        nodes(
            instances=two(track=["nginx"]), keepalived_sync_groups=[{"name": "all", "instances": ["public", "private"]}]
        ),
        [
            (
                "error: edge: keepalived_sync_groups[0].instances: The members of a sync group need the same "
                "weights: one that drops alone tears the group apart. Found: private: nginx; public: haproxy. "
                "Give them the same track, track_scripts, track_interfaces and nopreempt. [B9]"
            ),
        ],
    ),
    (
        "B12",
        one(track_interfaces=["eth0"]),
        [
            (
                "error: edge: keepalived_instances[0].track_interfaces[0]: This is the instance's own interface "
                "on lb-1, which keepalived watches anyway. Found: 'eth0'. Remove it. [B12]"
            ),
        ],
    ),
    (
        "B13 script",
        nodes(
            instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[{**CHECK, "interval": 1, "timeout": 2}]
        ),
        [
            (
                "error: edge: keepalived_scripts[0].timeout: A check must end before the next one begins. Found:"
                " 2 with an interval of 1. Accepted: 1 to 1. Lower the timeout or raise the interval. [B13]"
            ),
        ],
    ),
    (
        "B13 service",
        nodes(keepalived_track_services={"haproxy": {"alive": {"timeout": 3}}}),
        [
            (
                "error: edge: keepalived_track_services.haproxy.alive.timeout: A check must end before the next "
                "one begins. Found: 3 with an interval of 1. Accepted: 1 to 1. Lower the timeout or raise the "
                "interval. [B13]"
            ),
        ],
    ),
    (
        "B13 fraction",
        nodes(keepalived_track_services={"haproxy": {"alive": {"interval": 0.5}}}),
        [
            (
                "error: edge: keepalived_track_services.haproxy.alive.interval: The value must be a whole number. "
                "Found: 0.5. Accepted: 1 to 4294. Write it so. [B13]"
            ),
        ],
    ),
    (
        "B17 service",
        one(track=["haprxy"]),
        [
            (
                "error: edge: keepalived_instances[0].track[0]: This service is not known. Found: 'haprxy'. "
                "Accepted: haproxy, nginx, traefik. Did you mean haproxy? Others are defined in "
                "keepalived_track_services. [B17]"
            ),
        ],
    ),
    (
        "B17 script",
        one(track_scripts=["gateway"]),
        [
            (
                "error: edge: keepalived_instances[0].track_scripts[0]: This script is not defined. Found: "
                "'gateway'. Define it in keepalived_scripts. [B17]"
            ),
        ],
    ),
    (
        "B17 unused",
        nodes(keepalived_scripts=[CHECK]),
        [
            (
                "warning: edge: keepalived_scripts[0]: No instance uses this script, so it is left out. Found: "
                "'gateway'. Name it in track_scripts of an instance, or remove it. [B17]"
            ),
        ],
    ),
    (
        "B17 twice",
        one(track=["haproxy", "haproxy"]),
        [
            (
                "error: edge: keepalived_instances[0].track: An item is named twice. Found: 'haproxy'. Name it "
                "once. [B17]"
            ),
        ],
    ),
    (
        "B18",
        nodes(five(3), instances=[instance(prefer="lb-1"), {**SECOND, "prefer": "lb-1"}]),
        [
            (
                "warning: edge: keepalived_instances: When lb-1 is lost, all its addresses land on lb-2. Found: "
                "public, private. Give keepalived_priority per instance, or let the plan compute the priorities "
                "without `prefer`. [B18]"
            ),
        ],
    ),
    (
        "B19 unknown",
        nodes(instances=two(), keepalived_sync_groups=[{"name": "all", "instances": ["public", "privat"]}]),
        [
            (
                "error: edge: keepalived_sync_groups[0].instances[1]: No instance has this name. Found: "
                "'privat'. Accepted: public, private. Did you mean private? [B19]"
            ),
        ],
    ),
    (
        "B19 twice",
        nodes(
            instances=two(),
            keepalived_sync_groups=[
                {"name": "all", "instances": ["public", "private"]},
                {"name": "more", "instances": ["private", "public"]},
            ],
        ),
        [
            (
                "error: edge: keepalived_sync_groups[1].instances[0]: An instance can be in one sync group, and "
                "all has it already. Found: 'private'. Remove it from one of them. [B19]"
            ),
            (
                "error: edge: keepalived_sync_groups[1].instances[1]: An instance can be in one sync group, and "
                "all has it already. Found: 'public'. Remove it from one of them. [B19]"
            ),
        ],
    ),
    (
        "B19 one",
        nodes(keepalived_sync_groups=[{"name": "all", "instances": ["public"]}]),
        [
            (
                "error: edge: keepalived_sync_groups[0].instances: A sync group needs at least two instances. "
                "Found: ['public']. Add one, or remove the group. [B19]"
            ),
        ],
    ),
    (
        "B19 order",
        nodes(
            instances=two(),
            keepalived_sync_groups=[{"name": "all", "instances": ["public", "private"]}],
            per_node={
                "lb-1": {"keepalived_priority": {"public": 150, "private": 100}},
                "lb-2": {"keepalived_priority": {"public": 100, "private": 150}},
            },
        ),
        [
            (
                "error: edge: keepalived_sync_groups[0].instances: The members of a sync group move together, so"
                " they need the same order of nodes. Found: private: lb-2, lb-1; public: lb-1, lb-2. Give them "
                "the same `prefer` or keepalived_priority. [B19]"
            ),
        ],
    ),
    (
        "B19 prefer",
        nodes(
            instances=[instance(prefer="lb-1"), {**SECOND, "prefer": "lb-2"}],
            keepalived_sync_groups=[{"name": "all", "instances": ["public", "private"]}],
        ),
        [
            (
                "error: edge: keepalived_sync_groups[0].instances: The members of a sync group move together, so"
                " they need the same order of nodes. Found: private: lb-2; public: lb-1. Give them the same "
                "`prefer` or keepalived_priority. [B19]"
            ),
        ],
    ),
    (
        "C2",
        nodes(keepalived_address="198.51.100.11"),
        [
            (
                "error: lb-2: keepalived_address: lb-1 has this address too, so a node would be its own peer. "
                "Found: 198.51.100.11. Give each node its own address. [C2]"
            ),
        ],
    ),
    (
        "C4",
        nodes(per_node={"lb-2": {"keepalived_unicast": False}}),
        [
            (
                "error: lb-2: keepalived_unicast: The nodes of a cluster must agree on keepalived_unicast. "
                "Found: False, where lb-1 has True. Set it once, in the vars of the cluster's group, and not per"
                " host. [C4]"
            ),
        ],
    ),
    (
        "C4 word",
        nodes(keepalived_unicast="perhaps"),
        [
            ("error: edge: keepalived_unicast: The value must be true or false. Found: 'perhaps'. Write it so. [C4]"),
        ],
    ),
    (
        "C5 name",
        nodes(per_node={"lb-2": {"ansible_host": "lb-2.example.com"}}),
        [
            (
                "error: lb-2: keepalived_address: The plan resolves no names: adverts need a literal address. "
                "Found: 'lb-2.example.com'. Set keepalived_address to this node's IPv4 address on the network of"
                " the virtual addresses. [C5]"
            ),
        ],
    ),
    (
        "C5 nothing",
        nodes(per_node={"lb-2": {"ansible_host": None}}),
        [
            (
                "error: lb-2: keepalived_address: The plan resolves no names: adverts need a literal address. "
                "Found: 'lb-2'. Set keepalived_address to this node's IPv4 address on the network of the virtual"
                " addresses. [C5]"
            ),
        ],
    ),
    (
        "C5 family",
        one(virtual_addresses=["2001:db8::28/64"]),
        [
            (
                "error: lb-1: keepalived_address: The anchor of public is an IPv6 address, so its adverts need "
                "one of this node. Found: '198.51.100.11'. Set keepalived_address to this node's IPv6 address on"
                " the network of the virtual addresses (a list holds one per family). [C5]"
            ),
            (
                "error: lb-2: keepalived_address: The anchor of public is an IPv6 address, so its adverts need "
                "one of this node. Found: '198.51.100.12'. Set keepalived_address to this node's IPv6 address on"
                " the network of the virtual addresses (a list holds one per family). [C5]"
            ),
        ],
    ),
    (
        "C5 loopback",
        nodes(per_node={"lb-2": {"keepalived_address": "127.0.0.1"}}),
        [
            (
                "error: lb-2: keepalived_address: The other nodes cannot send adverts to this address. Found: "
                "127.0.0.1. Set keepalived_address to the node's address on the network of the virtual "
                "addresses. [C5]"
            ),
        ],
    ),
    (
        "C5 two",
        nodes(per_node={"lb-2": {"keepalived_address": ["198.51.100.12", "198.51.100.13"]}}),
        [
            (
                "error: lb-2: keepalived_address: A node sends from one IPv4 address. Found: 198.51.100.12 and "
                "198.51.100.13. Leave one of them out. [C5]"
            ),
        ],
    ),
    (
        "C7 nowhere",
        one(interface=None),
        [
            (
                "error: edge: keepalived_instances[0].interface: An interface is required here or per node: it "
                "is never guessed. Found: nothing. Set `interface` of public, or keepalived_interface on each "
                "node. [C7]"
            ),
        ],
    ),
    (
        "C7 node",
        nodes(instances=[instance(interface=None)], per_node={"lb-1": {"keepalived_interface": "eth0"}}),
        [
            (
                "error: lb-2: keepalived_interface: An interface is required here or per node: it is never "
                "guessed. Found: nothing. Set `interface` of public, or keepalived_interface on each node. [C7]"
            ),
        ],
    ),
    (
        "C7 name",
        one(interface="a-very-long-name-0"),
        [
            (
                "error: edge: keepalived_instances[0].interface: This is not the name of a network interface "
                "that can carry VRRP. Found: 'a-very-long-name-0'. Accepted: 1 to 15 characters without blanks, "
                "not lo. Write the name as `ip link` shows it. [C7]"
            ),
        ],
    ),
    (
        "C9 version",
        nodes(
            instances=[instance(virtual_addresses=["2001:db8::28/64"], version=2, advert_interval=1)],
            per_node={"lb-1": {"keepalived_address": "2001:db8::11"}, "lb-2": {"keepalived_address": "2001:db8::12"}},
        ),
        [
            (
                "error: edge: keepalived_instances[0].version: VRRPv2 knows IPv4 only, and the anchor is an IPv6"
                " address. Found: 2. Use version 3, or make an IPv4 address the anchor. [C9]"
            ),
            (
                "warning: edge: keepalived_instances[0].version: VRRPv2 adverts in whole seconds and waits up to"
                " a second more at every takeover (0.6 s at priority 100); during a change of the interval both "
                "nodes hold the address. Found: 2. Use version 3 unless an old router takes part. [A14]"
            ),
        ],
    ),
    (
        "C9 multicast",
        one(virtual_addresses=["2001:db8::28/64"], unicast=False),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0]: With multicast the first IPv6 "
                "address must be link-local (RFC 9568 5.2.9). Found: '2001:db8::28/64'. Add one like fe80::28/64"
                " and make it the anchor, or use unicast. [C9]"
            ),
        ],
    ),
    (
        "C10 twice",
        nodes(instances=two(virtual_addresses=["198.51.100.28/32"])),
        [
            (
                "error: edge: keepalived_instances[1].virtual_addresses[0]: This address is at "
                "keepalived_instances[0].virtual_addresses[0] (public) already. Found: '198.51.100.28/32'. Keep "
                "it in one place. [C10]"
            ),
        ],
    ),
    (
        "C10 node",
        one(virtual_addresses=["198.51.100.12/24"]),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0]: This is the own address of lb-2, "
                "which cannot move. Found: '198.51.100.12/24'. Choose a free address. [C10]"
            ),
        ],
    ),
    (
        "C10 network",
        one(virtual_addresses=["198.51.100.0/24"]),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0]: This is the address of the network "
                "itself. Found: '198.51.100.0/24'. Choose a host's address. [C10]"
            ),
        ],
    ),
    (
        "C10 broadcast",
        one(virtual_addresses=["198.51.100.255/24"]),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0]: This is the broadcast address of its"
                " network. Found: '198.51.100.255/24'. Choose a host's address. [C10]"
            ),
        ],
    ),
    (
        "C10 loopback",
        one(virtual_addresses=["127.0.0.1/8"]),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0]: This address cannot be a virtual "
                "one. Found: '127.0.0.1/8'. Choose a host's address. [C10]"
            ),
        ],
    ),
    (
        "C12",
        one(virtual_addresses=["198.51.100.28"]),
        [
            (
                "warning: edge: keepalived_instances[0].virtual_addresses[0]: Without a prefix keepalived adds "
                "the address alone, and no route to its network. Found: '198.51.100.28'. Write 198.51.100.28/32 "
                "if that is meant, else the prefix of its network. [C12]"
            ),
        ],
    ),
    (
        "C15 prefix",
        one(virtual_addresses=["198.51.100.28/33"]),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0]: This is not an address with a "
                "prefix. Found: '198.51.100.28/33'. Write it like 198.51.100.28/24 or 2001:db8::28/64. [C15]"
            ),
        ],
    ),
    (
        "C15 label",
        nodes(
            instances=[instance(virtual_addresses=[{"address": "198.51.100.28/24", "label": "eth0:public-address"}])]
        ),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0].label: The kernel does not take this "
                "label. Found: 'eth0:public-address'. Accepted: 1 to 15 characters without blanks. Shorten it, "
                "for instance to eth0:vip. [C15]"
            ),
        ],
    ),
    (
        "C15 label6",
        nodes(
            instances=[instance(virtual_addresses=["198.51.100.28/24", {"address": "2001:db8::28/64", "label": "x"}])]
        ),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[1].label: An IPv6 address has no label. "
                "Found: 'x'. Remove the label. [C15]"
            ),
        ],
    ),
    (
        "C15 broadcast",
        nodes(
            instances=[
                instance(
                    virtual_addresses=[
                        "198.51.100.28/24",
                        {"address": "2001:db8::28/64", "broadcast": "198.51.100.255"},
                    ]
                )
            ]
        ),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[1].broadcast: IPv6 has no broadcast. "
                "Found: '198.51.100.255'. Remove the broadcast address. [C15]"
            ),
        ],
    ),
    (
        "C15 broadcast4",
        one(virtual_addresses=[{"address": "198.51.100.28/24", "broadcast": "+"}]),
        [
            (
                "error: edge: keepalived_instances[0].virtual_addresses[0].broadcast: This is not an IPv4 "
                "address. Found: '+'. Write 198.51.100.255, or leave it out. [C15]"
            ),
        ],
    ),
]


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_rule_says(data: list[dict[str, Any]], expected: list[str]) -> None:
    assert said(data) == expected


GOOD = {
    "the pair": nodes(),
    "two instances": nodes(instances=two()),
    "five nodes and two services": nodes(five(5), instances=[instance(track=["haproxy", "nginx"]), SECOND]),
    "explicit priorities of the seeds": nodes(
        per_node={"lb-1": {"keepalived_priority": 150}, "lb-2": {"keepalived_priority": 100}}
    ),
    "priorities per instance": nodes(
        instances=two(),
        per_node={
            "lb-1": {"keepalived_priority": {"public": 101, "private": 100}},
            "lb-2": {"keepalived_priority": {"public": 100, "private": 101}},
        },
    ),
    "a script without weight": nodes(instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[CHECK]),
    "a script with a weight that moves": nodes(
        instances=[instance(track_scripts=["gateway"])], keepalived_scripts=[{**CHECK, "weight": -11}]
    ),
    "an interface that is watched": one(track_interfaces=[{"name": "eth1", "weight": -11}]),
    "a sync group": nodes(
        instances=two(), keepalived_sync_groups=[{"name": "all", "instances": ["public", "private"]}]
    ),
    "one number in two families": nodes(
        instances=two(virtual_router_id=55, virtual_addresses=["2001:db8::29/64"]),
        per_node={
            "lb-1": {"keepalived_address": ["198.51.100.11", "2001:db8::11"]},
            "lb-2": {"keepalived_address": ["198.51.100.12", "2001:db8::12"]},
        },
    ),
    "one number on two multicast interfaces": nodes(
        instances=two(virtual_router_id=55), keepalived_unicast=False, ansible_host=None
    ),
    "a link-local anchor": nodes(
        instances=[instance(virtual_addresses=["fe80::28/64", "2001:db8::28/64"], unicast=False)]
    ),
    "labels and broadcast": nodes(
        instances=[
            instance(
                virtual_addresses=[
                    {"address": "198.51.100.28/24", "label": "eth0:vip", "broadcast": "198.51.100.255", "dev": "eth0"}
                ]
            )
        ]
    ),
    "three nodes, three instances": nodes(
        five(3), instances=[*two(), instance(name="third", virtual_router_id=57, virtual_addresses=["192.0.2.29/24"])]
    ),
}


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_nothing_is_said_about_a_good_cluster(data: list[dict[str, Any]]) -> None:
    assert said(data) == []


def test_all_faults_are_named_at_once() -> None:
    broken = nodes(
        instances=[instance(virtual_router_id=300, interface=None, track=["haprxy"]), {**SECOND, "prefer": "lb-9"}],
        per_node={"lb-2": {"ansible_host": "lb-2.example.com"}},
        keepalived_advert_interval=0.125,
    )
    rules = [finding["rule"] for finding in plan("edge", broken)["errors"]]
    assert sorted(rules) == ["A1", "A10", "A8", "B17", "C5", "C7"]


def test_no_message_shows_a_password() -> None:
    """Whatever is wrong around it: a canary in every place where a password may stand."""
    canary = "CANARY-SECRET"
    other = {"keepalived_instances": [{"auth_pass": canary, "name": "else"}], "keepalived_auth_pass": canary}
    for data in (
        nodes(keepalived_auth_pass=canary),
        nodes(keepalived_auth_pass=[canary]),
        nodes(keepalived_auth_pass={"password": canary}),
        nodes(instances=[instance(auth_pass=canary)], keepalived_vrrp_version=2),
        nodes(per_node={"lb-2": other}),
        nodes(per_node={"lb-1": other}),
        nodes(instances=[[{"auth_pass": canary}]]),
        nodes(keepalived_auth_pass=f"{{{{ {canary} }}}}"),
    ):
        planned = plan("edge", data)
        assert planned["errors"]
        assert "CANARY" not in repr(planned)


def test_every_rule_is_documented() -> None:
    """docs/rules.md lists what the code names, and nothing else."""
    root = Path(__file__).parents[3]
    core = root / "plugins/module_utils/_cluster"
    code = "".join((core / name).read_text() for name in ("variables.py", "inventory.py", "rules.py", "plan.py"))
    named = set(re.findall(r'"([ABC][0-9]{1,2})"', code))
    listed = re.findall(r"^\| ([ABC][0-9]{1,2}) \|", (root / "docs/rules.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(listed)


def test_every_rule_has_a_case() -> None:
    core = Path(__file__).parents[3] / "plugins/module_utils/_cluster"
    code = "".join((core / name).read_text() for name in ("variables.py", "inventory.py", "rules.py"))
    named = set(re.findall(r'"([ABC][0-9]{1,2})"', code))
    assert named == {re.search(r"\[(\w+)\]$", line).group(1) for case in CASES for line in case[2]}  # type: ignore[union-attr]
