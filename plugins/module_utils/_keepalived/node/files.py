# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files by which a node's health and wishes reach keepalived: crash, drain and join.

keepalived adds the number in such a file to its priority; -254 means FAULT. It watches them, so nothing polls.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Callable

from ..._node.files import sync, write
from ..conf import FAULT_VALUE

OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
TOOL = "/usr/local/lib/evenkeel/vrrp/ctl"
UNIT = "keepalived.service"

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command; one that is missing is a failed one."""
    try:
        return subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 127, "", str(error))


@dataclass(frozen=True)
class Drain:
    """Somebody's wish that this node holds no VIP. Without `expires` it holds until it is lifted, reboots included."""

    owner: str
    reason: str = ""
    since: float = 0.0
    expires: float | None = None
    value: int | None = None

    def expired(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now


@dataclass(frozen=True)
class Files:
    """Where everything lies; `root` and `run` are replaced in tests."""

    root: Path = Path("/")
    run: Run = run

    @property
    def volatile(self) -> Path:
        return self.root / "run/evenkeel"

    @property
    def drains(self) -> Path:
        return self.root / "var/lib/evenkeel/drain"

    @property
    def track(self) -> Path:
        return self.root / "var/lib/evenkeel/track"

    @property
    def facts_path(self) -> Path:
        return self.root / "etc/evenkeel/vrrp.json"

    def facts(self) -> dict[str, Any]:
        """What the role wrote down about this node; empty where it has not run."""
        try:
            return dict(json.loads(self.facts_path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def runs(self, unit: str) -> bool:
        return self.run(["systemctl", "is-active", unit]).stdout.strip() in ("active", "reloading")

    # -- crash: one file per tracked service, written by the drop-in of its unit ------------------------------------

    def crashes(self) -> dict[str, int | None]:
        """The value of every crash file; None where it holds no number."""
        if not self.volatile.is_dir():
            return {}
        return {path.name[len("crash.") :]: number(path) for path in sorted(self.volatile.glob("crash.*"))}

    def seed_crashes(self, services: Mapping[str, str]) -> None:
        """Make the missing crash files from what runs, and drop those of services that are no longer tracked.

        An existing one is left alone: its unit writes it, and may be about to.
        """
        self.volatile.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in set(self.crashes()) - set(services):
            (self.volatile / f"crash.{name}").unlink()
        for name, unit in services.items():
            path = self.volatile / f"crash.{name}"
            if path.exists():
                continue
            active = self.runs(unit)
            # Exclusive: if the unit starts or stops at this very moment, its own word wins.
            with contextlib.suppress(FileExistsError), path.open("x", encoding="ascii") as file:
                file.write(f"{0 if active else FAULT_VALUE}\n")

    # -- join: a new node waits until it has heard its peers -----------------------------------------------------------

    @property
    def join(self) -> Path:
        return self.track / "join"

    def joining(self) -> bool:
        return number(self.join) == FAULT_VALUE

    @property
    def parted(self) -> Path:
        """There while a standby waits that was changed before the holder; gone after a boot, when all nodes are as they are."""
        return self.volatile / "parted"

    def joined(self) -> None:
        write(self.join, "0\n")
        self.parted.unlink(missing_ok=True)

    def wait_to_join(self) -> None:
        write(self.join, f"{FAULT_VALUE}\n")

    # -- drain: what is wished, by owner, and the number derived from it --------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: a timed drain may end while a playbook drains."""
        self.drains.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.drains / ".lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def wished(self) -> list[Drain]:
        """Every drain on file, expired or not. A file that cannot be read drains too: somebody put it there."""
        found = []
        for path in sorted(self.drains.iterdir()) if self.drains.is_dir() else []:
            if not OWNER.match(path.name):
                continue
            try:
                stored = json.loads(path.read_text(encoding="utf-8"))
                found.append(
                    Drain(
                        owner=path.name,
                        reason=str(stored.get("reason") or ""),
                        since=float(stored.get("since") or 0),
                        expires=None if stored.get("expires") is None else float(stored["expires"]),
                        value=None if stored.get("value") is None else int(stored["value"]),
                    )
                )
            except FileNotFoundError:
                continue
            except (OSError, ValueError, TypeError, AttributeError):
                found.append(Drain(owner=path.name, reason="the file could not be read"))
        return found

    def drained_by(self, now: float | None = None) -> list[Drain]:
        moment = time.time() if now is None else now
        return [drain for drain in self.wished() if not drain.expired(moment)]

    def settle(self, wish: Drain, now: float) -> tuple[Drain, bool]:
        """A wish beside what its owner wished before: it keeps its beginning, and a timed drain that is renewed is no change."""
        before = next((drain for drain in self.drained_by(now) if drain.owner == wish.owner), None)
        if before is None:
            return wish, True
        wish = replace(wish, since=before.since)
        same = replace(before, expires=wish.expires) == wish and (before.expires is None) == (wish.expires is None)
        return wish, not same

    def drain(self, wish: Drain) -> None:
        """Write one owner's wish."""
        stored = {key: value for key, value in asdict(wish).items() if key != "owner"}
        write(self.drains / wish.owner, json.dumps(stored) + "\n")

    def undrain(self, owner: str) -> bool:
        """Lift one owner's wish; whether there was one."""
        path = self.drains / owner
        if not path.exists():
            return False
        path.unlink()
        sync(self.drains)
        return True

    def derive(self, now: float | None = None) -> int:
        """Purge timed drains that have ended, bring the track file into step, and arm a timer for the next expiry."""
        moment = time.time() if now is None else now
        for drain in self.wished():
            if drain.expired(moment):
                self.undrain(drain.owner)
        current = self.drained_by(moment)
        value = self.value_of(current)
        if number(self.track / "drain") != value:
            write(self.track / "drain", f"{value}\n")
        ends = [drain.expires for drain in current if drain.expires is not None]
        if ends:
            self._arm(min(ends), moment)
        return value

    def value_of(self, drains: Sequence[Drain]) -> int:
        """What these drains add to the priority. The plan may have changed since: never less than it asks for today."""
        planned = int(self.facts().get("drain_value") or FAULT_VALUE)
        return min((min(planned, drain.value or planned) for drain in drains), default=0)

    def _arm(self, end: float, now: float) -> None:
        """A timer per moment: one that is armed already makes systemd-run fail, and is good enough."""
        self.run(
            [
                "systemd-run", "--no-block", "--quiet", "--collect", f"--unit=evenkeel-drain-{int(end)}",
                f"--on-active={max(1, int(end - now) + 1)}", "--timer-property=AccuracySec=1s", TOOL, "derive",
            ]
        )  # fmt: skip

    def seed(self) -> None:
        """What must be in place before keepalived reads its configuration, at start and at reload."""
        facts = self.facts()
        self.seed_crashes(facts.get("services") or {})
        self.track.mkdir(mode=0o700, parents=True, exist_ok=True)
        # After a boot nobody knows what the peers have learnt meanwhile. A keepalived that ran before us has its place among them.
        if not (self.volatile / "seeded").exists():
            (self.joined if self.runs(UNIT) else self.wait_to_join)()
        with self.locked():
            self.derive()
        # Newer than the facts: nothing is left to do at the next start, unless the node boots or the plan changes.
        (self.volatile / "seeded").write_text("", encoding="ascii")


def number(path: Path) -> int | None:
    """The number in a track file; None where there is none."""
    try:
        return int(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
