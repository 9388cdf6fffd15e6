"""The pair of inventories/lab on hosts of its own, and site.yml run over it as a user runs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from lab.hosts import Lab  # noqa: E402 - the lab is found by the line above
from tests.faults import Pair  # noqa: E402
from tests.site import (  # noqa: E402
    Site,
    Watched,
    as_a_user,
    changed,
    fingerprint,
    flat,
    lines,
    on,
    on_reload,
    wait_for,
    watching,
)

__all__ = ["Site", "Watched", "changed", "fingerprint", "flat", "lines", "on", "on_reload", "wait_for"]

as_a_user()


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab.load(os.environ.get("LAB_NAME", "mol-default"))


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(lab, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def pair(lab: Lab) -> Pair:
    return Pair(lab)


@pytest.fixture
def watched(lab: Lab, pair: Pair) -> Watched:
    return watching(lab, pair)
