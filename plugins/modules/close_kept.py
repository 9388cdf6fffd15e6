#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: close_kept
short_description: Tell the proxies' kept clients to close after their next answer
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - >-
    While it is on, every HTTP/1.1 answer of this node's haproxy and nginx carries C(Connection: close). A client that keeps its
    connection therefore opens a new one for its next request, and loses nothing when the virtual IP moves in between.
  - For haproxy it puts one entry into the ACL file that the role P(evenkeel.lb.haproxy#role) reads, through the admin socket; for
    nginx it makes the file that the role P(evenkeel.lb.nginx#role) looks for. No reload, nothing on disk; a reload switches it off.
  - nginx has no such word for HTTP/2. Those clients open a new connection when theirs is cut.
  - A node without a running proxy has no kept clients; that is noted, not an error.
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
  flag:
    description: The file that nginx looks for.
    type: path
    default: /run/evenkeel/nginx.closing
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

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import SECONDS, SOCKET, Haproxy
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused, fail

ENTRY = "on"
# What says that nginx runs here, and with our configuration.
NGINX = ("/run/nginx.pid", "/etc/nginx/evenkeel/http.conf")


def entries(answer: str) -> list[str]:
    """The values in the answer to `show acl FILE`: lines of `0x... VALUE`."""
    return [line.split(maxsplit=1)[1] for line in answer.splitlines() if line.startswith("0x") and " " in line]


def switch(haproxy: Haproxy, acl: str, wanted: bool, check_mode: bool) -> tuple[bool, str | None]:
    """Return whether it changed (or would), and haproxy's complaint if it had one."""
    shown = haproxy.ask(f"show acl {acl}")
    if "Unknown ACL" in shown:
        return False, shown
    if (ENTRY in entries(shown)) == wanted:
        return False, None
    if not check_mode:
        answer = haproxy.ask(f"add acl {acl} {ENTRY}" if wanted else f"clear acl {acl}")
        if answer:
            return False, answer
    return True, None


def raise_flag(path: str, wanted: bool, check_mode: bool) -> bool:
    """Make or remove the file; return whether that changed (or would change) anything."""
    if os.path.exists(path) == wanted:
        return False
    if not check_mode and wanted:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "w", encoding="utf-8"):
            pass
        # Workers are unprivileged; what root's umask would leave them is not enough.
        os.chmod(path, 0o644)
    elif not check_mode:
        os.remove(path)
    return True


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["on", "off"], "required": True},
            "socket": {"type": "path", "default": SOCKET},
            "acl": {"type": "str", "default": "/etc/haproxy/drain.acl"},
            "flag": {"type": "path", "default": "/run/evenkeel/nginx.closing"},
        },
        supports_check_mode=True,
    )
    params = module.params
    wanted = params["state"] == "on"
    changed, complaint, note = False, None, ""
    try:
        changed, complaint = switch(Haproxy(params["socket"]), params["acl"], wanted, module.check_mode)
    except (FileNotFoundError, ConnectionRefusedError):
        note = f"haproxy does not listen on {params['socket']}: no kept clients here"
    except OSError as error:
        what = f"haproxy's admin socket did not answer within {SECONDS} s."
        fail(module, Refused(what, params["socket"], str(error), "Is the process frozen? See: journalctl -u haproxy."))
    if complaint:
        fail(
            module,
            Refused(
                "haproxy refused.",
                params["socket"],
                complaint,
                "Run site.yml on this node first.",
                f"a configuration that reads {params['acl']}, as the role evenkeel.lb.haproxy writes it",
            ),
        )
    if all(os.path.exists(path) for path in NGINX):
        note = ""
        try:
            changed = raise_flag(params["flag"], wanted, module.check_mode) or changed
        except OSError as error:
            fail(module, error, params["flag"])
    module.exit_json(changed=changed, note=note)


if __name__ == "__main__":
    main()
