# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the plan that are checked while the inventory is read, some of them again when values meet (rules.py)."""

from __future__ import annotations

from .._core.findings import WARNING
from .._core.register import Rules

rule = Rules("cluster")

ROUTER_ID = rule.define("A1", "`virtual_router_id` is set, 1 to 255.")
PRIORITY = rule.define(
    "A5", "A priority is 1 to 254: 255 belongs to an owner of the address, and a virtual one has none."
)
PRIORITIES = rule.define(
    "A6",
    "All nodes have a priority of their own in an instance, or none has (then all are computed); what a node says of"
    " instances one by one names them.",
)
RAW = rule.define("A9-raw", "Raw lines repeat nothing that the plan computes.")
INTERVAL = rule.define(
    "A10",
    "The advert interval is the same on all nodes; whole seconds below 256 under v2, hundredths below 40.96 under v3.",
)
VERSION = rule.define("A11", "The VRRP version is 2 or 3 and the same on all nodes.")
SAME_PASSWORD = rule.define("A12", "The password is the same on all nodes.")
PASSWORD = rule.define("A13", "A password has 1 to 8 ASCII characters that keepalived takes as they are.")
ADVERTS = rule.define("A16", "`keepalived_down_timer_adverts` is 1 to 100 and the same on all nodes.")
INSTANCES = rule.define(
    "A17",
    "The instances and the addresses that they advertise are the same on all nodes, and the anchor is one of these.",
)
NAMES = rule.define("A21", "Names are in one word, and each is there once.")
ADDRESSES = rule.define("A22", "An instance has a virtual address.")
NODES = rule.define(
    "A23",
    "A cluster has one to nine nodes, each in the inventory, in one cluster and in the same order for all; the plan"
    " resolves their variables from the inventory alone.",
)
DELAY = rule.define("B5", "`preempt_delay` is 0 to 1000, and not together with `nopreempt` or `initial_state: MASTER`.")
WEIGHT = rule.define("B6", "A weight is -253 to 253.")
CHECK = rule.define("B13", "A check counts in whole seconds, and ends before the next one begins.")
UNICAST = rule.define("C4", "All nodes use unicast, or all multicast.")
SOURCE = rule.define("C5", "With unicast each node has one literal address of the anchor's family.")
INTERFACE = rule.define("C7", "Every instance has an interface on every node; it is never guessed.")
VIP = rule.define(
    "C10", "A virtual address is in one instance, is no host's own, no network's and no broadcast address."
)
PREFIX = rule.define("C12", "A virtual address has a prefix.", WARNING)
ADDRESS = rule.define("C15", "Addresses, labels and broadcast addresses are valid; IPv6 has neither of the latter.")
AGREE = rule.define("agree", "The nodes of a cluster agree on what is the cluster's.")
