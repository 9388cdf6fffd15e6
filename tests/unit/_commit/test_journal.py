# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dying at any act leaves the old set or the new one, and no trace of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import apply, namespace, transaction
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import journal as journals
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import rollback as rollbacks
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import store as stores
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.engine import commit_locked
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.errors import CommitError
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Completed
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.journal import recover
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.namespace import Verdict
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.rollback import fall_back, rollback
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import BY_HAND, Generation, Store

from tests.unit._commit.commit_host import Killed, World


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
        store.put_in_force(Generation("web", number, kind, time=number * day))
    store.expire("web", now=29 * day + 30 * day + 1)
    assert [one.number for one in store.generations("web")] == [3, *range(20, 30)]
    store.expire("web", now=29 * day)
    assert len(store.generations("web")) == 11


def test_what_people_wrote_does_not_push_commits_out(world: World) -> None:
    old(world)
    store = Store(world.host)
    for number in range(1, 14):
        store.put_in_force(Generation("web", number))
    for number in range(14, 26):
        store.keep(Generation("web", number, BY_HAND))
    store.expire("web", now=365 * 86400.0)
    assert [one.number for one in store.generations("web")] == list(range(4, 26))


def test_what_is_in_force_and_what_a_trial_goes_back_to_never_expire(world: World) -> None:
    old(world)
    store = Store(world.host)
    for number in range(1, 30):
        store.keep(Generation("web", number))
    store.put_in_force(Generation("web", 5))
    store.write_json("guard.json", {"services": {"web": 4, "other": 3}})
    store.expire("web", now=365 * 86400.0)
    assert [one.number for one in store.generations("web")] == [4, 5, *range(20, 30)]


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


def versions(world: World, *runs: str) -> None:
    """A commit per run, of a file that has the run's name."""
    for run in runs:
        assert world.commit(world.file("a.conf", f"{run}\n"), run_id=run).error is None


def undone(world: World, run: str) -> str:
    """What is in force after a rollback, which must have changed something."""
    done = rollback(world.host, run)
    assert (done.error, done.changed) == (None, True)
    return world.files().get("a.conf", "nothing")


def refusal(world: World, run: str) -> str:
    files = world.files()
    done = rollback(world.host, run)
    assert done.error is not None and world.files() == files
    return done.error.message()


def nothing_left(world: World, run: str) -> bool:
    done = rollback(world.host, run)
    return (done.error, done.changed, done.services) == (None, False, [])


def test_a_run_that_another_came_after_is_not_undone(world: World) -> None:
    versions(world, "0", "1", "2", "3")
    assert undone(world, "3") == "2\n"
    # Named is the one that stands, not the undoing of the one that does not.
    assert refusal(world, "1") == (
        "web: another run committed web after this one. Found: run 2, generation 3. Roll that run back first."
    )


def test_one_can_go_further_back_past_what_was_undone(world: World) -> None:
    versions(world, "0", "1", "2")
    assert undone(world, "2") == "1\n"
    (world.etc / "a.conf").write_text("by hand\n")
    assert undone(world, "1") == "0\n"
    assert [one.kind for one in Store(world.host).generations("web")].count(BY_HAND) == 1
    assert nothing_left(world, "1") and nothing_left(world, "2")
    assert undone(world, "0") == "nothing"
    assert all(nothing_left(world, run) for run in "012")


def test_one_can_go_back_between_what_was_undone(world: World) -> None:
    versions(world, "0", "1", "2")
    undone(world, "2")
    versions(world, "3", "4")
    undone(world, "4")
    # What stood before 3 was put there by the undoing of 2.
    assert undone(world, "3") == "1\n"
    assert undone(world, "1") == "0\n"


def test_an_undoing_can_be_undone(world: World) -> None:
    versions(world, "0", "1")
    undone(world, "1")
    assert undone(world, "rollback of 1") == "1\n"
    assert refusal(world, "0").startswith("web: another run committed web after this one. Found: run rollback of roll")
    assert undone(world, "rollback of rollback of 1") == "0\n"
    assert undone(world, "0") == "nothing"


def test_a_run_that_was_made_again_is_undone_again(world: World) -> None:
    versions(world, "0", "1")
    undone(world, "1")
    versions(world, "1")
    assert undone(world, "1") == "0\n" and nothing_left(world, "1")


def test_a_service_that_the_undone_run_did_not_touch_goes_back_too(world: World) -> None:
    versions(world, "0", "1", "2")
    world.commit(world.file("z.conf", "1\n"), service="other", run_id="1")
    undone(world, "2")
    assert undone(world, "1") == "0\n" and world.files() == {"a.conf": "0\n"}


def test_what_is_kept_no_more_is_not_taken_for_nothing(world: World) -> None:
    versions(world, "0", "1", "2", "3")
    store = Store(world.host)
    store.forget("web", 1)
    undone(world, "3")
    undone(world, "2")
    assert refusal(world, "1") == (
        "web: what web was before this run is kept no more. Found: its oldest commit is generation 2."
        " Commit the set that you want instead."
    )


