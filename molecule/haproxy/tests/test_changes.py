"""What a change costs clients, and what a wrong one does: nothing."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest
from conftest import LB, ROOT, Bed

from lab import faults
from tests.faults import HAPROXY, NGINX, reloads
from tests.proxies import lost
from tests.site import Watched

CONTROL = "/usr/local/lib/evenkeel/haproxy/ctl"


def test_ten_reloads_lose_nothing(bed: Bed, clients: Watched) -> None:
    before = bed.worker()
    seen = clients(lambda: reloads(bed.lab, LB))
    assert bed.worker() != before
    assert lost(seen) == ""


def test_a_web_server_that_crashes_costs_nothing(bed: Bed, clients: Watched) -> None:
    def crash() -> None:
        faults.crash(bed.lab, "web-1", NGINX)
        time.sleep(3)

    try:
        seen = clients(crash)
    finally:
        faults.restore(bed.lab, "web-1", NGINX)
    assert set(seen["servers"]) == {"web-1", "web-2", "web-3"}
    assert lost(seen) == ""


def test_a_changed_backend_is_in_force_and_states_outlive_the_reload_where_they_are_true(
    bed: Bed, clients: Watched
) -> None:
    """A drained server stays drained; one that moves to another port is there at once, and its old state is not."""
    bed.ask("set server weighted/web-1 state drain")
    bed.ask("set server app/web-2 state drain")
    main = bed.on(LB, "systemctl show -p MainPID --value haproxy").strip()
    moved = [
        {"name": "web-1", "address": bed.lab.address("web-1"), "port": 9000},
        {"name": "web-2", "address": bed.lab.address("web-2"), "port": 8080},
    ]
    changed = bed.backend("weighted", servers=moved, balance="leastconn")
    try:
        seen = clients(lambda: bed.converge(haproxy_backends=changed))
        assert lost(seen) == ""
        assert bed.on(LB, "systemctl show -p MainPID --value haproxy").strip() == main, "restarted instead of reloaded"
        assert bed.stat("weighted", "BACKEND", "algo") == "leastconn"
        assert bed.server("app", "web-2")["srv_admin_state"] == "8"
        assert bed.server("weighted", "web-1")["srv_port"] == "9000"
        assert bed.server("weighted", "web-1")["srv_admin_state"] == "0"
    finally:
        bed.ask("set server app/web-2 state ready")
        bed.converge()
    assert bed.stat("weighted", "BACKEND", "algo") == "roundrobin"
    assert bed.server("weighted", "web-1")["srv_port"] == "8080"


def test_a_start_knows_nothing_of_old_states(bed: Bed) -> None:
    bed.ask("set server app/web-2 state drain")
    bed.anew(f"systemctl reload {HAPROXY}")
    assert bed.server("app", "web-2")["srv_admin_state"] == "8"
    bed.anew(f"systemctl restart {HAPROXY}")
    assert bed.server("app", "web-2")["srv_admin_state"] == "0"


def put_on_the_node(bed: Bed, name: str) -> None:
    """What something else than the role renews there."""
    text = (bed.lab.state / "tls" / f"{name}.pem").read_text()
    bed.on(LB, f"cat > /var/lib/acme/node.example.com.pem <<'EOF'\n{text}EOF")


def test_certificates_and_maps_are_renewed_without_a_reload(bed: Bed, clients: Watched) -> None:
    """A certificate from the controller, one that something else renews on the node, and a map."""
    worker = bed.worker()
    assert bed.shown_certificate("example.com") == bed.made_certificate("example.com")
    put_on_the_node(bed, "www.example.com")
    entries = [{"key": "new.example.com", "value": "api"}, {"key": "api.example.com", "value": "app"}]
    changed = {"scenario_certificate": "renewed", "haproxy_maps": [{"name": "hosts", "entries": entries}]}
    seen = clients(lambda: bed.converge("--diff", **changed))
    assert lost(seen) == ""
    assert bed.worker() == worker
    for _ in range(3):
        assert bed.get("/", "-H", "Host: new.example.com").headers["x-served-by"] == "web-3"
    assert len({bed.get("/", "-H", "Host: api.example.com").headers["x-served-by"] for _ in range(3)}) == 3
    # www.example.com.pem is for another name: who asks for node.example.com gets the first certificate.
    for name in ("example.com", "node.example.com"):
        assert bed.shown_certificate(name) == bed.made_certificate("renewed")
    # What is on disk is what the next worker reads.
    bed.anew(f"systemctl reload {HAPROXY}")
    worker = bed.worker()
    assert bed.shown_certificate("example.com") == bed.made_certificate("renewed")
    put_on_the_node(bed, "node.example.com")
    output = bed.converge("--diff")
    assert bed.worker() == worker
    for name in ("example.com", "node.example.com"):
        assert bed.shown_certificate(name) == bed.made_certificate(name)
    assert "certificate SHA-256" in output
    assert "PRIVATE KEY" not in output


def wrong_variables(bed: Bed, what: str) -> dict[str, Any]:
    tls = bed.lab.state / "tls"
    frontends = bed.variables["haproxy_frontends"]
    strangers = tls / "strangers.crt"
    strangers.write_text("".join((tls / f"{name}.crt").read_text() for name in ("example.com", "renewed")))
    return {
        "a raw line that HAProxy does not know": {"haproxy_backends": bed.backend("app", options=["nonsense here"])},
        "a key that is not the certificate's": {
            "haproxy_certificates": [
                {"name": "example.com", "src": str(tls / "example.com.crt"), "key_src": str(tls / "renewed.key")},
                *bed.variables["haproxy_certificates"][1:],
            ]
        },
        "a certificate that a stranger's follows": {
            "haproxy_certificates": [
                {"name": "example.com", "src": str(strangers), "key_src": str(tls / "example.com.key")},
                *bed.variables["haproxy_certificates"][1:],
            ]
        },
        "a port that is taken": {
            "haproxy_frontends": [*frontends, {"name": "ssh", "bind": ["*:22"], "default_backend": "app"}]
        },
    }[what]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("a raw line that HAProxy does not know", "nonsense"),
        ("a key that is not the certificate's", "example.com.pem"),
        ("a certificate that a stranger's follows", "certificate 2 did not issue certificate 1"),
        ("a port that is taken", ":22"),
    ],
)
def test_what_is_wrong_changes_nothing(bed: Bed, clients: Watched, what: str, said: str) -> None:
    before = bed.everything()
    outputs: list[str] = []
    seen = clients(lambda: outputs.append(bed.refusal(**wrong_variables(bed, what))))
    assert said in outputs[0], outputs[0]
    assert "PRIVATE KEY" not in outputs[0]
    assert lost(seen) == ""
    assert bed.everything() == before
    assert bed.get().status == 200


def test_everything_wrong_is_said_at_once(bed: Bed) -> None:
    before = bed.everything()
    frontends = bed.variables["haproxy_frontends"]
    wrong = [
        {**frontends[0], "default_backend": "nowhere", "cache": "none"},
        {"name": "web", "bind": ["198.51.100.28:80"]},
        *frontends[1:],
    ]
    output = bed.refusal(haproxy_frontends=wrong)
    for said in (
        "haproxy_frontends[0].default_backend: There is no backend of this name",
        "no cache of this name",
        "Two frontends have the same name",
        "lead nowhere",
    ):
        assert said in output
    assert bed.everything() == before


def test_secrets_are_shown_nowhere(bed: Bed) -> None:
    stats = {**bed.variables["haproxy_stats"], "password": "canary-number-two"}
    output = bed.converge("--diff", "-vvv", haproxy_stats=stats) + bed.converge("--diff", "-vvv")
    journal = bed.on(LB, "journalctl -q -o cat --since=-10min")
    key = (bed.lab.state / "tls" / "example.com.key").read_text().splitlines()[1]
    assert "haproxy.cfg" in output
    for secret in ("canary-of-the-stats-page", "canary-number-two", "s #1, na", key):
        assert secret not in output
        assert secret not in journal


def test_check_mode_promises_what_a_run_does(bed: Bed) -> None:
    before = bed.everything()
    output = bed.converge("--check", "--diff", haproxy_backends=bed.backend("weighted", balance="leastconn"))
    assert "+    balance leastconn" in output and "changed=1" in output
    assert bed.everything() == before


def test_the_control_script_sees_a_daemon_that_lags_behind(bed: Bed) -> None:
    done = subprocess.run(
        ["docker", "exec", bed.lab.container(LB), CONTROL, "verify", "0" * 16], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "the file's is 0000000000000000" in done.stdout
