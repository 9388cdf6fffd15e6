"""What an operator asks of a running pair, and what is refused; what reaches clients is in the scenario `propagate`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab import faults
from lab.hosts import Lab
from tests.faults import Pair
from tests.site import DRAIN, ROLLBACK, STATUS, UNDRAIN, Site, flat, on

# Each test goes on with the values that the one before it set: none asks for the inventory's own.
pytestmark = pytest.mark.goes_on


@pytest.fixture(autouse=True)
def undrained(site: Site, lab: Lab) -> Iterator[None]:
    yield
    for node in ("lb-1", "lb-2"):
        if on(lab, node, "ls /var/lib/evenkeel/drain"):
            site.play(UNDRAIN, "--limit", node)


def changes(output: str) -> list[str]:
    return re.findall(r"changed=(\d+)", output)


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
    output = flat(site.play(playbook, "--limit", "web-1", expect=None))
    assert "No balancer is in this run, so nothing was done. Found: --limit web-1. Accepted: lb-1, lb-2." in output


# -- status -----------------------------------------------------------------------------------------------------------


def status(site: Site, *arguments: str, expect: int = 0) -> str:
    return site.play(STATUS, *arguments, expect=expect)


def document(output: str) -> dict[str, Any]:
    """The one JSON document in a run's output, as docs/operating.md cuts it out."""
    lines = output.splitlines()
    found: dict[str, Any] = json.loads("\n".join(lines[lines.index("{") : lines.index("}") + 1]))
    return found


def test_a_pair_that_is_well(site: Site, lab: Lab) -> None:
    output = status(site)
    assert changes(output) == ["0", "0"]
    assert "\nall is well\n" in output
    row = next(line for line in output.splitlines() if line.startswith("lb-1 ")).split()
    assert row[:6] == ["lb-1", "public", "MASTER", "250", lab.vip, "+1"]
    assert "1/1" in row

    found = document(status(site, "-e", "evenkeel_format=json"))
    assert found["ok"] and found["problems"] == []
    (edge,) = found["clusters"]
    assert {vip["address"]: vip["holders"] for vip in edge["vips"]} == {lab.vip: ["lb-1"], lab.vip6: ["lb-1"]}
    assert [one["service"] for one in edge["nodes"][0]["services"]] == ["haproxy", "keepalived"]


def test_all_that_is_wrong_is_named_at_once(site: Site, lab: Lab) -> None:
    on(lab, "lb-1", "printf '# by hand\\n' >> /etc/haproxy/haproxy.cfg")
    on(lab, "lb-2", "systemctl stop haproxy")
    for web in ("web-1", "web-2", "web-3"):
        on(lab, web, "systemctl stop nginx")
    site.play(DRAIN, "--limit", "lb-1", "-e", "evenkeel_force=true", "-e", "evenkeel_reason=memory")
    try:
        output = status(site, expect=2)
    finally:
        on(lab, "lb-1", "sed -i '/^# by hand$/d' /etc/haproxy/haproxy.cfg")
        on(lab, "lb-2", "systemctl start haproxy")
        for web in ("web-1", "web-2", "web-3"):
            on(lab, web, "systemctl start nginx")
    said = output[output.rindex("msg:") :]
    for line in (
        r"lb-1: /etc/haproxy/haproxy\.cfg was changed by hand since generation \d+; see evenkeel\.lb\.drift\.",
        r"lb-1: backend app has no usable server \(0 of 3\)\.",
        r"lb-2: public is in FAULT: haproxy does not run",
        r"lb-2: haproxy\.service is inactive",
    ):
        assert re.search(line, said), f"{line}\n{output}"
    assert re.search(r"- lb-1: drained by operator since .*: memory\.", output)
    assert "- edge: app/web-1 gets no requests (DOWN), on lb-1." in output