def test_a_rollback_of_no_run_is_refused(world: World) -> None:
    world.commit(world.file("a.conf", "nameless\n"), run_id="")
    assert refusal(world, "") == (
        "run_id: a rollback needs the name of a run; nothing was changed. Found: ''."
        " Name it; evenkeel.lb.commit_info lists them."
    )


# -- what nobody thought of --------------------------------------------------------------------------------------


def test_an_error_that_nobody_thought_of_puts_back_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old(world)

    def broken(*arguments: Any) -> Any:
        raise KeyError("of the authors")

    monkeypatch.setattr(apply, "apply", broken)
    done = new(world)
    assert done.error is not None and done.rolled_back and world.files() == OLD
    assert Store(world.host).journals() == []
    assert done.error.what == "this release of evenkeel.lb did not expect what happened. The old set was put back."
    assert done.error.where.startswith("test_journal.py:")
    assert (done.error.got, done.error.remedy) == (
        "KeyError: 'of the authors'",
        "Report it to its authors with this text.",
    )


def test_one_that_comes_while_putting_back_hides_no_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old(world)

    def broken(*arguments: Any) -> Any:
        raise ValueError("of the authors")

    monkeypatch.setattr(journals, "undo", broken)
    world.fresh(fail_on=f"rename {world.etc}")
    done = new(world)
    assert done.error is not None and not done.rolled_back
    assert done.error.what == "the system refused. Putting the old set back did not succeed either."
    assert done.error.got.startswith("No space left on device\nWhile putting back:\ntest_journal.py:")
    assert "Found: ValueError: of the authors." in done.error.got


def test_one_of_one_service_stops_no_other_s_way_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old(world)
    world.commit(world.file("z.conf", "old\n"), service="other", run_id="old")
    new_set = {"run_id": "new", "guard": 30}
    world.commit(world.file("a.conf", "new\n"), **new_set)
    world.commit(world.file("z.conf", "new\n"), service="other", **new_set)

    def broken(host: Any, store: Any, request: Any, result: Any) -> None:
        if request.service == "other":
            raise ValueError("of the authors")
        commit_locked(host, store, request, result)

    monkeypatch.setattr(rollbacks, "commit_locked", broken)
    with pytest.raises(CommitError) as caught:
        fall_back(world.host, Store(world.host), "nobody confirmed in time")
    assert caught.value.got == "ValueError: of the authors"
    assert world.files() == {**OLD, "z.conf": "new\n"}


def test_one_of_a_check_does_not_stop_the_way_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old(world)
    world.commit(world.file("a.conf", "new\n"), run_id="new", guard=30)

    def broken(*arguments: Any) -> Any:
        raise ValueError("of the authors")

    monkeypatch.setattr(transaction, "settle", broken)
    said = fall_back(world.host, Store(world.host), "nobody confirmed in time")
    assert world.files() == OLD and "Found: ValueError: of the authors." in said[0]


def test_an_error_after_the_moment_of_commit_is_told(world: World) -> None:
    old(world)
    world.fresh()
    rename = world.host.rename

    def renamed(source: str, target: str) -> None:
        rename(source, target)
        if target.endswith("manifest.json"):
            raise ValueError("of the authors")

    world.host.rename = renamed  # type: ignore[method-assign]
    done = new(world)
    assert (done.error, done.changed, world.files()) == (None, True, NEW)
    assert len(done.warnings) == 1 and "Found: ValueError: of the authors." in done.warnings[0]
    assert done.warnings[0].startswith("The set is in force all the same: test_journal.py:")


# -- somebody edits meanwhile ------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [False, True])
def test_an_edit_while_the_old_set_or_the_new_one_is_checked_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    if not first:
        old(world)
    edited = world.etc / "a.conf"

    def edit(host: Any, directories: Any, stage: Any, commands: Any) -> list[Verdict]:
        edited.write_text("by hand, just now\n")
        return [Verdict(("checker",), Completed(0, ""))]

    monkeypatch.setattr(namespace, "validate", edit)
    files = [world.file(path, text) for path, text in NEW.items()]
    done = world.commit(*files, run_id="new", guard=30, validate=[["true"]])
    assert done.error is not None and not done.changed
    assert done.error.message() == (
        f"{edited}: somebody changed this path while its new version was being checked; nothing was changed."
        " Found: not what was compared. Run it again."
    )
    assert world.files() == {**({} if first else OLD), "a.conf": "by hand, just now\n"}
    store = Store(world.host)
    assert store.journals() == [] and store.read_json("guard.json") == {}
    # Now it is drift, which a run sees.
    again = new(world)
    assert again.error is not None and "and was left as it is." in again.error.message()


def test_directories_that_a_commit_makes_itself_are_no_edit(world: World) -> None:
    drop_in = world.root / "units/web.service.d/20-ours.conf"
    file = {**world.file("a.conf", "[Service]\n"), "path": str(drop_in)}
    done = world.commit(file, unit="web.service")
    assert done.error is None and drop_in.exists()
