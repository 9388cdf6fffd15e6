# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wishes a node drained, and the number that keepalived reads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.files import Drain, Files, number
from ansible_collections.evenkeel.lb.plugins.module_utils._node.failure import Refused
from ansible_collections.evenkeel.lb.plugins.module_utils._node.files import write
from ansible_collections.evenkeel.lb.plugins.modules import drain as module

NOW = 1_000_000.0
FACTS = {
    "drain_value": -82,
    "services": {"app": "app.service", "web": "web.service"},
    "instances": [{"name": "public", "anchor": "192.0.2.28/24"}],
}


class Host:
    """A root of its own; commands are noted, and `ip` and `systemctl` answer."""

    def __init__(self, root: Path) -> None:
        self.calls: list[list[str]] = []
        self.addresses: list[str] = []
        self.active = "inactive"
        self.files = Files(root, self.run)
        write(self.files.facts_path, json.dumps(FACTS))

    def run(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(argv))
        out = self.active if argv[0] == "systemctl" else ""
        if argv[0] == "ip":
            out = json.dumps([{"ifname": "eth0", "addr_info": [{"local": address} for address in self.addresses]}])
        return subprocess.CompletedProcess(argv, 0, out, "")

    @property
    def value(self) -> int | None:
        return number(self.files.track / "drain")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("time.time", lambda: NOW)
    return Host(tmp_path)


def call(host: Host, check_mode: bool = False, **given: Any) -> tuple[bool, list[str], str]:
    params = {"owner": "operator", "reason": "", "value": None, "expires_seconds": None, "wait_seconds": 0, **given}
    module.check(params, host.files)
    changed, after, note = module.change(params, host.files, check_mode)
    return changed, [drain.owner for drain in after], note


def test_drained_twice_changes_once(host: Host) -> None:
    assert call(host, state="drained", reason="disk") == (True, ["operator"], "")
    assert host.value == -82
    assert call(host, state="drained", reason="disk") == (False, ["operator"], "")
    stored = json.loads((host.files.drains / "operator").read_text(encoding="utf-8"))
    assert stored == {"reason": "disk", "since": NOW, "expires": None, "value": None}


def test_check_mode_writes_nothing(host: Host) -> None:
    assert call(host, check_mode=True, state="drained") == (True, ["operator"], "")
    assert not host.files.drains.exists() and host.value is None
    call(host, state="drained")
    assert call(host, check_mode=True, state="undrained") == (True, [], "")
    assert host.value == -82


def test_lifting_one_wish_leaves_the_others(host: Host) -> None:
    call(host, state="drained")
    call(host, state="drained", owner="run-1", expires_seconds=60)
    assert call(host, state="undrained", owner="run-1") == (True, ["operator"], "It stays drained by operator.")
    assert host.value == -82
    assert call(host, state="undrained") == (True, [], "")
    assert host.value == 0


def test_undrained_without_being_drained_is_noted(host: Host) -> None:
    assert call(host, state="undrained") == (False, [], "operator had not drained this node.")
    call(host, state="drained", owner="run-1")
    assert call(host, state="undrained") == (
        False, ["run-1"], "operator had not drained this node. It stays drained by run-1.",
    )  # fmt: skip


def test_a_timed_drain_ends_by_itself(host: Host) -> None:
    call(host, state="drained", owner="run-1", expires_seconds=60)
    assert host.value == -82
    (timer,) = [argv for argv in host.calls if argv[0] == "systemd-run"]
    assert "--on-active=61" in timer and timer[-2:] == ["/usr/local/lib/evenkeel/vrrp/ctl", "derive"]
    assert host.files.derive(NOW + 59) == -82
    assert host.files.derive(NOW + 60) == 0
    assert list(host.files.wished()) == []


