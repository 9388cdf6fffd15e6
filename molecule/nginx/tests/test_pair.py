"""Seed 0 through a VIP: strict rotation, and nothing lost when an upstream dies, nginx is reloaded or the VIP moves."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from conftest import APPS, NODES

from lab import faults
from lab.hosts import Lab
from lab.observer import held_by
from tests.faults import NGINX, Fault, Pair
from tests.proxies import lost
from tests.site import Site, Watched, changed, flat, on, wait_for


def ask(lab: Lab, url: str, *options: str) -> str:
    return lab.run("client", ["curl", "-gsS", "--max-time", "20", *options, url])


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_three_upstreams_answer_in_strict_rotation(lab: Lab, family: str) -> None:
    vip = lab.vip if family == "v4" else f"[{lab.vip6}]"
    answers = [ask(lab, f"http://{vip}/").strip() for _ in range(9)]
    # Who begins is chance; from then on each comes third after itself, whichever worker took the request.
    assert answers[:3] * 3 == answers
    assert sorted(answers[:3]) == list(APPS)


def test_the_default_site_is_not_served(lab: Lab) -> None:
    for node in NODES:
        assert "Welcome" not in ask(lab, f"http://{lab.vip}/")
        assert "0.0.0.0:80 " not in on(lab, node, "ss -Hltn")


def test_the_vip_is_held_by_the_preferred_node_alone(lab: Lab) -> None:
    for vip in (lab.vip, lab.vip6):
        assert [node for node in NODES if vip in held_by(lab, node)] == ["lb-1"]


def test_an_upstream_that_is_killed_costs_no_request(lab: Lab, watched: Watched) -> None:
    def kill() -> None:
        faults.crash(lab, "web-1", "app@4001.service")
        time.sleep(3)

    try:
        seen = watched(kill)
        assert seen["sent"] > 300
        assert lost(seen) == ""
        served = Counter(ask(lab, f"http://{lab.vip}/").strip() for _ in range(8))
    finally:
        faults.restore(lab, "web-1", "app@4001.service")
    assert set(served) == {"app-4000", "app-4002"}
    wait_for(lambda: "app-4001" in {ask(lab, f"http://{lab.vip}/").strip() for _ in range(3)})


def test_a_post_to_a_dead_upstream_is_taken_by_another_once(lab: Lab) -> None:
    on(lab, "web-1", "rm -f /run/app-*.log")
    faults.crash(lab, "web-1", "app@4002.service")
    try:
        statuses = [
            ask(lab, f"http://{lab.vip}/post", "-d", "x", "-o", "/dev/null", "-w", "%{http_code}") for _ in range(6)
        ]
    finally:
        faults.restore(lab, "web-1", "app@4002.service")
    assert statuses == ["200"] * 6
    assert on(lab, "web-1", "cat /run/app-*.log | grep -c 'POST /post'").strip() == "6"


@pytest.mark.alone
@pytest.mark.parametrize(
    ("fault", "act", "back", "gap_ms", "watch"),
    [
        # What keepalived asks each second takes 2.6 s to find out: a crash is told earlier, by the unit itself.
        ("nginx crashes", faults.crash, faults.restore, 2000, 3.0),
        ("nginx hangs", faults.hang, faults.resume, 5000, 6.0),
    ],
)
def test_keepalived_tracks_nginx(pair: Pair, fault: str, act: Any, back: Any, gap_ms: int, watch: float) -> None:
    seen = pair.suffer(
        Fault(lambda lab, host: act(lab, host, NGINX), lambda lab, host: back(lab, host, NGINX), watch=watch)
    )
    assert seen["holder"] == "lb-2", seen["story"]
    assert seen["gap_ms"] < gap_ms, (fault, seen["story"])
    assert seen["back"]["holder"] == "lb-1", seen["back"]["story"]


def test_a_node_that_sees_no_upstream_gives_the_vip_away(lab: Lab, pair: Pair) -> None:
    """/ready asks through nginx: here the way from lb-1 to the application is cut, and nothing else."""
    pair.steady()
    block = f"ip route add blackhole {lab.address('web-1')}/32"
    try:
        on(lab, "lb-1", block)
        pair.steady("lb-2")
        assert ask(lab, f"http://{lab.vip}/").strip() in APPS
    finally:
        on(lab, "lb-1", f"ip route del blackhole {lab.address('web-1')}/32")
    pair.steady("lb-1")


def without_one(site: Site) -> dict[str, Any]:
    backend = site.variables()["nginx_backends"][0]
    return {"nginx_backends": [{**backend, "servers": backend["servers"][:2]}]}


def test_a_change_of_a_running_pair_loses_no_request(lab: Lab, site: Site, pair: Pair, watched: Watched) -> None:
    """Standby first; the holder's clients are told to close, the VIP moves, and only then its nginx is reloaded."""
    outputs: list[str] = []
    site.set(**without_one(site))
    try:
        seen = watched(lambda: outputs.append(site.run()))
        assert changed(outputs[0]).keys() == {"lb-1", "lb-2"}
        assert "drain_node | Drain the node" in flat(outputs[0])
        assert seen["sent"] > 500
        # What is in flight in the instant in which a VIP moves is counted apart; no kept connection was cut.
        assert seen["lost"] == seen["lost_in_flight"], seen
        assert {ask(lab, f"http://{lab.vip}/").strip() for _ in range(6)} == {"app-4000", "app-4001"}
    finally:
        site.reset()
        # Nobody watches how it is put back: by the role alone.
        site.play("molecule/nginx/role.yml", "-e", "scenario_nodes=balancers")
    pair.steady("lb-1")
    assert set(changed(site.run()).values()) == {0}


def test_reboots_are_survived_by_systemd_alone(lab: Lab) -> None:
    for node in NODES:
        assert on(lab, node, "systemctl is-enabled nginx keepalived").split() == ["enabled", "enabled"]
