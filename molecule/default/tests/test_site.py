"""site.yml over the running pair: what changes reach clients (none), and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import faults
from lab.hosts import Lab
from tests.faults import HANDS_MS
from tests.site import (
    Site,
    Watched,
    changed,
    fingerprint,
    flat,
    leastconn,
    lines,
    nothing_changed,
    on,
    on_reload,
    wait_for,
)


def workers(lab: Lab, host: str) -> str:
    return on(lab, host, "systemctl show -p MainPID --value haproxy")


def test_a_second_run_changes_nothing_and_asks_little(site: Site) -> None:
    run = site.run_counted()
    assert run.changed == {"lb-1": 0, "lb-2": 0}
    # One look; what it found is compared here.
    assert run.calls == {"lb-1": 1, "lb-2": 1}


def test_check_mode_on_a_virgin_host_shows_what_would_happen_and_does_nothing(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    site.add("lb-3")
    output = site.run("--check", "--diff")
    assert "/etc/haproxy/haproxy.cfg" in output
    assert "198.51.100" not in output
    assert f"unicast_src_ip {lab.address('lb-3')}" in output
    assert changed(output)["lb-3"] > 0
    assert (
        on(lab, "lb-3", "command -v haproxy keepalived; ls -d /var/lib/evenkeel /etc/haproxy 2>&1 || :").count(
            "No such file"
        )
        == 2
    )
    nothing_changed(site, lab, before)


def test_a_limit_to_a_node_that_its_running_peers_do_not_list_is_refused(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    site.add("lb-3")
    output = site.run("--limit", "lb-3", expect=None)
    assert "does not list this node as a peer of public" in output
    assert "Run without --limit" in output
    assert on(lab, "lb-3", "command -v keepalived || :") == ""
    nothing_changed(site, lab, before)


def test_a_limit_changes_neither_peers_nor_priorities(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    output = site.run("--limit", "lb-1")
    assert changed(output) == {"lb-1": 0}
    assert fingerprint(lab, "lb-1", "lb-2") == before


def test_a_refused_configuration_changes_nothing_anywhere(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    backends = site.variables()["haproxy_backends"]
    site.set(haproxy_backends=[{**backends[0], "options": ["no such directive"]}, *backends[1:]])
    output = site.run(expect=None)
    assert "no such directive" in output
    nothing_changed(site, lab, before)


def test_a_port_that_one_node_has_taken_is_refused_before_any_node_changes(
    site: Site, lab: Lab, watched: Watched
) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    frontends = site.variables()["haproxy_frontends"]
    site.set(haproxy_frontends=[*frontends, {"name": "taken", "bind": ["0.0.0.0:9999"], "default_backend": "app"}])
    outputs: list[str] = []
    with taken(lab, "lb-1", 9999):
        seen = watched(lambda: outputs.append(site.run(expect=None)))
    assert "9999" in outputs[0]
    assert seen["lost"] == 0, str(seen)
    nothing_changed(site, lab, before)


@contextmanager
def taken(lab: Lab, host: str, port: int) -> Iterator[None]:
    """Somebody else listens on a port of a host."""
    listener = f"import socket, time; s = socket.create_server(('0.0.0.0', {port})); time.sleep(3600)"
    on(lab, host, f'systemd-run --quiet --unit=taken python3 -c "{listener}"')
    try:
        yield
    finally:
        on(lab, host, "systemctl stop taken")


def test_a_switch_is_refused(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    instance = site.variables()["keepalived_instances"][0]
    site.set(keepalived_instances=[{**instance, "virtual_router_id": 56}])
    output = site.run(expect=None)
    assert "can't be rolled node by node" in output
    assert "evenkeel.lb.propagate" in output
    nothing_changed(site, lab, before)


@pytest.mark.full
def test_a_changed_backend_loses_nothing(site: Site, lab: Lab, watched: Watched) -> None:
    pids = {host: workers(lab, host) for host in ("lb-1", "lb-2")}
    site.set(haproxy_backends=leastconn(site))
    seen = watched(site.run)
    assert seen["lost"] == 0, str(seen)
    for host in ("lb-1", "lb-2"):
        assert "balance leastconn" in lines(lab, host, "/etc/haproxy/haproxy.cfg")
        assert workers(lab, host) == pids[host]
    assert seen["both_ms"] == 0 and seen["none_ms"] == 0, seen["story"]


def test_a_changed_list_of_vips_loses_nothing(site: Site, lab: Lab, watched: Watched) -> None:
    instance = site.variables()["keepalived_instances"][0]
    added = f"{lab.subnet[27]}/{lab.subnet.prefixlen}"
    site.set(keepalived_instances=[{**instance, "virtual_addresses": [*instance["virtual_addresses"], added]}])
    seen = watched(site.run)
    assert seen["lost"] == 0, str(seen)
    assert added in on(lab, seen["holder"], "ip -br address show dev eth0")
    assert seen["both_ms"] == 0 and seen["none_ms"] == 0, seen["story"]


@pytest.mark.goes_on
def test_a_changed_advert_interval_loses_nothing(site: Site, lab: Lab, watched: Watched) -> None:
    site.set(keepalived_advert_interval=0.5)
    seen = watched(site.run)
    assert seen["lost"] == 0, str(seen)
    # In force: what the standby hears. Four adverts take 1.5 s now, 0.6 s before.
    assert 0.4 <= seconds_between_adverts(lab) <= 0.6
    assert seen["both_ms"] == 0 and seen["none_ms"] == 0, seen["story"]


def seconds_between_adverts(lab: Lab) -> float:
    """The median time between five adverts that lb-2 receives."""
    script = (
        "import socket, statistics, time\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112); s.settimeout(5)\n"
        "t = []\n"
        "while len(t) < 5:\n"
        "    s.recv(2048); t.append(time.monotonic())\n"
        "print(statistics.median(b - a for a, b in zip(t, t[1:])))\n"
    )
    return float(lab.run("lb-2", ["python3", "-c", script]))


@pytest.mark.full
def test_a_change_that_drains_loses_only_what_is_in_flight(site: Site, lab: Lab, watched: Watched) -> None:
    site.reset()
    site.set(evenkeel_drain="always", haproxy_backends=leastconn(site))
    seen = watched(site.run)
    assert seen["lost"] == seen["lost_in_flight"], str(seen)
    assert "balance leastconn" in lines(lab, "lb-1", "/etc/haproxy/haproxy.cfg")
    assert seen["both_ms"] <= HANDS_MS and seen["none_ms"] <= HANDS_MS, str(seen)
    # Away and back again.
    assert seen["holder"] == "lb-1" and "lb-2" in seen["story"], seen["story"]


@pytest.mark.full
def test_a_node_joins_and_leaves_the_running_pair(site: Site, lab: Lab, watched: Watched) -> None:
    site.add("lb-3")
    before = lines(lab, "lb-1", "/etc/keepalived/keepalived.conf")
    seen = watched(site.run)
    assert seen["lost"] == 0, str(seen)
    assert seen["both_ms"] <= HANDS_MS, str(seen)
    for host in ("lb-1", "lb-2"):
        assert any(line.startswith(lab.address("lb-3")) for line in lines(lab, host, "/etc/keepalived/keepalived.conf"))
    numbers = [line for line in before if line.startswith("priority")]
    assert [
        line for line in lines(lab, "lb-1", "/etc/keepalived/keepalived.conf") if line.startswith("priority")
    ] == numbers
    assert on(lab, "lb-3", "systemctl is-active keepalived haproxy").split() == ["active", "active"]

    site.add("lb-3", keepalived_state="absent")
    seen = watched(site.run)
    assert seen["lost"] == 0, str(seen)
    assert seen["both_ms"] <= HANDS_MS, str(seen)
    assert on(lab, "lb-3", "systemctl is-active keepalived || :").strip() == "inactive"
    assert lines(lab, "lb-1", "/etc/keepalived/keepalived.conf") == before


@pytest.mark.full
def test_a_failure_on_the_second_node_puts_the_first_back(site: Site, lab: Lab, watched: Watched) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    site.set(haproxy_backends=leastconn(site))
    outputs: list[str] = []
    with on_reload(lab, "lb-1", "/bin/false"):
        seen = watched(lambda: outputs.append(site.run(expect=None)))
    assert "was put back" in outputs[0]
    assert changed(outputs[0])["lb-2"] > 0, "lb-2 was to be changed first"
    assert fingerprint(lab, "lb-1", "lb-2") == before
    assert seen["lost"] == 0, str(seen)
    assert seen["both_ms"] == 0 and seen["none_ms"] == 0, seen["story"]


@pytest.mark.alone
@pytest.mark.goes_on
def test_a_node_that_falls_silent_in_its_change_stops_the_run_and_puts_itself_back(
    site: Site, lab: Lab, watched: Watched
) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    site.set(evenkeel_guard=5, haproxy_backends=leastconn(site))
    outputs: list[str] = []
    try:
        with on_reload(lab, "lb-2", "/bin/sh -c 'systemctl stop ssh; pkill -KILL sshd'"):
            seen = watched(lambda: outputs.append(site.run(expect=None)))
            wait_for(lambda: fingerprint(lab, "lb-1", "lb-2") == before, seconds=10)
    finally:
        on(lab, "lb-2", "systemctl start ssh")
    said = flat(outputs[0])
    assert "lb-2 can't be reached in the middle of its change" in said
    assert "was put back, but not on lb-2" in said
    assert "It puts itself back 5 s after its last change" in said
    assert seen["lost"] == 0, str(seen)
    site.run()
    for host in ("lb-1", "lb-2"):
        assert "balance leastconn" in lines(lab, host, "/etc/haproxy/haproxy.cfg")


@pytest.mark.full
def test_a_hand_edit_stops_the_run_and_is_kept(site: Site, lab: Lab) -> None:
    on(lab, "lb-2", "printf '# a line by hand\\n' >> /etc/haproxy/haproxy.cfg")
    site.set(haproxy_defaults={"maxconn": 1999})
    try:
        output = site.run(expect=None)
        assert "# a line by hand" in output
        assert lines(lab, "lb-2", "/etc/haproxy/haproxy.cfg")[-1] == "# a line by hand"
        assert "maxconn 1999" not in lines(lab, "lb-1", "/etc/haproxy/haproxy.cfg")
    finally:
        on(lab, "lb-2", "sed -i '$d' /etc/haproxy/haproxy.cfg")


@pytest.mark.full
def test_with_a_dead_peer_the_living_one_is_configured_and_the_dead_one_named(site: Site, lab: Lab) -> None:
    site.set(haproxy_backends=leastconn(site))
    faults.power_off(lab, "lb-2")
    try:
        output = site.run(expect=None)
        assert "lb-2 can't be reached" in output
        assert "balance leastconn" in lines(lab, "lb-1", "/etc/haproxy/haproxy.cfg")
    finally:
        faults.power_on(lab, "lb-2")
    site.run()
    assert "balance leastconn" in lines(lab, "lb-2", "/etc/haproxy/haproxy.cfg")
