# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New sets on trial: what goes back, and when, unless somebody confirms over a new connection.

One marker per node, guard.json. It is on disk before the first act of a guarded commit and goes with the confirmation;
whoever finds it under the lock, without the unit that waits for the deadline, puts the node back. What fell back stays
written in it until the next run has read it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import CommitError
from .host import Host
from .store import Store

UNIT = "evenkeel-guard.service"
NOBODY = "nobody confirmed in time"
RESTARTED = "the node restarted before anybody confirmed"


def now() -> float:
    """Seconds since boot. Nobody sets this clock, and it runs on while a machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@dataclass(frozen=True)
class Guard:
    """The marker."""

    run_id: str
    seconds: float
    # Service and the generation to go back to, 0 for what was there before us.
    services: Mapping[str, int] = field(default_factory=dict)
    since: float = 0.0  # seconds since boot: the last change came into force; only a younger connection may confirm
    deadline: float = 0.0  # seconds since boot
    until: float = 0.0  # the same for people: seconds since the epoch
    # Afterwards:
    fell_back: float = 0.0  # seconds since the epoch
    why: str = ""
    problems: tuple[str, ...] = ()

    @property
    def pending(self) -> bool:
        return not self.fell_back

    def text(self) -> str:
        """What a person has to know of it."""
        services = ", ".join(sorted(self.services))
        if self.pending:
            return f"run {self.run_id} has {services} on trial until {moment(self.until)}"
        return f"{services} of run {self.run_id} put itself back at {moment(self.fell_back)} because {self.why}"

    def report(self) -> dict[str, Any]:
        """As a result's `guard` or `fell_back`."""
        common: dict[str, Any] = {"run_id": self.run_id, "services": sorted(self.services)}
        if self.pending:
            return {**common, "seconds": self.seconds, "deadline": moment(self.until)}
        return {**common, "at": moment(self.fell_back), "why": self.why, "problems": list(self.problems)}

    def dump(self) -> dict[str, Any]:
        return dict(self.__dict__, services=dict(self.services), problems=list(self.problems))


def read(store: Store) -> Guard | None:
    """The marker, if there is one."""
    data = store.read_json("guard.json")
    return Guard(**{**data, "problems": tuple(data["problems"])}) if data else None


def write(store: Store, guard: Guard) -> None:
    store.write_json("guard.json", guard.dump())


def remove(store: Store) -> None:
    """No trial any more, nor the unit that waits for its end. Not for that unit itself."""
    store.drop_json("guard.json")
    if waiting(store.host):
        store.host.systemctl("stop", UNIT)


def waiting(host: Host) -> bool:
    """Whether the unit that waits for the deadline is there."""
    return host.run(["systemctl", "is-active", UNIT]).output.strip() in ("active", "activating", "deactivating")


def refusal(guard: Guard | None, run_id: str) -> CommitError | None:
    """Why this run may not commit now."""
    if guard and guard.pending and guard.run_id != run_id:
        return CommitError(
            "another run is on trial here, and until it has ended nobody else changes this node.",
            "guard",
            guard.text(),
            f"Confirm it (state: confirm, run_id: {guard.run_id}), undo it (state: rollback), or wait.",
        )
    if guard and not guard.pending and guard.run_id == run_id:
        return CommitError(
            "this run fell back here, and the rest of it would make a mix.",
            "guard",
            guard.text(),
            "Find out why nobody could confirm, then start a new run.",
        )
    return None


def arm(store: Store, service: str, before: int, run_id: str, seconds: float) -> bool:
    """From here on the node puts the service back by itself. True if the service was not on trial yet.

    Every commit of the run joins its trial and moves the one deadline: its controller was alive to send it.
    """
    guard = read(store)
    if not guard or not guard.pending:
        guard = Guard(run_id, seconds)
    joined = service not in guard.services
    guard = replace(guard, seconds=seconds or guard.seconds, services={service: before, **guard.services})
    _extend(store, guard, now())
    if not waiting(store.host):
        done = _wait(store.host)
        if done:
            remove(store)
            raise CommitError(
                "the guard could not be armed; nothing was changed.", UNIT, done, "See journalctl -u evenkeel-guard."
            )
    return joined


def extend(store: Store, since: float) -> Guard | None:
    """The deadline counts from now, and what is on trial is in force since then."""
    guard = read(store)
    return _extend(store, guard, since) if guard and guard.pending else None


def _extend(store: Store, guard: Guard, since: float) -> Guard:
    guard = replace(guard, since=since, deadline=now() + guard.seconds, until=time.time() + guard.seconds)
    write(store, guard)
    return guard


def release(store: Store, services: list[str]) -> None:
    """These are on trial no more; without any left there is no trial."""
    guard = read(store)
    if guard and guard.pending:
        left = {service: number for service, number in guard.services.items() if service not in services}
        if left:
            write(store, replace(guard, services=left))
        else:
            remove(store)


def _wait(host: Host) -> str:
    """Starts the unit that waits for the deadline; what went wrong, if anything.

    A process that waits, not a timer: systemd counts OnActiveSec= anew at every daemon-reload.
    """
    host.systemctl("reset-failed", UNIT)
    done = host.transient(
        UNIT,
        "Put a change of evenkeel.lb back unless it is confirmed",
        [os.path.join(host.lib_dir, "recover"), "fall-back"],
        "--property=Restart=on-failure",
        "--property=RestartSec=3",
    )
    return "" if done.rc == 0 else done.output or f"exit code {done.rc}"
