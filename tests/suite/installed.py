# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection, install it into an empty path, and use it from there by its full name."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.suite.steps import BIN, ROOT, environment


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        collections = folder / "collections"
        # Not our ansible.cfg: its collections_path is the work tree.
        (folder / "ansible.cfg").write_text("[defaults]\ngathering = explicit\n", encoding="utf-8")
        env = environment({"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(collections)})
        galaxy = [str(BIN / "ansible-galaxy"), "collection"]
        playbook = [str(BIN / "ansible-playbook"), "-i", str(ROOT / "inventories" / "lab")]
        subprocess.run([*galaxy, "build", "--output-path", temporary, str(ROOT)], cwd=folder, env=env, check=True)
        tarball = str(next(folder.glob("*.tar.gz")))
        for command in (
            [*galaxy, "install", "--offline", "-p", str(collections), tarball],
            [*galaxy, "verify", "--offline", "evenkeel.lb"],
            [*playbook, "--syntax-check", "evenkeel.lb.site"],
            [*playbook, "evenkeel.lb.plan"],
        ):
            print(f"== {' '.join(command)}", flush=True)
            if subprocess.run(command, cwd=folder, env=env, check=False).returncode != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
