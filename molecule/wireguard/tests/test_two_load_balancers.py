# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seed 3 as inventories/two-load-balancers has it, with nothing but the lab's addresses laid over its files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from conftest import INTERNAL, NODES, ROOT, Site

from lab.hosts import write_inventory

SEED = ROOT / "inventories" / "two-load-balancers"
AWAY = {"keepalived_state": "absent", "wireguard_state": "absent", "haproxy_state": "absent"}
RANCHER, PROXMOX = f"http://{INTERNAL}/", f"http://{INTERNAL}:8006/"
# The machines behind load-balancer-1 and load-balancer-2; hutre and petter; pluto.
FIRST, SECOND = NODES
KUBERNETES, PLUTO = {"web-1", "web-2"}, "web-3"
# The next advert that reaches this host, behind its IP header.
LISTEN = "import socket as s; r = s.socket(s.AF_INET, s.SOCK_RAW, 112); r.settimeout(10); print(r.recv(99)[20:].hex())"


@pytest.fixture(scope="module")
def seed(site: Site) -> Iterator[Site]:
    """In the place of the scenario's own pair. Anna is on `client`, and in."""
    site.play("site.yml", **AWAY)
    found = Site(site.lab, site.lab.state / SEED.name)
    write_inventory(site.lab, SEED, found.inventory)
    found.come_in("anna", "client")
    found.play("site.yml")
    found.switch_on("client")
    yield found
    found.play("site.yml", **AWAY)


def advert(seed: Site, host: str) -> tuple[int, ...]:
    """Version, router, priority, kind of authentication and seconds between two; then address and password, as they came."""
    packet = bytes.fromhex(seed.sh(host, f"python3 -c '{LISTEN}'"))
    kind, router, priority, dummy, authentication, seconds, dummy, address = struct.unpack("!6BHI", packet[:12])
    assert (str(ip_address(address)), packet[12:]) == (seed.lab.vip, b"lab-only")
    return kind >> 4, router, priority, authentication, seconds


def test_nothing_but_addresses_was_laid_over(seed: Site) -> None:
    own = {path.relative_to(SEED) for path in SEED.rglob("*.yml")}
    assert {path.relative_to(seed.inventory) for path in seed.inventory.rglob("*.yml")} == own
    assert set(re.findall(r"changed=(\d+)", seed.play("site.yml"))) == {"0"}


def test_public_services_answer_everybody(seed: Site) -> None:
    assert {seed.answer("web-1", f"http://{seed.lab.vip}/") for dummy in range(4)} == KUBERNETES


def test_internal_services_answer_through_the_tunnel_only(seed: Site) -> None:
    assert {seed.answer("client", RANCHER) for dummy in range(4)} == KUBERNETES
    assert seed.answer("client", PROXMOX) == PLUTO
    with seed.sends("web-1", INTERNAL, by=FIRST):
        assert not seed.tries("web-1", RANCHER) and not seed.tries("web-1", PROXMOX)
    # haproxy is bound to them on both nodes, wherever the addresses are.
    for host in NODES:
        bound = seed.sh(host, "ss -Hltn | awk '{ print $4 }'").split()
        assert {f"{seed.lab.vip}:80", f"{INTERNAL}:80", f"{INTERNAL}:8006"} <= set(bound)


def test_the_second_takes_over_with_its_priority(seed: Site) -> None:
    assert advert(seed, SECOND) == (2, 55, 150, 1, 1)
    assert seed.up() == {FIRST}
    seed.sh(FIRST, "systemctl stop keepalived")
    try:
        assert advert(seed, FIRST) == (2, 55, 100, 1, 1)
        seed.until(lambda: seed.answer("client", PROXMOX, 0.4) == PLUTO)
        assert seed.up() == {SECOND}
        assert seed.answer("web-1", f"http://{seed.lab.vip}/") in KUBERNETES
    finally:
        seed.sh(FIRST, "systemctl start keepalived")
    seed.until(lambda: seed.up() == {FIRST})
    seed.until(lambda: seed.answer("client", RANCHER, 0.4) in KUBERNETES)
