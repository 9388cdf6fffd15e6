# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: status
short_description: How clusters are, as one table or document
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Puts together what the nodes say of themselves, names what is wrong, and what somebody may want to know.
  - Reads the registered variables C(__evenkeel_live), C(__evenkeel_committed), C(__evenkeel_proxy) and C(__evenkeel_tunnels) of the hosts,
    results of M(evenkeel.lb.vrrp_info), M(evenkeel.lb.commit_info) with O(evenkeel.lb.commit_info#module:contents=true),
    M(evenkeel.lb.haproxy_info) and M(evenkeel.lb.wireguard_info). What is missing is shown as missing. A module that failed has to
    be registered with C(failed_when=false).
  - Reads of each host's variables C(evenkeel_cluster), C(evenkeel_nodes) and C(evenkeel_drift_own).
positional: hostvars
options:
  _input:
    description: The hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  certificate_days:
    description: A certificate that ends within so many days is a problem.
    type: int
    default: 14
seealso:
  - module: evenkeel.lb.vrrp_info
  - module: evenkeel.lb.commit_info
  - module: evenkeel.lb.haproxy_info
  - module: evenkeel.lb.wireguard_info
"""

EXAMPLES = r"""
- name: Show how the clusters are
  evenkeel.lb.show:
    lines: "{{ (ansible_play_hosts_all | evenkeel.lb.status(hostvars)).lines }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - V(report) has C(ok), C(clusters) with their C(vips) and C(nodes), C(problems) and C(notes), the last two as dictionaries of
      C(cluster), C(node) and C(what); V(lines) is the table with problems and notes below it; V(problems) are these in lines.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.inventory import CLUSTER_DEFAULT
from ansible_collections.evenkeel.lb.plugins.module_utils._report.status import (
    CERTIFICATE_DAYS,
    Seen,
    lines,
    report,
    said,
)
from ansible_collections.evenkeel.lb.plugins.plugin_utils.answers import answer
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import plain

NAME = "evenkeel.lb.status"
# The registered variable of each module, what tells that it could look, and its name in Seen.
SOURCES = {
    "__evenkeel_live": ("vrrp_info", "instances", "live"),
    "__evenkeel_committed": ("commit_info", "services", "committed"),
    "__evenkeel_proxy": ("haproxy_info", "running", "proxy"),
    "__evenkeel_tunnels": ("wireguard_info", "interfaces", "tunnels"),
}


def status(hosts: list[str], hostvars: Mapping[str, Any], certificate_days: int = CERTIFICATE_DAYS) -> dict[str, Any]:
    if isinstance(hosts, str) or not isinstance(hosts, (list, tuple)):
        raise AnsibleFilterError(f"{NAME}: the input must be a list of hosts, not {type(hosts).__name__}")
    nodes: dict[str, list[str]] = {}
    for host in hosts:
        cluster = str(hostvars[host].get("evenkeel_cluster", CLUSTER_DEFAULT))
        known = nodes.setdefault(cluster, [])
        known += [name for name in (*hostvars[host].get("evenkeel_nodes", ()), host) if name not in known]
    found = report(
        {cluster: {name: _seen(hostvars[name]) for name in names if name in hosts} for cluster, names in nodes.items()},
        {cluster: [name for name in names if name not in hosts] for cluster, names in nodes.items()},
        certificate_days,
    )
    several = len(found["clusters"]) > 1
    return {"report": found, "lines": lines(found), "problems": [said(one, several) for one in found["problems"]]}


def _seen(own: Mapping[str, Any]) -> Seen:
    """What one host said."""
    said_of: dict[str, Any] = {}
    failed = {}
    for variable, (module, key, name) in SOURCES.items():
        result = answer(own.get(variable))
        if result is not None and key in result:
            said_of[name] = plain(result)
        elif result is not None:
            failed[module] = str(result.get("msg", "no reason was given"))
    return Seen(**said_of, failed=failed, own=plain(own.get("evenkeel_drift_own", [])))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"status": status}
