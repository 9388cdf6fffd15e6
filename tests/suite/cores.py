# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One supported ansible-core, by default the oldest or the newest: unit tests, syntax of every playbook, the plan.

Each has an environment of its own below .ansible/, made on first use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.suite.pythons import python
from tests.suite.steps import ROOT, environment

# The release, and the Pythons that it runs on, the preferred first.
# The main environment has the one of requirements.txt.
CORES = {"2.17.14": ("3.11", "3.12", "3.10"), "2.21.5": ("3.13", "3.14", "3.12")}
CORES_BETWEEN = {"2.18.19": ("3.11", "3.12", "3.13"), "2.20.10": ("3.13", "3.12", "3.14")}
# The pinned tools that no unit test imports; every other package of the main environment goes along.
TOOLS = (
    "ansible-lint",
    "antsibull-changelog",
    "antsibull-docs",
    "molecule",
    "molecule-plugins[docker]",
    "mypy",
    "ruff",
    "yamllint",
)
PLAYBOOKS = ("site", "plan")


def interpreter(core: str) -> Path | None:
    """A Python of this machine that this ansible-core runs on."""
    return next((found for version in {**CORES, **CORES_BETWEEN}[core] if (found := python(version))), None)


def pins() -> list[str]:
    """The packages beside ansible-core that the unit tests may import, as pinned for the main environment."""
    lines = [
        line.strip()
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
    ]
    return [line for line in lines if "==" in line and line.split("==")[0] not in ("ansible-core", *TOOLS)]


def prepare(core: str) -> Path:
    """The environment's folder of commands."""
    folder = ROOT / ".ansible" / f"core-{core}"
    ready = folder / ".ready"
    wanted = "\n".join([f"ansible-core=={core}", *pins()])
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        # Where Debian's Python has no ensurepip, our own environment's pip fills the new one.
        subprocess.run([str(interpreter(core)), "-m", "venv", "--clear", "--without-pip", folder], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q"]
        subprocess.run([*pip, *wanted.splitlines()], check=True)
        ready.write_text(wanted, encoding="utf-8")
    return folder / "bin"


def main(core: str) -> int:
    commands = prepare(core)
    playbook = [str(commands / "ansible-playbook"), "-i", "inventories/lab"]
    env = environment()
    env["PATH"] = f"{commands}{os.pathsep}{env['PATH']}"
    failed = 0
    for command in (
        [*playbook, "--syntax-check", *(f"playbooks/{name}.yml" for name in PLAYBOOKS)],
        [*playbook, "playbooks/plan.yml"],
        [str(commands / "python"), "-m", "pytest", "-m", "not clock", "tests/unit"],
    ):
        print(f"== {' '.join(command)}", flush=True)
        failed += subprocess.run(command, cwd=ROOT, env=env, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
