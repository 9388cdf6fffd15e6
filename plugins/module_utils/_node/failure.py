# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module on a node fails: one sentence for people, and the same in parts."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol


class Module(Protocol):
    """What is used of Ansible's module."""

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn: ...


class Refused(Exception):
    """Why a module fails: what is wrong, where, what was found and what to do."""

    def __init__(self, what: str, where: str, got: str, remedy: str, accepted: str = "") -> None:
        known = f" Accepted: {accepted}." if accepted else ""
        super().__init__(f"{where}: {what} Found: {got}.{known} {remedy}")
        self.error = {"what": what, "where": where, "got": got, "remedy": remedy}


def fail(module: Module, problem: Refused | OSError, where: str = "", **result: Any) -> NoReturn:
    """End the module with `result`. An error of the system may be none of a file's; then it is one of `where`."""
    if isinstance(problem, OSError):
        problem = of_system(problem, where)
    module.fail_json(str(problem), error=problem.error, **result)


def of_system(problem: OSError, where: str = "") -> Refused:
    what, remedy = "The system refuses it.", "Look at the node: its disk, and the journal."
    if isinstance(problem, PermissionError):
        what, remedy = "Only root may do this.", "Run with become: true."
    return Refused(what, str(problem.filename or where or "this node"), problem.strerror or str(problem), remedy)
