# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node remembers: manifests, generations with their contents, journals, the lock.

/var/lib/evenkeel/schema                       a number; newer than ours is refused
/var/lib/evenkeel/lock                         one commit at a time; says who holds it
/var/lib/evenkeel/guard.json                   there while a run is on trial, and after it fell back (guard.py)
/var/lib/evenkeel/services/SERVICE/
    manifest.json                              the generation in force; replacing it is the moment of commit
    journal.json                               there only while a commit is under way or was cut off
    generations/N.json, blobs/SHA256           what was in force, and every content that a person or we wrote
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Protocol

from .errors import CommitError
from .host import Host
from .state import FILE, NOTHING, State, digest

SCHEMA = 1
KEEP_COUNT = 10
KEEP_SECONDS = 30 * 86400

COMMIT = "commit"
BY_HAND = "by hand"

# From schema N to N + 1, by N. Each gets the directory of the state.
MIGRATIONS: dict[int, Callable[[str], None]] = {}


@dataclass(frozen=True)
class Kept:
    """One path of a generation."""

    state: State
    secret: bool = False
    allow_empty: bool = False
    implied: bool = False


@dataclass(frozen=True)
class Sysctl:
    """A kernel value of a generation, and what it was before us."""

    value: str
    origin: str


@dataclass(frozen=True)
class UnitBefore:
    """How the unit was before our first commit."""

    active: bool
    enabled: bool


@dataclass(frozen=True)
class Generation:
    """A complete set as it was in force. `origins` is generation 0: what lay at each path before us."""

    service: str
    number: int = 0
    kind: str = COMMIT
    run_id: str = ""
    time: float = 0.0
    entries: Mapping[str, Kept] = field(default_factory=dict)
    origins: Mapping[str, Kept] = field(default_factory=dict)
    sysctls: Mapping[str, Sysctl] = field(default_factory=dict)
    unit_before: UnitBefore | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        return str(self.settings.get("unit") or "")

    def origin(self, path: str) -> Kept:
        return self.origins.get(path, Kept(NOTHING))

    def contents(self) -> set[str]:
        """Digests of all contents that this generation needs."""
        kept = [*self.entries.values(), *self.origins.values()]
        return {one.state.digest for one in kept if one.state.kind == FILE}

    def dump(self) -> bytes:
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()

    @classmethod
    def load(cls, text: str) -> Generation:
        data = json.loads(text)
        for key in ("entries", "origins"):
            data[key] = {path: Kept(**{**one, "state": State.of(one["state"])}) for path, one in data[key].items()}
        data["sysctls"] = {key: Sysctl(**one) for key, one in data["sysctls"].items()}
        data["unit_before"] = UnitBefore(**data["unit_before"]) if data["unit_before"] else None
        return cls(**data)


class Remembers(Protocol):
    """What the comparison asks of a node's memory."""

    def manifests(self) -> dict[str, Generation]:
        """What is in force, by service."""

    def blob(self, service: str, sha: str) -> bytes:
        """A content that a person or we wrote."""


