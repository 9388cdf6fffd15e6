# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that an operator wishes drained, and how that outlives whatever happens to haproxy.

HAProxy itself forgets them when it starts. So each is on file, with the line that HAProxy had for it in its state file: a worker
that reads that line has the server drained from its first request on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..._node.files import write
from .admin import Haproxy, Refused
from .answers import DRAINED, IN_MAINTENANCE, READY, admin, number, states

FILE = Path("/var/lib/evenkeel/haproxy/drains.json")
SCHEMA = 1
# HAProxy's own words.
WORDS = {DRAINED: "drain", IN_MAINTENANCE: "maint", READY: "ready"}
# A server that leaves the configuration may come back by a rollback; so long its drain is kept.
GRACE_SECONDS = 3600

Key = tuple[str, str]


@dataclass(frozen=True)
class Wish:
    """What an operator made of a server: drained or maint."""

    state: str
    reason: str = ""
    since: float = 0.0
    # HAProxy's line for it, as its state file has it.
    line: str = ""
    # Since when the server has been missing from the configuration.
    gone: float | None = None


Wishes = dict[Key, Wish]


@dataclass(frozen=True)
class Drains:
    """The wishes on file."""

    file: Path = FILE

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: haproxy may start while an operator drains."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.file.with_suffix(".lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self, now: float | None = None) -> Wishes:
        """The wishes that hold, by backend and server."""
        moment = time.time() if now is None else now
        try:
            stored = json.loads(self.file.read_text(encoding="utf-8"))
            if stored["schema"] > SCHEMA:
                raise Refused(
                    f"{self.file} was written by a newer evenkeel.lb (schema {stored['schema']}): update this one"
                )
            found = {key(name): Wish(**wish) for name, wish in stored["servers"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise Refused(
                f"{self.file} cannot be read ({problem}): remove it, and drain again what has to be"
            ) from problem
        return {at: wish for at, wish in found.items() if wish.gone is None or moment - wish.gone < GRACE_SECONDS}

    def write(self, wishes: Wishes) -> None:
        servers = {"/".join(at): asdict(wish) for at, wish in sorted(wishes.items())}
        write(self.file, json.dumps({"schema": SCHEMA, "servers": servers}, indent=1) + "\n")

    def settle(self, haproxy: Haproxy, now: float | None = None) -> list[str]:
        """Bring the running daemon into step with the wishes; what was done, and which servers are gone."""
        moment = time.time() if now is None else now
        with self.locked():
            wishes = self.read(moment)
            if not wishes:
                return []
            running = states(haproxy.ask("show servers state"))
            settled, notes = {}, []
            for at, wish in wishes.items():
                name = "/".join(at)
                if at not in running:
                    settled[at] = replace(wish, gone=wish.gone or moment)
                    if wish.gone is None:
                        notes.append(
                            f"{name} has left the configuration: that it is {wish.state} is forgotten unless it comes back "
                            f"within {GRACE_SECONDS // 60} minutes"
                        )
                    continue
                if state(running[at]) != wish.state:
                    change(haproxy, at, wish.state)
                    notes.append(f"{name} is {wish.state} again, as an operator wishes")
                settled[at] = replace(wish, gone=None, line=line(running[at], wish.state))
            if settled != wishes:
                self.write(settled)
        return notes


def key(name: str) -> Key:
    """Backend and server of `backend/server`."""
    backend, dummy, server = name.partition("/")
    return backend, server


def state(row: Mapping[str, str]) -> str:
    """Ready, drained or maint, from a row of `show servers state`."""
    return admin(number(row["srv_admin_state"]) or 0)


def line(row: Mapping[str, str], wanted: str) -> str:
    """That row as a line of the state file, of a server that is drained or in maintenance."""
    bits = {DRAINED: "8", IN_MAINTENANCE: "1"}
    return " ".join({**row, "srv_admin_state": bits[wanted]}.values())


def change(haproxy: Haproxy, at: Key, wanted: str) -> None:
    """Tell the worker that serves. Older ones take no orders any more; what they have ends by itself."""
    answer = haproxy.ask(f"set server {'/'.join(at)} state {WORDS[wanted]}")
    if answer:
        raise Refused(f"{'/'.join(at)}: {answer}")
