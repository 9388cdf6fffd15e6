# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the inventory that have a tunnel: who is in it, what a change disturbs, and keys that stay."""

from __future__ import annotations

import time

from conftest import CTL, Site

MESH = {"name": "mesh", "addresses": ["192.0.2.{{ 224 + vpn }}/28", "2001:db8:9::{{ vpn }}/64"]}
# As mesh.yml has it.
WHOLE: dict[str, object] = {
    **MESH,
    "hosts": ["web-1", "web-2"],
    "preshared_secret": "a-secret-of-the-scenario-only",
}


def reached(site: Site) -> None:
    """web-2 reaches web-1 through the tunnel, in a while."""
    site.until(lambda: site.tries("web-2", "http://192.0.2.225:8080/"), pause=0.3)


def test_packets_go_through(site: Site) -> None:
    for host, url in (("web-2", "http://192.0.2.225:8080/"), ("web-1", "http://[2001:db8:9::2]:8080/")):
        assert site.tries(host, url)
    before = site.sh("web-1", "wg show mesh transfer").split()
    site.until(lambda: site.tries("web-2", "http://192.0.2.225:8080/"))
    after = site.sh("web-1", "wg show mesh transfer").split()
    assert int(after[1]) > int(before[1])


def test_the_key_is_made_on_its_host_for_nobody_else(site: Site) -> None:
    assert site.sh("web-1", "stat -c '%a %U' /etc/wireguard/mesh.key /etc/wireguard").split() == [
        "600",
        "root",
        "700",
        "root",
    ]
    private = site.sh("web-1", "cat /etc/wireguard/mesh.key").strip()
    assert private not in site.sh("web-1", "cat /etc/wireguard/mesh.conf; ps axww")
    # The running interface has it all the same.
    assert site.sh("web-1", "wg show mesh private-key").strip() == private


def test_a_limit_and_a_silent_host_change_nothing(site: Site) -> None:
    before = site.sh("web-1", "cat /etc/wireguard/mesh.conf")
    site.lab.run("web-2", ["systemctl", "stop", "ssh.service", "ssh.socket"])
    try:
        assert "changed=0" in site.mesh("--limit", "web-1")
        # A connection that Ansible still has open would do.
        site.mesh(expect=4, env={"ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none -o ConnectTimeout=5"})
    finally:
        site.lab.run("web-2", ["systemctl", "start", "ssh.service"])
    assert site.sh("web-1", "cat /etc/wireguard/mesh.conf") == before


def test_a_file_that_can_not_be_read_keeps_the_peers(site: Site) -> None:
    peers = site.sh("web-1", "wg show mesh peers")
    saved = site.sh("web-1", "cp -a /etc/wireguard/mesh.conf /root/; echo nonsense > /etc/wireguard/mesh.conf; echo ok")
    assert saved.strip() == "ok"
    try:
        said = site.sh("web-1", f"{CTL} sync mesh 2>&1; echo rc $?")
    finally:
        site.sh("web-1", "mv /root/mesh.conf /etc/wireguard/mesh.conf")
    assert "rc 1" in said
    assert site.sh("web-1", "wg show mesh peers") == peers
    site.until(lambda: site.tries("web-2", "http://192.0.2.225:8080/"))


def test_only_an_address_or_a_port_restarts(site: Site) -> None:
    started = "systemctl show -P ExecMainStartTimestampMonotonic evenkeel-wireguard@mesh"

    def interface(**changes: object) -> list[dict[str, object]]:
        return [{**WHOLE, **changes}]

    first = site.sh("web-1", started)
    site.mesh("--limit", "web-1", wireguard_interfaces=interface(mtu=1380, keepalive=20))
    assert site.sh("web-1", started) == first
    assert "1380" in site.sh("web-1", "ip link show mesh")
    assert site.sh("web-1", "wg show mesh persistent-keepalive").split()[1] == "20"
    site.mesh("--limit", "web-1", wireguard_interfaces=interface(port=51999))
    assert site.sh("web-1", started) != first
    assert site.sh("web-1", "wg show mesh listen-port").strip() == "51999"
    site.mesh("--limit", "web-1")
    site.until(lambda: site.tries("web-2", "http://192.0.2.225:8080/", 0.4))


def test_what_cuts_off_the_controller_is_put_back(site: Site) -> None:
    """The controller comes in over this very tunnel: web-2 by way of web-1."""
    jump = f"ssh -F {site.lab.state}/ssh_config web-1 -W 192.0.2.226:22"
    over = {
        "ansible_ssh_common_args": f"-o ProxyCommand='{jump}' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        " -o ControlPath=none -o ServerAliveInterval=2 -o ServerAliveCountMax=2",
    }
    before = site.sh("web-2", "wg show mesh peers")
    assert before.strip()
    assert "changed=0" in site.mesh("--limit", "web-2", **over)
    cut = [{**MESH, "hosts": [], "preshared_secret": None}]
    site.mesh(
        "--limit",
        "web-2",
        expect=None,
        wireguard_interfaces=cut,
        evenkeel_run_id="cut",
        evenkeel_commit_guard=6,
        **over,
    )
    site.until(lambda: site.sh("web-2", "wg show mesh peers") == before, pause=0.3)
    site.until(lambda: site.tries("web-1", "http://192.0.2.226:8080/"), pause=0.3)
    assert site.sh("web-2", "grep -c '^.Peer' /etc/wireguard/mesh.conf").strip() == "1"
    # Told once to the next run, which then has nothing to do.
    assert "changed=0" in site.mesh("--limit", "web-2", evenkeel_run_id="after")


