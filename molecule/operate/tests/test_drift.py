"""drift.yml over the running pair: what it finds, what it says of it, and that it changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab import faults
from lab.hosts import Lab
from tests.site import Site, on, states, wait_for

CONF = "/etc/haproxy/haproxy.cfg"
CANARY = "c4n4ry-of-a-password"
BY_HAND = f"""
cp -p {CONF} {CONF}.kept; printf '    # by hand\\n    stats auth keel:{CANARY}\\n' >> {CONF}
sysctl -q -w net.ipv4.ip_nonlocal_bind=0
chmod 0644 /etc/keepalived/keepalived.conf
mv /etc/evenkeel/vrrp.nft /etc/evenkeel/vrrp.nft.kept
systemctl disable -q keepalived
"""
BACK = f"""
mv {CONF}.kept {CONF}
sysctl -q -w net.ipv4.ip_nonlocal_bind=1
chmod 0640 /etc/keepalived/keepalived.conf
mv /etc/evenkeel/vrrp.nft.kept /etc/evenkeel/vrrp.nft
systemctl enable -q keepalived
"""
# Bytes, owners and modes of all that is ours, what runs since when, and what we remember.
EVERYTHING = """
find /etc/haproxy /etc/keepalived /etc/evenkeel /etc/systemd/system /etc/sysctl.d /var/lib/evenkeel -xdev -type f \
     -printf '%p %m %u %T@\\n' -exec sha256sum {} + | sort | sha256sum
systemctl show -p MainPID,NRestarts,UnitFileState haproxy keepalived
sysctl net.ipv4.ip_nonlocal_bind
"""


@pytest.fixture(scope="module", autouse=True)
def as_it_was(site: Site) -> Iterator[None]:
    yield
    site.reset()
    site.run()


def drift(site: Site, lab: Lab, *arguments: str, expect: int = 0) -> str:
    """Output of a run, which has left both nodes as they are."""
    before = [on(lab, host, EVERYTHING) for host in ("lb-1", "lb-2")]
    output = site.play("playbooks/drift.yml", *arguments, expect=expect)
    assert [on(lab, host, EVERYTHING) for host in ("lb-1", "lb-2")] == before
    return output


def test_a_pair_as_it_was_committed_has_none(site: Site, lab: Lab) -> None:
    output = drift(site, lab)
    assert re.findall(r"changed=(\d+)", output) == ["0", "0"]


def test_every_edit_by_hand_is_named_with_its_diff(site: Site, lab: Lab) -> None:
    on(lab, "lb-1", BY_HAND)
    try:
        output = drift(site, lab, expect=2)
    finally:
        on(lab, "lb-1", BACK)
    generation = r"since generation \d+ \(\S+\)\."
    for line in (
        rf"lb-1: haproxy: {CONF} was changed by hand {generation}",
        rf"lb-1: haproxy: sysctl net\.ipv4\.ip_nonlocal_bind has another value {generation}",
        rf"lb-1: keepalived: /etc/keepalived/keepalived\.conf has another owner or mode {generation}",
        rf"lb-1: keepalived: /etc/evenkeel/vrrp\.nft is gone {generation}",
        rf"lb-1: keepalived: keepalived\.service at boot is in another state {generation}",
    ):
        assert len(re.findall(line, output)) >= 2, f"with its diff and at the end: {line}\n{output}"
    assert "+    # by hand" in output and "+    stats auth keel:********" in output
    assert CANARY not in output and "only-for-the-lab" not in output
    assert "is not what" not in output, "the inventory would take them back, which is said already"
    assert "lb-2:" not in output


def test_a_node_that_was_committed_otherwise_is_named(site: Site, lab: Lab) -> None:
    site.set(keepalived_garp_master_refresh=30)
    site.run("--limit", "lb-2")
    site.reset()
    # lb-1 is asked too: the limit says whom the run is about.
    output = drift(site, lab, "--limit", "lb-2", expect=2)
    conf = "/etc/keepalived/keepalived.conf"
    assert f"lb-2: keepalived: {conf} was committed otherwise on lb-1." in output
    assert f"lb-2: keepalived: {conf} is not what the inventory says." in output
    assert "-    vrrp_garp_master_refresh 60" in output and "+    vrrp_garp_master_refresh 30" in output
    assert "priority" not in output, "what is a node's own is no difference"


def test_a_node_that_cannot_be_reached_is_no_success(site: Site, lab: Lab) -> None:
    faults.power_off(lab, "lb-2")
    try:
        output = site.play("playbooks/drift.yml", expect=2)
    finally:
        faults.power_on(lab, "lb-2")
    assert "lb-2 can't be reached, so nobody knows." in output
    assert "lb-1:" not in output
    wait_for(lambda: states(site) == {"lb-1": "MASTER", "lb-2": "BACKUP"})


def test_a_limit_that_leaves_no_balancer_is_no_success(site: Site, lab: Lab) -> None:
    assert "No balancer is in this run" in site.play("playbooks/drift.yml", "--limit", "web-1", expect=None)
