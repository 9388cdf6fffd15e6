# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may change a node: one run at a time, as each node remembers it in /var/lib/evenkeel/lease.json.

A lease without an end is a hold: what `rollback` leaves behind, until a person releases it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .._node.files import sync, write

PATH = "var/lib/evenkeel/lease.json"


@dataclass(frozen=True)
class Lease:
    """`expires` is in seconds since the epoch, or None; `controller` tells whether the process that took it still lives."""

    run_id: str
    playbook: str
    who: str = ""
    reason: str = ""
    since: float = 0.0
    expires: float | None = None
    controller: Mapping[str, Any] = field(default_factory=dict)

    def ended(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now

    @property
    def hold(self) -> bool:
        return self.expires is None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        until = "until it is released" if self.expires is None else f"until {moment(self.expires)} at the latest"
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.playbook} by {self.who or 'somebody'}, run {self.run_id}, since {moment(self.since)}, {until}{reason}"

    @property
    def remedy(self) -> str:
        """What to do about somebody else's lease."""
        if self.hold:
            return "Look at what was rolled back and why; then release it: ansible-playbook evenkeel.lb.rollback -e evenkeel_release=true."
        return "Wait for that run. If it is gone for good, its lease ends by itself at the time named."


def read_lease(stored: Mapping[str, Any]) -> Lease:
    """A lease as it is stored. ValueError where that is none."""
    try:
        return Lease(
            run_id=str(stored["run_id"]),
            playbook=str(stored["playbook"]),
            who=str(stored.get("who") or ""),
            reason=str(stored.get("reason") or ""),
            since=float(stored["since"]),
            expires=None if stored.get("expires") is None else float(stored["expires"]),
            controller=dict(stored.get("controller") or {}),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a lease: {error}") from error


@dataclass(frozen=True)
class Leases:
    """The lease on file; `root` is replaced in tests."""

    root: Path = Path("/")

    @property
    def path(self) -> Path:
        return self.root / PATH

    def read(self, now: float | None = None) -> Lease | None:
        """Who may change this node and nobody else; None where anybody may. One that can't be read is somebody's."""
        try:
            found = read_lease(json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except ValueError:
            return Lease("unknown", f"{self.path} can't be read", since=self.path.stat().st_mtime)
        return None if found.ended(time.time() if now is None else now) else found

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: two runs may ask at once."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_name("lease.lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def take(self, taken: Lease) -> None:
        write(self.path, json.dumps(taken.as_dict(), indent=1) + "\n")

    def release(self) -> None:
        self.path.unlink()
        sync(self.path.parent)


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
