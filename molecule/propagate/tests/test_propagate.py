"""propagate.yml over the running pair: what changes reach clients (none), and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from lab import faults
from lab.hosts import Lab
from tests.faults import HANDS_MS, Pair
from tests.site import (
    Site,
    Watched,
    fingerprint,
    flat,
    leastconn,
    lines,
    nothing_changed,
    on,
    on_reload,
    states,
    wait_for,
)

HAPROXY, KEEPALIVED = "/etc/haproxy/haproxy.cfg", "/etc/keepalived/keepalived.conf"


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(lab, tmp_path_factory.mktemp("site"), "playbooks/propagate.yml")


def instance(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.variables()["keepalived_instances"][0]
    return found


def from_the_client(lab: Lab) -> dict[str, Any]:
    """What a user who wants figures in the run's own report asks for."""
    return {"from": "client", "targets": [{"address": lab.vip, "rate": 20, "kept": 0}]}


def one_vip_more(site: Site, lab: Lab) -> str:
    """A change of both daemons: balance, a new VIP, the advert interval. The VIP."""
    added = f"{lab.subnet[27]}/{lab.subnet.prefixlen}"
    public = instance(site)
    site.set(
        haproxy_backends=leastconn(site),
        keepalived_instances=[{**public, "virtual_addresses": [*public["virtual_addresses"], added]}],
        keepalived_advert_interval=0.3,
    )
    return added


def test_both_daemons_change_in_place_and_nobody_loses_a_request(site: Site, lab: Lab, watched: Watched) -> None:
    added = one_vip_more(site, lab)
    outputs: list[str] = []
    seen = watched(lambda: outputs.append(site.run()))
    assert seen["lost"] == 0, str(seen)
    assert seen["both_ms"] <= HANDS_MS and seen["none_ms"] <= HANDS_MS, seen["story"]
    for host in ("lb-1", "lb-2"):
        assert "balance leastconn" in lines(lab, host, HAPROXY)
        assert "advert_int 0.3" in lines(lab, host, KEEPALIVED)
    assert added in on(lab, seen["holder"], "ip -br address show dev eth0")
    assert re.search(
        r"^  lb-2  haproxy reload, keepalived reload\n  lb-1  haproxy reload, keepalived reload$", outputs[0], re.M
    )
    assert f"{added.split('/')[0]} (public): lb-1" in outputs[0]


@pytest.mark.goes_on
def test_with_a_drain_only_what_is_in_flight_is_lost(site: Site, lab: Lab, watched: Watched) -> None:
    """The same change, undone."""
    site.reset()
    site.set(evenkeel_drain="always", evenkeel_probe=from_the_client(lab))
    outputs: list[str] = []
    seen = watched(lambda: outputs.append(site.run()))
    assert seen["lost"] == seen["lost_in_flight"], str(seen)
    assert seen["both_ms"] <= HANDS_MS and seen["none_ms"] <= HANDS_MS, seen["story"]
    assert seen["holder"] == "lb-1" and "lb-2" in seen["story"], seen["story"]
    assert re.search(r"^Clients: [\d,]+ requests, \d+ lost", outputs[0], re.M), outputs[0]
    for host in ("lb-1", "lb-2"):
        assert "balance leastconn" not in lines(lab, host, HAPROXY)
    site.reset()


def test_what_fails_on_the_second_node_puts_both_back(site: Site, lab: Lab, watched: Watched) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    one_vip_more(site, lab)
    site.set(evenkeel_probe=from_the_client(lab))
    outputs: list[str] = []
    with on_reload(lab, "lb-1", "/bin/false"):
        seen = watched(lambda: outputs.append(site.run(expect=None)))
    assert "was put back" in flat(outputs[0])
    assert re.search(r"^  lb-2  put back\n  lb-1  put back$", outputs[0], re.M), outputs[0]
    assert re.search(r"^Clients: [\d,]+ requests, 0 lost", outputs[0], re.M), outputs[0]
    assert seen["lost"] == 0, str(seen)
    nothing_changed(site, lab, before)


