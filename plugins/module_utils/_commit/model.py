# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit is asked for: the arguments, checked, all faults at once."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import CommitError
from .sockets import wanted

SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
MODE = re.compile(r"0?[0-7]{3,4}\Z")
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+\.(service|socket|timer|path|mount|target)\Z")

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One path of the set, as wanted: a file, a directory, or nothing at all."""

    path: str
    kind: str  # file | directory | absent
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    content: bytes = b""
    remote_src: str = ""
    secret: bool = False
    allow_empty: bool = False
    # A directory that exists only because a file of the set lies in it: made when missing, else left as it is.
    implied: bool = False


@dataclass(frozen=True)
class Runtime:
    """Commands that take the place of a reload if nothing but these paths changed."""

    when: tuple[str, ...]
    command: Argv


@dataclass(frozen=True)
class Http:
    """A URL that must answer."""

    url: str
    status: int = 200
    host: str = ""


@dataclass(frozen=True)
class Verify:
    """What must hold once the set is in force."""

    listen: tuple[str, ...] = ()
    http: tuple[Http, ...] = ()
    command: tuple[Argv, ...] = ()
    timeout: float = 10.0


@dataclass(frozen=True)
class Request:
    """One commit of one service."""

    service: str
    run_id: str = ""
    entries: tuple[Entry, ...] = ()
    validate: tuple[Argv, ...] = ()
    sysctl_files: tuple[str, ...] = ()
    runtime: tuple[Runtime, ...] = ()
    reload: Argv = ()
    restart_when: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    unit: str = ""
    unit_state: str = ""  # started | stopped | as it is
    enabled: bool | None = None
    verify: Verify = field(default_factory=Verify)
    on_drift: str = "fail"
    secrets: tuple[str, ...] = ()
    check: bool = False
    lock_timeout: float = 300.0
    # Seconds until the node puts the set back by itself unless it is confirmed; 0: never.
    guard: float = 0.0
    # A set that was in force before: no trial stands in its way.
    back: bool = False
    # Nothing better is to be had: no check stops it, and what fails is told.
    forced: bool = False
    # The arguments other than the entries, as given: a generation keeps them, rollback parses them again.
    settings: Mapping[str, Any] = field(default_factory=dict)


SETTINGS = ("validate", "apply", "unit", "unit_state", "enabled", "verify", "secrets")


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path is one of these, which may hold `*`, `?` and `[...]`; `*` also crosses slashes."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def path_fault(path: str, own: Sequence[str] = ()) -> str:
    """Why a path cannot be committed; empty if it can."""
    if not path.startswith("/"):
        return "a path must be absolute."
    if "\0" in path or "\n" in path:
        return "a path must be one line."
    if os.path.normpath(path) != path or path.startswith("//") or path == "/":
        return "a path must be plain: no '.', '..', doubled or trailing slash."
    if any(path == mine or path.startswith(mine + "/") for mine in own):
        return "this is where commit keeps its own state."
    return ""


def parse(arguments: Mapping[str, Any], contents: Sequence[bytes], own: Sequence[str] = ()) -> Request:
    """The module's arguments as a request. `contents` are those of `files`, in order."""
    problems: list[CommitError] = []

    def refuse(where: str, what: str, got: Any, remedy: str) -> None:
        problems.append(CommitError(what, where, str(got), remedy))

    service = arguments.get("service") or ""
    if not SERVICE.match(service):
        refuse(
            "service", "a service's name is letters, digits, '-' and '_'.", repr(service), "Name the role's service."
        )

    entries: list[Entry] = []
    for index, item in enumerate(arguments.get("files") or []):
        entries.append(
            _entry(f"files[{index}]", "file", item, contents[index] if index < len(contents) else b"", refuse)
        )
    for index, item in enumerate(arguments.get("directories") or []):
        entries.append(_entry(f"directories[{index}]", "directory", item, b"", refuse))
    for index, path in enumerate(arguments.get("absent") or []):
        entries.append(_entry(f"absent[{index}]", "absent", {"path": path}, b"", refuse))
    seen: dict[str, Entry] = {}
    for entry in entries:
        fault = path_fault(entry.path, own)
        if fault:
            refuse(entry.path or "path", fault, repr(entry.path), "Write the path in full.")
        elif entry.path in seen:
            refuse(
                entry.path, "this path is in the set twice.", f"{seen[entry.path].kind} and {entry.kind}", "Keep one."
            )
        seen[entry.path] = entry

    apply = arguments.get("apply") or {}
    sysctl_files = tuple(apply.get("sysctl") or ())
    for path in sysctl_files:
        if path not in seen or seen[path].kind == "directory":
            refuse(
                "apply.sysctl", "only a file of the set can be loaded.", path, "Add it to files, or leave it out here."
            )
    unit = arguments.get("unit") or ""
    if unit and not UNIT.match(unit):
        refuse("unit", "a unit's name ends in its kind.", repr(unit), "Write for example haproxy.service.")
    for key in ("unit_state", "enabled"):
        if not unit and arguments.get(key) is not None:
            refuse(key, "this needs a unit.", arguments[key], "Set unit too.")

    seconds = float(arguments.get("guard") or 0)
    if seconds < 0 or 0 < seconds < 1:
        refuse("guard", "seconds are a number from 1, or 0 for no guard.", arguments["guard"], "Write for example 30.")
    if seconds and not arguments.get("run_id"):
        refuse("guard", "this needs a run_id, by which it is confirmed.", arguments["guard"], "Set run_id too.")

    for text in (arguments.get("verify") or {}).get("listen") or ():
        try:
            wanted(text)
        except (ValueError, OSError):
            refuse("verify.listen", "not an address and a port.", repr(text), "Write for example 192.0.2.1:80.")

    request = Request(
        service=service,
        run_id=arguments.get("run_id") or "",
        entries=tuple(entries),
        validate=tuple(tuple(argv) for argv in arguments.get("validate") or () if argv),
        sysctl_files=sysctl_files,
        runtime=tuple(Runtime(tuple(one["when"]), tuple(one["command"])) for one in apply.get("runtime") or ()),
        reload=tuple(apply.get("reload") or ()),
        restart_when=tuple(apply.get("restart_when") or ()),
        watched=tuple(apply.get("watched") or ()),
        unit=unit,
        unit_state=arguments.get("unit_state") or "",
        enabled=arguments.get("enabled"),
        verify=parse_verify(arguments.get("verify") or {}),
        on_drift=arguments.get("on_drift") or "fail",
        secrets=tuple(str(secret) for secret in arguments.get("secrets") or () if secret),
        check=bool(arguments.get("check")),
        lock_timeout=float(arguments.get("lock_timeout") or 300),
        guard=seconds,
        settings={key: arguments[key] for key in SETTINGS if arguments.get(key) is not None},
    )
    if problems:
        raise CommitError.first_of(problems)
    return request


