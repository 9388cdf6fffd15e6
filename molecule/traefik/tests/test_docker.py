"""Seed 0: replicas that are found by their labels, behind the VIP of a pair, come and go without a run of ours."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from conftest import HOLDER, LB, Bed

from lab.engine import docker
from tests.faults import HANDS_MS, Pair, Probe
from tests.proxies import LOAD, clients_of, lost
from tests.site import Watched, flat, states, wait_for, watching

# Each leaves three behind it too.
pytestmark = pytest.mark.usefixtures("three")


def test_three_replicas_take_turns_behind_the_vip(bed: Bed) -> None:
    """Rounds of three; the node's own question each second takes a turn too."""
    began = time.monotonic()
    answers = bed.bodies(300, "/", host=bed.lab.vip, port=80)
    questions = time.monotonic() - began
    shares = Counter(answers)
    assert sorted(shares) == ["replica-1", "replica-2", "replica-3"]
    assert max(shares.values()) - min(shares.values()) <= 2 + questions, shares
    assert all(len(set(answers[at : at + 3])) > 1 for at in range(298)), answers


def test_over_ipv6_too(bed: Bed) -> None:
    assert set(bed.bodies(12, "/", host=f"[{bed.lab.vip6}]", port=80)) == {"replica-1", "replica-2", "replica-3"}


def test_a_replica_that_is_killed_costs_nobody_a_request(bed: Bed, clients: Watched) -> None:
    def kill() -> None:
        docker("kill", f"{bed.lab.name}-replica-2")
        time.sleep(3)

    try:
        seen = clients(kill)
    finally:
        docker("start", f"{bed.lab.name}-replica-2")
    assert lost(seen) == ""


def test_scaling_up_and_down_is_picked_up_without_a_run_and_loses_nothing(bed: Bed, clients: Watched) -> None:
    at_five: set[str] = set()
    at_three: set[str] = set()

    def ask(seen: set[str], count: int) -> set[str]:
        seen |= bed.answering(count)
        return seen

    def scale() -> None:
        bed.replicas(5)
        wait_for(lambda: len(ask(at_five, 10)) == 5)
        bed.replicas(3)
        wait_for(lambda: len(bed.answering()) == 3)
        ask(at_three, 30)

    before = bed.pid(HOLDER)
    seen = clients(scale)
    assert lost(seen) == ""
    assert at_five == {f"replica-{number}" for number in range(1, 6)}
    assert at_three == {f"replica-{number}" for number in range(1, 4)}
    assert bed.pid(HOLDER) == before


def test_a_container_without_the_label_is_not_served(bed: Bed) -> None:
    """One that has it comes later, and by then both would have been seen."""
    image = docker("inspect", "--format", "{{.Config.Image}}", f"{bed.lab.name}-web-1").strip()
    started = []
    try:
        for name, labels in (("odd", list[str]()), ("even", ["--label", "traefik.enable=true"])):
            started.append(f"{bed.lab.name}-{name}")
            labels += ["--label", f"traefik.http.routers.{name}.rule=Path(`/{name}`)"]
            labels += ["--label", f"traefik.http.services.{name}.loadbalancer.server.port=4000"]
            docker("run", "--detach", "--name", started[-1], *labels, "--entrypoint", "sleep", image, "600")
        wait_for(lambda: "web-even@docker" in routers(bed))
        assert [name for name in routers(bed) if "odd" in name] == []
    finally:
        docker("rm", "--force", *started)


def routers(bed: Bed) -> list[str]:
    """By their names, which begin with those of their entry points."""
    return [one["name"] for one in bed.api("http/routers", HOLDER)]


def test_a_node_that_reaches_no_replica_says_so(bed: Bed) -> None:
    assert bed.alive("ready", HOLDER) == 200
    try:
        bed.replicas(0)
        wait_for(lambda: bed.alive("ready", HOLDER) != 200)
        assert bed.alive("alive", HOLDER) == 200
    finally:
        bed.replicas(3)
    wait_for(lambda: states(bed.site) == {HOLDER: "MASTER", "lb-2": "BACKUP"})


@pytest.mark.alone
def test_the_vip_leaves_a_node_whose_traefik_dies(bed: Bed, probe: Probe) -> None:
    """keepalived tracks it as it tracks haproxy."""

    def crash() -> None:
        bed.on(HOLDER, "systemctl mask --runtime traefik; systemctl kill -s KILL traefik")
        wait_for(lambda: bed.lab.vip in bed.on("lb-2", "ip -o address"))
        time.sleep(1)

    try:
        seen = clients_of(probe, bed.users_ask, patience=1)(crash)
        # The unit itself tells keepalived, in 0.1 s; what is asked each second takes 2.6 s to find out.
        assert seen["new"]["gap_ms"] <= 2000, seen
        assert len(bed.bodies(6, "/", host=bed.lab.vip, port=80)) == 6
    finally:
        bed.on(HOLDER, "systemctl unmask --runtime traefik; systemctl start traefik")
    wait_for(lambda: bed.lab.vip in bed.on(HOLDER, "ip -o address"))


def test_a_static_change_restarts_a_node_only_without_the_vip(bed: Bed) -> None:
    """What is new loses nothing but what was in flight as the VIP moved; connections that are kept go with their node's Traefik."""
    before = {host: bed.pid(host) for host in (HOLDER, LB)}
    settings = json.dumps({"traefik_global": {"throttle": "600ms"}})
    outputs: list[str] = []
    watched = watching(bed.lab, Pair(bed.lab, load=LOAD), (HOLDER, LB))
    try:
        seen = watched(lambda: outputs.append(bed.site.play("site.yml", "-e", settings)))
    finally:
        # Nobody watches how it is put back: by the role alone.
        bed.site.play("molecule/traefik/role.yml", "-e", "scenario_nodes=balancers")
        wait_for(lambda: states(bed.site) == {HOLDER: "MASTER", "lb-2": "BACKUP"})
    assert "drain_node | Drain the node" in flat(outputs[0])
    assert all(bed.pid(host) != before[host] for host in before)
    assert seen["both_ms"] <= HANDS_MS and seen["holder"] == HOLDER, seen["story"]
    assert [one for one in seen["lost_list"] if one["client"] == "new" and not one["in_flight"]] == []


def test_the_dashboard_asks_for_a_password(bed: Bed) -> None:
    assert bed.get("/dashboard/", port=8404).status == 401
    assert bed.get("/api/rawdata", port=8404).status == 401
    user = ("-u", "operator:only-for-the-lab")
    assert "Traefik" in bed.get("/dashboard/", *user, port=8404).body
    assert "traefik_config_last_reload_success" in bed.get("/metrics", *user, port=8404).body


def test_nobody_else_reaches_what_the_node_asks_for_itself(bed: Bed) -> None:
    assert bed.refused(bed.url("/alive", 8407))
    assert bed.alive("api/rawdata") == 404, "the loopback shows what has secrets in it"
