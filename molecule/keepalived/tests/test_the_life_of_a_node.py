"""Boot, joining and leaving, passwords. These leave the pair as they found it, but for the last, which leaves another."""

from __future__ import annotations

import time

import pytest
from conftest import Pair

from lab import faults
from lab.observer import Observer
from tests.faults import CHANGE_OF_HANDS

OVERRIDE = "/etc/systemd/system/app.service.d/slow.conf"
SLOW = f"mkdir -p {OVERRIDE.rpartition('/')[0]}; printf '[Service]\nExecStartPre=/bin/sleep 4\n' > {OVERRIDE}"
PASSWORD = "c4n4rY-8"


def test_after_a_power_cut_a_node_is_in_fault_until_its_service_runs(pair: Pair, watch: Observer) -> None:
    pair.sh("lb-1", SLOW)
    try:
        faults.power_off(pair.lab, "lb-1")
        pair.until(lambda: "lb-2" in watch.record.holders(pair.vip))
        faults.power_on(pair.lab, "lb-1")
        pair.until(lambda: pair.info("lb-1")["running"])
        before = pair.state("lb-1")
        started = pair.sh("lb-1", "systemctl show -p ActiveState --value app.service").strip()
        assert started == "active" or before["state"] == "FAULT", (started, before)
        pair.settle()
        active = float(
            pair.sh("lb-1", 'date +%s.%N -d "$(systemctl show -p ActiveEnterTimestamp --value app.service)"')
        )
        record = watch.record
        back = [
            event.time
            for event in record.events
            if event.host == "lb-1" and event.what == "add" and event.address == pair.vip
        ]
        # Timestamps of systemd are whole seconds here.
        assert back[-1] >= active, record.story(pair.vip)
    finally:
        pair.sh("lb-1", f"rm -f {OVERRIDE}; systemctl daemon-reload")


def test_a_drained_node_stays_drained_over_a_reboot(pair: Pair, watch: Observer) -> None:
    pair.module("lb-1", "drain", state="drained", wait_seconds=10)
    faults.power_cycle(pair.lab, "lb-1")
    booted = time.time()
    pair.until(lambda: pair.state("lb-1")["state"] == "BACKUP")
    # Longer than preempt_delay.
    time.sleep(3)
    assert watch.record.longest(pair.vip, holders=2, since=booted) == 0, watch.record.story(pair.vip)
    assert pair.holders() == {"lb-2"}
    pair.module("lb-1", "drain", state="undrained")
    pair.settle()


def test_a_node_whose_service_is_broken_boots_and_holds_nothing(pair: Pair, watch: Observer) -> None:
    pair.sh("lb-1", "chmod 0644 /usr/local/bin/app")
    faults.power_cycle(pair.lab, "lb-1")
    try:
        pair.until(lambda: pair.info("lb-1")["running"])
        time.sleep(3)
        found = pair.state("lb-1")
        assert found["state"] == "FAULT"
        assert "app does not run (/run/evenkeel/crash.app holds -254)" in found["reasons"]
        assert pair.holders() == {"lb-2"}
    finally:
        pair.sh("lb-1", "chmod 0755 /usr/local/bin/app; systemctl restart app")
    pair.settle()


def test_a_node_that_its_peers_do_not_list_yet_waits_in_fault(pair: Pair, watch: Observer) -> None:
    pair.play("lb-3", scenario_third=True)
    time.sleep(2)
    found = pair.state("lb-3")
    assert found["state"] == "FAULT"
    assert found["reasons"] == [reason for reason in found["reasons"] if "do its peers list this node" in reason]
    assert pair.info("lb-3")["joining"]
    pair.play("lb-1:lb-2", scenario_third=True)
    pair.until(lambda: {entry["state"] for entry in pair.info("lb-3")["instances"]} == {"BACKUP"})
    record = watch.record
    for address in (pair.vip, pair.six):
        assert record.longest(address, holders=2) == 0, record.story(address)
        assert record.longest(address, holders=0) == 0, record.story(address)


def test_a_node_leaves(pair: Pair, watch: Observer) -> None:
    """lb-3 holds the VIPs, so that it has something to give up."""
    for host in ("lb-1", "lb-2"):
        pair.module(host, "drain", state="drained", owner="test")
    pair.until(lambda: pair.holders() == {"lb-3"})
    pair.module("lb-2", "drain", state="undrained", owner="test")
    said = pair.play("lb-3", keepalived_state="absent", scenario_third=True)
    assert "changed=3" in said, said
    pair.play("lb-1:lb-2")
    pair.module("lb-1", "drain", state="undrained", owner="test")
    pair.settle()
    record = watch.record
    assert record.longest(pair.vip, holders=0) < 0.05, record.story(pair.vip)
    assert record.longest(pair.vip, holders=2) < CHANGE_OF_HANDS, record.story(pair.vip)
    gone(pair, "lb-3")
    assert "changed=0" in pair.play("lb-3", keepalived_state="absent", scenario_third=True)


def gone(pair: Pair, host: str) -> None:
    """Nothing of ours is left but the package and what commit remembers."""
    left = pair.sh(host, "ls -d /etc/evenkeel/* /etc/systemd/system/*evenkeel* /etc/systemd/system/*/*evenkeel* /run/evenkeel/* "
                         "/usr/local/lib/evenkeel/vrrp/* /var/lib/evenkeel/track /var/lib/evenkeel/drain 2>/dev/null || true")  # fmt: skip
    assert [path for path in left.split() if "recover" not in path] == []
    assert pair.sh(host, "systemctl is-enabled keepalived || true").strip() == "disabled"
    assert pair.sh(host, "systemctl is-active keepalived || true").strip() == "inactive"
    assert "evenkeel_vrrp" not in pair.sh(host, "nft list tables")
    assert "evenkeel" not in pair.sh(host, "systemctl show -p ExecStartPost -p ExecStopPost app.service")


@pytest.fixture
def version_two(pair: Pair) -> dict[str, object]:
    return {
        "keepalived_vrrp_version": 2,
        "keepalived_advert_interval": 1,
        "keepalived_auth_pass": PASSWORD,
        "keepalived_instances": [
            {
                "name": "public",
                "virtual_router_id": 55,
                "interface": "eth0",
                "virtual_addresses": [f"{pair.vip}/27"],
                "track": ["app"],
            }
        ],
    }


def test_the_pair_goes_and_comes_back_with_version_2_and_a_password(pair: Pair, version_two: dict[str, object]) -> None:
    pair.play(keepalived_state="absent")
    for host in ("lb-1", "lb-2"):
        gone(pair, host)
    assert pair.holders() == set()
    said = pair.play("lb-1:lb-2", "--diff", "-vvv", **version_two)
    pair.until(lambda: pair.holders() == {"lb-1"})
    live = pair.info("lb-2")
    assert live["instances"][0]["state"] == "BACKUP"
    assert len(live["configured"]["instances"][0]["auth_digest"]) == 4
    assert PASSWORD in pair.sh("lb-1", "cat /etc/keepalived/keepalived.conf")
    # The extra variables themselves are on the command line of this test, which -vvv repeats nowhere.
    assert PASSWORD not in said
    assert PASSWORD not in pair.sh("lb-1", "journalctl --no-pager")
    changed = pair.play("lb-1:lb-2", "--diff", **{**version_two, "keepalived_garp_master_refresh": 30})
    assert "garp_master_refresh 30" in changed and PASSWORD not in changed
