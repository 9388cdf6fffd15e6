# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of the bench and of the fault runner."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lab.observer import Event, Record
from tests.bench import load, propagating, scale, suffering, wall
from tests.bench.calls import RECAP, Run, count
from tests.bench.inventory import hostvars, inventory
from tests.bench.tables import medians, table
from tests.faults import FAULTS, figures, pack
from tests.unit._cluster.plan_data import plan_all


def test_table():
    rows: list[list[object]] = [["crash", 130.44], ["node frozen", None], ["x", 12.34], ["y", 0.01234], ["z", 3]]
    assert table(["fault", "gap ms"], rows) == (
        "| fault       | gap ms |\n"
        "| ----------- | -----: |\n"
        "| crash       |    130 |\n"
        "| node frozen |      - |\n"
        "| x           |   12.3 |\n"
        "| y           | 0.0123 |\n"
        "| z           |      3 |"
    )


def test_medians():
    assert medians([{"a": 1.0, "b": 5}, {"a": 9.0, "b": None}, {"a": 2.0, "b": 5}]) == {"a": 2.0, "b": None}


def test_calls_are_counted_by_host():
    lines = [
        "ssh -C -o ControlPath=/x/cp 192.0.2.11 /bin/sh -c 'echo 192.0.2.12'",
        "ssh -C 192.0.2.12 true",
        "sftp -b - [192.0.2.11]",
        "ssh elsewhere true",
    ]
    assert count(lines, {"192.0.2.11": "lb-1", "192.0.2.12": "lb-2"}) == {"lb-1": 2, "lb-2": 1}
    assert Run(1.0, {"lb-1": 2, "lb-2": 1}, {}, "").most_calls == 2


def test_recap():
    text = "PLAY RECAP ****\nlb-1      : ok=43   changed=10   unreachable=0    failed=0    skipped=23\n"
    assert [(match[1], match[3]) for match in RECAP.finditer(text)] == [("lb-1", "10")]


@pytest.mark.parametrize("nodes", [2, 1000])
def test_made_up_inventories_can_be_planned(nodes):
    variables = hostvars(nodes)
    assert len(variables) == nodes
    planned = plan_all(list(variables), variables.get)
    assert not planned["errors"]
    assert len(planned["plans"]) == nodes // 2
    groups = inventory(nodes, {})["balancers"]["children"]
    assert sorted(host for group in groups.values() for host in group["hosts"]) == sorted(variables)
    json.dumps(groups)


def clients(**changes):
    """What a probe says that lost nothing."""
    none: dict[str, object] = {"gap_ms": 0.0, "gap": None, "lost": 0, "latency_ms": {}}
    whole = {
        "new": none,
        "kept": none,
        "sent": 100,
        "lost": 0,
        "lost_in_flight": 0,
        "lost_by_kind": {"reset": 0},
        "on_schedule": True,
        "late_ms": {},
        "lost_list": [],
    }
    return {**whole, **changes}


VIP = "192.0.2.28"


def record(*events):
    return Record(tuple(Event(when, host, what, VIP) for when, host, what in events), 100.0, 120.0)


def test_figures_of_a_move():
    seen = figures(
        clients(),
        record((100.0, "lb-1", "add"), (105.0, "lb-1", "del"), (105.12, "lb-2", "add")),
        (VIP,),
        103.0,
        110.0,
    )
    assert (seen["none_ms"], seen["both_ms"], seen["both_late_ms"], seen["holder"]) == (120.0, 0.0, 0.0, "lb-2")


@pytest.mark.parametrize(("leaves", "both", "late"), [(105.01, 10.0, 0.0), (106.0, 1000.0, 1000.0)])
def test_a_change_of_hands_is_not_two_holders(leaves, both, late):
    seen = figures(
        clients(), record((100.0, "lb-1", "add"), (105.0, "lb-2", "add"), (leaves, "lb-1", "del")), (VIP,), 103.0, 110.0
    )
    assert (seen["both_ms"], seen["both_late_ms"]) == (both, late)


def test_two_holders_that_end_within_a_second_are_in_time():
    seen = figures(
        clients(), record((100.0, "lb-1", "add"), (100.0, "lb-2", "add"), (103.9, "lb-2", "del")), (VIP,), 103.0, 110.0
    )
    assert (seen["both_ms"], seen["both_late_ms"], seen["holder"]) == (900.0, 0.0, "lb-1")


def test_report_of_faults():
    run = {**figures(clients(), record((100.0, "lb-1", "add")), (VIP,), 103.0, 110.0), "back": None}
    gaps = [{**run, "gap_ms": gap, "lost": int(gap / 10), "gap_open": gap > 500} for gap in (90.0, 130.0, 110.0)]
    ours = suffering.middle(gaps)
    assert (ours["gap_ms"], ours["lost"], ours["open"], ours["back"]) == (110.0, 11, False, None)
    seeds = suffering.middle([{**run, "gap_ms": 8000.0, "gap_open": True, "on_schedule": False, "back": run}])
    text = suffering.report(
        {"ours": {"x": {"median": ours}}, "seeds": {"x": {"median": seeds}}, "daemons": {"haproxy": "2.6"}}
    )
    assert "| x     |  ours |    110 |" in text
    assert "| x     | seeds | > 8000 |" in text
    assert "In 1 runs the probe was late" in text
    assert text.endswith("haproxy 2.6")


