"""The pair as a client meets it: both families, every web server, one holder, the stats page."""

from __future__ import annotations

from collections import Counter

import pytest

from lab.hosts import Lab
from lab.observer import held_by
from tests.site import NODES, Site, on


def curl(lab: Lab, *arguments: str) -> str:
    return lab.run("client", ["curl", "--silent", "--show-error", "--max-time", "20", *arguments])


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_the_vip_answers_from_every_web_server_in_turn(lab: Lab, family: str) -> None:
    vip = lab.vip if family == "v4" else f"[{lab.vip6}]"
    answers = Counter(curl(lab, f"http://{vip}/").strip() for _ in range(9))
    assert answers == {"web-1": 3, "web-2": 3, "web-3": 3}


def test_both_vips_are_held_by_the_preferred_node_alone(lab: Lab) -> None:
    for vip in (lab.vip, lab.vip6):
        assert [node for node in NODES if vip in held_by(lab, node)] == ["lb-1"]


def test_the_stats_page_asks_for_a_password(lab: Lab) -> None:
    status = curl(lab, "-o", "/dev/null", "-w", "%{http_code}", f"http://{lab.address('lb-1')}:8404/stats")
    assert status == "401"


def test_the_daemons_survive_a_reboot_by_systemd_alone(lab: Lab) -> None:
    for node in NODES[:2]:
        assert on(lab, node, "systemctl is-enabled haproxy keepalived").split() == ["enabled", "enabled"]


def test_what_a_node_says_of_itself_is_what_its_kernel_says(lab: Lab, site: Site) -> None:
    live = site.ask("lb-1", "evenkeel.lb.vrrp_info")
    assert [instance["state"] for instance in live["instances"]] == ["MASTER"]
    assert {address.split("/")[0] for address in live["held"]} == {lab.vip, lab.vip6}
