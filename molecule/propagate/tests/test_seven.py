"""A cluster of seven: a change rolls over it, and it loses one holder after the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from lab.faults import power_off, power_on
from lab.hosts import Lab
from lab.observer import Observer
from tests.faults import Pair
from tests.site import Site, leastconn, lines, on, wait_for, watching

SEVEN = tuple(f"lb-{number}" for number in range(1, 8))
HAPROXY = "/etc/haproxy/haproxy.cfg"
# No two of them may take the address together for longer: an advert and what it takes to read it.
TOGETHER_SECONDS = 0.1


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All balancers of the scenario as one new cluster, which converges side by side."""
    site = Site(lab, tmp_path_factory.mktemp("site"), "playbooks/propagate.yml")
    for name in SEVEN:
        on(lab, name, "systemctl stop keepalived 2>/dev/null || :")
    for name in SEVEN[2:]:
        site.add(name)
    site.play("site.yml")
    yield site
    for name in SEVEN[2:]:
        on(lab, name, "systemctl stop keepalived haproxy")


@pytest.fixture(autouse=True)
def as_it_was() -> None:
    """Each test goes on from where the one before it ended."""


def test_a_change_is_rolled_over_all_of_them_the_holder_last(site: Site, lab: Lab, pair: Pair) -> None:
    site.set(haproxy_backends=leastconn(site))
    outputs: list[str] = []
    seen = watching(lab, pair, SEVEN)(lambda: outputs.append(site.run()))
    assert seen["lost"] == 0, str(seen)
    turns = [line.split(":")[0] for line in outputs[0].splitlines() if ": commits haproxy," in line]
    assert turns == sorted(SEVEN, reverse=True)
    for name in SEVEN:
        assert "balance leastconn" in lines(lab, name, HAPROXY)


def holds(observer: Observer, address: str, host: str) -> bool:
    return observer.record.holders(address) == {host}


def test_it_loses_its_first_three_holders_and_never_has_two(site: Site, lab: Lab, pair: Pair) -> None:
    """On a busy machine another standby may wake first, for some milliseconds; the next in line has it in the end."""
    planned = site.ask("lb-1", "evenkeel.lb.vrrp_plan", nodes="{{ evenkeel_nodes }}")["plan"]
    order = planned["instances"]["public"]["order"]
    assert order == list(SEVEN)
    address = pair.vips[0]
    pair.steady("lb-1")
    try:
        with Observer(lab, SEVEN) as observer:
            for lost, heir in zip(order[:3], order[1:4], strict=True):
                power_off(lab, lost)
                wait_for(partial(holds, observer, address, heir))
    finally:
        for lost in order[:3]:
            power_on(lab, lost)
    record = observer.record
    assert record.longest(address, holders=2) <= TOGETHER_SECONDS, record.story(address)
    pair.steady("lb-1")
