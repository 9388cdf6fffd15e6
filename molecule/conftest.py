"""Which tests of the scenarios run alone, and what a session took."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.suite.turns import MACHINE, note  # noqa: E402 - found by the line above

# Of the scenario keepalived: from a settled pair to the end of the test kernels are watched.
MEASURING = {"watch"}
BEGAN = time.monotonic()

# Molecule's plays wait for their turn themselves; those of a test are in its own.
for name in ("ANSIBLE_CALLBACKS_ENABLED", "ANSIBLE_CALLBACK_PLUGINS"):
    os.environ.pop(name, None)


def measures(item: pytest.Item) -> bool:
    """Whether all of a test depends on what else the machine does; what is `watched` is alone by itself (tests/site.py)."""
    return bool(item.get_closest_marker("alone") or MEASURING & set(getattr(item, "fixturenames", ())))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Tests that measure one after the other share a turn."""
    alone = measures(item)
    MACHINE.take(alone)
    try:
        return (yield)
    finally:
        if not (alone and nextitem and measures(nextitem)):
            MACHINE.give_back()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        note("tests", time.monotonic() - BEGAN, MACHINE.waited)
