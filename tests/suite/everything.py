# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test` and, with --full, `make test-full`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

from tests.suite import check, cores
from tests.suite.steps import BIN, Outcome, Step, close, run, say

PYTHON = BIN / "python"
RELEASES = ("bookworm", "trixie")
# Molecule scenarios and the minutes that each may take (TESTING.md says what each proves).
SCENARIOS = {
    "default": 14,
    "keepalived": 10,
    "propagate": 30,
    "operate": 15,
    "commit": 10,
    "haproxy": 10,
    "nginx": 10,
    "traefik": 12,
    "wireguard": 18,
}
# These hold fail-over times against bounds, and count each lost request: on a machine that is busy with something else one
# in 70,000 is late. Of the others two run side by side.
TIMED = ("default", "keepalived", "propagate")
# Where the time goes, in the log of each scenario.
PYTEST = "--durations=25 --durations-min=5"


def images() -> list[Step]:
    """What the tests need of docker; the first run on a machine makes it, later ones find it."""
    return [
        *(Step(f"image of {release}", ["lab/lab", "image", "--release", release], limit=900) for release in RELEASES),
        Step("daemons of both releases", [PYTHON, "-m", "tests.golden.daemons"], limit=900),
    ]


def collection() -> list[Step]:
    """The collection as its users get it."""
    return [
        Step("ansible-test sanity", [PYTHON, "-m", "tests.suite.sanity"], limit=600),
        Step("build, install, plan by full name", [PYTHON, "-m", "tests.suite.installed"], limit=180),
    ]


def with_cores(wanted: Iterable[str]) -> list[Step]:
    """Other versions of ansible-core, where this machine has a Python for them."""
    return [
        Step(f"ansible-core {core}", [PYTHON, "-m", "tests.suite.cores", core], limit=600)
        for core in wanted
        if cores.interpreter(core)
    ]


def scenarios(release: str, timed: bool, full: bool) -> list[Step]:
    """Real daemons on real hosts of one release of Debian; in full, also a run killed at every boundary."""
    env = {
        "LAB_RELEASE": release,
        "PYTEST_ADDOPTS": PYTEST if full else f"{PYTEST} -m 'not full'",
        **({"EVENKEEL_BOUNDARIES": "all"} if full else {}),
    }
    return [
        Step(
            f"molecule {name} {release}",
            # The hosts are no children of it, so what plays and tests work out delays no packet that is counted.
            ["nice", "molecule", "test", "-s", name],
            env=env,
            limit=90 * minutes,
        )
        for name, minutes in SCENARIOS.items()
        if (name in TIMED) == timed
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also what `make test` leaves out")
    full = parser.parse_args().full
    wanted = [*cores.CORES, *(cores.CORES_BETWEEN if full else ())]
    left_out = [
        f"ansible-core {core}: no Python for it on this machine" for core in wanted if not cores.interpreter(core)
    ]
    if not full:
        left_out.append(f"ansible-core {', '.join(cores.CORES_BETWEEN)} (make test-full)")
        left_out.append("tests marked full, and a run killed at every boundary but three (make test-full)")
        left_out.append(f"scenarios on {RELEASES[1]} (make test-full)")

    began = time.monotonic()
    outcomes: list[Outcome] = []
    outcomes += run("images", images())
    outcomes += check.outcomes()
    outcomes += run("collection", [*collection(), *with_cores(wanted)], jobs=2)
    for release in RELEASES if full else RELEASES[:1]:
        outcomes += run(f"scenarios on {release}, one at a time", scenarios(release, True, full))
        outcomes += run(f"scenarios on {release}", scenarios(release, False, full), jobs=2)
    say(f"{(time.monotonic() - began) / 60:.1f} minutes")
    return close(outcomes, left_out)


if __name__ == "__main__":
    sys.exit(main())
