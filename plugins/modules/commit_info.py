#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: commit_info
short_description: What was committed on a node, and what has become of it since
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Lists the services that M(evenkeel.lb.commit) manages on the node with their generations, and compares the files, kernel
    values and units of the last commit with what is there now.
  - Needs no variables of a role and no facts, waits for no lock and changes nothing. Needs root, as what it reads is root's.
options:
  contents:
    description:
      - Also return what each file held when it was committed, secrets masked. A file with O(evenkeel.lb.commit#module:files[].secret)
        and our own programs are shown by their fingerprints.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing; what differs is in RV(services[].drift).
    support: none
seealso:
  - module: evenkeel.lb.commit
  - module: evenkeel.lb.vrrp_info
"""

EXAMPLES = r"""
- name: Look at what was committed
  evenkeel.lb.commit_info:
  register: committed

- name: Refuse to go on where somebody has changed something by hand
  ansible.builtin.assert:
    that: committed.services | map(attribute='drift') | flatten | length == 0

- name: Which run made what haproxy runs now, and which one was before it?
  ansible.builtin.debug:
    msg: "{{ (committed.services | selectattr('service', 'equalto', 'haproxy') | first).generations[:2] }}"
"""

RETURN = r"""
services:
  description: The services of the node by name. Empty where nothing was ever committed.
  type: list
  elements: dict
  returned: always
  contains:
    service:
      description: Its name.
      type: str
      sample: haproxy
    generation:
      description: Number of the generation in force.
      type: int
      sample: 12
    kind:
      description: V(commit).
      type: str
    run_id:
      description: The run that committed it; V(rollback of RUN) where a run was undone. Empty where the run had no name.
      type: str
      sample: 20261121T151000Z-123456
    committed_at:
      description: When, in UTC.
      type: str
      sample: "2026-11-21T15:10:09Z"
    unit:
      description: Its systemd unit, or an empty text.
      type: str
      sample: haproxy.service
    files:
      description: Every path of the set.
      type: list
      elements: dict
      contains:
        path:
          description: The path.
          type: str
          sample: /etc/haproxy/haproxy.cfg
        kind:
          description: V(file), V(directory), or V(absent) for a path that must not be there.
          type: str
          sample: file
        secret:
          description: Whether the content is secret.
          type: bool
        sha256:
          description: Digest of a file's content when it was committed, else an empty text.
          type: str
        content:
          description: What it held then, secrets masked.
          type: str
          returned: with O(contents=true)
    drift:
      description: What is not as the last commit left it. Empty where all is.
      type: list
      elements: dict
      contains:
        path:
          description: The path; C(sysctl) and the key of a kernel value; the unit, followed by C(at boot) where that is meant.
          type: str
          sample: /etc/haproxy/haproxy.cfg
        kind:
          description: >-
            V(changed), content; V(missing), a path that is gone; V(access), owner or mode; V(sysctl), a kernel value; V(unit),
            running or enabled.
          type: str
          sample: changed
        since:
          description: The generation that it is compared with.
          type: int
          sample: 12
        diff:
          description: A unified diff from the last commit to what is there now, secrets masked.
          type: str
    generations:
      description: All that the node keeps, the newest first.
      type: list
      elements: dict
      contains:
        generation:
          description: Its number.
          type: int
          sample: 12
        kind:
          description: V(commit), or V(by hand) for what a person had written and a commit replaced.
          type: str
          sample: commit
        run_id:
          description: As in RV(services[].run_id).
          type: str
        committed_at:
          description: When, in UTC.
          type: str
        in_force:
          description: Whether this is the one in force.
          type: bool
interrupted:
  description: Services whose commit is under way or was cut off; the next run and every start of the unit finish or undo it.
  type: list
  elements: str
  returned: always
  sample: []
guard:
  description: The run that is on trial and goes back at the deadline unless it is confirmed (O(evenkeel.lb.commit#module:guard)), or null.
  type: dict
  returned: always
  sample: {run_id: 20261121T151000Z-123456, services: [haproxy, keepalived], seconds: 60, deadline: "2026-11-21T15:11:09Z"}
fell_back:
  description: The run that went back because nobody confirmed it, until the next run has read that; or null.
  type: dict
  returned: always
  sample: null
busy:
  description: Who commits on this node at this moment, or an empty text. What is compared meanwhile may be half of a change.
  type: str
  returned: always
  sample: ""
error:
  description: Why the module could not look.
  type: dict
  returned: failure
  sample: {what: "reading what was committed needs root.", where: "", got: "uid 1000", remedy: "Set become: true."}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.errors import CommitError
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Host
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.info import look_back
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.result import io_error
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store


def info(host: Host, contents: bool) -> dict[str, Any]:
    """Everything that RETURN promises."""
    if host.uid != 0:
        raise CommitError("reading what was committed needs root.", "", f"uid {host.uid}", "Set become: true.")
    try:
        return look_back(host, Store(host), contents)
    except OSError as error:
        raise io_error(error) from error


def main() -> None:
    module = AnsibleModule(
        argument_spec={"contents": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    try:
        found = info(Host(), module.params["contents"])
    except CommitError as error:
        module.fail_json(error.message(), error=error.as_dict())
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
