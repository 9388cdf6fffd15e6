# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a temporary directory, with a systemd of paper."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._commit.engine import commit
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Completed, Host
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import parse
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.result import Result

OWNER = pwd.getpwuid(os.geteuid()).pw_name
GROUP = grp.getgrgid(os.getegid()).gr_name


class Killed(BaseException):
    """As if by -9: nothing that catches exceptions may catch it."""


@dataclass
class PaperHost(Host):
    """Counts its acts and can die before one; commands are answered by a function."""

    acts: list[str] = field(default_factory=list)
    die_at: int = 0
    fail_on: str = ""
    answer: Callable[[Sequence[str]], Completed | None] = lambda argv: None
    commands: list[list[str]] = field(default_factory=list)
    active: bool = False
    enabled: bool = False
    transients: set[str] = field(default_factory=set)

    def act(self, name: str) -> None:
        self.acts.append(name)
        if len(self.acts) == self.die_at:
            raise Killed(name)
        if self.fail_on and name.startswith(self.fail_on):
            raise OSError(28, "No space left on device", name.split()[-1])

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 120) -> Completed:
        self.commands.append(list(argv))
        answer = self.answer(argv)
        if answer is not None:
            return answer
        if argv[0] == "systemd-run":
            self.transients.add(next(word[7:] for word in argv if word.startswith("--unit=")))
            return Completed(0, "")
        if argv[:2] == ["systemctl", "is-active"]:
            return Completed(0, "active") if argv[2] in self.transients else Completed(3, "inactive")
        if argv[0] == "systemctl" and argv[-1].startswith("evenkeel-"):
            if argv[1] == "stop":
                self.transients.discard(argv[-1])
            return Completed(0, "")
        if argv[0] == "systemctl":
            return Completed(0, self._systemctl([word for word in argv[1:] if word != "--no-block"]))
        return Completed(1, "") if argv[0] in ("dpkg-query", "rpm") else Completed(0, "")

    def _systemctl(self, argv: Sequence[str]) -> str:
        if argv[0] in ("start", "restart"):
            self.active = True
        elif argv[0] == "stop":
            self.active = False
        elif argv[0] in ("enable", "disable"):
            self.enabled = argv[0] == "enable"
        state = ("active", "running") if self.active else ("inactive", "dead")
        file_state = "enabled" if self.enabled else "disabled"
        return (
            f"LoadState=loaded\nActiveState={state[0]}\nSubState={state[1]}\nUnitFileState={file_state}\n"
            "NRestarts=0\nMainPID=0\nControlGroup=\nResult=success\nReloadResult=success\nStatusText=\n"
        )


class World:
    """A host, its files, and commits of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.etc = root / "etc"
        self.etc.mkdir(parents=True)
        (root / "sys/net").mkdir(parents=True)
        self.host = self.fresh()

    def fresh(self, **changes: Any) -> PaperHost:
        """The same machine after a process died: what is on disk is all that there is, and what systemd runs."""
        old = getattr(self, "host", None)
        kept = {key: getattr(old, key) for key in ("active", "enabled", "transients")} if old else {}
        self.host = PaperHost(
            state_dir=str(self.root / "var"),
            run_dir=str(self.root / "run"),
            lib_dir=str(self.root / "lib"),
            unit_dir=str(self.root / "units"),
            sysctl_dir=str(self.root / "sys"),
            **{**kept, **changes},
        )
        return self.host

    def file(self, name: str, content: str, **more: Any) -> dict[str, Any]:
        return {
            "path": str(self.etc / name),
            "content": content,
            "owner": OWNER,
            "group": GROUP,
            "mode": "0644",
            **more,
        }

    def commit(self, *files: dict[str, Any], **arguments: Any) -> Result:
        arguments = {"service": "web", "run_id": "run", "files": list(files), **arguments}
        return commit(self.host, parse(arguments, [one.get("content", "").encode() for one in files]))

    def files(self) -> dict[str, str]:
        """Every file below etc, with its content."""
        found = sorted(path for path in self.etc.rglob("*") if path.is_file())
        return {str(path.relative_to(self.etc)): path.read_text() for path in found}
