"""What an operator does with a running pair reaches no client: a drained node, a run that is undone."""

from __future__ import annotations

import pytest

from lab import faults
from lab.hosts import Lab
from tests.faults import HANDS_MS, Pair
from tests.site import DRAIN, ROLLBACK, STATUS, UNDRAIN, Site, Watched, changed, flat, on


def test_a_drained_node_gives_its_vips_away_until_it_is_undrained(
    site: Site, lab: Lab, pair: Pair, watched: Watched
) -> None:
    seen = watched(lambda: site.play(DRAIN, "--limit", "lb-1", "-e", "evenkeel_reason='new memory'"))
    try:
        assert (seen["lost"] - seen["lost_in_flight"], seen["holder"]) == (0, "lb-2"), str(seen)
        assert seen["both_ms"] <= HANDS_MS and seen["none_ms"] <= HANDS_MS
        assert "new memory" in on(lab, "lb-1", "cat /var/lib/evenkeel/drain/operator")

        # Twice is once, and the reason stays.
        output = site.play(DRAIN, "--limit", "lb-1")
        assert changed(output) == {"lb-1": 0}
        assert f"{lab.vip} (public): lb-2" in output
        assert "new memory" in on(lab, "lb-1", "cat /var/lib/evenkeel/drain/operator")

        # It stays drained over a change and over a reboot.
        site.set(haproxy_global={"maxconn": 4001})
        site.run()
        assert pair.holders() == {"lb-2"}
        faults.power_cycle(lab, "lb-1")
        pair.steady("lb-2")
        assert pair.holders() == {"lb-2"}
    finally:
        output = site.play(UNDRAIN, "--limit", "lb-1")
    assert f"{lab.vip} (public): lb-1" in output
    assert pair.holders() == {"lb-1"}


MAXCONN = "grep -c 'maxconn 4003' /etc/haproxy/haproxy.cfg || :"


@pytest.mark.goes_on
def test_a_run_is_undone_everywhere_and_stays_so_until_a_person_says_otherwise(
    site: Site, lab: Lab, watched: Watched
) -> None:
    site.set(haproxy_global={"maxconn": 4003})
    site.run()
    assert [on(lab, node, MAXCONN).strip() for node in ("lb-1", "lb-2")] == ["1", "1"]
    try:
        seen = watched(lambda: site.play(ROLLBACK))
        assert (seen["lost"], seen["both_ms"], seen["none_ms"]) == (0, 0, 0), str(seen)
        assert [on(lab, node, MAXCONN).strip() for node in ("lb-1", "lb-2")] == ["0", "0"]

        output = site.play(ROLLBACK)
        assert changed(output) == {"lb-1": 0, "lb-2": 0}
        assert "is in force nowhere: it was undone" in output
        output = flat(site.run(expect=2))
        assert "Another run holds this node. Found: rollback by" in output
        assert "- lb-1: held by rollback by" in site.play(STATUS)
    finally:
        site.play(ROLLBACK, "-e", "evenkeel_release=true")
    output = site.play(ROLLBACK, "-e", "evenkeel_release=true")
    assert changed(output) == {"lb-1": 0, "lb-2": 0}
    assert "lb-1: no rollback holds this node." in output
    site.run()
    assert [on(lab, node, MAXCONN).strip() for node in ("lb-1", "lb-2")] == ["1", "1"]
