# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read out of the answers that HAProxy 2.6 and 3.0 gave."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node import answers, live
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.admin import Haproxy
from ansible_collections.evenkeel.lb.plugins.modules import haproxy_info

from tests.unit._haproxy.node.haproxy_daemon import RELEASES, Daemon, recorded

each = pytest.mark.parametrize("release", RELEASES)
# 2026-12-01, ten days before the end of which the recorded certificate ends.
NOW = 1796083200.0


def looked(release: str, tmp_path: Path) -> dict[str, Any]:
    """A look at sockets that answer what HAProxy answered."""
    said = recorded(release)
    worker, master = Daemon(tmp_path / "worker"), Daemon(tmp_path / "master")
    worker.answers.update(said)
    master.answers.update(said)
    found = live.look(Haproxy(str(tmp_path / "worker"), str(tmp_path / "master")), NOW)
    worker.listening.close()
    master.listening.close()
    return found


@each
def test_the_process_and_its_workers(release: str, tmp_path: Path) -> None:
    found = looked(release, tmp_path)
    assert (found["running"], found["reason"]) == (True, "")
    assert found["version"].startswith(f"{release}.")
    process = found["process"]
    assert process["master"].keys() == {"pid", "uptime_seconds", "version", "reloads", "failed_reloads"}
    assert (process["master"]["reloads"], process["master"]["failed_reloads"], process["master"]["uptime_seconds"]) == (
        1,
        0,
        3,
    )
    new, old = process["workers"]
    assert (new["old"], old["old"]) == (False, True)
    assert process["pid"] == new["pid"] != old["pid"]
    assert process["threads"] == 2
    assert process["connections_max"] > 9000


@each
def test_the_roles_own_proxies_are_left_out(release: str, tmp_path: Path) -> None:
    found = looked(release, tmp_path)
    assert [frontend["name"] for frontend in found["frontends"]] == ["web"]
    assert [backend["name"] for backend in found["backends"]] == ["app"]
    assert {
        "name": "app",
        "status": "UP",
        "balance": "roundrobin",
        "servers_total": 4,
        "servers_usable": 1,
    }.items() <= found["backends"][0].items()
    assert {"status": "OPEN", "mode": "http", "sessions": 0}.items() <= found["frontends"][0].items()


@each
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web-1", {"status": "UP", "state": "running", "admin": "ready", "usable": True, "backup": False, "id": 7}),
        ("web-2", {"status": "DOWN", "state": "stopped", "admin": "ready", "usable": False, "weight": 5, "port": 9}),
        ("web-3", {"status": "DRAIN", "admin": "drained", "admin_by": ["operator"], "usable": False, "backup": True}),
        ("web-4", {"status": "MAINT", "admin": "maint", "admin_by": ["configuration"], "usable": False, "check": None}),
    ],
)
def test_servers(release: str, name: str, expected: dict[str, Any], tmp_path: Path) -> None:
    server = next(one for one in looked(release, tmp_path)["servers"] if one["name"] == name)
    assert {key: server[key] for key in expected} == expected
    assert (server["backend"], server["address"]) == ("app", "127.0.0.1")


@each
def test_checks(release: str, tmp_path: Path) -> None:
    checks = {one["name"]: one["check"] for one in looked(release, tmp_path)["servers"]}
    assert {"status": "L7OK", "code": 200, "description": "Layer7 check passed"}.items() <= checks["web-1"].items()
    assert {"status": "L4CON", "code": None, "said": "Connection refused"}.items() <= checks["web-2"].items()


@each
def test_certificates(release: str, tmp_path: Path) -> None:
    (found,) = looked(release, tmp_path)["certificates"]
    assert found == {
        "path": "/tmp/c/example.com.pem",
        "subject": "/CN=example.com",
        "issuer": "/CN=example.com",
        "names": ["example.com", "www.example.com"],
        "serial": "153BA84C4EF31F839CF38BD2111878D82D5507A7",
        "fingerprint_sha1": "89F7B82C9A7E52A5475B2DDDA1B673E4074E74EE",
        "not_before": "2026-11-21T15:38:58Z",
        "not_after": "2026-12-21T15:38:58Z",
        "days_left": 20,
        "used": True,
    }


