#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_server
short_description: Take a server out of haproxy's backends without losing a request, and put it back
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - A drained server finishes what it has and gets no request of a new client; one in maintenance gets none at all and is not checked.
  - What was wished is kept on the node. It holds over reloads, restarts and reboots, over a changed address of the server and over a
    rollback, until it is lifted. A server that leaves the configuration is forgotten an hour later, unless it has come back by then.
  - "The role P(evenkeel.lb.haproxy#role) has to be on the node for that; the node's haproxy has to run."
options:
  server:
    description: Name of the server.
    type: str
    required: true
  backend:
    description: Name of its backend. Unset, every backend that has a server of this name.
    type: str
  state:
    description: What to make of it.
    type: str
    choices: [drained, maint, ready]
    required: true
  reason:
    description: Why, for whoever finds it drained.
    type: str
    default: ""
  force:
    description: Whether it may be the last usable server of a backend. Without one, clients of the backend get errors.
    type: bool
    default: false
  wait_sessions:
    description: Waits until it has fewer sessions than this, in the workers from before a reload too.
    type: int
    default: 1
  wait_seconds:
    description:
      - Waits so long at most (O(state=drained) or O(state=maint)) and fails if it still has as many sessions; it stays drained.
      - V(0) does not wait.
    type: float
    default: 0
  socket:
    description: haproxy's admin socket.
    type: path
    default: /run/haproxy/admin.sock
  master_socket:
    description: The socket of its master process, which tells of the workers from before a reload.
    type: path
    default: /run/haproxy-master.sock
attributes:
  check_mode:
    description: Says what would change and waits for nothing.
    support: full
  diff_mode:
    description: Shows the servers' states, before and after.
    support: full
seealso:
  - module: evenkeel.lb.haproxy_info
  - module: evenkeel.lb.drain
"""

EXAMPLES = r"""
- name: Take a web server out of every backend, on all balancers
  evenkeel.lb.haproxy_server:
    server: web-2
    state: drained
    reason: new kernel
    wait_seconds: 60

- name: Put it back
  evenkeel.lb.haproxy_server:
    server: web-2
    state: ready

- name: Leave the long downloads of one backend to end by themselves
  evenkeel.lb.haproxy_server:
    backend: downloads
    server: web-2
    state: drained
    wait_sessions: 5
    wait_seconds: 600
"""

RETURN = r"""
servers:
  description: The servers of this name, as they are at the end; in check mode as they would be.
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
    admin:
      description: V(ready), V(drained) or V(maint).
      type: str
    sessions:
      description: Its sessions, of all workers.
      type: int
waited_seconds:
  description: How long it took until it had fewer sessions than O(wait_sessions); 0 when it was not waited for.
  type: float
  returned: always
note:
  description: What may surprise, or an empty text.
  type: str
  returned: always
  sample: "app/web-2 was not drained."
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node import answers, live
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import MASTER, SOCKET, Haproxy
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import Refused as Said
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.drains import (
    Drains,
    Key,
    Wish,
    Wishes,
    change,
    line,
)
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused, fail

POLL_SECONDS = 0.1


