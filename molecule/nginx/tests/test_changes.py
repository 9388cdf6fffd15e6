"""What a wrong change does: nothing. What nginx refuses without a word: it is found out and put back."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest
from conftest import LB, ROOT, Bed

from tests.proxies import lost
from tests.site import Watched, wait_for

CONTROL = "/usr/local/lib/evenkeel/nginx/ctl"


def own(bed: Bed, **changes: Any) -> list[dict[str, Any]]:
    """The inventory's server with something about it changed."""
    server = bed.variables["nginx_servers"][0]
    return [{**server, **changes}]


def wrong_variables(bed: Bed, what: str) -> dict[str, Any]:
    # A second server, so that the first still is what clients ask.
    server, address, tls = own(bed)[0], bed.lab.address(LB), bed.lab.state / "tls"
    secure = {"bind": [{"address": f"{address}:443", "tls": True}], "certificates": ["example.com"]}
    with_tls = [server, {"name": "tls", "default_backend": "app", **secure}]
    nothing = {"name": "example.com", "remote_src": "/var/lib/acme/nothing.pem"}
    crossed = {"name": "example.com", "src": str(tls / "example.com.crt"), "key_src": str(tls / "renewed.key")}
    cases: dict[str, dict[str, Any]] = {
        "unknown upstream, duplicate listen, missing certificate": {
            "nginx_servers": [*own(bed, default_backend="ap"), {**server, "name": "again"}, with_tls[1]]
        },
        "certificate file that is not there": {"nginx_servers": with_tls, "nginx_certificates": [nothing]},
        "key of another certificate": {"nginx_servers": with_tls, "nginx_certificates": [crossed]},
        "bad type": {"nginx_servers": "web"},
        "raw line that nginx does not know": {"nginx_servers": own(bed, options=["nonsense here"])},
        "taken port": {"nginx_servers": [server, {"name": "ssh", "bind": [f"{address}:22"], "default_backend": "app"}]},
    }
    return cases[what]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "unknown upstream, duplicate listen, missing certificate",
            [
                "nginx_servers[0].default_backend: There is no backend of this name. Found: ap.",
                "nginx_servers[1].bind[0]: nginx_servers[0] answers here already",
                "nginx_servers[2].certificates[0]: There is no certificate of this name",
            ],
        ),
        ("certificate file that is not there", ["/var/lib/acme/nothing.pem"]),
        ("key of another certificate", ["key values mismatch"]),
        ("bad type", ["nginx_servers: The value must be a list"]),
        ("raw line that nginx does not know", ['unknown directive "nonsense"']),
        ("taken port", ["port 22 is held by"]),
    ],
)
def test_what_is_wrong_changes_nothing(bed: Bed, clients: Watched, what: str, said: list[str]) -> None:
    before = bed.everything()
    outputs: list[str] = []
    seen = clients(lambda: outputs.append(bed.refusal(features=False, **wrong_variables(bed, what))))
    assert [one for one in said if one not in outputs[0]] == [], outputs[0]
    assert "PRIVATE KEY" not in outputs[0]
    # The daemon is untouched: not a file, not a process, not a socket, and so not a request.
    assert bed.everything() == before
    assert lost(seen) == ""


def limited(bed: Bed, raw: str, role: str) -> dict[str, Any]:
    """A zone of one's own and a limit of the role's, each by a key."""
    return {
        "nginx_defaults": {"options": [f"limit_req_zone {raw} zone=of-ones-own:1m rate=5r/s"]},
        "nginx_servers": own(bed, rate_limit={"requests": 50, "period": "1s", "by": role}),
    }


def test_what_nginx_takes_in_its_check_and_refuses_in_its_reload_is_put_back(bed: Bed) -> None:
    """A zone with another key: `nginx -t` is content, the reload exits with 0, and the master goes on as before.

    Not so with a limit of the role's: its zone's name goes with its key.
    """
    bed.converge(features=False, **limited(bed, "$binary_remote_addr", "src"))
    try:
        assert "changed=1" in bed.converge(features=False, **limited(bed, "$binary_remote_addr", "$server_name"))
        before = bed.on(LB, "sha256sum /etc/nginx/nginx.conf /etc/nginx/evenkeel/*")
        asked = "python3 -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:8406/configuration').read().decode())\""
        digest = bed.on(LB, asked)
        output = bed.refusal(features=False, **limited(bed, "$server_name", "$server_name"))
        assert "workers from before the reload still take connections" in output
        assert (
            'limit_req "of-ones-own" uses the "$server_name" key while previously it used the "$binary_remote_addr" key'
            in output
        )
        assert "put back" in output or "rolled_back" in output
        assert bed.on(LB, "sha256sum /etc/nginx/nginx.conf /etc/nginx/evenkeel/*") == before
        assert bed.on(LB, asked) == digest
        assert bed.on(LB, "nginx -t 2>&1").count("ok") == 1
    finally:
        bed.converge(features=False)


def test_check_mode_promises_what_a_run_does(bed: Bed) -> None:
    before = bed.everything()
    change = own(bed, client_max_body_size="5m")
    output = bed.converge("--check", "--diff", features=False, nginx_servers=change)
    assert "+    client_max_body_size 5m;" in output and "changed=1" in output
    assert bed.everything() == before


def test_a_run_without_changes_changes_nothing(bed: Bed) -> None:
    before = bed.everything()
    assert "changed=0" in bed.converge(features=False)
    assert bed.everything() == before


def test_kept_clients_who_were_told_lose_nothing_in_a_reload(bed: Bed, clients: Watched) -> None:
    """Reloaded in place, as a cluster of one node is: without being told, kept clients lose requests before 1.27.4."""

    def reload() -> None:
        bed.site.ask(LB, "evenkeel.lb.close_kept", state="on")
        time.sleep(2)
        bed.on(LB, "systemctl reload nginx")
        wait_for(lambda: bed.workers() != before)
        time.sleep(1)

    before = bed.workers()
    seen = clients(reload)
    assert lost(seen) == ""
    assert bed.on(LB, "ls /run/evenkeel").split().count("nginx.closing") == 0


def test_the_control_script_sees_a_daemon_that_lags_behind(bed: Bed) -> None:
    done = subprocess.run(
        ["docker", "exec", bed.lab.container(LB), CONTROL, "verify", "127.0.0.1:8406", "0" * 16],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "the file's is 0000000000000000" in done.stdout
