# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets on trial: confirmed they stay, otherwise they go back, whatever dies at whichever act."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import connection, guard, handover, payload
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.confirm import confirm
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.connection import Process
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.engine import commit
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.errors import CommitError
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Completed
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import parse
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.recover import _wait as wait_and_fall_back
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.recover import recover
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.result import Result
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.rollback import fall_back, rollback
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store

from tests.unit._commit.commit_host import Killed, PaperHost, World

OLD = {"a.conf": "old\n", "gone.conf": "old\n"}
NEW = {"a.conf": "new\n", "sub/b.conf": "new\n"}
PACKAGE = "ansible_collections.evenkeel.lb.plugins.module_utils._commit"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(f"{PACKAGE}.guard.moment", lambda seconds: "TIME")
    monkeypatch.setattr(f"{PACKAGE}.verify.GRACE", 0.0)
    monkeypatch.setattr(f"{PACKAGE}.connection.find", lambda: None)
    return World(tmp_path)


def old(world: World, **more: Any) -> Result:
    return world.commit(*(world.file(path, text) for path, text in OLD.items()), **{"run_id": "old", **more})


def new(world: World, **more: Any) -> Result:
    files = (world.file(path, text) for path, text in NEW.items())
    return world.commit(*files, **{"run_id": "new", "guard": 30, **more})


def trial(world: World) -> guard.Guard | None:
    return guard.read(Store(world.host))


def back(world: World) -> list[str]:
    return fall_back(world.host, Store(world.host), guard.NOBODY)


def message(result: Result) -> str:
    assert result.error
    return result.error.message()


def test_what_is_confirmed_stays(world: World) -> None:
    old(world)
    done = new(world)
    assert done.error is None and done.changed
    assert done.guard == {"run_id": "new", "services": ["web"], "seconds": 30.0, "deadline": "TIME"}
    assert world.host.transients == {guard.UNIT}
    said = confirm(world.host, "new", "")
    assert (said.error, said.changed, said.guard) == (None, True, {})
    assert said.services == [{"service": "web", "generation": 2, "apply": "none", "changed": False}]
    assert trial(world) is None and world.host.transients == set() and world.files() == NEW
    again = confirm(world.host, "new", "")
    assert (again.error, again.changed) == (None, False)


def test_what_nobody_confirms_goes_back_and_is_told_until_another_run_knows(world: World) -> None:
    old(world)
    new(world)
    assert back(world) == ["web of run new put itself back at TIME because nobody confirmed in time."]
    assert world.files() == OLD and not (world.etc / "sub").exists()
    told = {"run_id": "new", "services": ["web"], "at": "TIME", "why": "nobody confirmed in time", "problems": []}
    late = confirm(world.host, "new", "")
    assert message(late) == (
        "guard: the confirmation comes too late."
        " Found: web of run new put itself back at TIME because nobody confirmed in time."
        " Find out why nobody could confirm in time, then start a new run."
    )
    assert late.fell_back == told
    assert message(new(world)) == (
        "guard: this run fell back here, and the rest of it would make a mix."
        " Found: web of run new put itself back at TIME because nobody confirmed in time."
        " Find out why nobody could confirm, then start a new run."
    )
    undone = rollback(world.host, "new")
    assert (undone.error, undone.changed, undone.services, undone.fell_back) == (None, False, [], told)
    warning = "Before this call: web of run new put itself back at TIME because nobody confirmed in time."
    looked = new(world, run_id="third", check=True)
    assert (looked.error, looked.fell_back, looked.warnings) == (None, told, [warning])
    quiet = old(world, run_id="third")
    assert (quiet.error, quiet.changed, quiet.fell_back, quiet.warnings) == (None, False, told, [warning])
    assert old(world, run_id="third").fell_back == {} and trial(world) is None
    assert message(confirm(world.host, "new", "")) == (
        "guard: there is nothing to confirm. Found: run new was put back on this node. Start a new run."
    )


