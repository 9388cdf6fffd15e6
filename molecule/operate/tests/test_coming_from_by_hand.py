"""A pair that was built by hand, as README says how to take it over: shown, taken over while clients are there, given back."""

from __future__ import annotations

import pytest

from lab.hosts import Lab
from tests.faults import HANDS_MS, Pair
from tests.site import ROLLBACK, Site, flat, lines, on, watching

NODES = ("lb-3", "lb-4")
BOTH = ("--limit", "lb-3,lb-4")
HAPROXY, KEEPALIVED = "/etc/haproxy/haproxy.cfg", "/etc/keepalived/keepalived.conf"
PASSWORD = "keel1234"
# A line of their keepalived.conf that ours has not.
SCRIPT = "    script 'killall -0 haproxy' # faster than pidof"
OVERWRITE = {"haproxy_on_drift": "overwrite", "keepalived_on_drift": "overwrite"}

SEEDS = "tests/bench/seeds/site.yml"


@pytest.fixture(scope="module")
def vip(lab: Lab) -> str:
    return str(lab.subnet[25])


def kept(site: Site, lab: Lab, vip: str) -> None:
    """The inventory that keeps what the two nodes have, beside the scenario's pair."""
    for node in ("lb-1", "lb-2"):
        site.add(node, evenkeel_nodes=["lb-1", "lb-2"])
    for node, priority in (("lb-3", 150), ("lb-4", 100)):
        site.add(
            node,
            evenkeel_cluster="old",
            evenkeel_nodes=list(NODES),
            keepalived_vrrp_version=2,
            keepalived_advert_interval=1,
            keepalived_auth_pass=PASSWORD,
            keepalived_priority=priority,
            keepalived_instances=[
                {
                    "name": "VI_1",
                    "virtual_router_id": 77,
                    "interface": "eth0",
                    "virtual_addresses": [f"{vip}/{lab.subnet.prefixlen}"],
                    "track": ["haproxy"],
                }
            ],
            haproxy_frontends=[{"name": "web", "bind": [f"{vip}:80"], "default_backend": "app"}],
        )


@pytest.fixture(scope="module")
def old(site: Site, lab: Lab, vip: str) -> Pair:
    """The pair by hand, and its clients."""
    kept(site, lab, vip)
    site.play(SEEDS, *BOTH)
    # Without this their own haproxy cuts kept clients off at any reload, two of 43,860 requests here: that is not ours to prove.
    for node in NODES:
        on(
            lab,
            node,
            f"sed -i 's/option dontlognull/&\\n    option idle-close-on-response/' {HAPROXY}; systemctl restart haproxy",
        )
    pair = Pair(lab, nodes=NODES, vips=(vip,))
    pair.steady("lb-3")
    return pair


@pytest.fixture(autouse=True)
def as_it_was() -> None:
    """Each test goes on from where the one before it ended."""


def everything(lab: Lab) -> list[str]:
    command = f"cat {HAPROXY} {KEEPALIVED}; systemctl show -p MainPID,NRestarts,UnitFileState haproxy keepalived"
    return [on(lab, node, command) for node in NODES]


def test_the_run_shows_both_files_and_changes_nothing(site: Site, lab: Lab, old: Pair) -> None:
    before = everything(lab)
    output = site.run(*BOTH, expect=2)
    for path, theirs in ((HAPROXY, "+    daemon"), (KEEPALIVED, f"+{SCRIPT}")):
        assert f"{path}: this file was there before our first commit, and was left as it is." in output
        assert theirs in output
    assert PASSWORD not in output
    assert everything(lab) == before


def test_it_is_taken_over_without_a_loss(site: Site, lab: Lab, old: Pair) -> None:
    site.set(**OVERWRITE)
    seen = watching(lab, old, NODES)(lambda: site.run(*BOTH))
    assert seen["lost"] == 0, str(seen)
    assert (seen["both_ms"], seen["none_ms"], seen["holder"]) == (0, 0, "lb-3"), seen["story"]
    for node in NODES:
        assert "priority 1" in on(lab, node, f"grep priority {KEEPALIVED}")
        assert "frontend web" in lines(lab, node, HAPROXY)


def test_it_is_given_back_as_it_was(site: Site, lab: Lab, old: Pair) -> None:
    refused = flat(site.play(ROLLBACK, *BOTH, expect=2))
    assert "evenkeel_force=true" in refused
    seen = watching(lab, old, NODES)(lambda: site.play(ROLLBACK, *BOTH, "-e", "evenkeel_force=true"))
    assert seen["both_ms"] <= HANDS_MS and seen["holder"] == "lb-3", str(seen)
    for node in NODES:
        assert SCRIPT.strip() in lines(lab, node, KEEPALIVED)
        assert on(lab, node, "systemctl is-active haproxy keepalived").split() == ["active", "active"]
    site.play(ROLLBACK, *BOTH, "-e", "evenkeel_release=true")
