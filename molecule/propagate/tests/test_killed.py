"""The controller dies with -9 behind any task that changes a node: each node ends wholly old or wholly new.

All boundaries are tried with EVENKEEL_BOUNDARIES=all (make test-full); otherwise three, others every day.
"""

from __future__ import annotations

import datetime
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.hosts import Lab
from tests.faults import Pair
from tests.site import STATUS, Site, flat, leastconn, on, states, wait_for
from tests.suite.steps import ROOT
from tests.suite.turns import MACHINE

SETS = "cat /etc/haproxy/haproxy.cfg /etc/keepalived/keepalived.conf /etc/evenkeel/vrrp.json | sha256sum"


def both_daemons(site: Site) -> dict[str, Any]:
    return {"haproxy_backends": leastconn(site), "keepalived_advert_interval": 0.3}


def another_router(site: Site) -> dict[str, Any]:
    return {"keepalived_instances": [{**site.variables()["keepalived_instances"][0], "virtual_router_id": 56}]}


# How runs there and back are made, and what makes the difference between the two inventories. Nodes that change together are
# on trial together, until the last of them has heard the others.
Change = tuple[dict[str, Any], Callable[[Site], dict[str, Any]]]
CHANGES: dict[str, Change] = {
    # The confirmation of a run that nobody kills comes in time on a busy machine too.
    "node by node": ({"evenkeel_guard": 12, "evenkeel_drain": "always", "evenkeel_close_seconds": 1}, both_daemons),
    "all nodes together": ({"evenkeel_guard": 30}, another_router),
}


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(lab, tmp_path_factory.mktemp("site"), "playbooks/propagate.yml")


def chosen(count: int) -> list[int]:
    """The boundaries, of so many, that are tried today."""
    if os.environ.get("EVENKEEL_BOUNDARIES") == "all":
        return list(range(1, count + 1))
    day = datetime.date.today().toordinal()
    return sorted({(day + third * count // 3) % count + 1 for third in range(3)})


def sets(lab: Lab) -> dict[str, str]:
    return {host: on(lab, host, SETS) for host in ("lb-1", "lb-2")}


class Toggle:
    """Two configurations; each run goes from the one that is there to the other."""

    def __init__(self, site: Site, lab: Lab, tmp: Path, change: Change) -> None:
        self.site, self.lab, self.list = site, lab, tmp / "boundaries"
        self.how, self.difference = change
        self.known = [sets(lab)]
        self.at = 0
        self.boundaries = 0
        self.environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "molecule/propagate/callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "boundary",
            "BOUNDARY_LIST": str(self.list),
        }

    def turn(self) -> None:
        """From here on the inventory says the other."""
        self.at = 1 - self.at
        self.site.reset()
        self.site.set(**self.how)
        if self.at:
            self.site.set(**self.difference(self.site))

    def apart(self) -> bool:
        """Whether one node is old and the other new."""
        now = sets(self.lab)
        return len({next(at for at, known in enumerate(self.known) if known[host] == now[host]) for host in now}) > 1

    def run(self, kill: int = 0) -> int:
        """The exit code of a run, which dies behind a boundary."""
        self.list.write_text("")
        return self.site.run_with({**self.environment, "BOUNDARY_KILL": str(kill)}).returncode


@pytest.fixture(autouse=True)
def as_it_was() -> None:
    """Each run goes on from where the one before it ended."""


@pytest.fixture(scope="module", params=["node by node", pytest.param("all nodes together", marks=pytest.mark.full)])
def toggle(
    site: Site, lab: Lab, pair: Pair, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Toggle]:
    pair.steady()
    made = Toggle(site, lab, tmp_path_factory.mktemp("boundaries"), CHANGES[request.param])
    made.turn()
    assert made.run() == 0
    made.known.append(sets(lab))
    made.boundaries = len(made.list.read_text().splitlines())
    print("Boundaries:", made.list.read_text(), sep="\n")
    yield made
    site.reset()
    site.run()


def test_whoever_kills_the_controller_leaves_no_mix(site: Site, lab: Lab, pair: Pair, toggle: Toggle) -> None:
    for boundary in chosen(toggle.boundaries):
        MACHINE.let_pass()
        toggle.turn()
        assert toggle.run(kill=boundary) == -signal.SIGKILL
        wait_for(lambda: whole(site, lab, toggle), or_say=partial(explain, site, toggle, boundary))
        # A node that was to change together with the others listens for a while before it takes part again.
        wait_for(lambda: toggle.apart() or states(site) == {"lb-1": "MASTER", "lb-2": "BACKUP"})
        behind = site.play(STATUS, expect=2 if toggle.apart() or went_back(lab) else 0)
        assert ("is behind: " in behind) == toggle.apart(), behind
        # Without anybody's help.
        assert toggle.run() == 0
        assert sets(lab) == toggle.known[toggle.at]
        pair.steady("lb-1")


def went_back(lab: Lab) -> bool:
    """Whether a node put itself back, which a person is to hear of."""
    return any(on(lab, host, "grep -E '\"fell_back\": [1-9]' /var/lib/evenkeel/guard.json || :") for host in sets(lab))


def whole(site: Site, lab: Lab, toggle: Toggle) -> bool:
    """Each node old or new, nothing on trial, nothing drained, exactly one holder of the VIP."""
    now = sets(lab)
    if any(now[host] not in [known[host] for known in toggle.known] for host in now):
        return False
    live = {host: site.ask(host, "evenkeel.lb.vrrp_info") for host in now}
    return (
        all(state["in_force"] and not state["drain"] for state in live.values())
        and sum(lab.vip in state["held"] for state in live.values()) == 1
        and all(
            on(lab, host, "grep -c '\"fell_back\": 0.0' /var/lib/evenkeel/guard.json || :").strip() in ("", "0")
            for host in now
        )
    )


def explain(site: Site, toggle: Toggle, boundary: int) -> str:
    nodes = "\n".join(flat(str(site.ask(host, "evenkeel.lb.vrrp_info"))) for host in ("lb-1", "lb-2"))
    return f"Killed at {boundary} of\n{toggle.list.read_text()}\n{nodes}"
