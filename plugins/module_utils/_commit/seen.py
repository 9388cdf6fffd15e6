# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node as one look found it: enough to tell, on the controller, that a commit would have nothing to do.

`take.py` reads on the node, `Seen` answers the comparison (`plan.make`) from what it read. The verdict is "nothing differs"
or "ask the node", and never what differs: contents stay on the node. So whatever the look did not see raises `Ask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from .errors import CommitError
from .host import Completed
from .model import Request
from .plan import make
from .result import Result
from .state import State
from .store import Generation, Kept, Sysctl
from .take import FLAGS


class Ask(Exception):
    """Only the node itself can tell."""


def _ask(what: str) -> NoReturn:
    raise Ask(what)


class Seen:
    """Answers for a node from what `take` found; whatever it did not see raises `Ask`."""

    in_recovery_service = False

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.paths = {path: State.of(state) for path, state in data["paths"].items()}
        self.directories = set(data["directories"])

    # -- what a host answers

    def look(self, path: str) -> State:
        return self.paths[path] if path in self.paths else _ask(path)

    def real(self, path: str) -> str:
        if path not in self.paths and path not in self.directories:
            _ask(path)
        return str(self.data["real"].get(path, path))

    def is_directory(self, path: str) -> bool:
        return path in self.directories or _ask(path)

    def names(self, directory: str) -> list[str]:
        _ask(directory)

    def read(self, path: str) -> bytes:
        _ask(path)

    def ids(self, owner: str, group: str) -> tuple[int, int]:
        return self._id("owners", owner), self._id("groups", group)

    def _id(self, kind: str, name: str) -> int:
        if name.isdigit():
            return int(name)
        return int(self.data[kind][name]) if name in self.data[kind] else _ask(name)

    def sysctl(self, key: str) -> str | None:
        if key not in self.data["sysctls"]:
            _ask(key)
        value = self.data["sysctls"][key]
        return None if value is None else str(value)

    def sysctl_keys(self, pattern: str) -> list[str]:
        return list(self.data["patterns"][pattern]) if pattern in self.data["patterns"] else _ask(pattern)

    def properties(self, unit: str, names: str) -> Completed:
        return Completed(0, self.data["units"][unit]) if unit in self.data["units"] else _ask(unit)

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 120) -> Completed:
        _ask(argv[0])

    # -- what its store answers

    def manifests(self) -> dict[str, Generation]:
        return {name: _load(name, kept) for name, kept in self.data["services"].items()}

    def blob(self, service: str, sha: str) -> bytes:
        _ask(sha)


def _load(name: str, data: Mapping[str, Any]) -> Generation:
    return Generation(
        service=name,
        number=int(data["number"]),
        entries={
            path: Kept(State.of(state), **dict(zip(FLAGS, flags))) for path, (state, *flags) in data["entries"].items()
        },
        sysctls={key: Sysctl(**value) for key, value in data["sysctls"].items()},
    )


def unchanged(data: Mapping[str, Any], request: Request) -> Result | None:
    """What a commit of this would return where it has nothing to do and nothing to tell; otherwise None: ask the node."""
    if not data:
        return None
    seen = Seen(data)
    try:
        plan = make(seen, seen, request)
    except (Ask, CommitError):
        return None
    if not plan.empty or plan.warnings or plan.previous is None:
        return None
    return Result(stage="compare", generation=plan.previous.number)
