# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies at a path."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ABSENT = "absent"
FILE = "file"
DIRECTORY = "directory"
LINK = "link"
OTHER = "other"


@dataclass(frozen=True)
class State:
    """A path's kind, owner, mode and digest; a link's digest is where it points to."""

    kind: str = ABSENT
    digest: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0

    def same_content(self, other: State) -> bool:
        return self.kind == other.kind and self.digest == other.digest

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> State:
        return cls(**data)


NOTHING = State()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def look(path: str) -> State:
    """The state of a path now."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISREG(status.st_mode):
        return State(FILE, digest(Path(path).read_bytes()), status.st_uid, status.st_gid, mode)
    if stat.S_ISDIR(status.st_mode):
        return State(DIRECTORY, "", status.st_uid, status.st_gid, mode)
    if stat.S_ISLNK(status.st_mode):
        return State(LINK, os.readlink(path), status.st_uid, status.st_gid, 0o777)
    return State(OTHER, "", status.st_uid, status.st_gid, mode)
