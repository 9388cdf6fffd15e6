#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_model
short_description: Check the variables of a role and prepare what it renders
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Conforms the variables of the host to the role's argument specification, applies the rules that the daemon's own checker
    would apply late or not at all, and prepares what the role's templates print and M(evenkeel.lb.commit) is given.
  - Everything that is wrong is reported at once, each with its place and its remedy; what is accepted but has a cost is a warning.
  - Warnings of the rules that C(evenkeel_accept) of the host lists are left out; see C(docs/rules.md).
  - Of the other nodes of the cluster (C(evenkeel_nodes)) it reads inventory variables only, never facts. For wireguard also what the
    role's look at each host found, public keys above all; of a host that did not answer what any other has in its files.
  - Runs on the controller and calls no host.
options:
  role:
    description: The role whose variables are read.
    type: str
    required: true
    choices: [haproxy, keepalived, nginx, traefik, wireguard]
  packages:
    description: Lines C(NAME VERSION) of C(dpkg-query). Of a package that is missing the release's version is assumed.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Does the same in check mode.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
notes:
  - The result is registered whole but shown nowhere, since it holds the role's secrets.
seealso:
  - module: evenkeel.lb.vrrp_plan
  - module: evenkeel.lb.commit
"""

EXAMPLES = r"""
- name: Check the variables, and prepare what is rendered
  evenkeel.lb.role_model:
    role: haproxy
  register: prepared
"""

RETURN = r"""
model:
  description:
    - What the role's templates print. RV(model.warnings) are findings; with all roles RV(model.secrets) are to be masked.
    - Of haproxy also the sections, C(files) for M(evenkeel.lb.commit), C(sockets) that listen when all is well, the versions
      C(haproxy) and C(openssl), and C(digest), which changes with anything in the configuration.
    - Of nginx the same, and C(nginx) in the place of C(haproxy).
    - Of traefik also the texts C(static), C(dynamic) and C(trial), C(binary) (where it comes from and lies), C(files), C(sockets)
      and C(digest), which changes with anything in the dynamic configuration.
    - Of keepalived also C(instances), C(services), C(drop_ins), C(filter) (who may send adverts) and C(facts) (what the node's
      own tool needs).
    - Of wireguard also C(interfaces), C(files), C(checks) (commands that try them), C(filter) (nftables rules by chain), C(forwarding),
      C(node) (what the node's own tool needs) and C(keys), public ones.
  returned: success
  type: dict
  contains:
    warnings:
      description: What is accepted but has a cost.
      type: list
      elements: dict
    secrets:
      description: Values that nothing may print.
      type: list
      elements: str
error:
  description: The first fault.
  returned: failure
  type: dict
  contains:
    what:
      description: What is wrong.
      type: str
    where:
      description: The path of the variable.
      type: str
      sample: haproxy_backends[0].servers[1].port
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
