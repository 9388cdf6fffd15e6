"""A cluster that begins with one node. Comes last: the pair goes for it, and comes back as it grows."""

from __future__ import annotations

import pytest
from conftest import Pair

from lab import faults
from lab.observer import Observer

APP = "app.service"
ALONE = {"evenkeel_nodes": ["lb-1"]}
# Adverts that come or go on the node's interface within two seconds: ten and more from every holder.
COUNT = """
import socket, time
seen, end = 0, time.monotonic() + 2
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as link:
    link.settimeout(0.1)
    while time.monotonic() < end:
        try:
            packet, where = link.recvfrom(2048)
        except TimeoutError:
            continue
        protocol = packet[9] if packet[0] >> 4 == 4 else packet[6] if packet[0] >> 4 == 6 else 0
        seen += where[0] == "eth0" and protocol == 112
print(seen)
"""


def adverts(pair: Pair) -> int:
    return int(pair.lab.run("lb-1", ["python3", "-"], stdin=COUNT))


@pytest.fixture(scope="module", autouse=True)
def only_node(pair: Pair) -> None:
    pair.play("lb-1:lb-2", keepalived_state="absent")
    pair.play("lb-1", **ALONE)
    pair.settle()


def test_it_holds_its_vips_and_sends_nothing(pair: Pair) -> None:
    live = pair.info("lb-1")
    assert live["in_force"] and {entry["state"] for entry in live["instances"]} == {"MASTER"}, live
    assert live["configured"]["instances"][0]["unicast"] is True
    assert live["configured"]["instances"][0]["unicast_peers"] == []
    assert pair.holders(pair.vip6) == {"lb-1"}
    assert adverts(pair) == 0
    assert "WARNING" not in pair.sh("lb-1", "journalctl -b -u keepalived -o cat --since -10s")


def test_a_crash_of_its_service_is_a_fault_and_ends_with_it(pair: Pair, watch: Observer) -> None:
    faults.crash(pair.lab, "lb-1", APP)
    try:
        pair.until(lambda: not pair.holders())
        assert pair.state("lb-1")["state"] == "FAULT"
    finally:
        faults.restore(pair.lab, "lb-1", APP)
    pair.settle()


def test_drained_it_keeps_what_nobody_else_could_hold(pair: Pair, watch: Observer) -> None:
    drained = pair.module("lb-1", "drain", state="drained", wait_seconds=1)
    assert "after 1 s it still holds" in drained["msg"] and "no peer has taken over" in drained["msg"], drained
    assert pair.info("lb-1")["drain"][0]["owner"] == "operator"
    pair.module("lb-1", "drain", state="undrained")
    for address in (pair.vip, pair.vip6, pair.six):
        assert len(watch.record.intervals(address)) == 1, watch.record.story(address)


def test_a_second_node_joins_and_the_first_keeps_its_vips(pair: Pair, watch: Observer) -> None:
    """Both at once, which is the hardest: the new one waits in FAULT until the old one speaks to it."""
    pair.play("lb-1:lb-2")
    pair.until(lambda: {entry["state"] for entry in pair.info("lb-2")["instances"]} == {"BACKUP"})
    assert adverts(pair) > 10
    for address in (pair.vip, pair.vip6, pair.six):
        assert len(watch.record.intervals(address)) == 1, watch.record.story(address)
    assert pair.holders() == pair.holders(pair.six) == {"lb-1"}
