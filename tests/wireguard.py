# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the role wireguard have in common: its options, and public keys of nobody."""

from __future__ import annotations

import base64
import functools
from typing import Any

import yaml

from tools.docs import ROOT

ROLE = ROOT / "roles" / "wireguard"
KEYS = tuple(base64.b64encode(bytes([number]) * 32).decode() for number in range(1, 10))


@functools.cache
def options() -> dict[str, Any]:
    """The role's argument_specs."""
    text = (ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["argument_specs"]["main"]["options"])
