"""Two pairs in one inventory: they roll side by side, and what befalls one is not the other's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.hosts import Lab
from lab.observer import held_by
from tests.site import Site, Watched, changed, fingerprint, flat, leastconn, lines, on, on_reload, wait_for

EDGE, INNER = ["lb-1", "lb-2"], ["lb-4", "lb-5"]
HAPROXY, KEEPALIVED = "/etc/haproxy/haproxy.cfg", "/etc/keepalived/keepalived.conf"


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pair of the scenario, and a second one that site.yml sets up beside it."""
    site = Site(lab, tmp_path_factory.mktemp("site"), "playbooks/propagate.yml")
    vip = lab.subnet[25]
    public = site.variables()["keepalived_instances"][0]
    inner: dict[str, Any] = {
        "evenkeel_cluster": "inner",
        "evenkeel_nodes": INNER,
        "keepalived_instances": [
            {
                **public,
                "name": "inner",
                "virtual_router_id": 61,
                "virtual_addresses": [f"{vip}/{lab.subnet.prefixlen}"],
            }
        ],
        "haproxy_frontends": [{"name": "web", "bind": [f"{vip}:80"], "default_backend": "app"}],
    }
    for name in EDGE:
        site.add(name, evenkeel_nodes=EDGE)
    for name in INNER:
        site.add(name, **inner)
    before = fingerprint(lab, *EDGE)
    site.play("site.yml")
    assert fingerprint(lab, *EDGE) == before
    wait_for(lambda: str(vip) in held_by(lab, "lb-4"))
    yield site
    for name in INNER:
        on(lab, name, "systemctl stop keepalived haproxy")


@pytest.fixture(autouse=True)
def as_it_was() -> None:
    """Each test goes on from where the one before it ended."""


def committed(site: Site, host: str) -> str:
    """When haproxy's set was committed, to the second."""
    services = site.ask(host, "evenkeel.lb.commit_info")["services"]
    return next(str(one["committed_at"]) for one in services if one["service"] == "haproxy")


def test_each_pair_rolls_standby_first_and_both_at_once(site: Site, lab: Lab, watched: Watched) -> None:
    site.set(haproxy_backends=leastconn(site))
    outputs: list[str] = []
    seen = watched(lambda: outputs.append(site.run()))
    assert seen["lost"] == 0, str(seen)
    for host in EDGE + INNER:
        assert "balance leastconn" in lines(lab, host, HAPROXY)
    standbys, holders = ([committed(site, host) for host in hosts] for hosts in (("lb-2", "lb-5"), ("lb-1", "lb-4")))
    assert max(standbys) <= min(holders), (standbys, holders)
    assert "Cluster edge, propagate" in outputs[0] and "Cluster inner, propagate" in outputs[0]
    assert f"{lab.subnet[25]} (inner): lb-4" in outputs[0]


def test_a_pair_that_fails_is_put_back_and_does_not_touch_the_other(site: Site, lab: Lab, watched: Watched) -> None:
    """The change of the test before, undone."""
    before = fingerprint(lab, *INNER)
    site.unset("haproxy_backends")
    outputs: list[str] = []
    with on_reload(lab, "lb-4", "/bin/false"):
        seen = watched(lambda: outputs.append(site.run(expect=None)))
    assert seen["lost"] == 0, str(seen)
    assert fingerprint(lab, *INNER) == before
    for host in EDGE:
        assert "balance leastconn" not in lines(lab, host, HAPROXY)
    said = flat(outputs[0])
    assert "lb-4: " in said and "What this run had changed on the cluster was put back." in said
    # The other pair is confirmed, and stays: nothing falls back when its guard ends.
    assert [on(lab, host, "ls /var/lib/evenkeel/guard.json 2>/dev/null || :") for host in EDGE] == ["", ""]


@pytest.mark.full
def test_a_limit_to_one_cluster_changes_that_one_by_the_same_plan(site: Site, lab: Lab) -> None:
    """The pair that was put back gets what the other one has."""
    edge = fingerprint(lab, *EDGE)
    vrrp = {host: lines(lab, host, KEEPALIVED) for host in INNER}
    output = site.run("--limit", ",".join(INNER))
    assert {host for host, count in changed(output).items() if count} == set(INNER)
    assert fingerprint(lab, *EDGE) == edge
    for host in INNER:
        assert "balance leastconn" not in lines(lab, host, HAPROXY)
        assert lines(lab, host, KEEPALIVED) == vrrp[host]