NO_KEY = "not-a-key"
# A configuration of each daemon that it can't run, and a word of what the refusal says.
BAD: dict[str, tuple[str, Callable[[Site], dict[str, Any]]]] = {
    "haproxy": (
        "no such directive",
        lambda site: {"haproxy_backends": [{**leastconn(site)[0], "options": ["no such directive"]}]},
    ),
    "keepalived": (
        "no_such_keyword",
        lambda site: {"keepalived_instances": [{**instance(site), "options": ["no_such_keyword"]}]},
    ),
    "nginx": (
        "nowhere",
        lambda site: {"nginx_servers": [{"name": "web", "bind": ["127.0.0.1:81"], "default_backend": "nowhere"}]},
    ),
    "wireguard": (
        "peers ann: public_key",
        lambda site: {
            "wireguard_interfaces": [
                {
                    "name": "vpn",
                    "addresses": ["198.51.100.193/28"],
                    "peers": [{"name": "ann", "public_key": NO_KEY, "allowed_ips": ["198.51.100.194/32"]}],
                }
            ]
        },
    ),
}


@pytest.mark.parametrize("daemon", BAD)
def test_what_a_daemon_can_t_run_is_refused_before_any_node_changes(site: Site, lab: Lab, daemon: str) -> None:
    """Together with a change that is sound, so that there is something to begin with."""
    before = fingerprint(lab, "lb-1", "lb-2")
    said, change = BAD[daemon]
    site.set(**{"keepalived_advert_interval": 0.3, **change(site)})
    output = flat(site.run(expect=None))
    assert said in output
    assert "begin | Take the lease" not in output
    assert on(lab, "lb-1", "ls -d /etc/wireguard /etc/nginx/evenkeel 2>/dev/null || :") == ""
    nothing_changed(site, lab, before)


def test_a_node_that_is_dead_is_left_out_by_name_only_and_brought_up_later(site: Site, lab: Lab, pair: Pair) -> None:
    before = fingerprint(lab, "lb-1")
    # While it is away its peer learns another virtual router: when it is back it must not take the VIPs beside it.
    site.set(keepalived_instances=[{**instance(site), "virtual_router_id": 57}])
    faults.power_off(lab, "lb-2")
    try:
        said = flat(site.run(expect=None))
        assert "lb-2: The node can't be reached" in said and "-e evenkeel_allow=dead" in said
        assert fingerprint(lab, "lb-1") == before
        site.run("-e", "evenkeel_allow=dead", expect=None)
        assert "virtual_router_id 57" in lines(lab, "lb-1", KEEPALIVED)
    finally:
        faults.power_on(lab, "lb-2")
    wait_for(lambda: site.ask("lb-2", "evenkeel.lb.vrrp_info")["joining"])
    assert site.ask("lb-2", "evenkeel.lb.vrrp_info")["held"] == []
    site.run()
    assert "virtual_router_id 57" in lines(lab, "lb-2", KEEPALIVED)
    wait_for(lambda: states(site) == {"lb-1": "MASTER", "lb-2": "BACKUP"})


CHANGES_TOGETHER: dict[str, Callable[[Site, Lab], dict[str, Any]]] = {
    "another virtual router, in version 2": lambda site, lab: {
        "keepalived_instances": [{**instance(site), "virtual_router_id": 56}],
        "keepalived_vrrp_version": 2,
        "keepalived_advert_interval": 1,
    },
    "another anchor, in version 3": lambda site, lab: {
        "keepalived_instances": [
            {
                **instance(site),
                "virtual_router_id": 56,
                "virtual_addresses": [f"{lab.subnet[27]}/{lab.subnet.prefixlen}", *instance(site)["virtual_addresses"]],
            }
        ]
    },
}


@pytest.mark.goes_on
@pytest.mark.parametrize("change", CHANGES_TOGETHER)
def test_a_change_that_the_nodes_make_together_never_makes_two_holders(
    site: Site, lab: Lab, watched: Watched, change: str
) -> None:
    """Each starts where the one before ended, so that each is a switch; what a client waits is the VRRP master-down time."""
    site.reset()
    site.set(**CHANGES_TOGETHER[change](site, lab))
    seen = watched(site.run)
    assert seen["both_ms"] <= HANDS_MS, seen["story"]
    assert seen["holder"] == "lb-1"
    wait_for(lambda: states(site) == {"lb-1": "MASTER", "lb-2": "BACKUP"})


