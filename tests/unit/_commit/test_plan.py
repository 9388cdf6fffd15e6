# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit would do: which act on the unit, whose edit a file is, what is shown."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import show
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.drift import shipped
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Completed
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.mask import Masker
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.state import FILE, State
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.sysctl import parse

from tests.unit._commit.commit_host import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("ansible_collections.evenkeel.lb.plugins.module_utils._commit.verify.GRACE", 0.0)
    return World(tmp_path)


def unit(world: World, **more: Any) -> dict[str, Any]:
    return {
        "unit": "web.service",
        "unit_state": "started",
        "apply": {
            "restart_when": [str(world.etc / "*.restart")],
            "runtime": [{"when": [str(world.etc / "*.pem")], "command": ["load"]}],
            "reload": [],
            "sysctl": [],
        },
        **more,
    }


@pytest.mark.parametrize(
    ("changed", "applied", "said"),
    [
        (["a.conf"], "reload", ["systemctl", "reload", "web.service"]),
        (["a.conf", "x.restart"], "restart", ["systemctl", "restart", "web.service"]),
        (["b.pem"], "runtime", ["load"]),
        (["a.conf", "b.pem"], "reload", ["systemctl", "reload", "web.service"]),
    ],
)
def test_the_mildest_act_that_is_enough(world: World, changed: list[str], applied: str, said: list[str]) -> None:
    names = ["a.conf", "b.pem", "x.restart"]
    first = world.commit(*(world.file(name, "1\n") for name in names), **unit(world))
    assert first.apply == "start" and world.host.active
    world.host.commands.clear()
    done = world.commit(*(world.file(name, "2\n" if name in changed else "1\n") for name in names), **unit(world))
    assert (done.error, done.apply) == (None, applied)
    assert said in world.host.commands
    assert ["systemctl", "daemon-reload"] not in world.host.commands


def test_check_mode_tells_the_act_and_writes_nothing(world: World) -> None:
    done = world.commit(world.file("a.conf", "1\n"), check=True, **unit(world))
    assert (done.changed, done.apply, done.stage) == (True, "start", "validate")
    assert world.files() == {} and not Path(world.host.state_dir).exists() and world.host.acts == []


def test_a_quiet_run_asks_systemd_once(world: World) -> None:
    world.commit(world.file("a.conf", "1\n"), **unit(world))
    world.host.commands.clear()
    assert not world.commit(world.file("a.conf", "1\n"), **unit(world)).changed
    assert [argv[:2] for argv in world.host.commands] == [["systemctl", "show"]]


def test_a_failed_start_puts_the_files_back_and_stops_the_unit(world: World) -> None:
    world.host.answer = lambda argv: Completed(1, "no") if argv[:2] == ["systemctl", "start"] else None
    done = world.commit(world.file("a.conf", "1\n"), **unit(world))
    assert done.error is not None and done.rolled_back
    assert done.error.what == "`systemctl start web.service` failed. The old set was put back."
    assert world.files() == {}


def test_both_reasons_are_told_when_putting_back_fails_too(world: World) -> None:
    world.commit(world.file("a.conf", "1\n"), **unit(world))
    world.host.answer = lambda argv: Completed(1, "broken pipe") if argv[:2] == ["systemctl", "reload"] else None
    done = world.commit(world.file("a.conf", "2\n"), **unit(world))
    assert done.error is not None and not done.rolled_back
    assert done.error.what == "`systemctl reload web.service` failed. Putting the old set back did not succeed either."
    assert "While putting back:\nsystemctl reload web.service: exit code 1\nbroken pipe" in done.error.got
    assert world.files() == {"a.conf": "1\n"}


def test_drift_is_an_edit_and_not_a_removal_or_a_mode(world: World) -> None:
    world.commit(world.file("a.conf", "1\n"), world.file("b.conf", "1\n"))
    (world.etc / "a.conf").unlink()
    (world.etc / "b.conf").chmod(0o600)
    done = world.commit(world.file("a.conf", "1\n"), world.file("b.conf", "1\n"))
    assert done.error is None and [(Path(one.path).name, one.kind) for one in done.drift] == [("a.conf", "missing")]
    (world.etc / "a.conf").write_text("mine\n")
    stopped = world.commit(world.file("a.conf", "2\n"), world.file("b.conf", "1\n"))
    assert stopped.error is not None
    assert stopped.error.message() == (
        f"{world.etc}/a.conf: this file was changed by hand since generation 2, and was left as it is.\n"
        f"--- {world.etc}/a.conf\n+++ {world.etc}/a.conf\n@@ -1 +1 @@\n-1\n+mine\n"
        "Take its lines into the inventory, or set on_drift: overwrite (web_on_drift, for a role), which keeps it as a generation."
    )
    assert world.files()["a.conf"] == "mine\n"


def test_an_edit_that_is_what_we_want_is_no_drift(world: World) -> None:
    world.commit(world.file("a.conf", "1\n"))
    (world.etc / "a.conf").write_text("2\n")
    done = world.commit(world.file("a.conf", "2\n"))
    assert done.error is None and done.drift == []


