# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look and the node itself agree: "nothing differs" is said only where the node's own plan is empty."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import guard
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.engine import commit
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Completed, Host
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import Request, parse
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.result import Result
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.seen import Ask, Seen, unchanged
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.take import readable, take
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.unit import PROPERTIES

from tests.unit._commit.commit_host import GROUP, OWNER, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("ansible_collections.evenkeel.lb.plugins.module_utils._commit.verify.GRACE", 0.0)
    # Only root looks; these files are the test's own.
    monkeypatch.setattr(Host, "uid", 0)
    return World(tmp_path)


def files(world: World) -> list[dict[str, Any]]:
    return [
        world.file("a.conf", "1\n"),
        world.file("deep/er/b.conf", "2\n"),
        world.file("password", "canary\n", secret=True, mode="0600"),
        world.file("empty", "", allow_empty=True),
        world.file("values.conf", "net.depth = 5\nnet.ports = 1 2\n-net.none = 1\nnet.all.* = 0\n"),
    ]


def arguments(world: World, **more: Any) -> dict[str, Any]:
    return {
        "service": "web",
        "run_id": "run",
        "files": files(world),
        "directories": [{"path": str(world.etc / "certs"), "owner": OWNER, "group": GROUP, "mode": "0700"}],
        "absent": [str(world.etc / "old.conf")],
        "apply": {"sysctl": [str(world.etc / "values.conf")]},
        "unit": "web.service",
        "unit_state": "started",
        "enabled": True,
        "secrets": ["canary"],
        **more,
    }


def request(world: World, check: bool = True, **more: Any) -> Request:
    given = arguments(world, check=check, **more)
    return parse(given, [one.get("content", "").encode() for one in given["files"]])


def converge(world: World) -> None:
    """The set in force, a file of somebody else's beside it, and another service."""
    for key, value in {"depth": "3", "ports": "1\t2", "all/x": "1", "all/y": "0"}.items():
        path = world.root / "sys" / "net" / key
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{value}\n")
    (world.etc / "foreign.conf").write_text("by hand\n")
    done = commit(world.host, request(world, check=False))
    assert done.error is None and done.changed
    other = world.commit(world.file("other.conf", "x\n"), service="other")
    assert other.error is None


def looked(world: World) -> dict[str, Any]:
    """One look, by way of the text that a task returns."""
    store = Store(world.host)
    manifests = readable(world.host, store)
    units = {one.unit: world.host.properties(one.unit, PROPERTIES).output for one in manifests.values() if one.unit}
    return dict(json.loads(json.dumps(take(world.host, store, manifests, units))))


def nodes_word(world: World, wanted: Request) -> Result:
    return commit(world.host, wanted)


def test_nothing_differs_and_the_result_is_the_nodes_own(world: World) -> None:
    converge(world)
    found = unchanged(looked(world), request(world))
    assert found is not None
    assert found.as_dict() == nodes_word(world, request(world)).as_dict()
    assert (found.changed, found.generation, found.apply) == (False, 1, "none")


def test_no_content_and_no_secret_leaves_the_node(world: World) -> None:
    converge(world)
    text = json.dumps(looked(world))
    assert "canary" not in text and "by hand" not in text and str(world.etc / "password") in text


def test_each_service_has_its_own_verdict(world: World) -> None:
    converge(world)
    (world.etc / "other.conf").write_text("changed\n")
    data = looked(world)
    assert unchanged(data, request(world)) is not None
    other = parse({"service": "other", "files": [world.file("other.conf", "x\n")], "check": True}, [b"x\n"])
    assert unchanged(data, other) is None
    assert nodes_word(world, other).error is not None


def linked_to_a_copy(path: Path) -> None:
    path.with_name("copy").write_text("1\n")
    path.symlink_to("copy")


def put(name: str, text: str) -> Callable[[World], None]:
    def act(world: World) -> None:
        (world.etc / name).write_text(text)

    return act


def instead(name: str, make: Callable[[Path], Any]) -> Callable[[World], None]:
    """Something else than the file that was committed."""

    def change(world: World) -> None:
        (world.etc / name).unlink()
        make(world.etc / name)

    return change


def moved_behind_a_link(world: World) -> None:
    shutil.move(str(world.etc / "deep"), str(world.root / "elsewhere"))
    (world.etc / "deep").symlink_to(world.root / "elsewhere")


def left_behind(world: World) -> None:
    folder = world.root / "run" / "commit" / "20260101-1"
    folder.mkdir(parents=True)
    (folder / "result").write_text(json.dumps({"service": "web", "run_id": "r", "result": Result().dump()}))


