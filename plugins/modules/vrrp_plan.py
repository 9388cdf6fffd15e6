#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vrrp_plan
short_description: Plan the VRRP instances of a cluster from its inventory
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Computes for every node of a cluster its role, priorities, peers, weights and fail-over times, and checks the whole
    cluster before any host is touched. All faults are reported at once, each with its place and its remedy.
  - Reads inventory variables of the cluster's own nodes only, never facts, so that O(ignore:--limit), a dead peer or a
    cold fact cache change nothing, and the same inventory gives the same plan.
  - Runs on the controller and calls no host.
  - >-
    Per node it reads C(keepalived_address) (default C(ansible_host); a literal address, or a list with one per family),
    C(keepalived_priority) and C(keepalived_interface) (one value, or a dictionary by instance), C(keepalived_state).
    Per cluster it reads C(evenkeel_cluster), C(evenkeel_nodes), C(keepalived_instances), C(keepalived_vrrp_version),
    C(keepalived_advert_interval), C(keepalived_down_timer_adverts), C(keepalived_unicast), C(keepalived_preempt_delay),
    C(keepalived_spread), C(keepalived_sync_groups), C(keepalived_auth_pass), C(keepalived_track_services) and
    C(keepalived_scripts), and refuses nodes that disagree on one of them. The role P(evenkeel.lb.keepalived#role)
    documents them.
  - Warnings of the rules that C(evenkeel_accept) of every node of a cluster lists are left out; see C(docs/rules.md).
  - Priorities that the inventory writes are honoured; for an instance in which no node has one, all are computed such
    that appending a node to the cluster changes no number of the others and, from two nodes on, moves no address.
options:
  nodes:
    description:
      - The nodes of one cluster in order of preference, usually C(evenkeel_nodes).
      - Exactly one of O(nodes) and O(hosts) is required.
    type: list
    elements: str
  cluster:
    description:
      - The name of the cluster of O(nodes). The C(evenkeel_cluster) of its first node by default.
    type: str
  hosts:
    description:
      - Hosts of any number of clusters. Each of these is planned, by C(evenkeel_cluster) and C(evenkeel_nodes)
        of its hosts, and all are checked against each other.
    type: list
    elements: str
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Can run in check mode, and does the same there.
    support: full
  diff_mode:
    description: Shows what would change.
    support: none
    details: Nothing is changed.
  idempotent:
    description: The same input gives the same bytes.
    support: full
  platform:
    description: Which targets it works for.
    platforms: all
    support: full
notes:
  - When an instance has a password (VRRPv2 only), the result is registered whole but shown nowhere.
seealso:
  - plugin: evenkeel.lb.vrrp_plan
    plugin_type: filter
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: Plan this node's cluster
  evenkeel.lb.vrrp_plan:
    nodes: "{{ evenkeel_nodes }}"
  register: planned

- name: Show what this node is told
  ansible.builtin.debug:
    var: planned.plan.nodes[inventory_hostname]

- name: Plan every cluster of the inventory and check them against each other
  evenkeel.lb.vrrp_plan:
    hosts: "{{ groups['balancers'] }}"
  register: planned
  run_once: true

- name: Show all plans
  ansible.builtin.debug:
    msg: "{{ planned.summary }}"
  run_once: true
"""

RETURN = r"""
plan:
  description:
    - The plan of the cluster. The page docs/architecture.md describes every key.
  returned: success, when O(nodes) is given
  type: dict
  contains:
    cluster:
      description: The name of the cluster.
      type: str
    nodes:
      description: What every node is told, by name, in order of preference.
      type: dict
    instances:
      description: The fail-over order of every instance, by name.
      type: dict
      sample: {public: {order: [lb-1, lb-2]}}
    sync_groups:
      description: The sync groups.
      type: list
      elements: dict
    errors:
      description: Empty, since findings of this kind fail the task.
      type: list
      elements: dict
    warnings:
      description: What is accepted but has a cost.
      type: list
      elements: dict
plans:
  description: The plan of every cluster, by its name.
  returned: success, when O(hosts) is given
  type: dict
summary:
  description: The plans as lines of text, without secrets.
  returned: success
  type: list
  elements: str
  sample:
    - "cluster edge: lb-1, lb-2"
    - "  public: VRID 55, VRRPv3 every 0.2 s, unicast, 198.51.100.28/24"
error:
  description: The first fault.
  returned: failure
  type: dict
  contains:
    what:
      description: What is wrong.
      type: str
    where:
      description: The host or cluster, and the path of the variable.
      type: str
      sample: "lb-2: keepalived_instances[0].virtual_router_id"
    got:
      description: What was found.
      type: str
    remedy:
      description: What to do.
      type: str
errors:
  description: All faults, each with the keys of RV(error) and the rule, what is accepted, and the severity.
  returned: failure
  type: list
  elements: dict
"""
