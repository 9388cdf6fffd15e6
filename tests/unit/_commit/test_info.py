# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node says about its commits, and about what has become of them."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import guard
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.errors import CommitError
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Host
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.info import look_back
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store
from ansible_collections.evenkeel.lb.plugins.modules import commit_info

from tests.unit._commit.commit_host import Killed, World

UNIT = {"unit": "web.service", "unit_state": "started", "enabled": True}


class Somebody(Host):
    """Not root."""

    uid = 1000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def look(world: World, contents: bool = False) -> dict[str, Any]:
    acts = len(world.host.acts)
    found = look_back(world.host, Store(world.host), contents)
    assert len(world.host.acts) == acts, "it only reads"
    return found


def drift(world: World) -> list[tuple[str, str]]:
    """Path below etc, and kind."""
    found = [one for service in look(world)["services"] for one in service["drift"]]
    return [
        (os.path.relpath(one["path"], world.etc) if one["path"].startswith("/") else one["path"], one["kind"])
        for one in found
    ]


def test_a_node_without_commits(world: World) -> None:
    assert look(world) == {"services": [], "interrupted": [], "guard": None, "fell_back": None, "busy": ""}
    assert not (world.root / "var").exists()


def test_services_with_their_generations(world: World) -> None:
    world.commit(world.file("a.conf", "one\n"), run_id="first", **UNIT)
    world.commit(world.file("a.conf", "two\n"), run_id="second", **UNIT)
    world.commit(world.file("b.conf", "b\n"), service="other", run_id="second")
    other, web = look(world)["services"]
    assert (other["service"], web["service"]) == ("other", "web")
    assert (web["generation"], web["kind"], web["run_id"], web["unit"]) == (2, "commit", "second", "web.service")
    assert abs(time.time() - time.mktime(time.strptime(web["committed_at"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
    assert [(one["generation"], one["run_id"], one["in_force"]) for one in web["generations"]] == [
        (2, "second", True),
        (1, "first", False),
    ]
    assert [(one["path"], one["kind"]) for one in web["files"]] == [(str(world.etc / "a.conf"), "file")]
    assert "content" not in web["files"][0] and len(web["files"][0]["sha256"]) == 64
    assert web["drift"] == other["drift"] == []


def test_what_a_person_wrote_is_a_generation_by_hand(world: World) -> None:
    world.commit(world.file("a.conf", "one\n"), run_id="first")
    (world.etc / "a.conf").write_text("mine\n")
    world.commit(world.file("a.conf", "two\n"), run_id="second", on_drift="overwrite")
    (service,) = look(world)["services"]
    assert [one["kind"] for one in service["generations"]] == ["commit", "by hand", "commit"]
    assert [one["in_force"] for one in service["generations"]] == [True, False, False]


def test_every_kind_of_drift(world: World) -> None:
    (world.root / "sys/net/x").write_text("0\n")
    files = [world.file(f"{name}.conf", f"{name}\n") for name in ("changed", "missing", "access", "same", "sysctl")]
    files[-1]["content"] = "net.x = 1\n"
    gone = str(world.etc / "gone.conf")
    world.commit(*files, absent=[gone], apply={"sysctl": [files[-1]["path"]]}, **UNIT)
    assert drift(world) == []
    (world.etc / "changed.conf").write_text("by hand\n")
    (world.etc / "missing.conf").unlink()
    (world.etc / "access.conf").chmod(0o600)
    Path(gone).write_text("back\n")
    (world.root / "sys/net/x").write_text("0\n")
    world.host.active = False
    world.host.enabled = False
    assert drift(world) == [
        ("access.conf", "access"),
        ("changed.conf", "changed"),
        ("gone.conf", "changed"),
        ("missing.conf", "missing"),
        ("sysctl net.x", "sysctl"),
        ("web.service", "unit"),
        ("web.service at boot", "unit"),
    ]
    access, changed, back, missing, sysctl, unit, boot = (one["diff"] for one in look(world)["services"][0]["drift"])
    assert "-owner" in access and access.endswith("mode 0600")
    assert changed.splitlines()[-2:] == ["-changed", "+by hand"]
    assert "gone.conf (absent)" in back and back.endswith("+back")
    assert "missing.conf (absent)" in missing and missing.endswith("-missing")
    assert sysctl.splitlines() == ["--- sysctl net.x", "+++ sysctl net.x", "@@ -1 +1 @@", "-1", "+0"]
    assert unit.splitlines()[-2:] == ["-active", "+inactive"]
    assert boot.splitlines()[-2:] == ["-enabled", "+disabled"]


def test_a_directory_that_is_gone_or_has_another_mode(world: World) -> None:
    plain = {key: value for key, value in world.file("d", "").items() if key != "content"}
    world.commit(world.file("sub/a.conf", "a\n"), directories=[{**plain, "mode": "0755"}])
    assert drift(world) == []
    (world.etc / "d").chmod(0o700)
    (world.etc / "sub").chmod(0o700)
    assert drift(world) == [("d", "access")], "one that only holds a file is nobody's to judge"
    (world.etc / "d").rmdir()
    assert drift(world) == [("d", "missing")]


def test_a_unit_that_was_stopped_for_good(world: World) -> None:
    world.commit(world.file("a.conf", "a\n"), **UNIT)
    world.commit(unit="web.service", unit_state="stopped", enabled=False)
    assert drift(world) == []
    world.host.active = world.host.enabled = True
    assert drift(world) == [("web.service", "unit"), ("web.service at boot", "unit")]


def test_secrets_are_seen_nowhere(world: World) -> None:
    canary = "c4n4ry-of-a-secret"
    files = [
        world.file("key.pem", f"-----BEGIN PRIVATE KEY-----\n{canary}AAAA\n-----END PRIVATE KEY-----\n", secret=True),
        world.file("a.conf", f"stats auth admin:{canary}\nplain\n"),
    ]
    world.commit(*files, secrets=["another-canary"])
    (world.etc / "a.conf").write_text(f"auth_pass {canary}2\nanother-canary {canary}\nplain 2\n")
    (world.etc / "key.pem").write_text(f"{canary}BBBB {canary}CCCC\n")
    found = look(world, contents=True)
    assert canary not in repr(found) and "another-canary" not in repr(found)
    conf, key = found["services"][0]["drift"]
    assert "+plain 2" in conf["diff"] and "stats auth admin:********" in conf["diff"]
    assert "secret content, sha256" in key["diff"]
    assert [one["content"].splitlines()[-1] for one in found["services"][0]["files"]][0] == "plain"


def test_a_commit_that_was_cut_off_is_named(world: World) -> None:
    world.commit(world.file("a.conf", "one\n"))
    world.fresh(die_at=5)
    with pytest.raises(Killed):
        world.commit(world.file("a.conf", "two\n"))
    world.fresh()
    found = look(world)
    assert (found["interrupted"], found["busy"]) == (["web"], "")


def test_a_commit_under_way_is_named(world: World) -> None:
    world.commit(world.file("a.conf", "one\n"))
    store = Store(world.host)
    with store.lock("commit of web, run 7", 1):
        assert look(world)["busy"].startswith("commit of web, run 7, pid ")
    assert look(world)["busy"] == ""
    with Path(store.lock_path).open() as mine:
        fcntl.flock(mine, fcntl.LOCK_SH)
        assert look(world)["busy"] == "", "another reader is not in the way"


def test_a_run_on_trial_is_named_and_so_is_one_that_went_back(world: World) -> None:
    world.commit(world.file("a.conf", "one\n"))
    trial = guard.Guard("run-7", 60, {"web": 0}, until=1_800_000_000)
    guard.write(Store(world.host), trial)
    world.fresh()
    found = look(world)
    assert found["guard"] == {
        "run_id": "run-7",
        "services": ["web"],
        "seconds": 60,
        "deadline": "2027-01-15T08:00:00Z",
    }
    guard.write(Store(world.host), replace(trial, fell_back=1_800_000_000.0, why=guard.NOBODY))
    world.fresh()
    found = look(world)
    assert (found["guard"], found["fell_back"]["why"]) == (None, guard.NOBODY)


def test_the_state_of_a_newer_release_is_refused(world: World) -> None:
    world.commit(world.file("a.conf", "one\n"))
    (world.root / "var/schema").write_text("99\n")
    with pytest.raises(CommitError, match="newer evenkeel.lb"):
        look(world)


def test_without_root_and_without_a_readable_state(world: World) -> None:
    with pytest.raises(CommitError) as caught:
        commit_info.info(Somebody(), False)
    assert caught.value.message() == "reading what was committed needs root. Found: uid 1000. Set become: true."
    world.commit(world.file("a.conf", "one\n"))
    (world.root / "var/services/web/generations/1.json").unlink()
    (world.root / "var/services/web/generations/1.json").mkdir()
    with pytest.raises(CommitError, match="the system refused"):
        commit_info.info(world.host, False)