def on_trial(world: World, **more: Any) -> None:
    guard.write(Store(world.host), guard.Guard("another", 30, {"web": 1}, **more))


def newer_schema(world: World) -> None:
    Path(world.host.state_dir, "schema").write_text("99\n")


# What was done to the node since, by name.
ON_THE_NODE: dict[str, Callable[[World], Any]] = {
    "a file edited": put("a.conf", "by hand\n"),
    "a secret edited": put("password", "other\n"),
    "an empty file filled": put("empty", "x"),
    "a file removed": lambda world: (world.etc / "a.conf").unlink(),
    "a mode": lambda world: (world.etc / "a.conf").chmod(0o600),
    "a directory's mode": lambda world: (world.etc / "certs").chmod(0o755),
    "a directory removed": lambda world: (world.etc / "certs").rmdir(),
    "an implied directory removed": lambda world: shutil.rmtree(world.etc / "deep"),
    "a link in place of a file": instead("a.conf", lambda path: path.symlink_to("foreign.conf")),
    "a link to the same content": instead("a.conf", linked_to_a_copy),
    "a directory in place of a file": instead("a.conf", lambda path: path.mkdir()),
    "a pipe in place of a file": instead("a.conf", os.mkfifo),
    "a link on the way": moved_behind_a_link,
    "what is to be absent": put("old.conf", "back\n"),
    "a live value": lambda world: (world.root / "sys/net/depth").write_text("3\n"),
    "a live value of a pattern": lambda world: (world.root / "sys/net/all/x").write_text("1\n"),
    "a new key of a pattern": lambda world: (world.root / "sys/net/all/z").write_text("1\n"),
    "a key that the kernel lost": lambda world: (world.root / "sys/net/depth").unlink(),
    "an optional key that it got": lambda world: (world.root / "sys/net/none").write_text("0\n"),
    "the unit stopped": lambda world: setattr(world.host, "active", False),
    "the unit disabled": lambda world: setattr(world.host, "enabled", False),
    "the unit masked": lambda world: setattr(
        world.host,
        "answer",
        lambda argv: Completed(0, "LoadState=masked\nActiveState=inactive\nUnitFileState=masked")
        if argv[:2] == ["systemctl", "show"]
        else None,
    ),
    "the unit gone": lambda world: setattr(
        world.host,
        "answer",
        lambda argv: Completed(0, "LoadState=not-found\nActiveState=inactive\nUnitFileState=")
        if argv[:2] == ["systemctl", "show"]
        else None,
    ),
    "a manifest gone": lambda world: Path(world.host.state_dir, "services/web/manifest.json").unlink(),
    "an unfinished journal": lambda world: Path(world.host.state_dir, "services/other/journal.json").write_text("{}"),
    "a trial of another run": on_trial,
    "a run that fell back": lambda world: on_trial(world, fell_back=1.0, why="nobody confirmed in time"),
    "a result that nobody heard": left_behind,
    "a manifest that can't be read": lambda world: Path(world.host.state_dir, "services/other/manifest.json").write_text("{"),
    "a newer schema": newer_schema,
}  # fmt: skip

# What `commit` of the engine does not say, or fails at: the module tells, or undoes first.
UNSAID = ("an unfinished journal", "a result that nobody heard", "a manifest that can't be read")


@pytest.mark.parametrize("what", ON_THE_NODE)
def test_what_was_done_to_the_node_is_asked_about(world: World, what: str) -> None:
    converge(world)
    ON_THE_NODE[what](world)
    assert unchanged(looked(world), request(world)) is None
    # Each of them is something that the node itself would change, refuse or tell; in check mode a trial is a warning.
    if what not in UNSAID:
        word = nodes_word(world, request(world, check=False))
        assert word.changed or word.error or word.warnings


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("uid", "gid"), [(1, -1), (-1, 1)], ids=["owner", "group"])
@pytest.mark.parametrize("name", ["a.conf", "certs"])
def test_another_owner_is_asked_about(world: World, name: str, uid: int, gid: int) -> None:
    converge(world)
    os.chown(world.etc / name, uid, gid)
    assert unchanged(looked(world), request(world)) is None
    assert nodes_word(world, request(world, check=False)).changed


def without(name: str) -> Callable[[World], dict[str, Any]]:
    return lambda world: {"files": [one for one in files(world) if not one["path"].endswith(name)]}


def with_file(name: str, content: str, **more: Any) -> Callable[[World], dict[str, Any]]:
    """One file more, or another in its place."""
    return lambda world: {
        "files": [
            *(one for one in files(world) if not one["path"].endswith(f"/{name}")),
            world.file(name, content, **more),
        ]
    }


