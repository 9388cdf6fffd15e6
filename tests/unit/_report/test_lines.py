"""What a run says at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter.report import report

ROLLOUT = {"turns": {"lb-1": 2, "lb-2": 1, "lb-3": 3}, "dead": ["lb-3"]}
APPLIES = {"haproxy": "reload", "keepalived": "none"}
CLIENTS = {
    "sent": 12345,
    "lost": 0,
    "lost_in_flight": 0,
    "lost_by_kind": {"refused": 0, "timeout": 0},
    "gap_ms": 0.0,
    "servers": {"web-2": 6172, "web-1": 6173},
    "on_schedule": True,
    "late_ms": {"p50": 0.1, "p99": 2.0, "max": 9.0},
}


def lines(clients: Any = None, **nodes: dict[str, Any]) -> list[str]:
    hostvars = {"lb-1": {}, "lb-2": {}, "lb-3": {}, **{name.replace("_", "-"): own for name, own in nodes.items()}}
    return report(ROLLOUT, hostvars, "edge", clients)


def test_nodes_in_the_order_of_their_change() -> None:
    changed = {"__evenkeel_touched": True, "__evenkeel_applies": APPLIES, "__evenkeel_pending": ["haproxy"]}
    assert lines(lb_2=changed) == [
        "edge",
        "  lb-2  haproxy reload",
        "  lb-1  nothing to change",
        "  lb-3  can't be reached",
    ]


def test_a_package_that_came_back_reloads_nothing() -> None:
    came = {
        "__evenkeel_touched": True,
        "__evenkeel_applies": dict.fromkeys(APPLIES, "none"),
        "__evenkeel_pending": ["haproxy"],
    }
    assert lines(lb_2=came)[1] == "  lb-2  nothing had to reload"


def test_a_failure_tells_what_became_of_each() -> None:
    touched = {"__evenkeel_touched": True, "__evenkeel_applies": APPLIES, "__evenkeel_pending": ["haproxy"]}
    assert lines(lb_2=touched, lb_1={"__evenkeel_pending": ["haproxy"], "__evenkeel_failed": "no"})[1:3] == [
        "  lb-2  put back",
        "  lb-1  left as it was",
    ]
    assert (
        lines(lb_2={**touched, "__evenkeel_failed": "no", "__evenkeel_left": "silent"})[1]
        == "  lb-2  could not be put back"
    )


def test_clients_that_lost_nothing() -> None:
    assert lines(CLIENTS)[4:] == ["Clients: 12,345 requests, 0 lost", "  answered by web-1 6,173, web-2 6,172"]


def test_clients_that_lost_something() -> None:
    lossy = {"lost": 30, "lost_in_flight": 9, "lost_by_kind": {"refused": 0, "timeout": 30}, "gap_ms": 612.4}
    assert lines({**CLIENTS, **lossy})[4:6] == [
        "Clients: 12,345 requests, 30 lost (9 of them in flight when a VIP moved)",
        "  30 timeout; longest gap 612 ms",
    ]


def test_a_late_probe_says_so() -> None:
    assert lines({**CLIENTS, "on_schedule": False})[-1] == (
        "  The probe could not keep its own schedule (9 ms late): a gap may be the probe's."
    )


@pytest.mark.parametrize("clients", [{"failed": True, "msg": "no"}, {"unreachable": True}, {"skipped": True}, None])
def test_a_probe_without_an_answer_is_left_out(clients: Any) -> None:
    assert len(lines(clients)) == 4


def test_anything_else_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"evenkeel\.lb\.report: the input must be a rollout, not list"):
        report([], {}, "edge")  # type: ignore[arg-type]


def test_a_run_without_a_change_loads_nothing_of_the_page() -> None:
    """Ansible loads every filter of a collection to find one."""
    program = (
        "import sys; import ansible_collections.evenkeel.lb.plugins.filter.report;"
        "print([name for name in sys.modules if name.rpartition('.')[2] in"
        " ('drawsvg', 'picture', 'told', 'report_html', 'timeline')])"
    )
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
    assert done.stdout == "[]\n"