@pytest.mark.goes_on
def test_a_vip_moves_to_another_instance(site: Site, lab: Lab, watched: Watched) -> None:
    site.reset()
    public = instance(site)
    extra, second = (f"{lab.subnet[last]}/{lab.subnet.prefixlen}" for last in (27, 26))
    other = {"name": "inner", "virtual_router_id": 60, "interface": public["interface"], "track": ["haproxy"]}

    def instances(of_public: list[str], of_inner: list[str]) -> list[dict[str, Any]]:
        return [
            {**public, "virtual_addresses": [*public["virtual_addresses"], *of_public]},
            {**other, "virtual_addresses": [second, *of_inner]},
        ]

    site.set(keepalived_instances=instances([extra], []))
    site.run()
    site.set(keepalived_instances=instances([], [extra]))
    seen = watched(site.run)
    assert seen["lost"] == seen["lost_in_flight"], str(seen)
    assert seen["both_ms"] <= HANDS_MS and seen["both_ms_of"][extra.split("/")[0]] <= HANDS_MS, str(seen)
    # The second instance prefers the other node, and the VIP has gone with it.
    assert extra in on(lab, "lb-2", "ip -br address show dev eth0")
    assert extra not in on(lab, "lb-1", "ip -br address show dev eth0")


@pytest.mark.goes_on
def test_a_third_node_joins_and_leaves(site: Site, lab: Lab, watched: Watched) -> None:
    site.add("lb-3")
    seen = watched(site.run)
    assert seen["lost"] == 0 and seen["both_ms"] <= HANDS_MS, str(seen)
    assert on(lab, "lb-3", "systemctl is-active keepalived haproxy").split() == ["active", "active"]
    site.add("lb-3", keepalived_state="absent")
    seen = watched(site.run)
    assert seen["lost"] == 0 and seen["both_ms"] <= HANDS_MS, str(seen)
    assert on(lab, "lb-3", "systemctl is-active keepalived || :").strip() == "inactive"


def test_a_second_run_stops_and_names_the_first(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-1", "lb-2")
    site.ask(
        "lb-2",
        "evenkeel.lb.lease",
        run_id="the-first",
        playbook="propagate",
        who="ann@desk",
        controller={},
        expires_seconds=600,
    )
    site.set(haproxy_backends=leastconn(site))
    try:
        said = flat(site.run(expect=None))
        assert "Another run holds this node. Found: propagate by ann@desk, run the-first" in said
        nothing_changed(site, lab, before)
    finally:
        site.ask("lb-2", "evenkeel.lb.lease", state="released")


def test_a_cut_way_to_a_node_puts_it_back_also_over_a_restart(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-1")
    configured = lines(lab, "lb-2", HAPROXY)
    site.set(evenkeel_guard=30, haproxy_backends=leastconn(site))
    with on_reload(lab, "lb-2", "/bin/sh -c 'systemctl stop ssh; pkill -KILL sshd'"):
        said = flat(site.run(expect=None))
        assert "lb-2 may still have what this run gave it" in said
        assert "balance leastconn" in lines(lab, "lb-2", HAPROXY)
        faults.power_off(lab, "lb-2")
        faults.power_on(lab, "lb-2")
    wait_for(lambda: states(site) == {"lb-1": "MASTER", "lb-2": "BACKUP"})
    assert lines(lab, "lb-2", HAPROXY) == configured
    nothing_changed(site, lab, before)


def test_a_hand_edit_stops_the_run_with_its_diff_and_is_kept(site: Site, lab: Lab) -> None:
    before = fingerprint(lab, "lb-2")
    on(lab, "lb-1", f"printf '# a line by hand\\n' >> {HAPROXY}")
    site.set(haproxy_backends=leastconn(site))
    try:
        output = site.run(expect=None)
        assert "# a line by hand" in output and "overwrite" in output
        assert lines(lab, "lb-1", HAPROXY)[-1] == "# a line by hand"
        nothing_changed(site, lab, before)
    finally:
        on(lab, "lb-1", f"sed -i '$d' {HAPROXY}")


def test_a_limit_that_leaves_no_balancer_fails_with_that_text(site: Site) -> None:
    assert "No balancer is in this run" in flat(site.run("--limit", "web-1", expect=None))


def test_nothing_to_change_says_nothing_and_takes_no_lease(site: Site, lab: Lab) -> None:
    """Also where a VIP was just changing hands when the run looked: then it looks once more."""
    vip = f"{lab.vip}/{lab.subnet.prefixlen}"
    moment = f"ip address add {vip} dev eth0 nodad; sleep 3; ip address delete {vip} dev eth0"
    on(lab, "lb-2", f"systemd-run --quiet --collect sh -c '{moment}'")
    output = site.run()
    assert "Cluster edge" not in output
    assert on(lab, "lb-1", "ls /var/lib/evenkeel/lease.json 2>/dev/null || :") == ""
