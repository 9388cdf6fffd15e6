# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test` and, with --full, `make test-full`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.suite import check, cores
from tests.suite.steps import BIN, Outcome, Step, close, run, say

PYTHON = BIN / "python"
RELEASES = ("bookworm", "trixie")
# Molecule scenarios and the minutes that each may take (TESTING.md says what each proves).
SCENARIOS = {"commit": 10, "haproxy": 10, "keepalived": 12, "default": 12}
FULL_SCENARIOS: dict[str, int] = {}


def images() -> list[Step]:
    """What the tests need of docker; the first run of a machine makes it, later ones find it."""
    return [
        *(Step(f"image of {release}", ["lab/lab", "image", "--release", release], limit=900) for release in RELEASES),
        Step("daemons of both releases", [PYTHON, "-m", "tests.golden.daemons"], limit=900),
    ]


def collection() -> list[Step]:
    """The collection as its users get it."""
    return [
        Step("ansible-test sanity", [PYTHON, "-m", "tests.suite.sanity"], limit=600),
        Step("build, install, plan by full name", [PYTHON, "-m", "tests.suite.installed"], limit=180),
        *(
            Step(f"ansible-core {core}", [PYTHON, "-m", "tests.suite.cores", core], limit=600)
            for core in cores.CORES
            if cores.interpreter(core)
        ),
    ]


def scenarios(names: dict[str, int]) -> list[Step]:
    """Real daemons on real hosts."""
    return [
        Step(f"molecule {name}", ["molecule", "test", "-s", name], limit=60 * int(m * 1.5)) for name, m in names.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also what `make test` leaves out")
    full = parser.parse_args().full
    began = time.monotonic()
    left_out = [
        f"ansible-core {core}: no Python {' or '.join(pythons)} here"
        for core, pythons in cores.CORES.items()
        if not cores.interpreter(core)
    ]
    wanted = dict(SCENARIOS)
    if full:
        wanted.update(FULL_SCENARIOS)
    else:
        left_out.append("what `make test-full` adds: " + (", ".join(FULL_SCENARIOS) or "nothing yet"))

    outcomes: list[Outcome] = []
    outcomes += run("images", images())
    outcomes += run("check", check.steps(), jobs=2)
    outcomes += run("collection", collection(), jobs=2)
    outcomes += run("scenarios", scenarios(wanted))
    say(f"{(time.monotonic() - began) / 60:.1f} minutes")
    return close(outcomes, left_out)


if __name__ == "__main__":
    sys.exit(main())