def test_report_of_ways():
    run = {**figures(clients(), record((100.0, "lb-1", "add")), (VIP,), 103.0, 110.0), "seconds": 30.0}
    ours = propagating.middle([run, {**run, "seconds": 50.0}, {**run, "seconds": 34.0}])
    assert (ours["seconds"], ours["lost"], ours["off_schedule"]) == (34.0, 0, 0)
    lossy = {
        "lost": 812,
        "lost_new": 90,
        "lost_kept": 722,
        "lost_in_flight": 3,
        "gap_ms": 2310.0,
        "kept_gap_ms": 2400.0,
    }
    theirs = propagating.middle([{**run, **lossy, "on_schedule": False}])
    text = propagating.report(
        {"ways": {"propagate": {"median": ours}, "script": {"median": theirs}}, "daemons": {"haproxy": "2.6"}}
    ).replace(" ", "")
    assert "|propagate|34.0|0|0|0|0|100|0|0|0|0|" in text
    assert "|script|30.0|812|90|722|3|100|2310|2400|0|0|" in text
    assert "In1runstheprobewaslate" in text
    assert text.endswith("haproxy2.6")


def test_report_of_runs():
    found = wall.summary([Run(4.0, {"lb-1": 6}, {"lb-1": 0}, "", 3.0), Run(6.0, {"lb-1": 6}, {"lb-1": 0}, "", 3.0)])
    assert found == {"seconds": 5.0, "cpu": 3.0, "calls": {"lb-1": 6}, "changed": 0}
    text = wall.report(
        {
            "site.yml, ours": {"first": found, "again": found, "empty": {**found, "seconds": 2.0}},
            "task by task, ours": {"first": found, "again": {**found, "seconds": 20.0}, "empty": found},
        }
    )
    assert "|site.yml,ours|5.0|3.0|6|5.0|3.0|6|0|2.0|2.5|" in text.replace(" ", "")
    assert "task by task: ours: 0.25" in text


def test_report_of_planning():
    seen = {"core": {"plan": 0.2, "render": 2.0}, "ansible": {"plan": 1.0, "render": 100.0, "empty": 20.0}}
    quiet = {f"compare {nodes}": {"empty": 0.1, "compare": 0.02 * nodes} for nodes in scale.LOCAL}
    lines = [line.replace(" ", "") for line in scale.report({"1000": seen, **quiet}).splitlines()]
    assert "|1000|0.2|0.2|1.0|1.0|2.0|2.0|100|100|20.0|20.0|" in lines
    assert [line for line in lines if line.startswith(("|10|", "|50|", "|100|"))] == [
        "|10|0.2|20.0|10.0|", "|50|1.0|20.0|2.0|", "|100|2.0|20.0|1.0|",
    ]  # fmt: skip


def test_core_planning_and_rendering_runs():
    assert (scale.core(4)["render"] or 0) > 0


def test_every_fault_can_be_healed_or_needs_not():
    assert [name for name, fault in FAULTS.items() if fault.heal is None] == ["ten reloads"]


def test_the_packed_probe_runs_on_any_python(tmp_path):
    packed = tmp_path / "probe.pyz"
    packed.write_bytes(pack())
    done = subprocess.run(
        [sys.executable, "-I", str(packed), "run", '{"targets": []}'], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is nothing to probe" in done.stderr


def test_a_ratio_is_paired_and_has_an_interval() -> None:
    """Whoever is twice as fast in each pair is so without doubt, however much the machine's speed changes in between."""
    assert load.ratio([200.0, 20.0, 2.0], [100.0, 10.0, 1.0]) == pytest.approx((2.0, 2.0, 2.0))
    middle, low, high = load.ratio([110.0, 90.0] * 5, [100.0] * 10)
    assert low < middle < 1.0 < high


@pytest.mark.parametrize(("freedom", "quantile"), [(9, 2.262), (19, 2.093), (29, 2.045)])
def test_students_t(freedom: int, quantile: float) -> None:
    assert load.student(freedom) == pytest.approx(quantile, abs=0.001)


def test_the_table_of_proxies() -> None:
    runs = [{"rate": 1000.0 + turn, "p99_ms": 2.0, "errors": 0} for turn in range(10)]
    found = {"proxies": {"nginx": {"ours": runs, "theirs": runs}}, "daemons": {"nginx": "1.22"}}
    row = load.report(found).splitlines()[2]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "nginx", "1004", "1004", "1.000", "1.000", "1.000", "2.0", "2.0", "1.000", "1.000", "1.000", "0",
    ]  # fmt: skip