def test_a_dead_node_is_shown_and_one_that_missed_a_run_is_behind(site: Site, lab: Lab, pair: Pair) -> None:
    faults.power_off(lab, "lb-2")
    try:
        output = status(site, expect=2)
        assert re.search(r"^lb-2 +- +silent", output, re.MULTILINE)
        assert "lb-2: can't be reached." in output
        site.set(haproxy_global={"maxconn": 4002})
        site.run(expect=None)
    finally:
        faults.power_on(lab, "lb-2")
    pair.steady("lb-1")
    output = status(site, expect=2)
    assert re.search(r"- lb-2: is behind: haproxy is of run \S+, on lb-1 of run \S+\.", output)
    site.run()
    assert "all is well" in status(site)


def test_a_limit_leaves_out_what_it_cannot_know(site: Site) -> None:
    output = status(site, "--limit", "lb-2")
    assert "- edge: lb-1 not in this run: holders of VIPs were not counted" in output
    assert "all is well" in output


def test_a_package_that_somebody_removed_comes_back(site: Site, lab: Lab) -> None:
    on(lab, "lb-2", "apt-get --quiet --yes remove nftables")
    output = site.run()
    assert "lb-2: commits keepalived," in output and "commits haproxy" not in output
    assert "  lb-2  nothing had to reload\n  lb-1  nothing to change\n" in output
    assert on(lab, "lb-2", "dpkg-query --show --showformat '${db:Status-Status}' nftables") == "installed"


# -- servers ----------------------------------------------------------------------------------------------------------


def test_a_server_is_drained_and_put_back_on_every_node(site: Site) -> None:
    server = ("-e", "evenkeel_server=app/web-1")
    output = site.play(DRAIN, *server)
    assert changes(output) == ["1", "1"]
    assert "lb-1: app/web-1 is drained" in output and "lb-2: app/web-1 is drained" in output
    assert changes(site.play(DRAIN, *server)) == ["0", "0"]
    # Also over a change that rolls over both nodes.
    site.set(haproxy_global={"maxconn": 4005})
    site.play("playbooks/propagate.yml")
    assert "- edge: app/web-1 gets no requests (DRAIN), on every node." in status(site)
    assert changes(site.play(UNDRAIN, *server)) == ["1", "1"]
    assert changes(site.play(UNDRAIN, *server)) == ["0", "0"]


def test_a_server_that_one_node_does_not_know_is_drained_nowhere(site: Site) -> None:
    output = flat(site.play(DRAIN, "-e", "evenkeel_server=app/web-9", expect=2))
    assert "Found: web-9. Accepted: web-1, web-2, web-3." in output
    assert changes(output) == ["0", "0"]


# -- rollback ---------------------------------------------------------------------------------------------------------


def test_a_rollback_stops_at_the_first_failure_and_goes_on_later(site: Site, lab: Lab) -> None:
    site.set(haproxy_global={"maxconn": 4004})
    site.run()
    on(lab, "lb-1", "mount --bind /etc/haproxy /etc/haproxy; mount -o remount,ro,bind /etc/haproxy")
    try:
        output = flat(site.play(ROLLBACK, expect=2))
        assert "Read-only file system" in output
        assert re.search(r"That was on lb-1: run \S+ is undone on lb-2 only, and the cluster is held\.", output)
        # Another try that fails leaves the hold what it is: without an end.
        site.play(ROLLBACK, expect=2)
        for node in ("lb-1", "lb-2"):
            assert json.loads(on(lab, node, "cat /var/lib/evenkeel/lease.json"))["expires"] is None
        on(lab, "lb-1", "umount /etc/haproxy")
        assert "- lb-1: is behind: haproxy is of run" in status(site, expect=2)
        output = site.play(ROLLBACK)
        assert changes(output) == ["1", "0"]
        assert "all is well" in status(site)
    finally:
        on(lab, "lb-1", "umount /etc/haproxy 2>/dev/null || :")
        site.play(ROLLBACK, "-e", "evenkeel_release=true")


def test_what_can_t_be_undone_is_refused_and_nothing_is_held(site: Site) -> None:
    output = flat(site.play(ROLLBACK, "--limit", "lb-2", expect=2))
    assert "A rollback is for whole clusters" in output and "Found: a limit without lb-1." in output
    output = flat(site.play(ROLLBACK, "-e", "evenkeel_run=ci-4711", expect=2))
    assert "edge: No node has made this run. Found: ci-4711. Accepted: one of" in output
    site.run()
