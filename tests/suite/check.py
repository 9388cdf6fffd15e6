# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make check`: linters, types, and the tests that need no hosts."""

from __future__ import annotations

import sys

from tests.suite.steps import ROOT, Outcome, Step, close, ended_by_signals, python_files, run

COLLECTION = ".ansible/collections/ansible_collections/evenkeel/lb"
# mypy takes one program at a time.
EACH = 'code=0; for file in "$@"; do [ "$file" = "$1" ] || "$0" "$1" "$file" || code=1; done; exit $code'
LEFT_OUT = "ansible-test sanity, build and install, other ansible-core versions, molecule scenarios (make test)"


def golden() -> list[Step]:
    """What needs images of docker."""
    return [Step("golden", ["pytest", "tests/golden"])]


def steps() -> list[Step]:
    """What needs nothing and is independent of each other, the longest first."""
    python = [path.relative_to(ROOT) for path in python_files()]
    # Plugins are checked under their import names; a command without a suffix is a program of its own.
    modules = [path for path in python if path.suffix and path.parts[0] != "plugins"]
    # The few lines that a test's own web server is made of have no types.
    commands = [
        path for path in python if not path.suffix and "image" not in path.parts and path.parts[0] != "molecule"
    ]
    return [
        Step("ansible-lint", ["ansible-lint", "--strict", "-q"]),
        Step(
            "unit, property and contract tests",
            ["pytest", "-m", "not clock", "tests/unit", "tests/property", "tests/contract"],
        ),
        Step("mypy", ["mypy", f"{COLLECTION}/plugins", *modules]),
        Step("mypy of commands", ["sh", "-c", EACH, "mypy", "--cache-dir=.mypy_cache/commands", *commands]),
        Step("ruff", ["ruff", "check", *python]),
        Step("ruff format", ["ruff", "format", "--diff", *python]),
        Step("yamllint", ["yamllint", "--strict", "."]),
        Step("plugin docs", ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "."]),
        Step("changelog fragments", ["antsibull-changelog", "lint"]),
    ]


def alone() -> list[Step]:
    """What measures time."""
    return [Step("tests against the clock", ["pytest", "-m", "clock", "tests/unit"])]


def outcomes() -> list[Outcome]:
    """All of `make check`."""
    return run("check", [*golden(), *steps()], jobs=2) + run("check, one at a time", alone())


if __name__ == "__main__":
    sys.exit(ended_by_signals(lambda: close(outcomes(), [LEFT_OUT])))
