# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python interpreters of this machine that really run."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

SHIMS = ".pyenv/shims"


def search_path() -> str:
    """PATH without pyenv's shims, which exist for versions that they then refuse to run."""
    return os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if not folder.rstrip("/").endswith(SHIMS)
    )


@functools.cache
def python(version: str) -> Path | None:
    """An interpreter of a version such as 3.13, from PATH or from pyenv."""
    folders = [Path(folder) for folder in search_path().split(os.pathsep)]
    folders += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin"), reverse=True)
    for folder in folders:
        candidate = folder / f"python{version}"
        try:
            if subprocess.run([candidate, "-c", ""], check=False, capture_output=True).returncode == 0:
                return candidate
        except OSError:
            continue
    return None