def test_nothing_to_change_and_check_mode_put_nothing_on_trial(world: World) -> None:
    old(world)
    acts = len(world.host.acts)
    assert old(world, run_id="new", guard=30).guard == {}
    assert new(world, check=True).changed
    assert (trial(world), len(world.host.acts)) == (None, acts)


def test_a_commit_that_fails_is_not_on_trial(world: World) -> None:
    old(world)
    failing = {"verify": {"command": [["false"]], "timeout": 0.01}}
    world.host.answer = lambda argv: Completed(1, "no") if argv[0] == "false" else None
    done = new(world, **failing)
    assert done.error and done.rolled_back and done.guard == {}
    assert trial(world) is None and world.host.transients == set() and world.files() == OLD
    # One that was on trial before stays so, with the generation to go back to.
    new(world)
    failed = world.commit(world.file("a.conf", "newer\n"), run_id="new", **failing)
    assert failed.error and world.files() == NEW
    found = trial(world)
    assert found and dict(found.services) == {"web": 1}
    back(world)
    assert world.files() == OLD


def test_without_the_unit_that_waits_nothing_changes(world: World) -> None:
    old(world)
    world.host.answer = lambda argv: Completed(1, "Failed to start") if argv[0] == "systemd-run" else None
    assert message(new(world)) == (
        "evenkeel-guard.service: the guard could not be armed; nothing was changed. Found: Failed to start."
        " See journalctl -u evenkeel-guard."
    )
    assert world.files() == OLD and trial(world) is None and Store(world.host).journals() == []


def test_another_run_is_refused_while_one_is_on_trial(world: World) -> None:
    old(world)
    new(world)
    text = (
        "guard: another run is on trial here, and until it has ended nobody else changes this node."
        " Found: run new has web on trial until TIME."
        " Confirm it (state: confirm, run_id: new), undo it (state: rollback), or wait."
    )
    assert message(old(world, run_id="third")) == text
    assert message(world.commit(world.file("x", "y"), service="other", run_id="")) == text
    assert message(rollback(world.host, "old")) == text
    looked = old(world, run_id="third", check=True)
    assert (looked.error, looked.warnings) == (None, [text])
    assert message(confirm(world.host, "third", "")) == (
        "guard: there is nothing of that to confirm. Found: run new has web on trial until TIME."
        " Name that run (run_id: new) or one of its services."
    )
    assert world.files() == NEW
    undone = rollback(world.host, "new")
    assert (undone.error, undone.changed, world.files()) == (None, True, OLD)
    assert trial(world) is None and world.host.transients == set()
    assert old(world, run_id="third").error is None


