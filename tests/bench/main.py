# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure on this machine: (a) a run of site.yml, (b) faults, (c) planning many nodes, (d) a change
of the running pair, (e) requests through each proxy, (f) an earlier commit beside this tree. Prints tables, keeps JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from tests.bench import commits, load, machine, propagating, scale, suffering, wall

RESULTS = Path(__file__).parent / "results"
PARTS = {
    "a": ("What a run of site.yml takes, and the same result task by task", wall),
    "b": ("What clients lose", suffering),
    "c": ("Plan and rendering of many pairs", scale),
    "d": ("A change carried over the running pair", propagating),
    "e": ("Requests through each proxy", load),
    "f": ("An earlier commit beside this tree", commits),
}


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--only", choices=list(PARTS), action="append", help="this part (may be given again)")
    parser.add_argument("--runs", type=int, default=3, help="how often each figure is taken (%(default)s)")
    parser.add_argument("--name", default="bench", help="the lab that is made and removed (%(default)s)")
    parser.add_argument("--subnet", type=IPv4Network, default="198.51.100.128/27", help="its subnet (%(default)s)")
    parser.add_argument(
        "--earlier", default="HEAD~1", help="the commit that part f sets beside this tree (%(default)s)"
    )
    given = parser.parse_args()

    about = machine.describe()
    print("\n".join(f"{key}: {value}" for key, value in about.items()), flush=True)
    results: dict[str, Any] = {"about": about, "runs": given.runs}
    for part in given.only or list(PARTS):
        title, module = PARTS[part]
        print(f"\n## ({part}) {title}\n", flush=True)
        where: tuple[Any, ...] = () if module is scale else (given.name, given.subnet)
        where += (given.earlier,) if module is commits else ()
        found = module.measure(given.runs, say, *where)
        results[part] = found
        print(f"\n{module.report(found)}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    file.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nKept in {file}")
    return 0


def say(text: str) -> None:
    """Progress, apart from the tables."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
