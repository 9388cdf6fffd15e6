# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's own command on a node, against a daemon that answers what HAProxy 2.6 and 3.0 were seen to answer."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node import admin, ctl
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.node.drains import Drains, Wish

from tests.haproxy import issued, self_signed
from tests.unit._haproxy.node.haproxy_daemon import Daemon

HEAD = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change "
    "srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn "
    "srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"
)
CONFIGURATION = """\
global
    server not-a-server 192.0.2.1:1
backend app
    default-server inter 1s port 81
    server web-1 198.51.100.21:8080 id 1 check
    server web-2 [2001:DB8::22]:8080 id 2 check ssl verify none
    server 'web-3' by-name.example.com:8080 id 3 addr 192.0.2.3
listen other
    bind :80
    server web-1 198.51.100.21 id 1
frontend web
    server web-1 192.0.2.1:1
"""


def state(backend: str, name: str, address: str, port: int, tls: int = 0, check_port: int = 0, check: str = "-") -> str:
    return f"2 {backend} 1 {name} {address} 2 0 1 1 9 6 3 4 6 0 0 1 - {port} - {tls} {check_port} {check} - 0\n"


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    for name in ("certs", "maps"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(ctl, "CERTIFICATES", str(tmp_path / "certs"))
    monkeypatch.setattr(ctl, "MAPS", str(tmp_path / "maps"))
    monkeypatch.setattr(ctl, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(ctl, "CONFIGURATION", str(tmp_path / "haproxy.cfg"))
    monkeypatch.setattr(ctl, "Drains", lambda: Drains(tmp_path / "drains.json"))
    monkeypatch.setattr(admin, "SOCKET", str(tmp_path / "socket"))
    daemon = Daemon(tmp_path / "socket")
    yield daemon
    daemon.listening.close()


@pytest.fixture
def haproxy(daemon: Daemon, tmp_path: Path) -> Any:
    return admin.Haproxy(str(tmp_path / "socket"))


# --- states


def test_servers_are_read_from_the_configuration() -> None:
    assert ctl.servers(CONFIGURATION) == {
        ("app", "web-1"): ctl.Server("198.51.100.21", "8080", check_port="81"),
        ("app", "web-2"): ctl.Server("2001:DB8::22", "8080", "1", "81"),
        ("app", "web-3"): ctl.Server("by-name.example.com", "8080", "0", "81", "192.0.2.3"),
        ("other", "web-1"): ctl.Server("198.51.100.21", "0"),
    }


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (state("app", "web-1", "198.51.100.21", 8080, check_port=81), True),
        (state("app", "web-1", "198.51.100.99", 8080, check_port=81), False),
        (state("app", "web-1", "198.51.100.21", 9, check_port=81), False),
        (state("app", "web-1", "198.51.100.21", 8080, tls=1, check_port=81), False),
        (state("app", "web-1", "198.51.100.21", 8080), False),
        (state("app", "web-1", "198.51.100.21", 8080, check_port=81, check="192.0.2.9"), False),
        (state("app", "web-2", "2001:db8::22", 8080, tls=1, check_port=81), True),
        (state("app", "web-3", "192.0.2.77", 8080, check_port=81, check="192.0.2.3"), True),
        (state("app", "gone", "198.51.100.21", 8080), False),
        (state("other", "web-1", "198.51.100.21", 0), True),
    ],
)
def test_only_states_that_are_still_true_are_kept(line: str, kept: bool) -> None:
    """HAProxy would believe the file's port, TLS and way of checking over its configuration."""
    assert ctl.still_true(HEAD + line, ctl.servers(CONFIGURATION), {}) == HEAD + (line if kept else "")


def test_states_are_written_whole_and_for_root_only(daemon: Daemon, haproxy: Any, tmp_path: Path) -> None:
    daemon.answers["show servers state"] = HEAD + state("other", "web-1", "198.51.100.21", 0) + "\n"
    (tmp_path / "haproxy.cfg").write_text(CONFIGURATION)
    ctl.save(haproxy, {})
    written = tmp_path / "state"
    assert written.read_text() == HEAD + state("other", "web-1", "198.51.100.21", 0)
    assert written.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.glob("*state*")] == ["state"]


def test_no_answer_leaves_no_stale_states(daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").write_text("1\nof last week\n")
    assert ctl.main(["save"]) == 1
    assert (tmp_path / "state").read_text() == "1\n"
    assert capsys.readouterr().out == "haproxy: no states, but: Unknown command.\n"


# --- states that an operator wishes


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        # Where it has moved to, drained.
        (
            state("app", "web-1", "198.51.100.99", 9),
            state("app", "web-1", "198.51.100.21", 8080, check_port=81),
        ),
        (
            state("app", "web-2", "2001:db8::99", 8080, check_port=81),
            state("app", "web-2", "2001:db8::22", 8080, tls=1, check_port=81),
        ),
        # Where a name leads is not known here.
        (state("app", "web-3", "192.0.2.77", 9, check_port=81, check="192.0.2.3"), ""),
        (state("app", "gone", "198.51.100.21", 8080), ""),
    ],
)
def test_a_wished_state_moves_with_its_server(line: str, kept: str) -> None:
    wishes = {("app", line.split()[3]): Wish("drained", line=line.strip())}
    assert ctl.still_true(HEAD + line, ctl.servers(CONFIGURATION), wishes) == HEAD + kept


