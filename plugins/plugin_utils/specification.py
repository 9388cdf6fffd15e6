# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's argument_specs.yml, for the filters that conform variables to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml


@lru_cache(maxsize=8)
def options_of(specification: str) -> Mapping[str, Any]:
    """The entry point's options. A play asks for a model several times, and reading YAML is most of the work."""
    options: Mapping[str, Any] = yaml.load(specification, getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
        "argument_specs"
    ]["main"]["options"]
    return options
