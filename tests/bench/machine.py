# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def describe() -> dict[str, str]:
    """This machine and the versions of what runs on it."""
    models = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "machine": f"{os.cpu_count()} x {models[0] if models else '?'}, {memory / 1024**2:.0f} GiB",
        "load": f"{os.getloadavg()[0]:.2f} before the start",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "docker": said(["docker", "version", "--format", "{{.Server.Version}}"]),
        "tree": said(["git", "describe", "--always", "--dirty"]),
    }


def daemons(container: str) -> dict[str, str]:
    """The versions of the daemons on a node."""
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "haproxy", "keepalived", "nginx"]
    return dict(line.split(" ", 1) for line in said(["docker", "exec", container, *query]).splitlines())


def said(argv: Sequence[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip() or "?"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