def test_a_start_knows_of_wished_states_only(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text(CONFIGURATION)
    assert ctl.main(["forget"]) == 0
    assert (tmp_path / "state").read_text() == "1\n"
    line = state("other", "web-1", "198.51.100.21", 0).replace(" 2 0 1 1 ", " 2 8 1 1 ").strip()
    Drains(tmp_path / "drains.json").write(
        {("other", "web-1"): Wish("drained", line=line), ("app", "gone"): Wish("maint")}
    )
    assert ctl.main(["forget"]) == 0
    assert (tmp_path / "state").read_text() == f"1\n{line}\n"


def test_wishes_that_cannot_be_read_cost_no_state(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("syslog.syslog", lambda _priority, text: said.append(text))
    (tmp_path / "haproxy.cfg").write_text(CONFIGURATION)
    (tmp_path / "drains.json").write_text("{")
    daemon.answers["show servers state"] = HEAD + state("other", "web-1", "198.51.100.21", 0)
    assert ctl.main(["save"]) == 0
    assert (tmp_path / "state").read_text() == HEAD + state("other", "web-1", "198.51.100.21", 0)
    assert said and said[0].startswith(f"{tmp_path}/drains.json cannot be read (")


@pytest.mark.parametrize("verb", ["drains", "verify"])
def test_wishes_are_brought_into_force(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr("syslog.syslog", lambda _priority, text: said.append(text))
    Drains(tmp_path / "drains.json").write({("app", "web-1"): Wish("maint")})
    daemon.answers["show servers state"] = HEAD + state("app", "web-1", "198.51.100.21", 8080)
    daemon.answers["set server"] = ""
    assert (ctl.main(["drains"]) if verb == "drains" else verified(daemon, monkeypatch)) == 0
    assert daemon.asked[-1] == "set server app/web-1 state maint\n"
    assert said == ["app/web-1 is maint again, as an operator wishes"]


def test_a_daemon_that_never_comes_up_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ctl, "Drains", lambda: Drains(tmp_path / "drains.json"))
    monkeypatch.setattr(admin, "SOCKET", str(tmp_path / "none"))
    monkeypatch.setattr(ctl, "START_SECONDS", 0.1)
    Drains(tmp_path / "drains.json").write({("app", "web-1"): Wish("maint")})
    assert ctl.main(["drains"]) == 1
    assert "No such file" in capsys.readouterr().out


# --- certificates


@pytest.fixture
def certificate(tmp_path: Path, daemon: Daemon) -> Path:
    path = tmp_path / "certs" / "a.pem"
    certificate, key = self_signed()
    path.write_text(certificate)
    Path(f"{path}.key").write_text(key)
    return path


def test_a_fingerprint_is_openssls(certificate: Path) -> None:
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha1", "-in", certificate],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ctl.fingerprint(certificate.read_text()) == shown.stdout.strip().rpartition("=")[2].replace(":", "")


def test_a_certificate_is_set_with_its_key_and_committed(daemon: Daemon, haproxy: Any, certificate: Path) -> None:
    daemon.answers.update(
        {
            "show ssl cert": f"# transaction\n*{certificate}\n# filename\n{certificate}\n/elsewhere/b.pem\n{certificate.parent}/gone.pem\n",
            "abort ssl cert": "No ongoing transaction!\n",
            "set ssl cert": f"Transaction created for certificate {certificate}!\n",
            "commit ssl cert": f"Committing {certificate}.\nSuccess!\n",
            "show map": "",
        }
    )
    ctl.update(haproxy)
    sent = next(command for command in daemon.asked if command.startswith("set "))
    assert sent.startswith(f"set ssl cert {certificate} <<\n-----BEGIN CERTIFICATE-----\n")
    assert "-----BEGIN PRIVATE KEY-----\n" in sent
    assert "\n\n" not in sent.removesuffix("\n\n"), "an empty line would end the payload"
    assert [command.split()[0] for command in daemon.asked] == ["show", "abort", "set", "commit", "show"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"set ssl cert": "unable to load certificate"}, "unable to load"),
        ({"commit ssl cert": "inconsistencies between private key and certificate"}, "inconsist"),
    ],
)
def test_a_refused_certificate_is_left_to_a_reload(
    daemon: Daemon,
    certificate: Path,
    said: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon.answers.update(
        {"show ssl cert": str(certificate), "abort ssl cert": "", "set ssl cert": "Transaction created", **said}
    )
    reloads: list[list[str]] = []

    def call(argv: list[str]) -> int:
        reloads.append(argv)
        return 0

    monkeypatch.setattr("subprocess.call", call)
    assert ctl.main(["update"]) == 0
    assert reloads == [["systemctl", "reload", "haproxy.service"]]
    assert expected in capsys.readouterr().out
    assert daemon.asked[-1].startswith(("abort", "set"))


# --- maps


def test_a_map_is_filled_beside_and_put_in_place_at_once(daemon: Daemon, haproxy: Any, tmp_path: Path) -> None:
    path = tmp_path / "maps" / "hosts.map"
    lines = [f"{number}.example.com   app" for number in range(1000)]
    path.write_text("# a comment\n\n" + "\n".join(lines) + "\n")
    daemon.answers.update(
        {
            "show ssl cert": "",
            "show map": f"# id (file) description\n-1 ({path}) pattern loaded from file '{path}'. entry_cnt=1\n1 (/else) x\n",
            f"show map {path}": "0x55d old.example.com app\n",
            "prepare map": "New version created: 3\n",
            "add map": "",
            "commit map": "",
        }
    )
    ctl.update(haproxy)
    added = [command for command in daemon.asked if command.startswith("add")]
    assert len(added) > 1 and all(
        len(command) < 16384 and command.startswith(f"add map @3 {path} <<\n") for command in added
    )
    assert [line for command in added for line in command.splitlines()[1:] if line] == [
        line.replace("   ", " ") for line in lines
    ]
    assert daemon.asked[-1] == f"commit map @3 {path}\n"


def test_a_map_that_is_the_same_is_left_alone(daemon: Daemon, haproxy: Any, tmp_path: Path) -> None:
    path = tmp_path / "maps" / "hosts.map"
    path.write_text("a b\n")
    daemon.answers.update({"show ssl cert": "", "show map": f"-1 ({path}) x\n", f"show map {path}": "0x55d a b\n"})
    ctl.update(haproxy)
    assert not [command for command in daemon.asked if not command.startswith("show")]


# --- verification


def verified(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, applied: str = "reload", since: float = 0, digest: str = "abc"
) -> int:
    daemon.answers.setdefault("show env", "EVENKEEL_CONFIGURATION=abc\n")
    daemon.answers.setdefault("show info", f"Name: HAProxy\nPid: {os.getpid()}\n")
    daemon.answers.setdefault("show ssl cert", "")
    daemon.answers.setdefault("show map", "")
    monkeypatch.setenv("EVENKEEL_APPLY", applied)
    monkeypatch.setenv("EVENKEEL_STARTED", str(since))
    result: int = ctl.main(["verify", digest])
    return result


def test_the_running_configuration_is_the_files(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verified(daemon, monkeypatch) == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("EVENKEEL_CONFIGURATION=old\n", "the running configuration is old, the file's is abc\n"),
        ("Variable not found\n", "the running configuration is not ours, the file's is abc\n"),
    ],
)
def test_another_configuration_is_noticed(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, said: str
) -> None:
    daemon.answers["show env"] = answer
    assert verified(daemon, monkeypatch) == 1
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("applied", "fails"), [("reload", True), ("restart", True), ("start", True), ("none", False), ("runtime", False)]
)
def test_a_worker_from_before_is_noticed(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], applied: str, fails: bool
) -> None:
    assert verified(daemon, monkeypatch, applied, since=time.time() + 60) == int(fails)
    assert (capsys.readouterr().out == f"the worker that answers is older than the {applied}\n") is fails


