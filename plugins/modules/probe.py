#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Measure what clients of a service see
version_added: 0.1.0
description:
  - Sends HTTP or TCP requests from the managed host on a fixed schedule and reports which were lost, for how long,
    and why.
  - The client is an open loop. A new connection is made at its moment whatever became of those before, so an outage
    costs as many requests as it would cost a crowd of independent clients.
  - A request is lost if it has no correct answer within O(timeout) of being sent. A gap is the time from the sending
    of the last good request before a loss to the sending of the first good one after it.
  - Kept clients are correct HTTP/1.1 clients. Each has one connection and one request at a time, closes it where the
    answer says so, and replaces a connection that the server closed before the request was sent, which is no loss.
    What fails after sending is lost and is never sent again.
  - Run it on a host that stands where clients stand, not on a balancer.
options:
  targets:
    description:
      - What to ask.
      - Required unless O(state=stopped).
    type: list
    elements: dict
    suboptions:
      name:
        description: The target's name in the results. Defaults to its address and port.
        type: str
      address:
        description: A literal IPv4 or IPv6 address, so that no name look-up is measured.
        type: str
        required: true
      port:
        description: The TCP port.
        type: int
        default: 80
      protocol:
        description:
          - V(http) sends an HTTP/1.1 request and wants a whole answer with a status of O(targets[].status).
          - V(tcp) connects, sends O(targets[].send) if given, and wants O(targets[].expect) if given.
        type: str
        choices: [http, tcp]
        default: http
      method:
        description: The HTTP method.
        type: str
        default: GET
      path:
        description: The path and query to ask for.
        type: str
        default: /
      host:
        description: The C(Host) header. Defaults to the address, with the port unless it is 80.
        type: str
      headers:
        description: Further request headers.
        type: dict
      body:
        description: The body of the request.
        type: str
      status:
        description: The statuses that are correct answers.
        type: list
        elements: int
        default: [200]
      send:
        description: What to send after connecting, for V(tcp).
        type: str
      expect:
        description: A text that the body (V(http)) or the answer (V(tcp)) must contain.
        type: str
      rate:
        description: As O(rate), for this target.
        type: float
      kept:
        description: As O(kept), for this target.
        type: int
      kept_rate:
        description: As O(kept_rate), for this target.
        type: float
  rate:
    description: New connections a second to each target, each with one request.
    type: float
    default: 100
  kept:
    description: Clients with a kept connection, for each target.
    type: int
    default: 20
  kept_rate:
    description: Requests a second of each kept client.
    type: float
    default: 50
  duration:
    description:
      - Seconds to send for. With O(state=started) this is the latest end.
      - Defaults to 10, and to 600 with O(state=started).
    type: float
  timeout:
    description: Seconds after which a request without a correct answer is lost.
    type: float
    default: 1
  marks:
    description:
      - Moments in epoch seconds, for example those at which a virtual IP moved on purpose.
      - Requests that were on their way at one of them and are lost are counted in RV(lost_in_flight).
      - Taken into account when the figures are returned, so with O(state=stopped) they are given there.
    type: list
    elements: float
    default: []
  server_header:
    description: The answer's header that names the server behind the balancer.
    type: str
    default: X-Served-By
  server_pattern:
    description: A regular expression with one group, the server's name in the body of an answer without that header.
    type: str
  list_lost:
    description: How many lost requests are listed one by one in RV(lost_list). All are counted.
    type: int
    default: 100
  series:
    description: Whether to return RV(series).
    type: bool
    default: false
  state:
    description:
      - V(finished) sends for O(duration) and returns the figures. It can be run with C(async) and C(poll=0).
      - V(started) starts a probe in the background and returns. One probe runs for each O(state_dir).
      - V(stopped) ends that probe, unless it has ended by itself, and returns the figures. They can be asked for again.
    type: str
    choices: [finished, started, stopped]
    default: finished
  state_dir:
    description: Where a probe in the background is remembered, and its figures are left.
    type: path
    default: ~/.evenkeel/probe
attributes:
  check_mode:
    description: In check mode nothing is sent, started or stopped, and there are no figures.
    support: partial
    details:
      - The task is skipped with O(state=finished) and O(state=stopped).
  diff_mode:
    description: There is nothing to show.
    support: none
  idempotent:
    description: A probe that runs is not started again, and one that has ended is not stopped again.
    support: partial
    details:
      - Every run with O(state=finished) sends its requests anew.
  platform:
    description: Linux with Python 3.9 or newer.
    support: full
    platforms: linux
notes:
  - The figures are only as good as the schedule was kept. RV(on_schedule) is false where more than one request in a
    hundred was sent over 25 ms late, or one was not sent at all for want of time. RV(late_ms) says how late.
  - 100 new connections a second leave about 6,000 sockets in C(TIME_WAIT) on the host that probes.
