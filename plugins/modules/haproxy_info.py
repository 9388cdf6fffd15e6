#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_info
short_description: What haproxy on a node serves, with which servers and certificates
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Asks the running daemon over its admin socket. Needs no facts and one remote call, and works with any haproxy from 2.4 on that
    has such a socket, whoever wrote its configuration.
  - A node without haproxy, or with one that is stopped or frozen, is an answer too - RV(running) is false and RV(reason) says why.
  - The role's own frontends and backends (C(evenkeel-*), for health, statistics and rate limits) are left out.
options:
  socket:
    description: haproxy's admin socket.
    type: path
    default: /run/haproxy/admin.sock
  master_socket:
    description: The socket of its master process, which tells of the workers. Debian's unit makes it.
    type: path
    default: /run/haproxy-master.sock
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: evenkeel.lb.haproxy_server
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: Look at haproxy
  evenkeel.lb.haproxy_info:
  register: proxy

- name: Show the servers that get no traffic
  ansible.builtin.debug:
    msg: "{{ proxy.servers | rejectattr('usable') | map(attribute='name') | unique }}"

- name: Stop where a certificate ends within two weeks
  ansible.builtin.assert:
    that: proxy.certificates | selectattr('days_left', 'lt', 14) | length == 0

- name: Wait until every backend has a usable server
  evenkeel.lb.haproxy_info:
  register: proxy
  until: proxy.backends | selectattr('servers_usable', 'equalto', 0) | length == 0
  retries: 10
  delay: 1
"""

RETURN = r"""
running:
  description: Whether haproxy answered.
  type: bool
  returned: always
reason:
  description: Why it did not, or an empty text.
  type: str
  returned: always
  sample: "haproxy.service is inactive, and nothing listens on /run/haproxy/admin.sock."
version:
  description: Its version.
  type: str
  returned: always
  sample: 2.6.12-1+deb12u3
process:
  description: The worker that serves, and the processes around it. Null when haproxy does not run.
  type: dict
  returned: always
  contains:
    pid:
      description: Its process.
      type: int
    uptime_seconds:
      description: For how long it has served; a reload starts a new worker.
      type: int
    threads:
      description: Its threads.
      type: int
    connections:
      description: Its open connections.
      type: int
    connections_max:
      description: How many it accepts.
      type: int
    master:
      description: C(pid), C(uptime_seconds), C(version), C(reloads) and C(failed_reloads) of the master; null without one.
      type: dict
    workers:
      description: C(pid), C(uptime_seconds), C(version) of each worker, and whether it is C(old) - finishing what it had before a reload.
      type: list
      elements: dict
frontends:
  description: Frontends, and the front sides of listens.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Its name.
      type: str
    status:
      description: V(OPEN), V(STOP) or V(FULL).
      type: str
    mode:
      description: V(http) or V(tcp).
      type: str
    sessions:
      description: Open now; C(sessions_max) the most so far, C(sessions_limit) the most possible, C(sessions_total) all so far.
      type: int
    requests_per_second:
      description: In the last second.
      type: int
    bytes_in:
      description: From clients. C(bytes_out) to them.
      type: int
    responses:
      description: How many answers of V(1xx) to V(5xx).
      type: dict
    errors:
      description: How many C(requests) were no proper ones, and how many requests and answers were C(denied) by rules.
      type: dict
backends:
  description: Backends, and the back sides of listens.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Its name.
      type: str
    status:
      description: V(UP) or V(DOWN).
      type: str
    mode:
      description: V(http) or V(tcp).
      type: str
    balance:
      description: How a server is chosen.
      type: str
    servers_total:
      description: How many servers it has.
      type: int
    servers_usable:
      description: How many of them may get requests now.
      type: int
    sessions:
      description: Open now; C(sessions_max) and C(sessions_total) as above.
      type: int
    queue:
      description: Requests that wait for a server.
      type: int
    responses:
      description: How many answers of V(1xx) to V(5xx).
      type: dict
    errors:
      description: Failures towards servers, C(connection) and C(response), and what followed, C(retries) and C(redispatches).
      type: dict
    downtime_seconds:
      description: For how long it has had no usable server, in all.
      type: int
servers:
  description: Every server of every backend.
  type: list
  elements: dict
  returned: always
  contains:
    backend:
      description: The name of its backend.
      type: str
    name:
      description: Its name.
      type: str
    id:
      description: Its number.
      type: int
    address:
      description: Where it is.
      type: str
    port:
      description: Its port; null for the one that the client asked for.
      type: int
    status:
      description: As haproxy sums it up, for example V(UP), V(DOWN), V(DRAIN), V(MAINT), V(no check).
      type: str
    state:
      description: What its checks say - V(running), V(starting), V(stopping) or V(stopped).
      type: str
    admin:
      description: What somebody made of it - V(ready), V(drained) or V(maint).
      type: str
    admin_by:
      description: Who - V(operator), V(configuration), V(tracked server), V(name resolution).
      type: list
      elements: str
    wished:
      description: What M(evenkeel.lb.haproxy_server) was told last and keeps in force, V(drained) or V(maint); null for nothing.
      type: str
    usable:
      description: Whether it may get requests now, those of new clients too.
      type: bool
    backup:
      description: Whether it serves only when no other can.
      type: bool
    weight:
      description: Its share now. C(weight_configured) is that of the configuration.
      type: int
    sessions:
      description: Open now in the worker that serves; C(sessions_max) and C(sessions_total) as above.
      type: int
    queue:
      description: Requests that wait for it.
      type: int
    responses:
      description: How many answers of V(1xx) to V(5xx).
      type: dict
    errors:
      description: As for a backend.
      type: dict
    check:
      description: C(status), C(code), C(duration_ms), C(description) of the last check, and what the server C(said). Null without checks.
      type: dict
    downtime_seconds:
      description: For how long it has been down, in all.
      type: int
    last_change_seconds:
      description: For how long it has been as it is.
      type: int
certificates:
  description: The certificates that haproxy has loaded, the one that ends first before the others.
  type: list
  elements: dict
  returned: always
  contains:
    path:
      description: Its name in haproxy, which is its file.
      type: str
    subject:
      description: Whose it is.
      type: str
    issuer:
      description: Who says so.
      type: str
    names:
      description: The names and addresses that it is for.
      type: list
      elements: str
    serial:
      description: Its number.
      type: str
    fingerprint_sha1:
      description: Its fingerprint, as haproxy shows it.
      type: str
    not_before:
      description: When it begins.
      type: str
      sample: "2026-11-21T15:38:58Z"
    not_after:
      description: When it ends.
      type: str
    days_left:
      description: Whole days until then; negative when it has ended.
      type: int
    used:
      description: Whether a listener shows it.
      type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import MASTER, SOCKET, Haproxy
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.drains import Drains
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.live import look
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import fail


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": SOCKET},
            "master_socket": {"type": "path", "default": MASTER},
        },
        supports_check_mode=True,
    )
    try:
        found = look(Haproxy(module.params["socket"], module.params["master_socket"]))
        wishes = Drains().read()
    except PermissionError as error:
        fail(module, error, module.params["socket"])
    for server in found["servers"]:
        wish = wishes.get((server["backend"], server["name"]))
        server["wished"] = wish.state if wish else None
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