def test_a_certificate_and_a_map_that_lag_behind_are_noticed(
    daemon: Daemon,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "maps" / "hosts.map"
    path.write_text("a b\n")
    daemon.answers.update(
        {
            "show ssl cert": str(certificate),
            f"show ssl cert {certificate}": f"Filename: {certificate}\nSHA1 FingerPrint: 00FF\n",
            "show map": f"-1 ({path}) x",
            f"show map {path}": "0x1 a c\n",
        }
    )
    assert verified(daemon, monkeypatch) == 1
    assert (
        capsys.readouterr().out
        == f"the running certificate is not that of {certificate}\nthe running map is not that of {path}\n"
    )


def test_certificates_that_are_no_chain_are_refused(
    daemon: Daemon, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(ctl.CONFIGURATION).write_text(f"frontend web\n    bind :443 ssl crt {certificate} alpn h2\n")
    root = self_signed("Root")
    # Not in use: a bundle of roots.
    certificate.with_name("roots.pem").write_text(root.certificate + self_signed("Another root").certificate)
    certificate.write_text(issued(root).certificate + root.certificate)
    assert ctl.main(["check"]) == 0
    certificate.write_text(root.certificate + issued(root).certificate)
    assert ctl.main(["check"]) == 1
    assert capsys.readouterr().out == f"{certificate}: certificate 2 did not issue certificate 1\n"


def test_a_daemon_that_is_not_there_is_an_answer_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(admin, "SOCKET", str(tmp_path / "none"))
    assert ctl.main(["verify", "abc"]) == 1
    assert capsys.readouterr().out.startswith("haproxy: [Errno 2] No such file or directory")


def test_a_wrong_call_shows_how_to_call_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["what"]) == 2
    assert "verify DIGEST" in capsys.readouterr().err
