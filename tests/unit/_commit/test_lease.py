"""One run at a time changes a node."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.lease import Lease, Leases, read_lease
from ansible_collections.evenkeel.lb.plugins.modules import lease as module
from ansible_collections.evenkeel.lb.plugins.plugin_utils import controller

NOW = 1795263184.0


def lease(run_id: str = "first", **changed: Any) -> Lease:
    return Lease(
        **{"run_id": run_id, "playbook": "propagate", "who": "ann@desk", "since": NOW, "expires": NOW + 900, **changed}
    )


@pytest.fixture
def leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Leases:
    monkeypatch.setattr("time.time", lambda: NOW + 1)
    (tmp_path / "var/lib/evenkeel").mkdir(parents=True)
    return Leases(tmp_path)


def test_a_free_node_is_taken_and_given_back(leases: Leases) -> None:
    assert module.take(leases, lease(), None, False) == (True, lease())
    assert leases.read() == lease()
    assert module.release(leases, "first", False) == (True, None, "")
    assert leases.read() is None


def test_renewing_ones_own_is_no_change_but_lasts_longer(leases: Leases) -> None:
    module.take(leases, lease(), None, False)
    later = lease(expires=NOW + 1800)
    assert module.take(leases, later, None, False) == (False, later)
    assert leases.read() == later


def test_somebody_elses_is_refused_by_name(leases: Leases) -> None:
    module.take(leases, lease(), None, False)
    with pytest.raises(module.Held) as held:
        module.take(leases, lease("second"), None, False)
    assert str(held.value) == (
        f"{leases.path}: Another run holds this node. Found: propagate by ann@desk, run first, since 2026-11-21 12:13:04 UTC, "
        "until 2026-11-21 12:28:04 UTC at the latest. "
        "Wait for that run. If it is gone for good, its lease ends by itself at the time named."
    )
    assert leases.read() == lease()


def test_a_hold_says_how_it_is_released(leases: Leases) -> None:
    module.take(leases, lease(playbook="rollback", expires=None, reason="web was slow"), None, False)
    with pytest.raises(
        module.Held, match=r"until it is released \(web was slow\)\. Look .* -e evenkeel_release=true\.$"
    ):
        module.take(leases, lease("second"), None, False)


def test_one_that_has_ended_is_nobodys(leases: Leases) -> None:
    module.take(leases, lease(expires=NOW), None, False)
    assert leases.read() is None
    assert module.take(leases, lease("second"), None, False)[0] is True


def test_that_of_a_run_that_died_is_taken_over(leases: Leases) -> None:
    module.take(leases, lease(), None, False)
    assert module.take(leases, lease("second"), "first", False) == (True, lease("second"))


def test_check_mode_takes_and_releases_nothing(leases: Leases) -> None:
    assert module.take(leases, lease(), None, True)[0] is True
    assert leases.read() is None
    module.take(leases, lease(), None, False)
    assert module.release(leases, "first", True)[0] is True
    assert leases.read() == lease()


@pytest.mark.parametrize(
    ("held", "run_id", "note"),
    [(False, "first", "Nobody held this node."), (True, "second", f"It is not this run's: {lease()}.")],
)
def test_releasing_what_is_not_ones_own_changes_nothing(leases: Leases, held: bool, run_id: str, note: str) -> None:
    if held:
        module.take(leases, lease(), None, False)
    assert module.release(leases, run_id, False) == (False, lease() if held else None, note)


def test_a_person_releases_whoevers_it_is(leases: Leases) -> None:
    module.take(leases, lease(expires=None), None, False)
    assert module.release(leases, None, False) == (True, None, "")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"run_id": 1}'])
def test_one_that_cannot_be_read_is_somebodys(leases: Leases, text: str) -> None:
    leases.path.write_text(text)
    found = leases.read()
    assert found is not None and found.hold and "can't be read" in found.playbook


def test_a_lease_survives_its_file() -> None:
    assert read_lease(json.loads(json.dumps(lease(controller={"pid": 1}).as_dict()))) == lease(controller={"pid": 1})


def test_a_process_that_runs_is_not_gone_and_one_that_ended_is(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = controller.identity(child.pid)
    assert not controller.gone(identity)
    child.communicate(b"\n")
    assert controller.gone(identity)


def test_a_process_that_proc_hides_is_not_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """/proc mounted with hidepid: another user's process is not there, and a signal to it is not permitted."""
    identity = {**controller.identity(), "pid": 4711}
    monkeypatch.setattr(controller, "_boot", lambda: identity["boot"])
    monkeypatch.setattr(controller, "PROC", tmp_path)

    def kill(answer: type[Exception] | None) -> None:
        def killed(pid: int, number: int) -> None:
            assert (pid, number) == (4711, 0)
            if answer:
                raise answer

        monkeypatch.setattr("os.kill", killed)

    for answer, gone in ((PermissionError, False), (None, False), (ProcessLookupError, True), (OverflowError, True)):
        kill(answer)
        assert controller.gone(identity) is gone
    # Where it is to be seen, its number may be another's by now, whatever that calls itself.
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711/stat").write_bytes(b"4711 (\xff) " + b" ".join([b"0"] * 19 + [b"1"] * 10))
    kill(PermissionError)
    assert controller.gone(identity)


@pytest.mark.parametrize(
    "changed",
    [
        lambda identity: {**identity, "boot": "another machine"},
        lambda identity: {},
        lambda identity: {**identity, "started": ""},
    ],
)
def test_of_another_machine_nothing_is_known(changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    assert not controller.gone(changed({**controller.identity(), "pid": 2**22 + 1}))
