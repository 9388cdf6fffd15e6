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
OVERWRITE = {"haproxy_on_drift": "overwrite", "keepalived_on_drift": "overwrite"}

HAPROXY_BY_HAND = """\
global
    stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
    user haproxy
    group haproxy
    daemon
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
frontend web
    bind {vip}:80
    default_backend app
backend app
{servers}
"""
KEEPALIVED_BY_HAND = """\
vrrp_script chk_haproxy {{
    script "/usr/bin/pgrep haproxy"
    interval 2
}}
vrrp_instance VI_1 {{
    state {state}
    interface eth0
    virtual_router_id 77
    priority {priority}
    advert_int 1
    unicast_src_ip {own}
    unicast_peer {{
        {peer}
    }}
    authentication {{
        auth_type PASS
        auth_pass {password}
    }}
    virtual_ipaddress {{
        {vips}
    }}
    track_script {{
        chk_haproxy
    }}
}}
"""
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends haproxy keepalived >/dev/null"
NONLOCAL = (
    "echo net.ipv4.ip_nonlocal_bind=1 > /etc/sysctl.d/90-by-hand.conf; sysctl -q -p /etc/sysctl.d/90-by-hand.conf"
)


def vips(lab: Lab, count: int) -> list[str]:
    return [f"{lab.subnet[last]}/{lab.subnet.prefixlen}" for last in (25, 24)][:count]


def by_hand(lab: Lab, count: int) -> None:
    """Both nodes as a person would have built them, with so many addresses."""
    servers = "\n".join(f"    server {web} {lab.address(web)}:8080 check" for web in ("web-1", "web-2", "web-3"))
    haproxy = HAPROXY_BY_HAND.format(vip=vips(lab, 1)[0].split("/")[0], servers=servers)
    for node, state, priority in (("lb-3", "MASTER", 150), ("lb-4", "BACKUP", 100)):
        (peer,) = (other for other in NODES if other != node)
        keepalived = KEEPALIVED_BY_HAND.format(
            state=state,
            priority=priority,
            own=lab.address(node),
            peer=lab.address(peer),
            password=PASSWORD,
            vips="\n        ".join(vips(lab, count)),
        )
        on(lab, node, f"apt-get -qq update; {INSTALL}; {NONLOCAL}")
        for path, content in ((HAPROXY, haproxy), (KEEPALIVED, keepalived)):
            lab.run(node, ["sh", "-c", 'printf %s "$1" > "$2"', "sh", content, path])
        on(lab, node, "systemctl enable -q haproxy keepalived; systemctl restart haproxy keepalived")


def kept(site: Site, lab: Lab, count: int) -> None:
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
                    "virtual_addresses": vips(lab, count),
                    "track": ["haproxy"],
                }
            ],
            haproxy_frontends=[
                {"name": "web", "bind": [f"{vips(lab, 1)[0].split('/')[0]}:80"], "default_backend": "app"}
            ],
        )


@pytest.fixture(scope="module")
def old(site: Site, lab: Lab) -> Pair:
    """The pair by hand, and its clients."""
    by_hand(lab, 1)
    kept(site, lab, 1)
    pair = Pair(lab, nodes=NODES, vips=(vips(lab, 1)[0].split("/")[0],))
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
    for path, theirs in ((HAPROXY, "+    daemon"), (KEEPALIVED, '+    script "/usr/bin/pgrep haproxy"')):
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
        assert 'script "/usr/bin/pgrep haproxy"' in lines(lab, node, KEEPALIVED)
        assert on(lab, node, "systemctl is-active haproxy keepalived").split() == ["active", "active"]
    site.play(ROLLBACK, *BOTH, "-e", "evenkeel_release=true")