author: The evenkeel.lb authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: See for ten seconds what clients of a virtual IP see
  evenkeel.lb.probe:
    targets:
      - {address: 198.51.100.28, path: /health}
      - {address: "2001:db8::28", path: /health}
  register: clients

- name: Nothing may be lost
  ansible.builtin.assert:
    that:
      - clients.on_schedule
      - clients.lost == 0

- name: Watch while something else is done
  evenkeel.lb.probe:
    targets: [{name: web, address: 198.51.100.28, host: www.example.com}]
    state: started

- name: Do something
  ansible.builtin.pause:
    seconds: 5

- name: See what it cost
  evenkeel.lb.probe:
    state: stopped
    marks: ["{{ moved_at | default(0) }}"]
  register: clients

- name: The same with Ansible's own means
  evenkeel.lb.probe:
    targets: [{address: 198.51.100.28}]
    duration: 30
  async: 60
  poll: 0

- name: A slow stream of posts and a TCP service
  evenkeel.lb.probe:
    targets:
      - name: orders
        address: 198.51.100.28
        method: POST
        path: /orders
        body: "{}"
        status: [200, 201]
        rate: 10
        kept: 0
      - {name: smtp, address: 198.51.100.28, port: 25, protocol: tcp, expect: "220 ", rate: 5, kept: 0}
"""

RETURN = r"""
began:
  description: When the first request was due, in epoch seconds.
  type: float
  returned: with the figures
  sample: 1795263184.2982
ended:
  description: When the last answer was in or given up, in epoch seconds.
  type: float
  returned: with the figures
  sample: 1795263194.2983
sent:
  description: Requests sent.
  type: int
  returned: with the figures
  sample: 11000
ok:
  description: Requests with a correct answer in time.
  type: int
  returned: with the figures
  sample: 10987
lost:
  description: Requests without. RV(sent) is RV(ok) plus RV(lost).
  type: int
  returned: with the figures
  sample: 13
lost_by_kind:
  description:
    - Lost requests by what happened to them.
    - C(refused) means that the connection was refused, C(reset) that it was reset or closed before the answer was
      complete, C(timeout) that nothing complete came in time, C(status) that the answer was not the expected one, and
      C(other) anything else, such as no route to the host.
  type: dict
  returned: with the figures
  sample: {refused: 12, reset: 1, timeout: 0, status: 0, other: 0}
lost_in_flight:
  description: Lost requests that were on their way at one of O(marks).
  type: int
  returned: with the figures
  sample: 0
