# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity over the collection as the work tree has it now.

ansible-test wants a real path .../ansible_collections/evenkeel/lb, and fetches pip's installer from its
maintainers' host, which many machines cannot reach: a stand-in that uses our own environment's pip takes its
place. Its environments and caches are kept in .ansible/home, so that nothing is left in the user's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible_test._internal.python_requirements import get_venv_packages  # type: ignore[import-untyped]

from tests.suite.pythons import python, search_path
from tests.suite.steps import BIN, ROOT, environment, tree

HOME = ROOT / ".ansible" / "home"
WORK_TREE_ONLY = {"lab", "molecule", "tests", "tools"}
VERSIONS = ("3.9", "3.13")
GET_PIP = f"""\
import subprocess, sys
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
command = [{str(BIN / "python")!r}, "-m", "pip", "--python", sys.executable, "install", *wanted]
sys.exit(subprocess.run(command).returncode)
"""


def copy_tree(target: Path) -> None:
    """What the collection ships, with the ignore files, as a repository of their own."""
    for path in tree():
        name = path.relative_to(ROOT)
        if name.parts[0] in WORK_TREE_ONLY and name.parts[:2] != ("tests", "sanity"):
            continue
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    subprocess.run(["git", "add", "-A"], cwd=target, check=True)


def pip_versions() -> set[str]:
    """The versions of pip that this ansible-test bootstraps."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {get_venv_packages(type("Python", (), {"version": version, "major_version": 3}))["pip"]}


def interpreters() -> str:
    """A folder with what managed nodes run, oldest and newest, for the tests that go through versions."""
    folder = HOME / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for version in VERSIONS:
        found, link = python(version), folder / f"python{version}"
        link.unlink(missing_ok=True)
        if found:
            link.symlink_to(found)
    return str(folder)


def main() -> int:
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pip_versions():
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="utf-8")
    settings = {"HOME": str(HOME), "PATH": os.pathsep.join([str(BIN), interpreters(), search_path()])}
    user_pip = Path.home() / ".config" / "pip" / "pip.conf"
    if user_pip.exists() and "PIP_CONFIG_FILE" not in os.environ:
        settings["PIP_CONFIG_FILE"] = str(user_pip)
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / "ansible_collections" / "evenkeel" / "lb"
        copy_tree(target)
        command = [str(BIN / "ansible-test"), "sanity", "--color", "no", *sys.argv[1:]]
        return subprocess.run(command, cwd=target, env=environment(settings), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
