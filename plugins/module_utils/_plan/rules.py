# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule that there is, whichever room checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module

from .._cluster import rules as _cluster  # noqa: F401  (registers the plan's own)
from .._core.register import Rule, registered
from .._core.services import SERVICES
from . import accept as _accept  # noqa: F401  (registers its own)

# A rule is registered where it is written: beside the model of its service.
for _service in SERVICES:
    import_module(f"...{_service.room}.model", __name__)


def known() -> Mapping[str, Rule]:
    """All rules by their identifiers: A9, A9-raw, A10, and words last."""
    return {rule.id: rule for rule in sorted(registered().values(), key=_place)}


def _place(rule: Rule) -> tuple[str, int, str]:
    match = re.fullmatch(r"([A-Z])(\d+)(.*)", rule.id)
    return (match[1], int(match[2]), match[3]) if match else ("~", 0, rule.id)