def parse_verify(arguments: Mapping[str, Any]) -> Verify:
    """The checks of a request, or of a generation."""
    http = arguments.get("http") or ()
    return Verify(
        listen=tuple(arguments.get("listen") or ()),
        http=tuple(Http(one["url"], int(one.get("status") or 200), one.get("host") or "") for one in http),
        command=tuple(tuple(argv) for argv in arguments.get("command") or () if argv),
        timeout=float(arguments.get("timeout") or 10),
    )


def _entry(where: str, kind: str, item: Mapping[str, Any], content: bytes, refuse: Any) -> Entry:
    """One item of files, directories or absent."""
    path = item.get("path") or ""
    mode = item.get("mode") or ("0755" if kind == "directory" else "0644")
    if not MODE.match(str(mode)):
        refuse(
            f"{where}.mode", "a mode is three or four octal digits in quotes.", repr(mode), 'Write for example "0640".'
        )
        mode = "0600"
    entry = Entry(
        path=path,
        kind=kind,
        owner=str(item.get("owner") or "root"),
        group=str(item.get("group") or "root"),
        mode=int(str(mode), 8),
        content=content,
        remote_src=item.get("remote_src") or "",
        secret=bool(item.get("secret")),
        allow_empty=bool(item.get("allow_empty")),
    )
    if kind == "file" and not entry.remote_src and not entry.allow_empty and not content.strip():
        refuse(
            path or where,
            "the render is empty, and an empty configuration is one that nobody meant.",
            f"{len(content)} bytes of white space" if content else "0 bytes",
            "Mend the template; where the file may be empty, set allow_empty: true for it.",
        )
    return entry
