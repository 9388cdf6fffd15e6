# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the node's own tool makes of Traefik's answers, logs and files; the real daemon is asked in tests/golden and molecule."""

from __future__ import annotations

import http.server
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._traefik.node import ctl
from ansible_collections.evenkeel.lb.plugins.module_utils._traefik.node.answers import Api, Silent, problems

from tests.haproxy import self_signed

ALIVE = {"name": "evenkeel-alive-abc@file", "provider": "file", "status": "enabled"}


class Answers(http.server.BaseHTTPRequestHandler):
    """An API whose listings have two pages."""

    listings: dict[str, list[dict[str, Any]]] = {}

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        items = self.listings.get(path.removeprefix("/api/"))
        page = int(query.rpartition("=")[2])
        self.send_response(404 if items is None else 200)
        half = (len(items or []) + 1) // 2
        self.send_header("X-Next-Page", "2" if page == 1 and len(items or []) > 1 else "1")
        self.end_headers()
        self.wfile.write(json.dumps((items or [])[:half] if page == 1 else (items or [])[half:]).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kinds = ("http/routers", "http/services", "tcp/routers", "tcp/services", "udp/routers", "udp/services")
    Answers.listings = {kind: [] for kind in kinds}
    Answers.listings["http/routers"] = [ALIVE]
    yield Api(f"127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


def test_a_whole_set_has_no_problems(api: Api) -> None:
    assert problems(api, "abc") == []


def test_another_configuration_is_named(api: Api) -> None:
    assert problems(api, "def") == ["the dynamic configuration in force is abc, the file's is def"]
    Answers.listings["http/routers"] = []
    assert problems(api, "def") == ["the dynamic configuration in force is none of ours, the file's is def"]


def test_faults_of_all_pages_and_kinds_are_named(api: Api) -> None:
    bad = {"name": "a@file", "provider": "file", "status": "disabled", "error": ["no such thing"]}
    warned = {"name": "b@file", "provider": "file", "status": "warning"}
    Answers.listings["http/routers"] = [ALIVE, bad, warned]
    Answers.listings["udp/services"] = [{**bad, "error": None, "errors": "odd"}]
    assert problems(api, "abc") == [
        "http router a@file: no such thing",
        "http router b@file: it is warning",
        "udp service a@file: odd",
    ]


def test_what_others_bring_is_no_fault_of_ours(api: Api) -> None:
    theirs = {"name": "c@docker", "provider": "docker", "status": "disabled", "error": ["theirs"]}
    to_theirs = {
        "name": "d@file",
        "provider": "file",
        "status": "disabled",
        "error": ['the service "x@docker" does not exist'],
    }
    Answers.listings["http/routers"] = [ALIVE, theirs, to_theirs]
    assert problems(api, "abc") == []
    Answers.listings["http/routers"][-1] = {**to_theirs, "error": ['the service "x@file" does not exist']}
    assert problems(api, "abc") == ['http router d@file: the service "x@file" does not exist']


def test_silence_is_said(api: Api) -> None:
    del Answers.listings["tcp/routers"]
    with pytest.raises(Silent, match="/api/tcp/routers: status 404"):
        problems(api, "abc")
    with pytest.raises(Silent, match=r"127\.0\.0\.1:1: "):
        problems(Api("127.0.0.1:1"), "abc")


@pytest.mark.parametrize(
    ("line", "ended", "said"),
    [
        ({"level": "error", "message": "Unable to parse", "error": "no PEM"}, False, ["Unable to parse no PEM"]),
        ({"level": "warn", "message": "mind"}, False, []),
        ({"level": "error", "routerName": "a@file", "error": "not read yet"}, False, []),
        ({"level": "error", "providerName": "docker", "message": "Provider error", "error": "no network"}, False, []),
        ({"level": "error", "providerName": "consul", "message": "KV connection error"}, False, []),
        ({"level": "error", "providerName": "file", "message": "Error", "error": "no YAML"}, False, ["Error no YAML"]),
        ({"level": "error", "providerName": "docker", "message": ctl.CONSTRAINTS}, False, [ctl.CONSTRAINTS]),
        (
            {"level": "error", "message": "Error while initializing provider"},
            False,
            ["Error while initializing provider"],
        ),
        ({"level": "error", "message": "the middleware x@docker does not exist"}, False, []),
    ],
)
def test_errors_of_a_log(line: dict[str, str], ended: bool, said: list[str]) -> None:
    assert list(ctl.errors(json.dumps(line), ended)) == said


def test_a_process_that_ended_is_quoted() -> None:
    assert list(ctl.errors("command traefik error: field not found", True)) == [
        "command traefik error: field not found"
    ]
    assert list(ctl.errors("chatter", False)) == []


@pytest.mark.parametrize(("said", "trial"), [(["field not found"], 60.0), ([], 0.5)])
def test_who_says_what_it_minds_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, said: list[str], trial: float
) -> None:
    """It has no API of ours then, and never will."""
    monkeypatch.setattr(ctl, "TRIAL_API", "127.0.0.1:1")
    monkeypatch.setattr(ctl, "SETTLED_SECONDS", 0.1)
    monkeypatch.setattr(ctl, "TRIAL_SECONDS", trial)
    with subprocess.Popen(["sleep", "300"]) as process:
        began = time.monotonic()
        try:
            found = ctl.watch(process, "abc", lambda: said)
        finally:
            process.kill()
    assert found[0].startswith("127.0.0.1:1: ")
    assert (0.1 if said else trial) <= time.monotonic() - began < 30


def test_a_log_is_read_without_a_move_of_its_writer() -> None:
    with tempfile.TemporaryFile("w+") as log:
        script = "echo one; read answer; echo two"
        with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=log) as process:
            while ctl.text_of(log) != "one\n":
                assert process.poll() is None
            process.communicate(b"\n")
        assert ctl.text_of(log) == "one\ntwo\n"


def test_a_pair_is_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl, "ROOT", str(tmp_path))
    (tmp_path / "certs").mkdir()
    certificate, key = self_signed()
    (tmp_path / "certs" / "a.crt").write_text(certificate)
    (tmp_path / "certs" / "a.key").write_text(key)
    assert list(ctl.broken_pairs()) == []
    (tmp_path / "certs" / "a.key").write_text(self_signed("www.example.com").key)
    assert "a.crt: certificate and key are no pair that TLS can use" in "".join(ctl.broken_pairs())


def test_an_update_is_the_same_file_by_a_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "evenkeel.yml"
    path.write_text("http: {}\n")
    path.chmod(0o640)
    monkeypatch.setattr(ctl, "DYNAMIC", str(path))
    before = path.stat()
    ctl.update()
    after = path.stat()
    assert (path.read_text(), after.st_mode, after.st_uid) == ("http: {}\n", before.st_mode, before.st_uid)
    assert after.st_ino != before.st_ino
    assert [one.name for one in tmp_path.iterdir()] == ["evenkeel.yml"]


def test_a_storage_that_others_may_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl, "STATE", str(tmp_path))
    (tmp_path / "acme-le.json").write_text("{}")
    (tmp_path / "acme-le.json").chmod(0o600)
    assert list(ctl.open_storages()) == []
    (tmp_path / "acme-le.json").chmod(0o644)
    assert list(ctl.open_storages()) == [
        f"{tmp_path}/acme-le.json has the mode 0644 instead of 0600: Traefik does not use it"
    ]


def test_an_unknown_verb_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["off"]) == 2
    assert "verify ADDRESS DIGEST" in capsys.readouterr().err
