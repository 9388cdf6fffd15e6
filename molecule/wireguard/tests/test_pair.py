# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in that follows the VIP: members, internal services, a holder that freezes and comes back."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import time

import pytest
from conftest import CTL, INTERNAL, NODES, Site

from lab.faults import freeze, thaw

LIMIT_SECONDS = 5.0
SERVICE = f"http://{INTERNAL}/"


def test_a_member_reaches_the_internal_service(people: Site) -> None:
    for host in ("client", "web-3"):
        for url in (SERVICE, "http://[2001:db8:a::1]/"):
            people.until(lambda host=host, url=url: people.tries(host, url))


def test_nobody_else_does(people: Site) -> None:
    """A neighbour who sends it straight to the holder; without our table the kernel would answer."""
    (holder,) = people.up()
    with people.sends("web-1", INTERNAL, by=holder):
        assert not people.tries("web-1", SERVICE)
        people.sh(holder, "nft delete table inet evenkeel_wireguard")
        try:
            people.until(lambda: people.tries("web-1", SERVICE))
        finally:
            people.sh(holder, "nft -f /etc/evenkeel/wireguard.nft")
    people.until(lambda: people.tries("web-1", f"http://{people.lab.vip}/"))


def test_the_nodes_have_one_key_and_one_is_up(people: Site) -> None:
    keys = {people.sh(host, "cat /etc/wireguard/wg0.key") for host in NODES}
    assert len(keys) == 1
    assert len(people.up()) == 1
    for host in NODES:
        people.sh(host, f"{CTL} verify")


@pytest.mark.alone
def test_a_frozen_holder_is_not_noticed_for_long(people: Site) -> None:
    """The session of a member dies with the holder; the new one calls, and is believed."""
    (holder,) = people.up()
    other = next(host for host in NODES if host != holder)
    for host in ("client", "web-3"):
        people.until(lambda host=host: people.tries(host, SERVICE))
    # Until the other node has heard where the members are.
    people.until(lambda: len(people.sh(other, "cat /run/evenkeel/wireguard/wg0.endpoints").split('": "')) > 2)
    freeze(people.lab, holder)
    began = time.monotonic()
    try:
        waited = {}
        for host in ("client", "web-3"):
            people.until(lambda host=host: people.tries(host, SERVICE, 0.4))
            waited[host] = time.monotonic() - began
    finally:
        thaw(people.lab, holder)
    healed = time.monotonic()
    print(f"requests through the tunnel again after {waited} s of {LIMIT_SECONDS} s")
    time.sleep(max(0.0, healed + 1.0 - time.monotonic()))
    assert len(people.up()) == 1
    back = {host: people.until(lambda host=host: people.tries(host, SERVICE, 0.4)) for host in ("client", "web-3")}
    print(f"and after the thaw within {back} s")
    while time.monotonic() < healed + 4.0:
        assert len(people.up()) == 1
    assert max(waited.values()) < LIMIT_SECONDS, waited
    assert max(back.values()) < LIMIT_SECONDS, back


@pytest.mark.alone
def test_a_planned_move_takes_the_members_along(people: Site) -> None:
    (holder,) = people.up()
    people.play("playbooks/drain.yml", "--limit", holder, evenkeel_reason="test")
    try:
        people.until(lambda: people.up() == set(NODES) - {holder})
        assert people.until(lambda: people.tries("client", SERVICE, 0.4)) < LIMIT_SECONDS
    finally:
        people.play("playbooks/undrain.yml", "--limit", holder)
    people.until(lambda: people.up() == {holder})


def test_status_shows_who_speaks_with_whom(people: Site) -> None:
    (holder,) = people.up()
    other = next(host for host in NODES if host != holder)
    for host in ("client", "web-3"):
        people.until(lambda host=host: people.tries(host, SERVICE))
    table, well, dummy = people.status().partition("all is well")
    assert well
    rows = {line.split()[0]: line.split() for line in table.splitlines() if line.startswith("lb-")}
    keys = people.sh(holder, "wg show wg0 peers").split()
    assert (rows[holder][-2:], rows[other][-2:]) == (["wg0", f"2/{len(keys)}"], ["wg0", "-"])
    said = people.status(evenkeel_format="json")
    nodes = json.loads(said[said.index("\n{\n") : said.index("\n}\n") + 2])["clusters"][0]["nodes"]
    (tunnel,) = next(node["tunnels"] for node in nodes if node["node"] == holder)
    assert sorted(peer["public_key"] for peer in tunnel["peers"]) == sorted(keys)
    ages = {peer["name"]: peer["handshake_seconds"] for peer in tunnel["peers"]}
    assert all(0 <= ages[name] < 180 for name in ("anna", "ben"))


def test_status_names_a_tunnel_that_is_where_it_should_not_be(people: Site) -> None:
    (holder,) = people.up()
    other = next(host for host in NODES if host != holder)
    # Nobody watches on either node; the standby does not know the members' places, so it calls nobody.
    people.sh(holder, "systemctl stop evenkeel-wireguard")
    people.sh(
        other,
        "systemctl stop evenkeel-wireguard; rm -f /run/evenkeel/wireguard/wg0.endpoints; systemctl start evenkeel-wireguard@wg0",
    )
    try:
        said = people.status(expect=2)
        assert f"- {holder}: wg0 is not up: journalctl -u evenkeel-wireguard@wg0.service." in said
        assert f"- {other}: wg0 is up, and its VIP is elsewhere: journalctl -u evenkeel-wireguard@wg0.service." in said
        assert "wg0 down" in said and "wg0 0/" in said
    finally:
        people.sh(other, "systemctl stop evenkeel-wireguard@wg0; systemctl start evenkeel-wireguard")
        people.sh(holder, "systemctl start evenkeel-wireguard")
    people.until(lambda: people.tries("client", SERVICE, 0.4))