class Store:
    """The state directory of a node."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.root = host.state_dir
        self.lock_path = os.path.join(self.root, "lock")

    # -- schema --------------------------------------------------------------------------------------------------

    def check_schema(self) -> int:
        """The schema on disk; ours where nothing is there yet. Refuses what a newer collection wrote."""
        try:
            found = int(Path(self.root, "schema").read_text())
        except FileNotFoundError:
            return SCHEMA
        except ValueError:
            found = -1
        if found > SCHEMA or found < 0:
            raise CommitError(
                "this node's state was written by a newer evenkeel.lb.",
                os.path.join(self.root, "schema"),
                f"{found}, and this release reads up to {SCHEMA}",
                "Run the newer release of the collection; nothing was changed.",
            )
        return found

    def prepare(self, service: str) -> None:
        """Makes the directories, and brings an older schema up to ours. Under the lock."""
        host = self.host
        for directory, mode in (
            (os.path.join(self.root, "services"), 0o700),
            (self.directory(service), 0o700),
            (self.directory(service, "generations"), 0o700),
            (self.directory(service, "blobs"), 0o700),
        ):
            if not os.path.isdir(directory):
                host.mkdir(directory, os.geteuid(), os.getegid(), mode)
        found = self.check_schema()
        for number in range(found, SCHEMA):
            MIGRATIONS[number](self.root)
            host.replace(os.path.join(self.root, "schema"), f"{number + 1}\n".encode(), 0o644)
        if not os.path.exists(os.path.join(self.root, "schema")):
            host.replace(os.path.join(self.root, "schema"), f"{SCHEMA}\n".encode(), 0o644)

    def directory(self, service: str, *parts: str) -> str:
        return os.path.join(self.root, "services", service, *parts)

    # -- lock ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, holder: str, timeout: float) -> Iterator[None]:
        """One commit at a time on a node. The kernel releases it when its holder dies."""
        os.makedirs(self.root, 0o755, exist_ok=True)
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + timeout
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise CommitError(
                            f"another commit holds this node's lock, and did for {timeout:g} s.",
                            self.lock_path,
                            self.holder(),
                            "Wait for it to end, or look at the process that it names.",
                        ) from None
                    time.sleep(0.1)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{holder}, pid {os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def holder(self) -> str:
        with contextlib.suppress(OSError):
            return Path(self.lock_path).read_text().strip() or "unknown"
        return "unknown"

    # -- what is in force ----------------------------------------------------------------------------------------

    def services(self) -> list[str]:
        try:
            return sorted(os.listdir(os.path.join(self.root, "services")))
        except FileNotFoundError:
            return []

    def manifest(self, service: str) -> Generation | None:
        return self._load(self.directory(service, "manifest.json"))

    def manifests(self) -> dict[str, Generation]:
        found = {service: self.manifest(service) for service in self.services()}
        return {service: manifest for service, manifest in found.items() if manifest}

    def generations(self, service: str) -> list[Generation]:
        """All that are kept, oldest first."""
        try:
            names = os.listdir(self.directory(service, "generations"))
        except FileNotFoundError:
            return []
        numbers = sorted(int(name[:-5]) for name in names if name.endswith(".json") and not name.startswith("."))
        found = (self._load(self.directory(service, "generations", f"{number}.json")) for number in numbers)
        return [one for one in found if one]

    def _load(self, path: str) -> Generation | None:
        try:
            return Generation.load(Path(path).read_text())
        except FileNotFoundError:
            return None

    def keep(self, generation: Generation) -> None:
        self.host.replace(
            self.directory(generation.service, "generations", f"{generation.number}.json"), generation.dump()
        )

    def forget(self, service: str, number: int) -> None:
        """A generation that was written down and never came into force."""
        if os.path.exists(self.directory(service, "generations", f"{number}.json")):
            self.host.unlink(self.directory(service, "generations", f"{number}.json"))

    def next_number(self, service: str) -> int:
        manifest = self.manifest(service)
        numbers = [one.number for one in self.generations(service)]
        return max([manifest.number if manifest else 0, *numbers]) + 1

    def put_in_force(self, generation: Generation) -> None:
        """The moment of commit."""
        self.keep(generation)
        self.host.replace(self.directory(generation.service, "manifest.json"), generation.dump())

    # -- contents ------------------------------------------------------------------------------------------------

    def blob(self, service: str, sha: str) -> bytes:
        return Path(self.directory(service, "blobs", sha)).read_bytes()

    def save_blob(self, service: str, content: bytes) -> str:
        name = digest(content)
        path = self.directory(service, "blobs", name)
        if not os.path.exists(path):
            self.host.replace(path, content)
        return name

    def expire(self, service: str, now: float) -> None:
        """Drops commits beyond ten that are older than thirty days, and what a process that died left unfinished.

        What a person wrote is never dropped, nor what is in force or what a trial goes back to.
        """
        manifest = self.manifest(service)
        trial = self.read_json("guard.json").get("services", {})
        needed_numbers = {manifest.number if manifest else 0, trial.get(service, 0)}
        commits = [one for one in self.generations(service) if one.kind == COMMIT]
        for old in commits[:-KEEP_COUNT]:
            if old.number not in needed_numbers and now - old.time > KEEP_SECONDS:
                self.host.unlink(self.directory(service, "generations", f"{old.number}.json"))
        kept = self.generations(service)
        needed = set().union(*(one.contents() for one in kept)) if kept else set()
        for name in os.listdir(self.directory(service, "blobs")):
            if name not in needed:
                self.host.unlink(self.directory(service, "blobs", name))
        for part in ("", "generations"):
            for name in os.listdir(self.directory(service, part)):
                if name.startswith("."):
                    self.host.unlink(self.directory(service, part, name))

    # -- journal -------------------------------------------------------------------------------------------------

    def journals(self) -> list[str]:
        """Services with a commit that is under way or was cut off."""
        return [service for service in self.services() if os.path.exists(self.directory(service, "journal.json"))]

    def read_journal(self, service: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(Path(self.directory(service, "journal.json")).read_text())
        return data

    def write_journal(self, service: str, data: Mapping[str, Any]) -> None:
        self.host.replace(self.directory(service, "journal.json"), json.dumps(data, indent=1, sort_keys=True).encode())

    def drop_journal(self, service: str) -> None:
        self.host.unlink(self.directory(service, "journal.json"))
        self.host.sync([self.directory(service)])

    # -- what concerns all services ------------------------------------------------------------------------------

    def read_json(self, name: str) -> dict[str, Any]:
        """Empty if there is none."""
        try:
            data: dict[str, Any] = json.loads(Path(self.root, name).read_text())
        except FileNotFoundError:
            return {}
        return data

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        self.host.replace(os.path.join(self.root, name), json.dumps(data, indent=1).encode())

    def drop_json(self, name: str) -> None:
        self.host.unlink(os.path.join(self.root, name))
        self.host.sync([self.root])
