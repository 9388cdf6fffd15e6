# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test` and, with --full, `make test-full`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence

from tests.suite import check, cores
from tests.suite.steps import BIN, Outcome, Step, close, ended_by_signals, run, run_lanes, say, table
from tests.suite.turns import TURNS

PYTHON = BIN / "python"
RELEASES = ("bookworm", "trixie")
# A test that measures has the machine for itself (tests/suite/turns.py): while one scenario waits for that, two others use both
# cores.
JOBS = 3
# Molecule scenarios, the longest first, and half of the minutes after which each is ended because it hangs (TESTING.md says what
# each proves).
SCENARIOS = {
    "propagate": 40,
    "operate": 30,
    "wireguard": 30,
    "commit": 20,
    "nginx": 20,
    "traefik": 20,
    "default": 20,
    "keepalived": 20,
    "haproxy": 20,
    "docker": 20,
}
# Where the time goes, in the log of each scenario.
PYTEST = "--durations=25 --durations-min=5"


def images() -> list[Step]:
    """What the tests need of docker; the first run on a machine makes it, later ones find it."""
    return [
        *(Step(f"image of {release}", ["lab/lab", "image", "--release", release], limit=900) for release in RELEASES),
        Step("what the docker driver needs", [PYTHON, "molecule/docker/needs"], limit=900),
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


def scenarios(release: str, full: bool, turns: str, names: Sequence[str]) -> list[Step]:
    """Real daemons on real hosts of one release of Debian; in full, also a run killed at every boundary."""
    env = {
        TURNS: turns,
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
            limit=(240 if full else 120) * minutes,
            cleanup=["molecule", "destroy", "-s", name],
        )
        for name, minutes in SCENARIOS.items()
        if name in names
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also what `make test` leaves out")
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, metavar="NAME", help="nothing but these scenarios")
    parser.add_argument("--jobs", type=int, default=JOBS, help="scenarios side by side (default: %(default)s)")
    given = parser.parse_args()
    wanted = [*cores.CORES, *(cores.CORES_BETWEEN if given.full else ())]

    began = time.monotonic()
    outcomes: list[Outcome] = []
    if given.scenarios:
        outcomes += run("images", images())
    else:
        # The one waits for the network most of the time, the other needs none.
        outcomes += run_lanes("images, and checks that need none", [images(), check.steps()], jobs=2)
        outcomes += run("check, one at a time", check.alone())
        outcomes += run("collection", [*check.golden(), *collection(), *with_cores(wanted)], jobs=2)
    for release in RELEASES if given.full else RELEASES[:1]:
        with tempfile.TemporaryDirectory() as turns:
            steps = scenarios(release, given.full, turns, given.scenarios or list(SCENARIOS))
            outcomes += run(f"scenarios on {release}", steps, jobs=given.jobs)
    say("\n".join(["== Where the time went, in seconds", *table(outcomes)]))
    say(f"{(time.monotonic() - began) / 60:.1f} minutes")
    return close(outcomes, left_out(wanted, given.full, given.scenarios))


def left_out(wanted: Iterable[str], full: bool, only: Sequence[str] | None) -> list[str]:
    """What this command has not tried, and what does."""
    if only:
        return [f"everything but {', '.join(only)} (make test)"]
    found = [f"ansible-core {core}: no Python for it on this machine" for core in wanted if not cores.interpreter(core)]
    if not full:
        found.append(f"ansible-core {', '.join(cores.CORES_BETWEEN)} (make test-full)")
        found.append("tests marked full, and a run killed at every boundary but three (make test-full)")
        found.append(f"scenarios on {RELEASES[1]} (make test-full)")
    return found


if __name__ == "__main__":
    sys.exit(ended_by_signals(main))