# What the inventory says since, by name.
IN_THE_INVENTORY: dict[str, Callable[[World], dict[str, Any]]] = {
    "another content": with_file("a.conf", "3\n"),
    "another mode": with_file("a.conf", "1\n", mode="0600"),
    "a secret now": with_file("a.conf", "1\n", secret=True),
    "may be empty now": with_file("a.conf", "1\n", allow_empty=True),
    "an owner that the look did not meet": with_file("a.conf", "1\n", owner="no-such-account"),
    "an entry more": with_file("new.conf", "1\n"),
    "an entry more, in a new directory": with_file("new/c.conf", "1\n"),
    "an entry more, there by hand": with_file("foreign.conf", "by hand\n"),
    "an entry more, another service's": with_file("other.conf", "x\n"),
    "an entry less": without("a.conf"),
    "an entry less, with its directory": without("b.conf"),
    "another value": with_file("values.conf", "net.depth = 6\n"),
    "a directory more": lambda world: {"directories": [{"path": str(world.etc / "more"), "owner": OWNER}]},
    "a directory less": lambda world: {"directories": []},
    "a path that is to be absent": lambda world: {"absent": [str(world.etc / "nothing.conf")]},
    "a path that may be there": lambda world: {"absent": []},
    "values that are not loaded any more": lambda world: {"apply": {}},
    "another unit": lambda world: {"unit": "cron.service"},
    "a unit to stop": lambda world: {"unit_state": "stopped"},
    "a unit to disable": lambda world: {"enabled": False},
    "another service": lambda world: {"service": "third"},
}  # fmt: skip


@pytest.mark.parametrize("what", IN_THE_INVENTORY)
def test_another_wish_is_asked_about(world: World, what: str) -> None:
    converge(world)
    wanted = IN_THE_INVENTORY[what](world)
    assert unchanged(looked(world), request(world, **wanted)) is None
    if what != "another unit":
        word = nodes_word(world, request(world, check=False, **wanted))
        assert word.changed or word.error


def test_a_source_on_the_node_is_asked_about(world: World) -> None:
    """Its content is nowhere else, so that even where nothing differs only the node can say so."""
    (world.root / "source").write_text("1\n")
    entry = {**world.file("a.conf", ""), "remote_src": str(world.root / "source")}
    wanted = parse({"service": "web", "files": [entry], "check": True}, [b""])
    assert commit(world.host, parse({"service": "web", "files": [entry]}, [b""])).changed
    assert not nodes_word(world, wanted).changed
    assert unchanged(looked(world), wanted) is None


@pytest.mark.parametrize(
    "wanted",
    [
        {"verify": {"command": [["true"]]}},
        {"validate": [["true"]]},
        {"on_drift": "overwrite"},
        {"secrets": ["canary", "another"]},
        {"guard": 30.0},
        {"run_id": "next"},
    ],
    ids=lambda wanted: next(iter(wanted)),
)
def test_what_is_no_part_of_the_set_differs_nowhere(world: World, wanted: dict[str, Any]) -> None:
    converge(world)
    assert not nodes_word(world, request(world, **wanted)).changed
    assert unchanged(looked(world), request(world, **wanted)) is not None


@pytest.mark.parametrize(
    "question",
    [
        lambda seen: seen.look("/etc/unheard-of"),
        lambda seen: seen.real("/etc/unheard-of"),
        lambda seen: seen.is_directory("/etc/unheard-of"),
        lambda seen: seen.names("/etc"),
        lambda seen: seen.read("/etc/passwd"),
        lambda seen: seen.ids("no-such-account", "0"),
        lambda seen: seen.ids("0", "no-such-group"),
        lambda seen: seen.sysctl("net.unheard"),
        lambda seen: seen.sysctl_keys("net.other.*"),
        lambda seen: seen.properties("unheard.service", PROPERTIES),
        lambda seen: seen.run(["dpkg-query", "-S", "/etc/passwd"]),
        lambda seen: seen.blob("web", "0" * 64),
    ],
)
def test_what_was_not_seen_is_a_question(world: World, question: Callable[[Seen], Any]) -> None:
    converge(world)
    with pytest.raises(Ask):
        question(Seen(looked(world)))


def test_a_look_of_a_node_that_was_never_committed_says_nothing(world: World) -> None:
    assert unchanged(looked(world), request(world)) is None


def test_only_root_has_looked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    converge(world)
    monkeypatch.setattr(Host, "uid", 1000)
    assert looked(world) == {}