lost_list:
  description: The first O(list_lost) lost requests in the order of their sending.
  type: list
  elements: dict
  returned: with the figures
  contains:
    sent: {description: When it was sent (epoch seconds)., type: float}
    ended: {description: When it was known to be lost (epoch seconds)., type: float}
    target: {description: The target's name., type: str}
    client: {description: V(new) or V(kept)., type: str}
    kind: {description: As in RV(lost_by_kind)., type: str}
    detail: {description: What happened in the system's words., type: str}
    reused: {description: Whether it was sent on a connection that had carried a request before., type: bool}
    in_flight: {description: Whether it was on its way at one of O(marks)., type: bool}
lost_list_complete:
  description: Whether RV(lost_list) holds every lost request.
  type: bool
  returned: with the figures
  sample: true
gap_ms:
  description: The longest gap in milliseconds that any client saw, 0 where nothing was lost.
  type: float
  returned: with the figures
  sample: 130.2
new:
  description: The figures of the new connections. The gap is that of the target with the longest.
  type: dict
  returned: with the figures
  contains: &figures
    sent: {description: Requests sent., type: int}
    ok: {description: Requests answered correctly., type: int}
    lost: {description: Requests lost., type: int}
    lost_by_kind: {description: Lost requests by kind., type: dict}
    gap_ms: {description: "The longest gap in milliseconds, 0 where nothing was lost.", type: float}
    gap:
      description:
        - That gap's begin (C(from)) and end (C(to)) in epoch seconds and the number of lost requests in it.
        - C(open) is true where it began before the first good request or had not ended with the last, so that it was at
          least this long.
      type: dict
    latency_ms:
      description:
        - p50, p99 and max of the good requests, from sending to the whole answer.
        - A request on a new connection is sent when the connection is begun.
      type: dict
    skipped: {description: Moments at which a kept client should have sent but still waited for an answer., type: int}
    reconnected: {description: Connections that kept clients made after their first., type: int}
kept:
  description: The figures of the kept clients. The gap is that of the client with the longest.
  type: dict
  returned: with the figures
  contains: *figures
targets:
  description: "For each target by name: RV(new) and RV(kept), the longest gap of both, and which servers answered."
  type: dict
  returned: with the figures
servers:
  description: How many good answers each server gave, by O(server_header) or O(server_pattern).
  type: dict
  returned: with the figures
  sample: {web-1: 3667, web-2: 3660, web-3: 3660}
late_ms:
  description: How much later than scheduled requests were sent (p50, p99 and max).
  type: dict
  returned: with the figures
  sample: {p50: 0.5, p99: 2.1, max: 9.8}
missed:
  description: Requests never sent because the probe itself was late by more than O(timeout).
  type: int
  returned: with the figures
  sample: 0
on_schedule:
  description: Whether the probe kept its schedule, so that the figures can be trusted.
  type: bool
  returned: with the figures
  sample: true
cpu_percent:
  description: How much of one CPU the probe used.
  type: float
  returned: with the figures
  sample: 14.5
series:
  description:
    - The course of it in intervals of equal length, by when requests were sent. The lists have one figure for each interval.
    - There are at most 1200 intervals, of 0.1 seconds where that is enough, of twice, four times, ... as much where not.
  type: dict
  returned: with the figures if O(series=true)
  contains:
    began: {description: When the first interval began (epoch seconds)., type: float}
    seconds: {description: How long each interval is., type: float}
    sent: {description: Requests sent., type: list, elements: int}
    lost: {description: Those of them that were lost., type: list, elements: int}
    latency_ms:
      description: The longest time in milliseconds that a good one took, null where there was none.
      type: list
      elements: float
    lost_by_kind: {description: "Lost requests by kind, for the kinds that there were.", type: dict}
    servers: {description: "Good answers by server, for the servers that there were.", type: dict}
  sample:
    began: 1795263184.2982
    seconds: 0.1
    sent: [110, 110]
    lost: [0, 1]
    latency_ms: [2.1, 3.4]
    lost_by_kind: {reset: [0, 1]}
    servers: {web-1: [55, 54], web-2: [55, 55]}
pid:
  description: The process id of the probe in the background.
  type: int
  returned: with O(state=started)
  sample: 4711
error:
  description: What is wrong with the parameters, where, what was found and what to do.
  type: dict
  returned: on refused parameters
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.background import Background, BackgroundError
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.client import Client, report
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.settings import settings

TARGET = {
    "name": {"type": "str"},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 80},
    "protocol": {"type": "str", "choices": ["http", "tcp"], "default": "http"},
    "method": {"type": "str", "default": "GET"},
    "path": {"type": "str", "default": "/"},
    "host": {"type": "str"},
    "headers": {"type": "dict"},
    "body": {"type": "str"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "send": {"type": "str"},
    "expect": {"type": "str"},
    "rate": {"type": "float"},
    "kept": {"type": "int"},
    "kept_rate": {"type": "float"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "targets": {"type": "list", "elements": "dict", "options": TARGET},
    "rate": {"type": "float", "default": 100},
    "kept": {"type": "int", "default": 20},
    "kept_rate": {"type": "float", "default": 50},
    "duration": {"type": "float"},
    "timeout": {"type": "float", "default": 1},
    "marks": {"type": "list", "elements": "float", "default": []},
    "server_header": {"type": "str", "default": "X-Served-By"},
    "server_pattern": {"type": "str"},
    "list_lost": {"type": "int", "default": 100},
    "series": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["finished", "started", "stopped"], "default": "finished"},
    "state_dir": {"type": "path", "default": "~/.evenkeel/probe"},
}


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do what the parameters say and return the module's answer."""
    background = Background(params["state_dir"])
    if params["state"] == "started":
        wanted = settings({**params, "duration": params["duration"] or 600})
        running = background.pid()
        if running is not None or check_mode:
            return {"changed": running is None, "pid": running}
        return {"changed": True, "pid": background.start(wanted)}
    if check_mode:
        return {"changed": False, "skipped": True, "msg": "Nothing is measured in check mode."}
    if params["state"] == "stopped":
        changed = background.pid() is not None
        result = background.stop()
    else:
        changed = False
        client = Client(settings(params))
        client.run()
        result = client.result()
    return {"changed": changed, **report(result, params["marks"], params["list_lost"], params["series"])}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "finished", ["targets"]), ("state", "started", ["targets"])],
        supports_check_mode=True,
    )
    try:
        answer = act(module.params, module.check_mode)
    except CoreError as error:
        first = error.findings[0]
        module.fail_json(
            msg=str(error),
            error={"what": first.what, "where": first.where, "got": first.got, "remedy": first.remedy},
            errors=[finding.as_dict() for finding in error.findings],
        )
    except BackgroundError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
