#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: All that a run has to know of a node before it changes it, in one call
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Returns what M(evenkeel.lb.vrrp_info) returns, and RV(seen). With that in the variable C(__evenkeel_look) the roles'
    tasks in check mode tell on the controller that a host has its packages and that a set of files is in force, and call the
    host only where something differs. A playbook that changes hosts takes a new look before it compares again.
  - C(evenkeel.lb.site) and C(evenkeel.lb.propagate) compare this way. Reads only.
options: {}
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: evenkeel.lb.vrrp_info
  - module: evenkeel.lb.commit
  - module: evenkeel.lb.commit_info
  - module: evenkeel.lb.packages
"""

EXAMPLES = r"""
- name: Look at the node, once
  evenkeel.lb.node_info:
  register: look

- name: Say what the role would change, and call the node again only for that
  ansible.builtin.include_role:
    name: evenkeel.lb.haproxy
    apply: {check_mode: true, diff: true}
  vars:
    __evenkeel_look: "{{ look.seen }}"
"""

RETURN = r"""
seen:
  description:
    - Packages and accounts, and of every path in the sets that are in force its kind, digest, owner and mode, live kernel values
      and the state of each unit. Packed, since people read M(evenkeel.lb.commit_info). Holds no contents and no secrets.
    - Leaves the sets out where a commit has more to tell than whether something differs, as of a run on trial.
  type: str
  returned: always
running:
  description: This and everything else as M(evenkeel.lb.vrrp_info) returns it.
  type: bool
  returned: always
"""

import pwd
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import payload, take
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Host
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.state import digest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.unit import PROPERTIES
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.files import Files
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.info import info
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.live import UNIT_PROPERTIES, watched
from ansible_collections.evenkeel.lb.plugins.module_utils._node import packages
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import fail
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node import found as wireguard

TRAEFIK = "etc/systemd/system/traefik.service"
BINARY = re.compile(r"(/usr/local/lib/evenkeel/traefik/bin/[0-9a-f]+)/traefik")


def look(files: Files, host: Host) -> dict[str, Any]:
    """Everything that RETURN promises; systemd and dpkg are asked once."""
    store = Store(host)
    manifests = take.readable(host, store)
    ours = [one.unit for one in manifests.values() if one.unit]
    shown = units(host, [*watched(files), *ours])
    found = {
        "packages": packages.installed(files.run(packages.query(packages.KNOWN)).stdout),
        "users": sorted({account.pw_name for account in pwd.getpwall()}),
        "intact": [path for path in checksums(files) if intact(path)],
        "tunnels": tunnels(files),
        "sets": take.take(host, store, manifests, {name: shown[name] for name in ours if name in shown}),
    }
    told = {
        name: dict(line.split("=", 1) for line in shown[name].splitlines()) for name in watched(files) if name in shown
    }
    return {**info(files, units=told), "seen": payload.pack([], found)}


def checksums(files: Files) -> list[str]:
    """The checksums of the binary that Traefik's unit runs: it comes from no package."""
    try:
        text = (files.root / TRAEFIK).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [f"{directory}/traefik.sha256" for directory in sorted(set(BINARY.findall(text)))]


def intact(path: str) -> bool:
    """Whether `sha256sum --check` would say so; of nothing it does not."""
    try:
        lines = [line.split(maxsplit=1) for line in Path(path).read_text(errors="replace").splitlines()]
        digests = {name: digest((Path(path).parent / name).read_bytes()) for _sum, name in lines}
    except (OSError, ValueError):
        return False
    return bool(lines) and all(digests[name] == sum_ for sum_, name in lines)


def tunnels(files: Files) -> list[str] | None:
    """What the role wireguard looks for; None on a host that has no tunnel yet."""
    names = wireguard.tunnels()
    return files.run(wireguard.command(names)).stdout.splitlines() if names else None


def units(host: Host, names: Sequence[str]) -> dict[str, str]:
    """What systemd says of each, in one call; nothing where its answer can't be told apart."""
    unique = list(dict.fromkeys(names))
    wanted = ",".join(dict.fromkeys([*PROPERTIES.split(","), *UNIT_PROPERTIES]))
    done = host.run(["systemctl", "show", "-p", wanted, "--", *unique])
    blocks = done.output.split("\n\n")
    return dict(zip(unique, blocks)) if done.rc == 0 and len(blocks) == len(unique) else {}


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **look(Files(), Host()))
    except PermissionError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
