#!/usr/bin/env python3
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python environment of this tree: lab/env.py VENV. On Debian as root it installs what the machine lacks for it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lab.engine import install  # noqa: E402  (the path above comes first)
from lab.shell import LabError, run, run_long, succeeds  # noqa: E402

OLDEST = (3, 11)  # what the ansible-core of requirements.txt needs on the controller
PROGRAMS = {"ssh": "openssh-client", "ssh-keygen": "openssh-client", "ip": "iproute2"}


def main(venv: Path) -> None:
    if sys.version_info < OLDEST:
        raise LabError(
            f"Python {sys.version.split()[0]} is too old: {'.'.join(map(str, OLDEST))} or newer is needed.\n"
            "  Remedy: make PYTHON=/path/to/a/newer/python3 ..."
        )
    lacking = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if not importlib.util.find_spec("ensurepip"):
        lacking.add("python3-venv")
    if lacking:
        install(*sorted(lacking))
    if not succeeds([str(venv / "bin/python"), "-m", "pip", "--version"]):
        # Also where one is half there: made by a Python that has gone since, or interrupted.
        shutil.rmtree(venv, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(venv)])
    run_long(
        f"Installing requirements-dev.txt into {venv}",
        [
            str(venv / "bin/python"),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--progress-bar=off",
            "--requirement",
            str(ROOT / "requirements-dev.txt"),
        ],
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: lab/env.py VENV")
    try:
        main(Path(sys.argv[1]))
    except LabError as error:
        sys.exit(f"env: {error}")
