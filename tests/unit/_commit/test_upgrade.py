# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier commit of this project left on a node, and what today's code makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import guard
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.confirm import confirm
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.lease import Lease, Leases
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.recover import recover
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.rollback import rollback
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import LIBRARIES

from tests.library import installed
from tests.unit._commit.commit_host import World
from tests.unit._commit.recording import FIRST, LEASES, SECOND, SWITCH, first, play

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
each_commit = pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem, indirect=True)
# Of a node that runs today's code: the same service, whose files have moved.
MOVED = {
    "keepalived.conf": "two\n",
    **{f"lib{path.removeprefix(LIBRARIES)}": text.decode() for path, text in installed("keepalived").items()},
}


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("ansible_collections.evenkeel.lb.plugins.module_utils._commit.connection.find", lambda: None)
    monkeypatch.setattr("ansible_collections.evenkeel.lb.plugins.module_utils._commit.verify.GRACE", 0.0)
    return World(tmp_path / "node")


def today(world: World, **more: Any) -> Any:
    files = [world.file(name, text) for name, text in MOVED.items()]
    given = {"service": "keepalived", "unit": "keepalived.service", "unit_state": "started", "enabled": True}
    return world.commit(*files, **{**given, "run_id": "today", **more})


def trees(world: World) -> set[str]:
    return {path.name for path in (world.etc / "lib/vrrp").iterdir()}


def switch(world: World) -> str:
    return (world.root / SWITCH).read_text(encoding="ascii").strip()


@each_commit
def test_files_that_moved_are_gone_after_the_next_commit(recorded: dict[str, Any], world: World) -> None:
    play(recorded, "done", world)
    assert world.files() == FIRST
    assert today(world).error is None
    assert world.files() == MOVED
    assert trees(world) == {Path(name).parts[2] for name in MOVED if name.startswith("lib/")}
    assert not (world.etc / "lib/vrrp/_vrrp").exists()
    again = today(world)
    assert (again.changed, again.stage) == (False, "compare")


@each_commit
def test_the_older_set_comes_back_by_a_rollback(recorded: dict[str, Any], world: World) -> None:
    play(recorded, "done", world)
    assert today(world).error is None
    undone = rollback(world.host, "today")
    assert undone.error is None and undone.changed and world.files() == FIRST
    assert trees(world) == {"ctl", "_core", "_vrrp"}


@each_commit
def test_a_commit_that_was_cut_off_anywhere_is_recovered(recorded: dict[str, Any], tmp_path: Path) -> None:
    ends = []
    for number, case in enumerate(name for name in recorded["cases"] if name.startswith("killed ")):
        world = World(tmp_path / str(number))
        play(recorded, case, world)
        said = recover(world.host)
        assert said.error is None and not any("While undoing" in line for line in said.warnings), case
        new = world.files() == SECOND
        assert new or world.files() == FIRST, case
        assert switch(world) == str(int(new)), case
        assert Store(world.host).journals() == [] and list(world.etc.rglob(".*")) == [], case
        ends.append(new)
        assert today(world).error is None and world.files() == MOVED, case
    # Undone before the moment of commit, finished after it.
    assert len(ends) > 30 and ends == sorted(ends) and len(set(ends)) == 2


@each_commit
def test_the_next_commit_recovers_by_itself(recorded: dict[str, Any], tmp_path: Path) -> None:
    for number, case in enumerate(name for name in recorded["cases"] if "rename @ROOT@/etc/lib" in name):
        world = World(tmp_path / str(number))
        play(recorded, case, world)
        done = today(world)
        assert done.error is None and world.files() == MOVED, case
        assert "A commit of keepalived (run second) was cut off half-way; it was undone." in done.warnings, case


@each_commit
def test_a_trial_that_nobody_waits_for_goes_back(recorded: dict[str, Any], world: World) -> None:
    play({**recorded, "cases": with_nobody_waiting(recorded)}, "trial", world)
    assert world.files() == SECOND
    said = recover(world.host)
    assert said.error is None and said.changed
    assert (world.files(), switch(world)) == (FIRST, "0")


@each_commit
def test_a_trial_is_confirmed_and_keeps_other_runs_out_until_then(recorded: dict[str, Any], world: World) -> None:
    play(recorded, "trial", world)
    refused = today(world)
    assert refused.error and "another run is on trial here" in refused.error.message()
    said = confirm(world.host, "second", "")
    assert (said.error, said.changed, said.guard) == (None, True, {})
    assert guard.read(Store(world.host)) is None and world.files() == SECOND
    assert today(world).error is None and world.files() == MOVED


@each_commit
def test_what_fell_back_is_told(recorded: dict[str, Any], world: World) -> None:
    play(recorded, "fell back", world)
    assert world.files() == FIRST
    refused = first(world, run_id="second")
    assert refused.error and "this run fell back here" in refused.error.message()
    done = today(world)
    assert done.error is None and done.fell_back["run_id"] == "second"


def with_nobody_waiting(recorded: dict[str, Any]) -> dict[str, Any]:
    """As after a boot: the unit that waits for the deadline was a transient one."""
    return {name: {**case, "transients": []} for name, case in recorded["cases"].items()}


@each_commit
@pytest.mark.parametrize("name", LEASES)
def test_a_lease_is_the_same_file_then_and_now(recorded: dict[str, Any], tmp_path: Path, name: str) -> None:
    """Nodes are upgraded one after the other: each side reads what the other has written."""
    leases = Leases(tmp_path)
    leases.path.parent.mkdir(parents=True)
    leases.path.write_text(recorded["leases"][name], encoding="utf-8")
    assert leases.read(now=2.0) == Lease(**LEASES[name])
    leases.take(Lease(**LEASES[name]))
    assert leases.path.read_text(encoding="utf-8") == recorded["leases"][name]
    assert leases.path.relative_to(tmp_path).as_posix() == "var/lib/evenkeel/lease.json"