def test_two_services_have_one_deadline_and_go_back_in_reverse(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(f"{PACKAGE}.guard.now", lambda: clock[0])
    old(world)
    world.commit(world.file("other/o.conf", "old\n"), service="other", run_id="old")
    new(world)
    clock[0] = 110.0
    # The run's own commits join, also those without a guard of their own.
    joined = world.commit(world.file("other/o.conf", "new\n"), service="other", run_id="new")
    assert joined.guard["services"] == ["other", "web"]
    found = trial(world)
    assert found and (found.since, found.deadline, found.services) == (110.0, 140.0, {"other": 1, "web": 1})
    assert [argv[0] for argv in world.host.commands].count("systemd-run") == 1
    world.fresh()
    back(world)
    assert world.files() == {**OLD, "other/o.conf": "old\n"}
    moments = [act for act in world.host.acts if act.startswith("rename") and act.endswith("manifest.json")]
    assert [Path(act).parent.name for act in moments] == ["other", "web"]


def test_one_service_can_be_confirmed_alone(world: World) -> None:
    old(world)
    new(world)
    world.commit(world.file("other/o.conf", "new\n"), service="other", run_id="new")
    assert confirm(world.host, "", "web").guard["services"] == ["other"]
    back(world)
    assert world.files() == NEW
    assert message(confirm(world.host, "", "other")).startswith("guard: the confirmation comes too late.")


def test_what_was_there_before_us_comes_back_too_and_the_way_back_stays_until_then(world: World) -> None:
    (world.etc / "a.conf").write_text("theirs\n")
    new(world, on_drift="overwrite")
    back(world)
    assert world.files() == {"a.conf": "theirs\n"}
    assert not (world.root / "lib").exists()
    old(world, on_drift="overwrite")
    gone = world.commit(run_id="gone", guard=30)
    assert gone.error is None and world.files() == {"a.conf": "theirs\n"}
    assert (world.root / "lib" / "recover").exists()
    assert confirm(world.host, "gone", "").changed
    assert not (world.root / "lib").exists()


def test_no_check_stops_the_way_back(world: World) -> None:
    unit = {"unit": "web.service", "unit_state": "started"}
    checks = {"validate": [["checker"]], "verify": {"command": [["asker"]], "timeout": 0.01}}
    old(world, **unit, **checks)
    new(world, **unit)
    world.host.answer = lambda argv: (
        Completed(1, f"{argv[0]} is against it") if argv[0] in ("checker", "asker") or "reload" in argv else None
    )
    back(world)
    found = trial(world)
    assert world.files() == OLD and found and not found.pending
    assert len(found.problems) == 2 and "reload" in found.problems[0] and "asker is against it" in found.problems[1]


@pytest.mark.parametrize("restarted", [True, False])
def test_killed_at_every_act_it_goes_back(tmp_path: Path, restarted: bool) -> None:
    complete = World(tmp_path / "complete")
    old(complete)
    complete.fresh()
    new(complete)
    acts = complete.host.acts
    armed = acts.index(f"start {guard.UNIT}")
    assert [at for at, act in enumerate(acts) if act.endswith("journal.json")][0] > armed
    for at, act in enumerate(acts, 1):
        world = World(tmp_path / str(at))
        old(world)
        world.fresh(die_at=at)
        with pytest.raises(Killed):
            new(world)
        if restarted:
            world.fresh(transients=set(), in_recovery_service=True)
        else:
            world.fresh()
        store = Store(world.host)
        if not restarted and guard.waiting(world.host):
            back(world)
        else:
            assert recover(world.host).error is None
        assert world.files() == OLD, act
        assert store.journals() == []
        found = trial(world)
        assert not (found and found.pending)
        world.fresh(in_recovery_service=False)
        assert new(world, run_id="third").error is None and world.files() == NEW


def test_killed_at_every_act_of_the_way_back_it_goes_on(tmp_path: Path) -> None:
    def prepared(name: str, **changes: Any) -> World:
        world = World(tmp_path / name)
        old(world)
        new(world)
        world.commit(world.file("other/o.conf", "new\n"), service="other", run_id="new")
        world.fresh(**changes)
        return world

    complete = prepared("complete")
    back(complete)
    for at, act in enumerate(complete.host.acts, 1):
        world = prepared(str(at), die_at=at)
        with pytest.raises(Killed):
            back(world)
        world.fresh(transients=set())
        assert recover(world.host).error is None
        assert world.files() == OLD, act
        assert message(confirm(world.host, "new", "")).startswith("guard: the confirmation comes too late.")


def test_a_start_of_a_daemon_does_not_end_the_trial(world: World) -> None:
    """evenkeel-recover.service runs before each of them, and somebody waits for the deadline."""
    old(world)
    new(world)
    world.fresh(in_recovery_service=True)
    assert recover(world.host).changed is False
    assert world.files() == NEW


def test_it_waits_for_the_deadline_which_moves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(f"{PACKAGE}.guard.now", lambda: clock[0])
    old(world)
    new(world)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += 10
        if len(slept) == 2:
            world.commit(world.file("other/o.conf", "new\n"), service="other", run_id="new")

    monkeypatch.setattr(f"{PACKAGE}.recover.time.sleep", sleep)
    assert wait_and_fall_back(world.host) == 0
    assert (world.files(), len(slept)) == (OLD, 5)


def test_a_full_disk_is_no_end_of_the_trial(world: World) -> None:
    old(world)
    new(world)
    world.fresh(fail_on="write")

    with pytest.raises(CommitError, match="the system refused."):
        back(world)
    found = trial(world)
    assert found and found.pending and world.files() == NEW
    world.fresh()
    back(world)
    assert world.files() == OLD


# -- the connection ----------------------------------------------------------------------------------------------


def test_a_connection_older_than_the_change_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old(world)
    new(world)
    found = trial(world)
    assert found
    way = Process(77, "sshd", 1, found.since - 2.5)
    monkeypatch.setattr(f"{PACKAGE}.connection.find", lambda: way)
    refused = confirm(world.host, "new", "")
    assert message(refused) == (
        "guard: the confirmation came over a connection that is older than the change, which proves nothing."
        " Found: the connection of sshd (process 77) is 2.5 s older."
        " Confirm over a new one: this module's action closes Ansible's shared connection; where a proxy or another"
        " plugin keeps one, put `meta: reset_connection` before the task."
    )
    assert trial(world) == found
    monkeypatch.setattr(f"{PACKAGE}.connection.find", lambda: Process(78, "sshd", 1, found.since + 0.1))
    assert confirm(world.host, "new", "", check=True).changed and trial(world) == found
    assert confirm(world.host, "new", "").changed


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        ([("python3", "S"), ("sudo", "S"), ("sshd", "S"), ("sshd", "S"), ("systemd", "S")], 998),
        ([("python3", "S"), ("sh (x) y", "S"), ("sshd-session", "S"), ("sshd", "S")], 998),
        ([("python3", "S"), ("bash", "S"), ("login", "S"), ("systemd", "S")], None),
        ([("python3", "S")], None),
    ],
)
def test_a_connection_is_found_among_the_ancestors(
    tmp_path: Path, chain: Sequence[tuple[str, str]], found: int | None
) -> None:
    for at, (name, state) in enumerate(chain):
        pid = 1000 - at if at < len(chain) - 1 or len(chain) == 1 else 1
        parent = 0 if at == len(chain) - 1 else 1000 - at - 1 if at < len(chain) - 2 else 1
        (tmp_path / str(pid)).mkdir()
        rest = " ".join(["0"] * 17 + [str(pid * os.sysconf("SC_CLK_TCK"))] + ["0"] * 20)
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) {state} {parent} {rest}\n")
    way = connection.find(1000, str(tmp_path))
    assert (way.pid if way else None) == found
    assert way is None or way.since == float(way.pid)


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    me = connection.look(os.getpid())
    assert me and me.alive()
    assert not Process(me.pid, me.name, me.parent, me.since - 1).alive()
    assert connection.look(2**30) is None


