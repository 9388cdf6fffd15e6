"""A running pair, and what changes of it reach clients."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
os.environ.setdefault("LAB_NAME", "mol-propagate")

from tests.site import (  # noqa: E402 - found by the lines above
    as_a_user,
    as_it_was,
    as_it_was_in_the_end,
    lab,
    pair,
    site,
    watched,
)

__all__ = ["as_it_was", "as_it_was_in_the_end", "lab", "pair", "site", "watched"]

as_a_user()
