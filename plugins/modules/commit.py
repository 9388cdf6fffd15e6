#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: commit
short_description: Change a service's files, kernel values and unit as one transaction
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Brings the complete set of a service's files onto a node, or leaves the node as it was.
    The candidate is validated under its final paths without touching the live files, swapped in, loaded, and verified
    against what held before. If anything fails, files, kernel values and unit go back to what they were.
  - The set is complete. What an earlier commit of the service wrote and this one lacks is removed, and what was there
    before the first commit comes back.
  - When nothing has to change, nothing is written.
  - A commit that is cut off (the process killed, the node restarted) is undone or finished by
    C(evenkeel-recover.service), which runs before anything that reads these files, and by the next commit.
  - With O(guard) the node puts itself back unless O(state=confirm) arrives over a new connection in time. So a change
    that locks its own controller out heals itself.
  - Contents and secrets travel as one opaque argument. Values in O(secrets) and what follows words like C(password)
    are masked in every diff, message and quoted line, so tasks need no C(no_log).
options:
  state:
    description:
      - V(present) commits the set.
      - V(rollback) undoes the commits of O(run_id), of all services of the node, the newest first.
      - V(recover) finishes or undoes what was cut off, and does nothing else.
      - V(confirm) ends the trial that O(guard) began, of O(service) or of all services of O(run_id). It has to arrive over a
        connection that is younger than the change, so Ansible's shared ssh connection is closed first. Fails if the node
        has put itself back already; changes nothing where nothing is on trial.
    type: str
    choices: [present, rollback, recover, confirm]
    default: present
  service:
    description:
      - Owner of the paths. A path in the set of another service is refused.
      - Required with O(state=present). With O(state=confirm), this one only.
    type: str
  run_id:
    description:
      - One value per run of a playbook, by which O(state=rollback) and O(state=confirm) find its commits.
      - Required with O(state=rollback), where it must not be empty, and with O(guard).
    type: str
  guard:
    description:
      - Seconds in which O(state=confirm) must arrive, counted from the end of the run's last commit on the node. Otherwise
        the node puts back what the run has on trial, the newest first, and so it does at boot if it restarts before.
      - The work is done by a transient unit, whatever becomes of the connection. What nobody was there to hear, the next
        call tells.
      - While a run is on trial, its other commits on the node join the trial and move its one deadline; other runs are
        refused.
      - V(0) is no guard. Where nothing has to change, and in check mode, nothing is put on trial.
      - Only ssh has connections that can be told apart. Over others (local, a container's) each call counts as a new
        connection, and a confirmation proves no more than that the call arrived.
    type: float
    default: 0
  files:
    description: The complete set of files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute and plain. A symbolic link on the way is refused.
        type: path
        required: true
      content:
        description: The text. Exactly one of O(files[].content), O(files[].src), O(files[].remote_src) is needed.
        type: str
      src:
        description: A file on the controller.
        type: path
      remote_src:
        description: A file on the node.
        type: path
      owner:
        description: Name or number.
        type: str
        default: root
      group:
        description: Name or number.
        type: str
        default: root
      mode:
        description: Octal digits in quotes. Without them YAML reads 0400 as the number 256, which is refused.
        type: str
        default: "0644"
      secret:
        description: Show a fingerprint instead of the content, everywhere.
        type: bool
        default: false
      allow_empty:
        description: A file of white space only is refused unless this is set.
        type: bool
        default: false
  directories:
    description:
      - Directories with owner and mode. A directory that only has to exist for a file of the set need not be listed.
      - Several services may list the same directory.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute and plain.
        type: path
        required: true
      owner:
        description: Name or number.
        type: str
        default: root
      group:
        description: Name or number.
        type: str
        default: root
      mode:
        description: Octal digits in quotes. Without them YAML reads 0400 as the number 256, which is refused.
        type: str
        default: "0755"
  absent:
    description: Files and symbolic links that must not be there. They come back when the entry leaves the set.
    type: list
    elements: path
    default: []
  validate:
    description:
      - Commands that check the candidate, each a list of words. They see it under its final paths, in a mount
        namespace of their own.
      - Where the node permits no such namespace, the set is swapped in, checked, and put back if it is refused.
    type: list
    elements: list
    default: []
  apply:
    description: How the new set comes into force.
    type: dict
    default: {}
    suboptions:
      sysctl:
        description: Files of the set whose kernel values are set at once, and put back with them.
        type: list
        elements: path
        default: []
      runtime:
        description: If nothing but paths that match O(apply.runtime[].when) changed, run these instead of a reload.
        type: list
        elements: dict
        default: []
        suboptions:
          when:
            description: Paths, with C(*), C(?) and C([...]).
            type: list
            elements: str
            required: true
          command:
            description: A command as a list of words.
            type: list
            elements: str
            required: true
      reload:
        description: The command that reloads. By default C(systemctl reload) of O(unit).
        type: list
        elements: str
        default: []
      restart_when:
        description: Paths, with C(*), C(?) and C([...]), whose change a reload cannot apply.
        type: list
        elements: str
        default: []
      watched:
        description:
          - Paths, with C(*), C(?) and C([...]), that a running daemon watches. They are never swapped in for a test.
        type: list
        elements: str
        default: []
  unit:
    description: The systemd unit that reads the set.
    type: str
  unit_state:
    description: Whether the unit runs. Left as it is by default.
    type: str
    choices: [started, stopped]
  enabled:
    description: Whether the unit starts at boot. Left as it is by default.
    type: bool
  verify:
    description:
      - What must hold once the set is in force. A check that the set in force already had and that failed before is
        only a warning.
      - The unit must be active and stay so in any case, and its reload must have succeeded.
    type: dict
    suboptions:
      listen:
        description:
          - Where the unit listens, like C(192.0.2.1:80), C([2001:db8::1]:80), C(*:80), C(udp@*:53) or C(/run/x.sock).
        type: list
        elements: str
        default: []
      http:
        description: URLs that answer.
        type: list
        elements: dict
        default: []
        suboptions:
          url:
            description: Certificates are not checked.
            type: str
            required: true
          status:
            description: The expected status.
            type: int
            default: 200
          host:
            description: A Host header.
            type: str
      command:
        description:
          - Commands that must succeed, each a list of words.
          - They see E(EVENKEEL_APPLY) (V(none), V(runtime), V(reload), V(restart), V(start)) and E(EVENKEEL_STARTED),
            the second since the epoch at which the change began.
        type: list
        elements: list
        default: []
      timeout:
        description: Seconds until all of it must hold.
        type: float
        default: 10
  on_drift:
    description:
      - What to do with a file that somebody changed since our last commit, or that was there before the first and is
        not as its package shipped it. One that was removed is put back in any case, and so are owner and mode.
      - V(fail) stops with the diff. V(overwrite) keeps the version found as a generation of its own.
    type: str
    choices: [fail, overwrite]
    default: fail
  secrets:
    description: Values to mask wherever they occur. Values shorter than four characters are not.
    type: list
    elements: str
  lock_timeout:
    description: Seconds to wait for another commit on the same node.
    type: float
    default: 300
  payload:
    description: Made by the action plugin of the contents and the secrets. Not for tasks.
    type: str
attributes:
  check_mode:
    description: Validates the candidate and reports what would be done, without changing a byte.
    support: full
  diff_mode:
    description: Shows every path; secrets as fingerprints.
    support: full
  platform:
    description: Needs systemd, Python 3.9 and root.
    platforms: Linux
    support: full
seealso:
  - module: ansible.builtin.template
"""

EXAMPLES = r"""
- name: A proxy's configuration, checked, loaded and verified, or nothing
  evenkeel.lb.commit:
    service: haproxy
    files:
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
    validate:
      - [haproxy, -c, -f, /etc/haproxy/haproxy.cfg]
    unit: haproxy.service
    unit_state: started
    enabled: true
    verify:
      listen: ["192.0.2.10:80"]

- name: A certificate that goes in without a reload
  evenkeel.lb.commit:
    service: haproxy
    files:
      - path: /etc/haproxy/haproxy.cfg
        src: haproxy.cfg
      - {path: /etc/haproxy/certs/www.pem, content: "{{ www_pem }}", mode: "0600", secret: true}
    apply:
      runtime:
        - when: [/etc/haproxy/certs/*]
          command: [/usr/local/lib/evenkeel/load_certificates]
    unit: haproxy.service

- name: Kernel values and a drop-in, put back with everything else if the daemon does not start
  evenkeel.lb.commit:
    service: keepalived
    files:
      - {path: /etc/sysctl.d/60-keepalived.conf, content: "net.ipv4.ip_nonlocal_bind = 1\n"}
      - {path: /etc/systemd/system/keepalived.service.d/10-evenkeel.conf, content: "[Service]\nRestart=always\n"}
    apply:
      sysctl: [/etc/sysctl.d/60-keepalived.conf]
      restart_when: [/etc/systemd/system/keepalived.service.d/*]
    unit: keepalived.service
    unit_state: started

- name: Take everything away again; what was there before comes back
  evenkeel.lb.commit:
    service: haproxy
    unit: haproxy.service
    unit_state: stopped
    enabled: false

- name: A change that may lock us out, on trial for half a minute
  evenkeel.lb.commit:
    service: keepalived
    run_id: "{{ evenkeel_run_id }}"
    guard: 30
    files:
      - path: /etc/keepalived/keepalived.conf
        content: "{{ lookup('ansible.builtin.template', 'keepalived.conf.j2') }}"
    unit: keepalived.service

- name: Let it stay, since a new connection still gets in
  evenkeel.lb.commit:
    state: confirm
    run_id: "{{ evenkeel_run_id }}"

- name: Undo what a run did on this node
  evenkeel.lb.commit:
    state: rollback
    run_id: "{{ evenkeel_run_id }}"
"""

RETURN = r"""
stage:
  description: The last step that was reached.
  type: str
  returned: always
  sample: compare
generation:
  description: Number of the generation in force.
  type: int
  returned: always
  sample: 12
apply:
  description: What was done to the unit; in check mode what would be done.
  type: str
  returned: always
  sample: reload
drift:
  description: Paths that are not as our last commit left them.
  type: list
  elements: dict
  returned: always
  contains:
    path:
      description: Where.
      type: str
      sample: /etc/haproxy/haproxy.cfg
    kind:
      description:
        - V(changed) since our last commit, V(foreign) if it was there before our first and is not its package's, V(missing)
          if somebody removed it.
      type: str
      sample: changed
    since:
      description: The generation that it is compared with.
      type: int
      sample: 11
    diff:
      description: From what we left (or want) to what is there, secrets masked.
      type: str
diff:
  description: What changed, secrets masked.
  type: list
  elements: dict
  returned: always
validated:
  description: How the candidate was checked, V(namespace), V(swap) or V(none).
  type: str
  returned: always
  sample: namespace
rolled_back:
  description: Whether a failure was followed by putting everything back.
  type: bool
  returned: always
  sample: false
guard:
  description: What the run has on trial on this node; empty without.
  type: dict
  returned: always
  contains:
    run_id:
      description: Whose trial it is.
      type: str
      sample: 20261121T150000
    services:
      description: What goes back unless it is confirmed.
      type: list
      elements: str
      sample: [haproxy, keepalived]
    seconds:
      description: As O(guard).
      type: float
      sample: 30
    deadline:
      description: When, by the node's clock, in UTC.
      type: str
      sample: "2026-11-21T15:00:41Z"
fell_back:
  description:
    - What the node put back by itself since the last call, with a warning; empty without. The first commit of another run is
      the last to be told.
  type: dict
  returned: always
  contains:
    run_id:
      description: Whose trial it was.
      type: str
      sample: 20261121T150000
    services:
      description: What went back.
      type: list
      elements: str
      sample: [haproxy, keepalived]
    at:
      description: When, by the node's clock, in UTC.
      type: str
      sample: "2026-11-21T15:00:41Z"
    why:
      description: The reason.
      type: str
      sample: nobody confirmed in time
    problems:
      description: What did not go as it should on the way back, secrets masked.
      type: list
      elements: str
      sample: []
error:
  description: What stopped the commit.
  type: dict
  returned: failure
  contains:
    what:
      description: The fault.
      type: str
      sample: the candidate was refused by `haproxy -c -f /etc/haproxy/haproxy.cfg` (exit code 1); nothing was changed.
    where:
      description: The path, with its line where the daemon names one; or the unit, or the argument.
      type: str
      sample: /etc/haproxy/haproxy.cfg:23
    got:
      description: The daemon's own lines and the rendered lines that they name, secrets masked.
      type: str
      sample: "parsing [/etc/haproxy/haproxy.cfg:23] : unknown keyword 'bindd' in 'frontend' section"
    remedy:
      description: What to do.
      type: str
      sample: Mend the variables that these lines come from.
errors:
  description: All independent errors, each like RV(error).
  type: list
  elements: dict
  returned: failure with several of them
services:
  description: The services that O(state=rollback) undid, in that order, or that O(state=confirm) confirmed.
  type: list
  elements: dict
  returned: with O(state=rollback) and O(state=confirm)
  sample: [{service: haproxy, generation: 13, apply: reload, changed: true}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import handover, payload
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.confirm import confirm
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.engine import commit
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.errors import CommitError
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Host
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import parse
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.recover import overdue, recover
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.result import Result
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.rollback import rollback
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store

ACCESS = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
SPEC = {
    "state": {"type": "str", "choices": ["present", "rollback", "recover", "confirm"], "default": "present"},
    "service": {"type": "str"},
    "run_id": {"type": "str"},
    "guard": {"type": "float", "default": 0},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            **ACCESS,
            "content": {"type": "str"},
            "src": {"type": "path"},
            "remote_src": {"type": "path"},
            "mode": {"type": "str", "default": "0644"},
            "secret": {"type": "bool", "default": False, "no_log": False},
            "allow_empty": {"type": "bool", "default": False},
        },
    },
    "directories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**ACCESS, "mode": {"type": "str", "default": "0755"}},
    },
    "absent": {"type": "list", "elements": "path", "default": []},
    "validate": {"type": "list", "elements": "list", "default": []},
    "apply": {
        "type": "dict",
        "default": {},
        "options": {
            "sysctl": {"type": "list", "elements": "path", "default": []},
            "runtime": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "when": {"type": "list", "elements": "str", "required": True},
                    "command": {"type": "list", "elements": "str", "required": True},
                },
            },
            "reload": {"type": "list", "elements": "str", "default": []},
            "restart_when": {"type": "list", "elements": "str", "default": []},
            "watched": {"type": "list", "elements": "str", "default": []},
        },
    },
    "unit": {"type": "str"},
    "unit_state": {"type": "str", "choices": ["started", "stopped"]},
    "enabled": {"type": "bool"},
    "verify": {
        "type": "dict",
        "options": {
            "listen": {"type": "list", "elements": "str", "default": []},
            "http": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "url": {"type": "str", "required": True},
                    "status": {"type": "int", "default": 200},
                    "host": {"type": "str"},
                },
            },
            "command": {"type": "list", "elements": "list", "default": []},
            "timeout": {"type": "float", "default": 10},
        },
    },
    "on_drift": {"type": "str", "choices": ["fail", "overwrite"], "default": "fail"},
    "secrets": {"type": "list", "elements": "str", "no_log": True},
    "lock_timeout": {"type": "float", "default": 300},
    "payload": {"type": "str", "no_log": True},
}


def checked(hidden: dict[str, Any]) -> dict[str, Any]:
    """What came inside the payload, held against the same specification."""
    found = ArgumentSpecValidator({key: SPEC[key] for key in ("verify", "secrets")}).validate(hidden)
    if found.error_messages:
        raise CommitError(
            "an argument is wrong.", "verify", "; ".join(found.error_messages), "See ansible-doc evenkeel.lb.commit."
        )
    return {key: value for key, value in found.validated_parameters.items() if value is not None}


def run(params: dict[str, Any], check: bool) -> Result:
    """What the arguments ask for, and how it ended."""
    host = Host()
    if host.uid != 0:
        return Result(error=CommitError("commit needs root.", "", f"uid {host.uid}", "Set become: true."))
    before = recover(host) if not check and overdue(host, Store(host)) else Result()
    left = [] if params["state"] == "confirm" else handover.left_behind(host, forget=not check)
    result = before if before.error else _run(host, params, check)
    for line in [*before.warnings, *(one.text() for one in left)]:
        result.warn(line)
    return result


def _run(host: Host, params: dict[str, Any], check: bool) -> Result:
    run_id, service = params["run_id"] or "", params["service"] or ""
    if params["state"] == "recover":
        return recover(host, check)
    if params["state"] == "rollback":
        return rollback(host, run_id, check, params["lock_timeout"])
    if params["state"] == "confirm":
        return confirm(host, run_id, service, check, params["lock_timeout"])
    try:
        contents, hidden = payload.unpack(params["payload"]) if params["payload"] else ([], {})
        arguments = {**params, **checked(hidden), "check": check, "payload": None}
        request = parse(arguments, contents, own=(host.state_dir + "/services",))
    except CommitError as error:
        return Result(error=error)
    if not request.guard:
        return commit(host, request)
    return commit(host, request, lambda: handover.hand_over(host, service, payload.pack(contents, arguments)))


def main() -> None:
    module = AnsibleModule(
        argument_spec=SPEC,
        required_if=[
            ("state", "present", ["service"]),
            ("state", "rollback", ["run_id"]),
            ("state", "confirm", ["run_id", "service"], True),
        ],
        supports_check_mode=True,
    )
    result = run(module.params, module.check_mode)
    for warning in result.warnings:
        module.warn(warning)
    if result.error:
        module.fail_json(result.error.message(), **result.as_dict())
    module.exit_json(**result.as_dict())


if __name__ == "__main__":
    main()