# -- handing over ------------------------------------------------------------------------------------------------


class Handing(PaperHost):
    """Does in this process what the transient unit would do, or loses it."""

    lose = False

    def transient(self, unit: str, description: str, argv: Sequence[str], *properties: str) -> Completed:
        if "work" not in argv:
            return super().transient(unit, description, argv, *properties)
        self.seen = {
            path.name: (oct(path.stat().st_mode & 0o777), path.read_bytes())
            for path in Path(argv[-1]).iterdir()
            if path.is_file()
        }
        self.said = " ".join([unit, description, *argv, *properties])
        if not self.lose:
            handover.work(self, argv[-1])
        return Completed(0, "")


def handing(world: World) -> Handing:
    host = Handing(**{key: getattr(world.host, key) for key in world.host.__dataclass_fields__})
    world.host = host
    return host


def hand_over(world: World, text: str, **more: Any) -> Result:
    arguments = {"service": "web", "run_id": "new", "files": [world.file("a.conf", "")], "guard": 30, **more}
    contents = [text.encode()]
    packed = payload.pack(contents, arguments)
    return commit(
        world.host, parse(arguments, contents), lambda: handover.hand_over(world.host, arguments["service"], packed)
    )


def test_the_work_is_handed_over_without_a_trace(world: World) -> None:
    world.commit(world.file("a.conf", "old\n"), run_id="old")
    host = handing(world)
    done = hand_over(world, "canary\n")
    assert (done.error, done.changed, done.guard["services"], world.files()) == (
        None,
        True,
        ["web"],
        {"a.conf": "canary\n"},
    )
    assert done.diff[0]["after"] == "canary\n"
    assert host.seen["request"][0] == "0o600" and "canary" not in host.said
    assert list((world.root / "run/commit").iterdir()) == []
    # Nothing to do: nothing is handed over.
    host.seen = {}
    assert (hand_over(world, "canary\n").changed, host.seen) == (False, {})


