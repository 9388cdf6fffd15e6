"""Seed 0: replicas that are found by their labels, behind the VIP of a pair, come and go without a run of ours."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from typing import Any

import pytest
from conftest import HOLDER, NAME, Bed, watched

from lab.engine import docker
from tests.faults import Probe

pytestmark = pytest.mark.usefixtures("three")


def lost(seen: dict[str, Any]) -> str:
    """Empty, or what was lost."""
    return "" if not seen["lost"] else f"{seen['lost']} of {seen['sent']}: {seen}"


def test_three_replicas_take_turns_behind_the_vip(bed: Bed) -> None:
    """Rounds of three; the node's own question each second takes a turn too."""
    began = time.monotonic()
    answers = bed.sequence(300, host=bed.lab.vip, port=80)
    questions = time.monotonic() - began
    shares = Counter(answers)
    assert sorted(shares) == ["replica-1", "replica-2", "replica-3"]
    assert max(shares.values()) - min(shares.values()) <= 2 + questions, shares
    assert all(len(set(answers[at : at + 3])) > 1 for at in range(298)), answers


def test_over_ipv6_too(bed: Bed) -> None:
    assert set(bed.sequence(12, "-g", host=f"[{bed.lab.vip6}]", port=80)) == {"replica-1", "replica-2", "replica-3"}


def test_a_replica_that_is_killed_costs_nobody_a_request(bed: Bed, probe: Probe) -> None:
    def kill() -> None:
        docker("kill", f"{NAME}-replica-2")
        time.sleep(3)

    try:
        seen = watched(bed, probe, kill)
    finally:
        docker("start", f"{NAME}-replica-2")
    assert set(seen["servers"]) == {"replica-1", "replica-2", "replica-3"} or not seen["servers"]
    assert lost(seen) == ""


def test_scaling_up_and_down_is_picked_up_without_a_run_and_loses_nothing(bed: Bed, probe: Probe) -> None:
    at_five: set[str] = set()
    at_three: set[str] = set()

    def ask(seen: set[str], count: int) -> set[str]:
        seen.update(bed.sequence(count, host=bed.lab.vip, port=80))
        return seen

    def scale() -> None:
        bed.replicas(5)
        bed.until(lambda: len(ask(at_five, 10)) == 5)
        bed.replicas(3)
        bed.until(lambda: len(set(bed.sequence(10, host=bed.lab.vip, port=80))) == 3)
        ask(at_three, 30)

    before = bed.pid(HOLDER)
    seen = watched(bed, probe, scale)
    assert lost(seen) == ""
    assert at_five == {f"replica-{number}" for number in range(1, 6)}
    assert at_three == {f"replica-{number}" for number in range(1, 4)}
    assert bed.pid(HOLDER) == before


def test_a_container_without_the_label_is_not_served(bed: Bed) -> None:
    """One that has it comes later, and by then both would have been seen."""
    image = docker("inspect", "--format", "{{.Config.Image}}", f"{NAME}-web-1").strip()
    started = []
    try:
        for name, labels in (("odd", list[str]()), ("even", ["--label", "traefik.enable=true"])):
            started.append(f"{NAME}-{name}")
            labels += ["--label", f"traefik.http.routers.{name}.rule=Path(`/{name}`)"]
            labels += ["--label", f"traefik.http.services.{name}.loadbalancer.server.port=4000"]
            docker("run", "--detach", "--name", started[-1], *labels, "--entrypoint", "sleep", image, "60")
        bed.until(lambda: "even@docker" in routers(bed))
        assert [name for name in routers(bed) if name.startswith("odd")] == []
    finally:
        docker("rm", "--force", *started)


def routers(bed: Bed) -> list[str]:
    return [one["name"] for one in bed.api("http/routers", HOLDER)]


def test_a_node_that_reaches_no_replica_says_so(bed: Bed) -> None:
    assert bed.alive("ready", HOLDER) == 200
    try:
        bed.replicas(0)
        bed.until(lambda: bed.alive("ready", HOLDER) != 200)
        assert bed.alive("alive", HOLDER) == 200
    finally:
        bed.replicas(3)
    bed.until(lambda: bed.alive("ready", HOLDER) == 200)


def test_the_vip_leaves_a_node_whose_traefik_dies(bed: Bed, probe: Probe) -> None:
    """keepalived tracks it as it tracks haproxy."""

    def crash() -> None:
        bed.on(HOLDER, "systemctl mask --runtime traefik; systemctl kill -s KILL traefik")
        bed.until(lambda: bed.lab.vip in bed.on("lb-2", "ip -o address"))
        time.sleep(1)

    try:
        seen = watched(bed, probe, crash)
        # The unit itself tells keepalived, in 0.1 s; what is asked each second takes 2.6 s to find out.
        assert seen["new"]["gap_ms"] <= 2000, seen
        assert set(bed.sequence(6, host=bed.lab.vip, port=80)) <= {"replica-1", "replica-2", "replica-3"}
    finally:
        bed.on(HOLDER, "systemctl unmask --runtime traefik; systemctl start traefik")
    bed.until(lambda: bed.lab.vip in bed.on(HOLDER, "ip -o address"), 30)


def test_the_dashboard_asks_for_a_password(bed: Bed) -> None:
    assert bed.get("/dashboard/", port=8404).status == 401
    assert bed.get("/api/rawdata", port=8404).status == 401
    user = ("-u", "operator:only-for-the-lab")
    assert "Traefik" in bed.get("/dashboard/", *user, port=8404).body
    assert "traefik_config_last_reload_success" in bed.get("/metrics", *user, port=8404).body


def test_nobody_else_reaches_what_the_node_asks_for_itself(bed: Bed) -> None:
    with pytest.raises(Exception, match="(?i)refused|connect"):
        bed.get("/alive", port=8407)
    asked = subprocess.run(
        ["docker", "exec", f"{NAME}-lb-2", "python3", "-c",
         "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8407/api/rawdata')"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "404" in asked.stderr, "the loopback shows what has secrets in it"
