# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dying at any act leaves the old set or the new one, and no trace of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import store as stores
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.journal import recover
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.rollback import rollback
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import BY_HAND, Generation, Store

from tests.unit.commit_host import Killed, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


OLD = {"a.conf": "old\n", "gone.conf": "old\n", "sub/deep/b.conf": "old\n"}
NEW = {"a.conf": "new\n", "sub/b.conf": "new\n", "other/c.conf": "new\n"}


def old(world: World) -> Any:
    return world.commit(*(world.file(path, text) for path, text in OLD.items()), run_id="old")


def new(world: World) -> Any:
    return world.commit(*(world.file(path, text) for path, text in NEW.items()), run_id="new")


def test_a_commit_and_its_rest(world: World) -> None:
    assert old(world).error is None and world.files() == OLD
    assert new(world).error is None and world.files() == NEW
    assert not (world.etc / "sub/deep").exists()
    acts = len(world.host.acts)
    again = new(world)
    assert (again.changed, again.stage, len(world.host.acts)) == (False, "compare", acts)


def test_killed_at_every_act(tmp_path: Path) -> None:
    complete = World(tmp_path / "complete")
    old(complete)
    complete.fresh()
    new(complete)
    acts = complete.host.acts
    ends = []
    for at in range(1, len(acts) + 1):
        world = World(tmp_path / str(at))
        old(world)
        world.fresh(die_at=at)
        with pytest.raises(Killed):
            new(world)
        world.fresh()
        store = Store(world.host)
        recover(world.host, store)
        assert world.files() in (OLD, NEW), acts[at - 1]
        assert (world.etc / "sub/deep").exists() == (world.files() == OLD)
        assert (world.etc / "other").exists() == (world.files() == NEW)
        assert store.journals() == []
        ends.append(world.files() == NEW)
        assert new(world).error is None and world.files() == NEW
    assert ends == sorted(ends) and len(set(ends)) == 2


def test_the_first_commit_killed_at_every_act(tmp_path: Path) -> None:
    complete = World(tmp_path / "complete")
    new(complete)
    for at, act in enumerate(complete.host.acts, 1):
        world = World(tmp_path / str(at))
        world.fresh(die_at=at)
        with pytest.raises(Killed):
            new(world)
        world.fresh()
        recover(world.host, Store(world.host))
        assert world.files() in ({}, NEW), act
        assert new(world).error is None and world.files() == NEW


def test_an_act_that_fails_after_the_moment_of_commit_is_a_warning(world: World) -> None:
    old(world)
    world.fresh(fail_on=f"unlink {world.etc}/.a.conf.evenkeel-old")
    result = new(world)
    assert result.error is None and result.changed and world.files()["a.conf"] == "new\n"
    assert result.warnings[0].startswith("The set is in force; the next run cleans up: ")
    world.fresh()
    recover(world.host, Store(world.host))
    assert list(world.etc.rglob(".*")) == [] and world.files() == NEW


def test_killed_at_every_act_of_recovery_itself(tmp_path: Path) -> None:
    probe = World(tmp_path / "probe")
    old(probe)
    probe.fresh()
    new(probe)
    at = next(
        at for at, act in enumerate(probe.host.acts, 1) if act.startswith("rename") and act.endswith("manifest.json")
    )
    number = 0
    while True:
        number += 1
        world = World(tmp_path / str(number))
        old(world)
        world.fresh(die_at=at)
        with pytest.raises(Killed):
            new(world)
        world.fresh(die_at=number)
        try:
            recover(world.host, Store(world.host))
        except Killed:
            world.fresh()
            recover(world.host, Store(world.host))
            assert world.files() == OLD
            continue
        assert world.files() == OLD and number > 5
        return


@pytest.mark.parametrize("act", ["write", "link", "rename", "mkdir"])
def test_an_act_that_fails_leaves_the_old_set(world: World, act: str) -> None:
    old(world)
    place = str(world.etc)
    world.fresh(fail_on=f"{act} {place}")
    result = new(world)
    assert result.error is not None and result.error.got == "No space left on device"
    # Undoing may need the act that fails: then the journal stays for the next time.
    world.fresh()
    recover(world.host, Store(world.host))
    assert world.files() == OLD


def test_generations_expire_by_number_and_age_but_never_what_a_person_wrote(world: World) -> None:
    old(world)
    store = Store(world.host)
    day = 86400.0
    store.keep(Generation("web", 1, time=day))
    for number in range(2, 30):
        kind = BY_HAND if number == 3 else stores.COMMIT
        store.keep(Generation("web", number, kind, time=number * day))
    store.expire("web", now=29 * day + 30 * day + 1)
    assert [one.number for one in store.generations("web")] == [3, *range(20, 30)]
    store.expire("web", now=29 * day)
    assert len(store.generations("web")) == 11


def test_an_older_schema_is_migrated_and_a_newer_one_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old(world)
    schema = Path(world.host.state_dir, "schema")
    seen: list[str] = []
    schema.write_text("0\n")
    monkeypatch.setitem(stores.MIGRATIONS, 0, seen.append)
    assert new(world).error is None
    assert (seen, schema.read_text()) == ([world.host.state_dir], "1\n")
    schema.write_text("2\n")
    error = old(world).error
    assert error is not None
    assert error.message() == (
        f"{schema}: this node's state was written by a newer evenkeel.lb. Found: 2, and this release reads up to 1."
        " Run the newer release of the collection; nothing was changed."
    )
    assert world.files() == NEW


def test_a_run_is_undone_and_undoing_it_twice_does_nothing(world: World) -> None:
    old(world)
    new(world)
    world.commit(world.file("z.conf", "new\n"), service="other", run_id="new")
    done = rollback(world.host, "new")
    assert done.error is None and [one["service"] for one in done.services or []] == ["other", "web"]
    assert world.files() == OLD
    again = rollback(world.host, "new")
    assert (again.error, again.changed, again.services) == (None, False, [])
    refused = rollback(world.host, "old")
    assert refused.error is not None and "another run committed web after this one." in refused.error.message()