@dataclass
class Run:
    """One call: what it finds, and what it makes of that."""

    params: Mapping[str, Any]
    haproxy: Haproxy
    drains: Drains
    check_mode: bool
    servers: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Find the servers that are meant."""
        try:
            rows = answers.statistics(self.haproxy.ask("show stat"))
        except (FileNotFoundError, ConnectionRefusedError):
            raise Refused(
                "haproxy does not run.",
                self.haproxy.path,
                live.why_not(self.haproxy.path),
                "Start it, or run site.yml.",
            ) from None
        self.servers = answers.servers(rows, answers.states(self.haproxy.ask("show servers state")))

    def targets(self, wishes: Wishes) -> list[Key]:
        """Backend and name of each; refused where there is none."""
        name, backend = self.params["server"], self.params["backend"]
        backends = list(dict.fromkeys(server["backend"] for server in self.servers))
        names = [server["name"] for server in self.servers if backend in (None, server["backend"])]
        found = [
            (one["backend"], name) for one in self.servers if one["name"] == name and backend in (None, one["backend"])
        ]
        if self.params["state"] == answers.READY:
            found += [at for at in wishes if at not in found and at[1] == name and backend in (None, at[0])]
        if found:
            return found
        if backend is not None and backend not in backends:
            raise missing("haproxy has no backend of this name with servers.", "backend", backend, backends)
        where = f"The backend {backend}" if backend else "haproxy"
        raise missing(f"{where} has no server of this name.", "server", name, list(dict.fromkeys(names)))

    def check_last(self, targets: Sequence[Key]) -> None:
        """Every backend keeps a usable server, unless it had none."""
        found = {}
        for backend, name in targets:
            members = {one["name"]: one["usable"] for one in self.servers if one["backend"] == backend}
            if [one for one, usable in members.items() if usable] == [name]:
                others = [one for one in members if one != name]
                found[backend] = f"{', '.join(others)} not usable" if others else "no other server"
        if found and not self.params["force"]:
            raise Refused(
                f"{self.params['server']} is the last usable server of {', '.join(found)}.",
                "server",
                "; ".join(f"in {backend} {why}" for backend, why in found.items()),
                "Bring another one back first, or let clients have errors with force: true.",
            )

    def change(self) -> bool:
        """Bring servers and wishes to what is wanted; whether anything was not so."""
        wanted = self.params["state"]
        # Nothing is written in check mode, not even a lock.
        with nullcontext() if self.check_mode else self.drains.locked():
            wishes = self.drains.read()
            targets = self.targets(wishes)
            now = {(one["backend"], one["name"]): one for one in self.servers}
            moved = [at for at in targets if at in now and moves(now[at], wanted)]
            if wanted != answers.READY:
                self.check_last([at for at in moved if now[at]["usable"]])
            settled = dict(wishes)
            for at in targets:
                settled.pop(at, None)
                if wanted != answers.READY:
                    settled[at] = self.wish(wishes.get(at))
            if wanted == answers.READY:
                self.notes += self.remarks(targets, moved, wishes, now)
            changed = bool(moved) or told(settled) != told(wishes)
            if changed and not self.check_mode:
                for at in moved:
                    change(self.haproxy, at, wanted)
                rows = answers.states(self.haproxy.ask("show servers state"))
                self.drains.write(
                    {
                        at: Wish(**{**vars(one), "line": line(rows[at], one.state)}) if at in rows else one
                        for at, one in settled.items()
                    }
                )
        for at in moved:
            now[at]["admin"] = wanted
        self.servers = [now[at] for at in targets if at in now]
        return changed

    def wish(self, known: Wish | None) -> Wish:
        """What goes on file. A drain that is wished already keeps its time, and its reason unless there is a new one."""
        state, reason = self.params["state"], self.params["reason"]
        if known and known.state == state:
            return Wish(state, reason or known.reason, known.since, known.line)
        return Wish(state, reason, round(time.time(), 3))

    def remarks(
        self, targets: Sequence[Key], moved: Sequence[Key], wishes: Wishes, now: Mapping[Key, Any]
    ) -> list[str]:
        """What may surprise about servers that are put back."""
        notes = []
        for at in targets:
            name = "/".join(at)
            if at not in now:
                notes.append(f"{name} is no longer in the configuration; that it was {wishes[at].state} is forgotten.")
            elif "configuration" in now[at]["admin_by"]:
                notes.append(
                    f"{name} is disabled by the configuration, which the next start or reload puts in force again."
                )
            elif at not in moved and at not in wishes:
                notes.append(f"{name} was not drained.")
        return notes

    def sessions(self) -> int:
        """Sessions of the servers in all workers; notes them per server."""
        for server in self.servers:
            server["sessions"] = 0
        old = [worker["pid"] for worker in live.processes(self.haproxy)["workers"] if worker["old"]]
        texts = [self.haproxy.ask("show stat"), *(self.haproxy.ask_master(f"@!{pid} show stat") for pid in old)]
        for row in (row for text in texts for row in answers.statistics(text)):
            for server in self.servers:
                if (row["pxname"], row["svname"]) == (server["backend"], server["name"]):
                    server["sessions"] += answers.number(row["scur"]) or 0
        return sum(server["sessions"] for server in self.servers)

    def wait(self) -> float:
        """Wait for sessions to end; how long that took."""
        limit, patience = self.params["wait_sessions"], self.params["wait_seconds"]
        start = time.monotonic()
        while self.sessions() >= limit:
            if time.monotonic() - start >= patience:
                left = ", ".join(
                    f"{one['sessions']} of {one['backend']}/{one['name']}" for one in self.servers if one["sessions"]
                )
                raise Refused(
                    f"it is {self.params['state']}, but after {patience:g} s it still has sessions.",
                    "wait_seconds",
                    left,
                    "Wait longer, or end them with: shutdown sessions server BACKEND/SERVER (on haproxy's admin socket).",
                    f"fewer than {limit}",
                )
            time.sleep(POLL_SECONDS)
        return round(time.monotonic() - start, 3)


def moves(server: Mapping[str, Any], wanted: str) -> bool:
    """Whether it takes a command to make that of the server. What other things than people made of it, only they undo."""
    if wanted == answers.READY:
        return bool({"operator", "configuration"} & set(server["admin_by"]))
    return bool(server["admin"] != wanted)


def missing(what: str, where: str, got: str, known: Sequence[str]) -> Refused:
    """Something that haproxy does not have, with what it has instead."""
    close = get_close_matches(got, known, n=1)
    return Refused(
        what, where, got, f"Did you mean {close[0]}?" if close else "Name one of them.", ", ".join(known) or "none"
    )


def told(wishes: Wishes) -> dict[Key, tuple[str, str]]:
    """What an operator said, without what haproxy adds."""
    return {at: (wish.state, wish.reason) for at, wish in wishes.items() if wish.gone is None}


def lines(servers: Sequence[Mapping[str, Any]]) -> str:
    """One side of the diff."""
    return "".join(f"{one['backend']}/{one['name']} {one['admin']}\n" for one in servers)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str", "required": True},
            "backend": {"type": "str"},
            "state": {"type": "str", "choices": ["drained", "maint", "ready"], "required": True},
            "reason": {"type": "str", "default": ""},
            "force": {"type": "bool", "default": False},
            "wait_sessions": {"type": "int", "default": 1},
            "wait_seconds": {"type": "float", "default": 0},
            "socket": {"type": "path", "default": SOCKET},
            "master_socket": {"type": "path", "default": MASTER},
        },
        supports_check_mode=True,
    )
    params = module.params
    run = Run(params, Haproxy(params["socket"], params["master_socket"]), Drains(), module.check_mode)
    result: dict[str, Any] = {"changed": False, "waited_seconds": 0.0, "note": "", "servers": []}
    try:
        if params["wait_sessions"] < 1:
            raise Refused(
                "a server cannot have fewer sessions than none.",
                "wait_sessions",
                str(params["wait_sessions"]),
                "Write 1 or more.",
            )
        run.look()
        before = [dict(one) for one in run.servers]
        result["changed"] = run.change()
        places = [(one["backend"], one["name"]) for one in run.servers]
        result["diff"] = {
            "before": lines([one for one in before if (one["backend"], one["name"]) in places]),
            "after": lines(run.servers),
        }
        run.sessions()
        if params["state"] != answers.READY and params["wait_seconds"] and not module.check_mode:
            result["waited_seconds"] = run.wait()
    except (Refused, OSError) as problem:
        fail(module, problem, params["socket"], **{**result, **shown(run)})
    except Said as said:
        told = Refused("haproxy refuses it.", params["socket"], str(said), "Look at: journalctl -u haproxy.")
        fail(module, told, **{**result, **shown(run)})
    module.exit_json(**{**result, **shown(run)})


def shown(run: Run) -> dict[str, Any]:
    """What RETURN promises of the servers."""
    name = run.params["server"]
    keys = ("backend", "name", "admin", "sessions")
    return {
        "servers": [{key: one[key] for key in keys} for one in run.servers if one["name"] == name],
        "note": " ".join(run.notes),
    }


if __name__ == "__main__":
    main()