def test_a_tunnel_that_does_not_come_up_is_tried_again(site: Site) -> None:
    """After a boot, say, for want of a name server."""
    site.sh("web-1", "systemctl stop evenkeel-wireguard; mount --bind /bin/false /usr/bin/wg-quick")
    try:
        site.sh("web-1", "systemctl start evenkeel-wireguard")
        assert "does not exist" in site.sh("web-1", "ip link show mesh 2>&1; true")
    finally:
        site.sh("web-1", "umount /usr/bin/wg-quick")
    reached(site)
    # What somebody takes down afterwards stays down.
    site.sh("web-1", "systemctl stop evenkeel-wireguard@mesh")
    try:
        time.sleep(6.0)
        assert not site.tries("web-2", "http://192.0.2.225:8080/")
    finally:
        site.sh("web-1", "systemctl start evenkeel-wireguard@mesh")


def test_a_first_commit_that_fails_leaves_nothing_running(site: Site) -> None:
    """One tunnel comes up, another does not: what was started goes before the files by which it stops."""
    broken = {"name": "broken", "addresses": ["192.0.2.209/29"], "port": 51830, "post_up": ["false"]}
    site.mesh("--limit", "web-1", wireguard_state="absent")
    said = site.mesh("--limit", "web-1", expect=2, wireguard_interfaces=[WHOLE, broken])
    assert "broken is not up: journalctl -u evenkeel-wireguard@broken.service" in said
    assert "The old set was put back." in said
    left = site.sh(
        "web-1",
        "ip -br link; ls /run/evenkeel/wireguard; nft list tables; systemctl --no-legend list-units 'evenkeel-wireguard*'",
    )
    assert not [word for word in ("mesh", "broken", "evenkeel") if word in left], left
    # And is in nobody's way. Its files knew the peers' keys; those are asked again.
    site.mesh()
    reached(site)


def test_a_default_route_goes_through_the_tunnel_and_the_tunnel_does_not(site: Site) -> None:
    """wg-quick marks the tunnel's own packets; neither its start nor a sync may take the mark away."""
    peer = {
        "name": "office",
        "public_key": site.sh("web-2", "wg show mesh public-key").strip(),
        "endpoint": f"{site.lab.address('web-2')}:51831",
        "allowed_ips": ["0.0.0.0/0"],
    }

    def interfaces(**changes: object) -> list[dict[str, object]]:
        return [WHOLE, {"name": "out", "addresses": ["192.0.2.209/29"], "port": 51830, "peers": [{**peer, **changes}]}]

    way = "wg show out fwmark; ip route get 192.0.2.1; ip route get {} mark $(wg show out fwmark)"
    try:
        for changes in ({}, {"keepalive": 20}):
            site.mesh("--limit", "web-1", wireguard_interfaces=interfaces(**changes))
            mark, through, around = (
                line
                for line in site.sh("web-1", way.format(site.lab.address("web-2"))).splitlines()
                if line.strip() and "cache" not in line
            )
            assert int(mark, 16) and "dev out" in through and "dev eth0" in around
    finally:
        site.mesh("--limit", "web-1")


def test_absent(site: Site) -> None:
    key = site.sh("web-1", "cat /etc/wireguard/mesh.key")
    # Also if what it was started with is lost.
    site.sh("web-1", "rm -r /run/evenkeel/wireguard")
    site.mesh("--limit", "web-1", wireguard_state="absent")
    left = site.sh(
        "web-1",
        "ip link show mesh 2>&1; ls /etc/wireguard /etc/evenkeel; nft list tables; systemctl is-active evenkeel-wireguard || true",
    )
    assert "does not exist" in left
    assert "mesh.conf" not in left and "wireguard.json" not in left and "evenkeel_wireguard" not in left
    assert "inactive" in left
    site.mesh()
    assert site.sh("web-1", "cat /etc/wireguard/mesh.key") == key
    reached(site)


def test_a_tunnel_of_wg_quicks_own_unit_is_taken_over(site: Site) -> None:
    """As seed 3 has it, and also where somebody has brought it up by hand. From here on `absent` gives the person's file back."""
    key = site.sh("web-1", "cat /etc/wireguard/mesh.key").strip()
    peers = site.sh("web-1", "sed -n '/^.Peer/,$p' /etc/wireguard/mesh.conf")
    site.mesh("--limit", "web-1", wireguard_state="absent")
    by_hand = f"[Interface]\nPrivateKey = {key}\nAddress = 192.0.2.225/28\nListenPort = 51820\n\n{peers}"
    site.lab.run(
        "web-1", ["sh", "-ec", "umask 077; rm /etc/wireguard/mesh.key; cat > /etc/wireguard/mesh.conf"], stdin=by_hand
    )
    site.sh("web-1", "systemctl enable --now wg-quick@mesh 2>&1")
    site.mesh("--limit", "web-1", wireguard_on_drift="overwrite")
    assert site.sh("web-1", "cat /etc/wireguard/mesh.key").strip() == key
    units = site.sh(
        "web-1", "systemctl is-enabled wg-quick@mesh 2>&1; systemctl is-active evenkeel-wireguard@mesh"
    ).split()
    assert units == ["disabled", "active"]
    reached(site)
    site.sh(
        "web-1",
        "systemctl stop evenkeel-wireguard@mesh; wg-quick up mesh 2>&1; rm -f /run/evenkeel/wireguard/mesh.conf",
    )
    site.sh("web-1", f"systemctl reload evenkeel-wireguard; {CTL} verify")
    reached(site)