@pytest.mark.parametrize(
    ("bits", "admin", "by"),
    [
        (0, "ready", []),
        (1, "maint", ["operator"]),
        (2, "maint", ["tracked server"]),
        # Disabled in the configuration, and enabled since: the bit stays and means nothing.
        (4, "ready", []),
        (5, "maint", ["configuration"]),
        (8, "drained", ["operator"]),
        (0x10, "drained", ["tracked server"]),
        (0x21, "maint", ["operator", "name resolution"]),
        (0x40, "ready", []),
        (9, "maint", ["operator"]),
    ],
)
def test_what_somebody_made_of_a_server(bits: int, admin: str, by: list[str]) -> None:
    assert (answers.admin(bits), answers.admin_by(bits)) == (admin, by)


def test_answers_that_are_none() -> None:
    assert answers.statistics("No such proxy.\n") == []
    assert answers.states("") == {}
    assert answers.certificate("Can't display the certificate: Not found or the certificate is a bundle!", NOW) is None
    assert answers.processes("") == {"master": None, "workers": []}
    assert answers.seconds("never") == 0


def test_a_certificate_of_an_open_transaction_is_one() -> None:
    assert answers.certificate_names("# transaction\n*/c/a.pem\n# filename\n/c/a.pem\n/c/b.pem\n") == [
        "/c/a.pem",
        "/c/b.pem",
    ]


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (
            {"LoadState": "not-found", "ActiveState": "inactive"},
            "There is no haproxy.service: haproxy is not installed.",
        ),
        ({"LoadState": "masked", "ActiveState": "inactive"}, "haproxy.service is masked."),
        ({"LoadState": "loaded", "ActiveState": "inactive"}, "haproxy.service is inactive, and nothing listens on /s."),
        (
            {"LoadState": "loaded", "ActiveState": "failed", "Result": "exit-code"},
            "haproxy.service has failed (exit-code): journalctl -u haproxy",
        ),
        (
            {"LoadState": "loaded", "ActiveState": "active"},
            "haproxy.service is active, but nothing listens on /s: its configuration has no such socket.",
        ),
        ({}, "haproxy.service is unknown to systemd, and nothing listens on /s."),
    ],
)
def test_why_it_does_not_answer(unit: dict[str, str], said: str) -> None:
    assert live.reason(unit, "/s") == said


def test_no_haproxy_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = subprocess.CompletedProcess([], 0, "LoadState=loaded\nActiveState=inactive\nResult=success\n", "")
    monkeypatch.setattr("subprocess.run", lambda *_args, **_kwargs: shown)
    found = live.look(Haproxy(str(tmp_path / "none")))
    assert found["running"] is False
    assert found["reason"] == f"haproxy.service is inactive, and nothing listens on {tmp_path}/none."
    assert (found["servers"], found["process"]) == ([], None)


def test_a_frozen_haproxy_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def frozen(self: Haproxy, command: str) -> str:
        raise TimeoutError("timed out")

    monkeypatch.setattr(Haproxy, "ask", frozen)
    found = live.look(Haproxy("/s"))
    assert found["reason"] == "haproxy did not answer on /s within 5 s: is it frozen?"


@each
def test_what_is_returned_is_what_is_documented(release: str, tmp_path: Path) -> None:
    documented = yaml.safe_load(haproxy_info.RETURN)
    found = looked(release, tmp_path)
    assert found.keys() == documented.keys() == live.NOTHING.keys()
    assert json.dumps(found)
    for part in ("frontends", "backends", "servers", "certificates"):
        keys = set(found[part][0]) | ({"wished"} if part == "servers" else set())
        # Figures that only vary one that is documented stand in its description.
        described = {name for name in keys if f"C({name})" in str(documented[part])}
        assert keys == set(documented[part]["contains"]) | described, part
