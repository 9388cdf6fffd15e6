"""What an operator sees of the proxy, and what becomes of the servers that he takes out."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import LB, Bed

from tests.faults import HAPROXY
from tests.proxies import lost
from tests.site import Watched, wait_for

WISHES = "/var/lib/evenkeel/haproxy/drains.json"


@pytest.fixture
def undrained(bed: Bed) -> Iterator[None]:
    """Whatever a test drains is ready again after it."""
    yield
    for name in json.loads(bed.on(LB, f"cat {WISHES} 2>/dev/null || echo '{{\"servers\": {{}}}}'"))["servers"]:
        bed.ask(f"set server {name} state ready")
    bed.on(LB, f"rm -f {WISHES}")


def drained(bed: Bed, **arguments: Any) -> dict[str, Any]:
    return bed.module("haproxy_server", **{"server": "web-2", "backend": "app", "state": "drained", **arguments})


def requests(bed: Bed, host: str) -> int:
    """How many the web server has answered; health checks are not in its log."""
    return int(bed.on(host, "wc -l < /var/log/nginx/lab.log"))


# --- haproxy_info


def test_what_is_told_is_what_the_daemon_says(bed: Bed) -> None:
    bed.ask("set server app/web-3 state drain")
    bed.ask("set server app/web-1 weight 0")
    try:
        found = bed.module("haproxy_info")
    finally:
        bed.ask("set server app/web-3 state ready")
        bed.ask("set server app/web-1 weight 100%")
    version = bed.on(LB, "dpkg-query -W -f '${Version}' haproxy")
    main = int(bed.on(LB, "systemctl show -p MainPID --value haproxy"))
    assert (found["running"], found["reason"], found["version"]) == (True, "", version)
    assert bed.worker() == f"Pid: {found['process']['pid']}"
    assert found["process"]["master"]["pid"] == main
    assert found["process"]["pid"] in [one["pid"] for one in found["process"]["workers"] if not one["old"]]
    assert {one["name"] for one in found["frontends"]} == {
        *(one["name"] for one in bed.variables["haproxy_frontends"]),
        "chain-end",
        "stream",
    }
    (app,) = (one for one in found["backends"] if one["name"] == "app")
    assert (app["servers_total"], app["servers_usable"], app["status"]) == (3, 1, "UP")
    servers = {one["name"]: one for one in found["servers"] if one["backend"] == "app"}
    assert {name: (one["admin"], one["weight"], one["usable"]) for name, one in servers.items()} == {
        "web-1": ("ready", 0, False),
        "web-2": ("ready", 1, True),
        "web-3": ("drained", 1, False),
    }
    assert servers["web-1"]["address"] == bed.lab.address("web-1")
    assert servers["web-1"]["check"]["status"] == "L7OK"
    assert next(one for one in found["servers"] if one["backend"] == "spared" and one["name"] == "web-1")[
        "admin_by"
    ] == ["configuration"]


def test_certificates_are_told_with_their_end(bed: Bed) -> None:
    certificates = {one["path"]: one for one in bed.module("haproxy_info")["certificates"]}
    for name in ("example.com", "www.example.com", "node.example.com"):
        told = certificates[f"/etc/haproxy/certs/{name}.pem"]
        made = bed.lab.state / "tls" / f"{name}.crt"
        asked = ["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", str(made)]
        ends = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        assert (told["names"], told["used"], told["not_after"]) == (
            [name],
            True,
            ends.partition("=")[2].replace(" ", "T"),
        )
        assert told["days_left"] in (28, 29)


def test_no_haproxy_is_an_answer(bed: Bed) -> None:
    there = bed.module("haproxy_info", host="web-1")
    assert (there["running"], there["reason"]) == (False, "There is no haproxy.service: haproxy is not installed.")
    bed.on(LB, f"systemctl stop {HAPROXY}")
    try:
        found = bed.module("haproxy_info")
        refused = drained(bed, expect=2)
    finally:
        bed.on(LB, f"systemctl start {HAPROXY}")
    assert (found["running"], found["servers"], found["process"]) == (False, [], None)
    assert found["reason"] == "haproxy.service is inactive, and nothing listens on /run/haproxy/admin.sock."
    assert refused["error"]["what"] == "haproxy does not run."
    assert refused["error"]["got"] == found["reason"]


# --- haproxy_server


def test_draining_a_server_loses_nothing_and_it_gets_no_new_request(
    bed: Bed, clients: Watched, undrained: None
) -> None:
    seen = clients(lambda: drained(bed, wait_seconds=120))
    assert lost(seen) == ""
    assert "web-2" in seen["servers"]
    before = requests(bed, "web-2")
    seen = clients(lambda: time.sleep(1))
    assert set(seen["servers"]) == {"web-1", "web-3"}
    assert requests(bed, "web-2") == before
    seen = clients(lambda: drained(bed, state="ready"))
    assert lost(seen) == ""
    assert "web-2" in seen["servers"]


def test_a_drained_server_stays_so_whatever_happens_to_haproxy(bed: Bed, clients: Watched, undrained: None) -> None:
    """From the first request on: those that come while it starts are counted too."""
    drained(bed)
    before = requests(bed, "web-2")

    def everything() -> None:
        for command in ("reload", "restart", "kill -s KILL"):
            bed.anew(f"systemctl {command} {HAPROXY}")
            time.sleep(1)

    seen = clients(everything)
    assert seen["sent"] - seen["lost"] > 100
    assert requests(bed, "web-2") == before
    (server,) = (
        one for one in bed.module("haproxy_info")["servers"] if (one["backend"], one["name"]) == ("app", "web-2")
    )
    assert (server["admin"], server["wished"], server["usable"]) == ("drained", "drained", False)


def test_a_drain_outlives_a_changed_address_and_a_server_that_leaves_and_returns(bed: Bed, undrained: None) -> None:
    web = {"address": bed.lab.address("web-2"), "port": 8080}
    stays = {"name": "web-1", "address": bed.lab.address("web-1"), "port": 8080}
    drained(bed, backend="weighted", reason="new memory")
    # Elsewhere, drained all the same, before any request came.
    bed.converge(haproxy_backends=bed.backend("weighted", servers=[stays, {"name": "web-2", **web, "port": 9000}]))
    server = bed.server("weighted", "web-2")
    assert (server["srv_port"], server["srv_admin_state"]) == ("9000", "8")
    # Gone, and that is said.
    bed.converge(haproxy_backends=bed.backend("weighted", servers=[stays]))
    journal = bed.on(LB, "journalctl -q -o cat --since=-10min")
    assert "weighted/web-2 has left the configuration: that it is drained is forgotten unless it comes back" in journal
    # Back, as by a rollback.
    bed.converge()
    server = bed.server("weighted", "web-2")
    assert (server["srv_port"], server["srv_admin_state"]) == ("8080", "8")
    again = drained(bed, backend="weighted")
    assert again["changed"] is False


def test_twice_is_no_change_and_what_was_not_drained_is_noted(bed: Bed, undrained: None) -> None:
    assert drained(bed, check=True)["changed"] is True
    assert bed.server("app", "web-2")["srv_admin_state"] == "0"
    assert drained(bed)["changed"] is True
    assert drained(bed)["changed"] is False
    assert drained(bed, state="maint")["changed"] is True
    assert bed.server("app", "web-2")["srv_admin_state"] == "1"
    assert drained(bed, state="ready")["changed"] is True
    assert bed.server("app", "web-2")["srv_admin_state"] == "0"
    lifted = drained(bed, state="ready")
    assert (lifted["changed"], lifted["note"]) == (False, "app/web-2 was not drained.")


def test_the_last_server_is_drained_by_force_only(bed: Bed, undrained: None) -> None:
    refused = drained(bed, server="web-3", backend="api", expect=2)
    assert refused["msg"].startswith("server: web-3 is the last usable server of api. Found: in api no other server.")
    assert bed.server("api", "web-3")["srv_admin_state"] == "0"
    assert drained(bed, server="web-3", backend="api", force=True)["changed"] is True
    assert bed.get("/api/x").status == 503
    # A server that clients do not get anyway is nobody's last.
    assert drained(bed, server="web-3", backend="api")["changed"] is False


def test_it_is_waited_for_sessions(bed: Bed, undrained: None) -> None:
    """One request is under way, through a worker that a reload has made an old one."""
    slow = f"curl -s -o /dev/null -H 'Host: api.example.com' 'http://{bed.lab.address(LB)}/slow?ms=60000'"
    bed.on("client", f"setsid {slow} >/dev/null 2>&1 &")
    wait_for(lambda: bed.stat("api", "web-3", "scur") == "1")
    bed.anew(f"systemctl reload {HAPROXY}")
    busy = {"server": "web-3", "backend": "api", "force": True}
    began = time.monotonic()
    late = drained(bed, **busy, wait_seconds=0.5, expect=2)
    assert late["error"]["got"] == "1 of api/web-3"
    assert "it is drained, but after 0.5 s it still has sessions." in late["msg"]
    # The answer comes when the next call, which takes as long as that one to begin, has been waiting for a while.
    end = 6 + time.monotonic() - began
    bed.on("web-3", f"setsid sh -c 'sleep {end:.1f}; systemctl restart lab-slow' >/dev/null 2>&1 &")
    done = drained(bed, **busy, wait_seconds=120)
    assert (done["changed"], done["servers"][0]["sessions"]) == (False, 0)
    assert 0 < done["waited_seconds"] < 120