@pytest.mark.parametrize("source", ["conffile", "file", "nobody"])
def test_a_file_as_its_package_shipped_it_is_nobodys_edit(world: World, source: str) -> None:
    path, content = "/etc/pkg/x.conf", b"shipped\n"
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()

    def dpkg(argv: Sequence[str]) -> Completed | None:
        if argv[:2] == ["dpkg-query", "-S"]:
            return Completed(0, f"pkg: {path}")
        if argv[:2] == ["dpkg-query", "-W"]:
            return Completed(0, f"\n {path} {md5}\n" if source == "conffile" else "")
        if argv[:2] == ["dpkg-query", "--control-show"]:
            return Completed(0, f"{md5}  etc/pkg/x.conf\n" if source == "file" else "")
        return None

    world.host.answer = dpkg
    if not Path("/var/lib/dpkg/status").exists():
        pytest.skip("no dpkg on this machine")
    assert shipped(world.host, path, content) is (source != "nobody")
    assert not shipped(world.host, path, b"edited\n")


def test_a_link_on_the_way_is_refused(world: World) -> None:
    (world.etc / "real").mkdir()
    (world.etc / "link").symlink_to("real")
    done = world.commit(world.file("link/a.conf", "1\n"))
    assert done.error is not None
    assert done.error.message() == (
        f"{world.etc}/link/a.conf: a symbolic link is on the way, and replacing what it leads to would surprise."
        f" Found: {world.etc}/link/a.conf leads to {world.etc}/real/a.conf."
        f" Write the path as {world.etc}/real/a.conf, or remove the link."
    )


def test_a_link_that_shall_be_absent_comes_back(world: World) -> None:
    (world.etc / "link").symlink_to("somewhere")
    assert world.commit(absent=[str(world.etc / "link")]).error is None
    assert not os.path.lexists(world.etc / "link")
    assert world.commit().error is None
    assert (world.etc / "link").readlink() == Path("somewhere")


def test_a_path_of_another_service_is_refused(world: World) -> None:
    world.commit(world.file("a.conf", "1\n"))
    done = world.commit(world.file("a.conf", "2\n"), service="other")
    assert done.error is not None
    assert done.error.message() == (
        f"{world.etc}/a.conf: this path belongs to the service web. Found: in the set of other."
        " Take it out of one of the two roles, or commit web without it first."
    )


def test_a_shared_directory_goes_with_the_last_service(world: World) -> None:
    world.commit(world.file("shared/a.conf", "1\n"))
    world.commit(world.file("shared/b.conf", "1\n"), service="other")
    assert world.commit().error is None and world.files() == {"shared/b.conf": "1\n"}
    assert world.commit(service="other").error is None


def test_secrets_are_fingerprints_in_the_diff(world: World) -> None:
    world.commit(world.file("a.key", "first secret\n", secret=True))
    done = world.commit(world.file("a.key", "other secret\n", secret=True), world.file("b.conf", "auth_pass sesame\n"))
    text = str(done.diff)
    assert "first" not in text and "other" not in text and "sesame" not in text
    assert (
        done.diff[0]["before"].startswith("secret content, sha256 ") and done.diff[0]["before"] != done.diff[0]["after"]
    )
    changed = world.commit(world.file("a.key", "other secret\n", secret=True), world.file("b.conf", "auth_pass open\n"))
    assert changed.diff[0]["after"] == "auth_pass ********\n(only masked values differ)\n"


def test_our_own_programs_are_told_by_their_digest(world: World) -> None:
    before, after = (State(FILE, digest=sha, mode=0o755, uid=0, gid=0) for sha in ("1" * 64, "2" * 64))
    contents: dict[str, bytes | None] = {before.digest: b"old = 1\n", after.digest: b"new = 1\n"}
    shown = show.change(world.host, Masker(), show.PROGRAMS + "ctl", before, after, contents, False)
    assert [(one["before"], one["after"]) for one in shown] == [
        ("program of evenkeel.lb, sha256 111111111111\n", "program of evenkeel.lb, sha256 222222222222\n")
    ]


def test_kernel_values_are_set_put_back_and_forgotten(world: World) -> None:
    live = world.root / "sys/net/bind"
    live.write_text("0\n")
    conf = world.file("sysctl.conf", "# comment\nnet.bind = 1\n-net.missing = 1\n")
    apply = {"apply": {"sysctl": [conf["path"]]}}
    assert world.commit(conf, **apply).error is None and live.read_text() == "1"
    live.write_text("0\n")
    again = world.commit(conf, **apply)
    assert again.changed and [one["before_header"] for one in again.diff] == ["sysctl net.bind"]
    failing = world.commit(
        world.file("sysctl.conf", "net.bind = 2\n"), verify={"command": [["no"]], "timeout": 0.1}, **apply
    )
    assert failing.error is None or live.read_text() == "1"
    assert world.commit().error is None and live.read_text() == "0"
    unknown = world.commit(world.file("sysctl.conf", "net.missing = 1\n"), **apply)
    assert unknown.error is not None and unknown.error.what == "this kernel does not have the key."


def test_sysctl_files_are_read_as_sysctl_d_says() -> None:
    wishes = parse("; c\n# c\n net.ipv4.x=1 2\t3 \n-net/ipv4/conf/eth0.1/y = 0\nnonsense\n")
    assert [(one.key, one.value, one.optional) for one in wishes] == [
        ("net.ipv4.x", "1 2 3", False),
        ("net/ipv4/conf/eth0.1/y", "0", True),
    ]
