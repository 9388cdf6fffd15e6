"""What an operator does with a running pair: drain, undrain."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from conftest import Site, Watched, on

from lab import faults
from lab.hosts import Lab
from tests.faults import Pair

DRAIN, UNDRAIN = "playbooks/drain.yml", "evenkeel.lb.undrain"


@pytest.fixture(autouse=True)
def as_it_was(site: Site, pair: Pair) -> Iterator[None]:
    """Each test starts from a healthy pair, and leaves one."""
    yield
    for node in ("lb-1", "lb-2"):
        site.play(UNDRAIN, "--limit", node)
    if site.changed:
        site.reset()
        site.run()
    pair.steady("lb-1")


def changes(output: str) -> list[str]:
    return re.findall(r"changed=(\d+)", output)


def flat(output: str) -> str:
    """A message without its line breaks."""
    return " ".join(output.split())


def test_a_drained_node_gives_its_vips_away_and_nobody_loses_a_request(
    site: Site, lab: Lab, pair: Pair, watched: Watched
) -> None:
    seen = watched(lambda: site.play(DRAIN, "--limit", "lb-1", "-e", "evenkeel_reason='new memory'"))
    assert (seen["lost"] - seen["lost_in_flight"], seen["holder"]) == (0, "lb-2"), seen
    assert seen["both_ms"] <= 100 and seen["none_ms"] <= 100
    assert "new memory" in on(lab, "lb-1", "cat /var/lib/evenkeel/drain/operator")

    # Twice is once, and the reason stays.
    output = site.play(DRAIN, "--limit", "lb-1")
    assert changes(output) == ["0"]
    assert f"{lab.vip} (public): lb-2" in output
    assert "new memory" in on(lab, "lb-1", "cat /var/lib/evenkeel/drain/operator")

    # It stays drained over a change and over a reboot.
    site.set(haproxy_maxconn=4001)
    site.run()
    assert pair.holders() == {"lb-2"}
    faults.power_cycle(lab, "lb-1")
    pair.steady("lb-2")
    assert pair.holders() == {"lb-2"}


def test_an_undrained_node_gets_its_vips_back(site: Site, pair: Pair, watched: Watched) -> None:
    site.play(DRAIN, "--limit", "lb-1")
    pair.steady("lb-2")
    output = site.play(UNDRAIN, "--limit", "lb-1")
    assert f"{pair.lab.vip} (public): lb-1" in output
    assert pair.holders() == {"lb-1"}


def test_undrained_without_being_drained_says_so(site: Site) -> None:
    output = site.play(UNDRAIN, "--limit", "lb-2")
    assert changes(output) == ["0"]
    assert "lb-2: operator had not drained this node." in output


def test_the_last_healthy_node_is_drained_by_force_only(site: Site, lab: Lab, pair: Pair) -> None:
    site.play(DRAIN, "--limit", "lb-2")
    output = flat(site.play(DRAIN, "--limit", "lb-1", expect=2))
    assert "lb-1: nobody would take over its VIPs, so it was not drained. Found: lb-2 (drained by operator)." in output
    assert on(lab, "lb-1", "ls /var/lib/evenkeel/drain") == ""
    site.play(DRAIN, "--limit", "lb-1", "-e", "evenkeel_force=true")
    assert pair.holders() == {"lb-1"}


@pytest.mark.parametrize("playbook", [DRAIN, UNDRAIN])
def test_a_whole_cluster_and_no_balancer_are_refused(site: Site, playbook: str) -> None:
    output = flat(site.play(playbook, expect=2))
    assert "Found: lb-1, lb-2 (no --limit). Name the node with --limit, for instance --limit lb-1." in output
    output = flat(site.play(playbook, "--limit", "web-1", expect=2))
    assert "No balancer is in this run, so nothing was done. Found: --limit web-1. Accepted: lb-1, lb-2." in output
