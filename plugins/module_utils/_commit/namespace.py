# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A candidate under its final paths that nobody else sees.

A child gets a mount namespace of its own. Over each touched directory it mounts an overlay whose upper layer is a
tmpfs, writes and removes there as the commit would, and runs the daemon's checker. When the child ends, all is gone.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .host import Completed, Host

CLONE_NEWNS = 0x00020000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2

SCRATCH = ("/mnt", "/media", "/srv", "/opt", "/tmp")


class NotPermitted(Exception):
    """This node gives us no private mount namespace with overlays."""


@dataclass(frozen=True)
class Verdict:
    """What one checker said."""

    argv: Sequence[str]
    completed: Completed


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    result = _libc().mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    if result != 0:
        raise NotPermitted(f"mount {target}: {os.strerror(ctypes.get_errno())}")


def _mountpoints() -> list[str]:
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4].encode().decode("unicode_escape") for line in file]


def _below(path: str, top: str) -> bool:
    return path.startswith(top.rstrip("/") + "/")


def existing(directory: str) -> str:
    """The nearest directory that is there."""
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return directory


def layers(directories: Sequence[str], mountpoints: Sequence[str]) -> list[str]:
    """Where to put overlays: the topmost of the directories, and those that lie on another file system below them."""
    tops: list[str] = []
    for directory in sorted({existing(directory) for directory in directories}):
        above = next((top for top in tops if directory == top or _below(directory, top)), None)
        between = [point for point in mountpoints if point == directory or _below(directory, point)]
        own_mount = max(between, key=len, default="/")
        if above is None or _below(own_mount, above):
            tops.append(directory)
    return tops


def _cover(directories: Sequence[str]) -> None:
    """In the child: private namespace, overlays, everything else mounted below them back in place."""
    if _libc().unshare(CLONE_NEWNS) != 0:
        raise NotPermitted(f"unshare: {os.strerror(ctypes.get_errno())}")
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    points = _mountpoints()
    tops = layers(directories, points)
    if "/" in tops:
        raise NotPermitted("a new directory directly below / cannot be overlaid")
    scratch = next(
        (one for one in SCRATCH if os.path.isdir(one) and not any(_below(top, one) or top == one for top in tops)), ""
    )
    if not scratch:
        raise NotPermitted("no place for a scratch mount")
    inner: dict[str, int] = {}
    for top in tops:
        for point in points:
            if _below(point, top) and point not in tops:
                inner[point] = os.open(point, os.O_PATH | os.O_CLOEXEC)
    lowers = [os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for top in tops]
    statuses = [os.stat(top) for top in tops]
    _mount("evenkeel", scratch, "tmpfs", 0, "mode=0700")
    for number, (top, lower, status) in enumerate(zip(tops, lowers, statuses)):
        upper, work = os.path.join(scratch, f"{number}.upper"), os.path.join(scratch, f"{number}.work")
        os.mkdir(upper)
        os.mkdir(work)
        os.chown(upper, status.st_uid, status.st_gid)
        os.chmod(upper, status.st_mode & 0o7777)
        _mount("overlay", top, "overlay", 0, f"lowerdir=/proc/self/fd/{lower},upperdir={upper},workdir={work}")
    for point in sorted(inner):
        if os.path.exists(point):
            _mount(f"/proc/self/fd/{inner[point]}", point, "", MS_BIND | MS_REC)
    _libc().umount2(scratch.encode(), MNT_DETACH)


def validate(
    host: Host, directories: Sequence[str], stage: Callable[[], None], commands: Sequence[Sequence[str]]
) -> list[Verdict]:
    """Runs the commands where `stage` has been applied, up to the first that fails. Nothing outlives the call."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # Whatever happens, the child must not run on as a second copy of its caller.
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as pipe:
                json.dump(_in_child(host, directories, stage, commands), pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    answer: dict[str, Any] = json.loads(text) if text else {"refused": "the validating process died"}
    if "refused" in answer:
        raise NotPermitted(answer["refused"])
    return [Verdict(argv, Completed(rc, output)) for argv, rc, output in answer["verdicts"]]


def _in_child(
    host: Host, directories: Sequence[str], stage: Callable[[], None], commands: Sequence[Sequence[str]]
) -> dict[str, Any]:
    try:
        _cover(directories)
        stage()
    except (NotPermitted, OSError) as reason:
        return {"refused": str(reason)}
    return {"verdicts": [[list(one.argv), one.completed.rc, one.completed.output] for one in run(host, commands)]}


def run(host: Host, commands: Sequence[Sequence[str]]) -> list[Verdict]:
    """The commands in order, up to and including the first that fails."""
    verdicts: list[Verdict] = []
    for argv in commands:
        verdicts.append(Verdict(argv, host.run(argv, timeout=60)))
        if verdicts[-1].completed.rc != 0:
            break
    return verdicts
