# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of our roles, as `meta/argument_specs.yml` describes them. Read once in a process: YAML takes its time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster import variables

ROLES = Path(__file__).resolve().parents[2] / "roles"


@cache
def specification(role: str) -> dict[str, Any]:
    """The options of the role's main entry point."""
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    # Most of what a model takes is reading YAML, so by C's reader.
    loaded = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return dict(loaded["argument_specs"]["main"]["options"])


@cache
def plan_options() -> dict[str, Any]:
    """The options of the role keepalived that the plan reads, as it reads them."""
    return variables.plan_options(specification("keepalived"))