# The watcher as it is installed, with a clock of its own: containers share their machine's.
AHEAD = """\
[Service]
ExecStart=
ExecStart=/usr/bin/python3 -SEBc "import runpy, sys, time; now = time.time; time.time = lambda: now() + 7; sys.argv = ['ctl', 'watch']; \
runpy.run_path('/usr/local/lib/evenkeel/wireguard/ctl', run_name='__main__')"
"""


def test_clocks_that_differ_are_a_finding(people: Site) -> None:
    (holder,) = people.up()
    other = next(host for host in NODES if host != holder)
    drop_in = "/run/systemd/system/evenkeel-wireguard.service.d"
    skew = "cat /run/evenkeel/wireguard/skew 2>/dev/null || true"
    restart = "systemctl daemon-reload; systemctl kill -s KILL evenkeel-wireguard"
    people.lab.run(holder, ["sh", "-c", f"mkdir -p {drop_in}; cat > {drop_in}/ahead.conf; {restart}"], stdin=AHEAD)
    try:
        people.until(lambda: people.lab.address(holder) in people.sh(other, skew))
        said = " ".join(people.play("site.yml").split())
        # What a message takes to arrive makes it a little less than the seven.
        assert re.search(
            "The clocks of two nodes differ, and members don't believe a new holder that is behind the old one. "
            rf"Found: {other} and {people.lab.address(holder)}, by (7|6\.[89]) s. Accepted: a second. "
            r"Keep them in step: chrony, or systemd-timesyncd. \[H9\]",
            said,
        ), said
        told = rf"its clock differs from that of {people.lab.address(holder)} by (7|6\.[89]) s"
        assert re.search(told, people.status(expect=2))
    finally:
        people.sh(holder, f"rm -r {drop_in}; {restart}")
    people.until(lambda: people.lab.address(holder) not in people.sh(other, skew))
    assert "[H9]" not in people.play("site.yml")
    people.until(lambda: people.tries("client", SERVICE, 0.4))


def test_a_watcher_that_dies_takes_nothing_along(people: Site) -> None:
    (holder,) = people.up()
    started = "systemctl show -P ExecMainStartTimestampMonotonic evenkeel-wireguard@wg0"
    before = people.sh(holder, started)
    watcher = people.sh(holder, "systemctl show -P MainPID evenkeel-wireguard")
    people.sh(holder, "systemctl kill -s KILL evenkeel-wireguard.service")
    people.until(lambda: people.sh(holder, "systemctl show -P MainPID evenkeel-wireguard") not in (watcher, "0\n"))
    people.until(lambda: people.tries("client", SERVICE))
    assert people.sh(holder, started) == before


def test_a_tunnel_that_vanishes_comes_back(people: Site) -> None:
    """wireguard-go is a process like any other; its unit does not notice when it is killed."""
    (holder,) = people.up()
    people.sh(holder, "ip link delete wg0")
    people.until(lambda: people.tries("client", SERVICE, 0.4))
    assert people.up() == {holder}


def test_a_watcher_that_is_stopped_takes_the_tunnel_down(people: Site) -> None:
    (holder,) = people.up()
    people.sh(holder, "systemctl stop evenkeel-wireguard.service")
    try:
        time.sleep(2.0)  # a watcher that is left would have brought it back by now
        assert people.up() == set()
    finally:
        people.sh(holder, "systemctl start evenkeel-wireguard.service")
    assert people.up() == {holder}
    people.until(lambda: people.tries("client", SERVICE, 0.4))


def test_a_new_member_disturbs_nobody(people: Site) -> None:
    argv = ["docker", "exec", people.lab.container("client"), "ping", "-i", "0.02", INTERNAL]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as ping:
        people.play("playbooks/member.yml", evenkeel_member="cleo", evenkeel_output=str(people.members))
        people.play("site.yml")
        people.sh("client", "sleep 1; pkill -INT -x ping")
        said = ping.communicate(timeout=120)[0]
    answered = {int(number) for number in re.findall(r"icmp_seq=(\d+)", said)}
    # Of the last ones the answer may be on its way.
    sent = re.search(r"^(\d+) packets transmitted", said, re.MULTILINE)
    assert sent and int(sent[1]) - max(answered) <= 5, said[-400:]
    assert set(range(1, max(answered))) - answered == set(), said[-400:]
    for host in people.up():
        assert people.sh(host, "grep -c '^# cleo$' /etc/wireguard/wg0.conf").strip() == "1"
    files = people.members
    assert {stat.S_IMODE((files / f"cleo.{kind}").stat().st_mode) for kind in ("conf", "png")} == {0o600}
    # A configuration is handed out once, and no copy is kept.
    private = next(
        line.split(" = ")[1] for line in (files / "cleo.conf").read_text().splitlines() if "PrivateKey" in line
    )
    assert private not in "".join(path.read_text() for path in people.lab.inventory.rglob("*.yml"))
    assert "There is a member of this name" in people.play("playbooks/member.yml", evenkeel_member="cleo", expect=2)


def test_a_revoked_member_is_cut_off_on_every_node(people: Site) -> None:
    people.until(lambda: people.tries("web-3", SERVICE))
    people.play("playbooks/member.yml", evenkeel_member="ben", evenkeel_revoke=True)
    people.play("site.yml")
    assert not people.tries("web-3", SERVICE)
    people.until(lambda: people.tries("client", SERVICE))
    for host in NODES:
        assert "# ben" not in people.sh(host, "cat /etc/wireguard/wg0.conf")
    (holder,) = people.up()
    assert len(people.sh(holder, "wg show wg0 peers").split()) == people.sh(
        holder, "cat /etc/wireguard/wg0.conf"
    ).count("[Peer]")
