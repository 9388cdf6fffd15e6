#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: close_kept
short_description: Tell haproxy's kept clients to close after their next answer
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - >-
    While it is on, every HTTP answer of this node's haproxy carries C(Connection: close). A client that keeps its
    connection therefore opens a new one for its next request, and loses nothing when the virtual IP moves in between.
  - Puts one entry into the ACL file that the role P(evenkeel.lb.haproxy#role) reads, through the admin socket; no
    reload, nothing on disk. A reload switches it off.
  - A node without a running haproxy has no kept clients; that is noted, not an error.
options:
  state:
    description: Whether clients are told to close.
    type: str
    choices: ["on", "off"]
    required: true
  socket:
    description: haproxy's admin socket.
    type: path
    default: /run/haproxy/admin.sock
  acl:
    description: The ACL file, as the configuration names it.
    type: str
    default: /etc/haproxy/drain.acl
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: There is no file to show.
    support: none
"""

EXAMPLES = r"""
- name: Tell kept clients to close
  evenkeel.lb.close_kept:
    state: "on"

- name: Let clients keep their connections again
  evenkeel.lb.close_kept:
    state: "off"
"""

RETURN = r"""
note:
  description: Why there was nothing to do, or an empty text.
  type: str
  returned: always
"""

import socket

from ansible.module_utils.basic import AnsibleModule

ENTRY = "on"
TIMEOUT_SECONDS = 5


def ask(path: str, command: str) -> str:
    """Send one command to haproxy's admin socket and return its answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as admin:
        admin.settimeout(TIMEOUT_SECONDS)
        admin.connect(path)
        admin.sendall(command.encode() + b"\n")
        chunks = []
        while chunk := admin.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks).decode(errors="replace").strip()


def entries(answer: str) -> list[str]:
    """The values in the answer to `show acl FILE`: lines of `0x... VALUE`."""
    return [line.split(maxsplit=1)[1] for line in answer.splitlines() if line.startswith("0x") and " " in line]


def switch(path: str, acl: str, wanted: bool, check_mode: bool) -> tuple[bool, str | None]:
    """Return whether it changed (or would), and haproxy's complaint if it had one."""
    shown = ask(path, f"show acl {acl}")
    if "Unknown ACL" in shown:
        return False, shown
    if (ENTRY in entries(shown)) == wanted:
        return False, None
    if not check_mode:
        answer = ask(path, f"add acl {acl} {ENTRY}" if wanted else f"clear acl {acl}")
        if answer:
            return False, answer
    return True, None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["on", "off"], "required": True},
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "acl": {"type": "str", "default": "/etc/haproxy/drain.acl"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        changed, complaint = switch(params["socket"], params["acl"], params["state"] == "on", module.check_mode)
    except (FileNotFoundError, ConnectionRefusedError):
        module.exit_json(changed=False, note=f"haproxy does not listen on {params['socket']}: no kept clients here")
    except OSError as error:
        module.fail_json(
            msg=f"{params['socket']}: haproxy's admin socket did not answer within {TIMEOUT_SECONDS} s ({error}). "
            "Is the process frozen? See: journalctl -u haproxy"
        )
    if complaint:
        module.fail_json(
            msg=f"{params['socket']}: haproxy refused. Found: {complaint}. "
            f"Accepted: a configuration that reads {params['acl']}, "
            "as the role evenkeel.lb.haproxy writes it. Run site.yml on this node first."
        )
    module.exit_json(changed=changed, note="")


if __name__ == "__main__":
    main()
