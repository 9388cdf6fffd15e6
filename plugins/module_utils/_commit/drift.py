# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose edit a file is: the package's, ours, or a person's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from .host import Reads

CHANGED = "changed"  # since our last commit
FOREIGN = "foreign"  # there before our first commit, and not as its package shipped it
MISSING = "missing"  # removed since our last commit: nothing to lose, so it is put back without asking


@dataclass(frozen=True)
class Drift:
    """A path that is not as we left it."""

    path: str
    kind: str
    since: int  # the generation that it is compared with
    diff: str  # masked

    def as_dict(self) -> dict[str, object]:
        return {"path": self.path, "kind": self.kind, "since": self.since, "diff": self.diff}


def shipped(host: Reads, path: str, content: bytes) -> bool:
    """Whether a file is exactly as its package (dpkg, ucf or rpm) put it there."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if Path("/var/lib/dpkg/status").exists():
        return md5 in (_conffile(host, path), _packaged(host, path), _ucf(path))
    return _rpm(host, path)


def _owner(host: Reads, path: str) -> str | None:
    """The Debian package that a path belongs to."""
    done = host.run(["dpkg-query", "-S", path], timeout=30)
    for line in done.output.splitlines() if done.rc == 0 else []:
        packages, dummy, found = line.rpartition(": ")
        if found == path and not packages.startswith("diversion"):
            return packages.split(",")[0]
    return None


def _conffile(host: Reads, path: str) -> str | None:
    package = _owner(host, path)
    if not package:
        return None
    done = host.run(["dpkg-query", "-W", "-f=${Conffiles}", package], timeout=30)
    for line in done.output.splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0] == path:
            return fields[1]
    return None


def _packaged(host: Reads, path: str) -> str | None:
    package = _owner(host, path)
    if not package:
        return None
    done = host.run(["dpkg-query", "--control-show", package, "md5sums"], timeout=30)
    for line in done.output.splitlines() if done.rc == 0 else []:
        md5, dummy, name = line.partition("  ")
        if "/" + name == path:
            return md5
    return None


def _ucf(path: str) -> str | None:
    try:
        lines = Path("/var/lib/ucf/hashfile").read_text().splitlines()
    except OSError:
        return None
    return next((line.split()[0] for line in lines if line.split()[1:] == [path]), None)


def _rpm(host: Reads, path: str) -> bool:
    if host.run(["rpm", "-qf", path], timeout=30).rc != 0:
        return False
    done = host.run(["rpm", "-Vf", path], timeout=60)
    # A line per file that differs; the third character is 5 where the digest does.
    return not any(line.endswith(" " + path) and line[2:3] != "." for line in done.output.splitlines())