def test_a_failure_comes_back_whole(world: World) -> None:
    world.commit(world.file("a.conf", "old\n"), run_id="old")
    host = handing(world)
    host.answer = lambda argv: Completed(1, "no") if argv[0] == "false" else None
    done = hand_over(world, "new\n", verify={"command": [["false"]], "timeout": 0.01})
    assert done.error and done.rolled_back and done.stage == "verify"
    assert done.error.what == "the new set is not in force. The old set was put back."
    assert world.files() == {"a.conf": "old\n"}


def test_a_result_that_nobody_was_there_to_hear_is_told_by_the_next_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commit(world.file("a.conf", "old\n"), run_id="old")
    handing(world)
    monkeypatch.setattr(f"{PACKAGE}.connection.find", lambda: Process(2**30, "sshd", 1, 0.0))
    hand_over(world, "new\n")
    # While the caller lives, the result is its own.
    assert handover.left_behind(world.host, forget=True) == []
    for caller in (world.root / "run/commit").glob("*/caller"):
        caller.unlink()
    monkeypatch.setattr(f"{PACKAGE}.connection.find", lambda: None)
    (left,) = handover.left_behind(world.host, forget=False)
    assert left.text() == "The commit of web (run new) went on after its connection was lost: it came into force."
    said = confirm(world.host, "new", "")
    assert (said.changed, said.warnings) == (True, [left.text()])
    assert handover.left_behind(world.host, forget=True) == []


def test_a_failure_that_nobody_was_there_to_hear_is_nothing_to_confirm(world: World) -> None:
    directory = world.root / "run/commit/abc"
    directory.mkdir(parents=True)
    failed = Result(stage="verify")

    failed.error = CommitError("it broke.", "web.service", "lines", "Mend it.")
    told = {"service": "web", "run_id": "new", "time": 1.0, "result": failed.dump()}
    (directory / "result").write_text(json.dumps(told))
    assert message(confirm(world.host, "new", "")) == (
        "web: there is nothing to confirm. Found: The commit of web (run new) went on after its connection was lost:"
        " it failed: web.service: it broke. Found: lines. Mend it. Mend that and run again."
    )
    assert not directory.exists()


def test_work_whose_unit_was_killed_is_undone_and_said(world: World) -> None:
    world.commit(world.file("a.conf", "old\n"), run_id="old")
    handing(world).lose = True
    done = hand_over(world, "new\n")
    assert message(done).startswith("evenkeel-commit-") and "ended without a result" in message(done)
    assert world.files() == {"a.conf": "old\n"}
    assert list((world.root / "run/commit").iterdir()) == []


def test_a_request_whose_unit_never_ran_does_not_lie_about(world: World) -> None:
    directory = world.root / "run/commit/abc"
    directory.mkdir(parents=True)
    (directory / "request").write_text("secret")
    world.host.transients.add("evenkeel-commit-abc.service")
    assert handover.left_behind(world.host, forget=True) == [] and directory.exists()
    world.host.transients.clear()
    assert handover.left_behind(world.host, forget=True) == [] and not directory.exists()


def test_without_systemd_run_nothing_changes(world: World) -> None:
    world.commit(world.file("a.conf", "old\n"), run_id="old")
    world.host.answer = lambda argv: Completed(127, "systemd-run: not found") if argv[0] == "systemd-run" else None
    assert message(hand_over(world, "new\n")) == (
        "systemd-run: the work could not be handed over to a unit of its own; nothing was changed."
        " Found: systemd-run: not found. Guarded commits need systemd-run; without guard they do not."
    )
    assert world.files() == {"a.conf": "old\n"} and list((world.root / "run/commit").iterdir()) == []
