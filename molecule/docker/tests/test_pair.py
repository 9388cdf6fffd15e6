"""A pair on containers that the docker driver made: daemons, files, and a VIP that answers and moves."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path
from typing import Any

import testinfra

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.site import wait_for  # noqa: E402 - found by the line above

testinfra_hosts = ["ansible://balancers"]

NODES = ("mol-docker-1", "mol-docker-2")
VIP = "198.51.100.188"


def node(name: str) -> Any:
    return testinfra.get_host(f"docker://{name}")


def answer() -> str:
    """Which node answers at the VIP; this machine is the containers' neighbour."""
    try:
        with urllib.request.urlopen(f"http://{VIP}/", timeout=5) as response:
            return str(response.read().decode()).strip()
    except OSError:
        return ""


def test_the_daemons_run_and_start_at_boot(host: Any) -> None:
    for name in ("haproxy", "keepalived"):
        assert host.package(name).is_installed
        assert host.service(name).is_running and host.service(name).is_enabled


def test_the_daemons_accept_what_was_rendered(host: Any) -> None:
    assert host.run("haproxy -c -f /etc/haproxy/haproxy.cfg").rc == 0
    # Among processes of its own: it would end with the keepalived that runs.
    assert host.run("unshare --fork --pid keepalived -t -f /etc/keepalived/keepalived.conf").rc == 0
    assert host.file("/etc/keepalived/keepalived.conf").mode == 0o640


def test_haproxy_listens_on_the_vip_of_either_node(host: Any) -> None:
    assert host.socket(f"tcp://{VIP}:80").is_listening
    assert host.sysctl("net.ipv4.ip_nonlocal_bind") == 1


def test_the_vip_answers_and_moves_with_the_daemon_and_back() -> None:
    first, second = NODES
    wait_for(lambda: answer() == first)
    assert [VIP in node(name).interface("eth0").addresses for name in NODES] == [True, False]
    node(first).check_output("systemctl stop haproxy")
    try:
        wait_for(lambda: answer() == second)
        assert [VIP in node(name).interface("eth0").addresses for name in NODES] == [False, True]
    finally:
        node(first).check_output("systemctl start haproxy")
    wait_for(lambda: answer() == first)