def test_a_renewed_drain_is_no_change_but_lasts_longer(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    call(host, state="drained", owner="run-1", expires_seconds=60)
    monkeypatch.setattr("time.time", lambda: NOW + 30)
    assert call(host, state="drained", owner="run-1", expires_seconds=60)[0] is False
    assert host.files.derive(NOW + 80) == -82
    # A drain that holds until it is lifted is another thing.
    assert call(host, state="drained", owner="run-1")[0] is True


def test_the_lowest_value_counts_and_never_less_than_the_plan(host: Host) -> None:
    files = host.files
    assert files.value_of([]) == 0
    assert files.value_of([Drain("a", value=-10)]) == -82
    assert files.value_of([Drain("a", value=-90), Drain("b")]) == -90
    assert files.value_of([Drain("a", value=-254)]) == -254


def test_a_file_that_cannot_be_read_drains(host: Host) -> None:
    write(host.files.drains / "somebody", "not json")
    (found,) = host.files.drained_by(NOW)
    assert (found.owner, found.reason, found.expires) == ("somebody", "the file could not be read", None)
    assert host.files.derive(NOW) == -82


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"owner": "../x"},
            "owner: an owner is a name that can be a file's. Found: '../x'. "
            "Use letters, digits and . _ - only, at most 100.",
        ),
        ({"value": 5}, "value: a drain lowers the priority. Found: 5. Leave it out, or write -254 to -1."),
        ({"expires_seconds": 0}, "expires_seconds: a timed drain lasts a while. Found: 0. Write 1 or more, or leave it out."),
    ],
)  # fmt: skip
def test_refusals(host: Host, given: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as refused:
        call(host, state="drained", **given)
    assert str(refused.value) == message
    assert not host.files.drains.exists()


def test_a_node_without_the_role_is_refused(host: Host) -> None:
    host.files.facts_path.unlink()
    with pytest.raises(Refused) as refused:
        call(host, state="drained")
    assert str(refused.value) == (
        f"{host.files.facts_path}: keepalived of this collection is not on this node, so nothing would read the drain. "
        "Found: no such file. Run the role evenkeel.lb.keepalived (site.yml) first."
    )
    assert call(host, state="undrained") == (False, [], "operator had not drained this node.")


def test_waiting_ends_when_no_anchor_is_held(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.addresses = ["192.0.2.11", "192.0.2.28"]
    assert module.held(host.files) == ["192.0.2.28"]
    monkeypatch.setattr("time.sleep", lambda _seconds: host.addresses.clear())
    assert 0 <= module.wait(host.files, 5) < 1


def test_a_vip_that_nobody_takes_is_an_error(host: Host) -> None:
    host.addresses = ["192.0.2.28"]
    with pytest.raises(Refused) as refused:
        module.wait(host.files, 0.05)
    assert refused.value.error == {
        "what": "the node is drained, but after 0.05 s it still holds 192.0.2.28: no peer has taken over.",
        "where": "wait_seconds",
        "got": "0.05",
        "remedy": "Look at the peers (evenkeel.lb.vrrp_info); lift the drain with state: undrained.",
    }


# --- what is made before keepalived reads -----------------------------------------------------------------------------------


def test_a_new_node_is_seeded(host: Host) -> None:
    host.files.seed()
    assert host.files.crashes() == {"app": -254, "web": -254}
    assert host.files.joining() and host.value == 0
    assert (host.files.volatile / "seeded").exists()
    assert (host.files.drains.stat().st_mode & 0o777, host.files.track.stat().st_mode & 0o777) == (0o700, 0o700)


def test_a_node_listens_anew_after_a_boot_and_only_then(host: Host) -> None:
    host.files.seed()
    host.files.joined()
    host.files.seed()
    assert not host.files.joining()
    (host.files.volatile / "seeded").unlink()
    host.files.seed()
    assert host.files.joining()


def test_a_keepalived_that_ran_before_us_need_not_listen(host: Host) -> None:
    """The holder of a pair that was built by hand must not let its VIPs go in its first reload."""
    host.active = "active"
    host.files.seed()
    assert not host.files.joining() and host.files.join.exists()


def test_a_running_unit_that_is_tracked_from_now_on_is_healthy(host: Host) -> None:
    host.active = "active"
    host.files.seed()
    assert host.files.crashes() == {"app": 0, "web": 0}


def test_what_units_have_written_is_left_alone(host: Host) -> None:
    write(host.files.volatile / "crash.app", "-254\n")
    write(host.files.volatile / "crash.gone", "-254\n")
    write(host.files.join, "0\n")
    write(host.files.volatile / "seeded", "")
    call(host, state="drained")
    host.active = "active"
    host.files.seed()
    assert host.files.crashes() == {"app": -254, "web": 0}
    assert not host.files.joining()
    assert host.value == -82


def test_an_unreadable_number_is_none(tmp_path: Path) -> None:
    assert number(tmp_path / "missing") is None
    write(tmp_path / "word", "many\n")
    assert number(tmp_path / "word") is None
