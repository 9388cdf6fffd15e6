# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions make of this run's look at a host: no call where it has the answer, and never in a task that changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.evenkeel.lb.plugins.action import commit as commit_action
from ansible_collections.evenkeel.lb.plugins.action import packages as packages_action
from ansible_collections.evenkeel.lb.plugins.action import wireguard_look
from ansible_collections.evenkeel.lb.plugins.filter.due import due
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import payload
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.host import Completed, Host
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.take import readable, take
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.unit import PROPERTIES
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.files import Files
from ansible_collections.evenkeel.lb.plugins.module_utils._node.packages import KNOWN, installed, query
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.node import found as tunnels
from ansible_collections.evenkeel.lb.plugins.modules import node_info, vrrp_info
from ansible_collections.evenkeel.lb.plugins.plugin_utils.quiet import Loud, NoConnection

from tests.unit._commit.commit_host import World

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_base_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda self, tmp, task_vars: {})
    monkeypatch.setattr(
        "ansible.plugins.action.ActionBase.validate_argument_spec",
        lambda self, spec: (None, {**{k: v.get("default") for k, v in spec.items()}, **self._task.args}),
    )


class Remembers:
    """Mixed into an action: notes the calls of the host instead of making them."""

    def prepare(self, check: bool, arguments: dict[str, Any], answers: Sequence[Any] = ()) -> Any:
        me: Any = self
        me._task = SimpleNamespace(args=arguments, check_mode=check)
        me._templar = SimpleNamespace(template=lambda value: value)
        me._loader = SimpleNamespace(get_real_file=lambda path: path)
        me.asked, me.answers = [], list(answers)
        return me

    def _execute_module(self, module_name: str = "", **kwargs: Any) -> dict[str, Any]:
        me: Any = self
        name = module_name.rpartition(".")[2]
        me.asked.append((name, kwargs.get("module_args")))
        return {"changed": True, "failed": name in me.answers}

    def _low_level_execute_command(self, command: str) -> dict[str, Any]:
        me: Any = self
        me.asked.append(("shell", command))
        return dict(me.answers.pop(0))


def make(action: Any, *arguments: Any) -> Any:
    kind = type("Action", (Remembers, action.ActionModule), {"__init__": lambda self: None})
    return kind().prepare(*arguments)


def said(*lines: str, rc: int = 0) -> dict[str, Any]:
    return {"rc": rc, "stdout": "\n".join(lines), "stderr": "sudo: a password is required" if rc else ""}


LOOK: dict[str, Any] = {
    "packages": {"haproxy": "2.6.12-1", "libssl3": "3.0.17-1", "keepalived": "1:2.2.7-1"},
    "users": ["root", "keepalived_script"],
    "intact": ["/opt/x/x.sha256"],
    "tunnels": ["kernel", "key wg0 PUBLIC", "key other THEIRS", "peer wg0 b PEER"],
    "sets": {},
}


def look(**more: Any) -> dict[str, Any]:
    return {"__evenkeel_look": payload.pack([], {**LOOK, **more})}


# ---------------------------------------------------------------------------------------------------------- packages


@pytest.mark.parametrize(
    "arguments",
    [
        {"names": ["haproxy"], "versions_of": ["libssl3", "base-files"]},
        {"names": ["keepalived"], "user": "keepalived_script"},
        {"names": [], "user": "root", "checksums": "/opt/x/x.sha256", "source": "x"},
    ],
)
def test_packages_that_the_look_has_cost_no_call(arguments: dict[str, Any]) -> None:
    action = make(packages_action, True, {"names": [], "versions_of": [], **arguments})
    result = action.run(task_vars=look())
    assert (result["changed"], result["missing"], result["fetch"], action.asked) == (False, [], False, [])


def test_only_the_packages_that_were_asked_about_are_returned() -> None:
    action = make(packages_action, True, {"names": ["haproxy"], "versions_of": ["libssl3", "base-files"]})
    assert action.run(task_vars=look())["installed"] == ["haproxy 2.6.12-1", "libssl3 3.0.17-1"]


@pytest.mark.parametrize(
    ("arguments", "would"),
    [
        ({"names": ["nginx"]}, "Would install nginx."),
        ({"names": ["nginx", "haproxy", "nftables"]}, "Would install nginx and nftables."),
    ],
)
def test_what_the_look_knows_to_be_missing_is_announced(arguments: dict[str, Any], would: str) -> None:
    action = make(packages_action, True, {"versions_of": [], **arguments})
    result = action.run(task_vars=look())
    assert (result["changed"], result["msg"], action.asked) == (True, would, [])


@pytest.mark.parametrize(
    ("arguments", "answer", "would"),
    [
        ({"names": ["made-up"]}, said("installed made-up 1"), ""),
        ({"names": [], "user": "ldap"}, said("ldap:x:900:900::/:/bin/false"), ""),
        ({"names": [], "user": "nobody-here"}, said(), "Would make the user nobody-here."),
        ({"names": [], "checksums": "/opt/y/y.sha256", "source": "y 1.2"}, said("intact"), ""),
        ({"names": [], "checksums": "/opt/y/y.sha256", "source": "y 1.2"}, said(), "Would install y 1.2."),
    ],
)
def test_what_the_look_did_not_meet_is_asked_of_the_host(
    arguments: dict[str, Any], answer: dict[str, Any], would: str
) -> None:
    action = make(packages_action, True, {"versions_of": [], **arguments}, [answer])
    result = action.run(task_vars=look())
    assert (result.get("msg", ""), len(action.asked), result["fetch"]) == (would, 1, False)


def test_a_task_that_may_install_asks_the_host_whatever_was_seen() -> None:
    action = make(packages_action, False, {"names": ["haproxy"], "versions_of": []}, [said("installed haproxy 2.8")])
    assert action.run(task_vars=look())["installed"] == ["haproxy 2.8"]
    assert [name for name, _what in action.asked] == ["shell"]


def test_what_is_missing_is_installed_without_starting_it() -> None:
    answers = [said("deinstall haproxy 2.6"), said("installed haproxy 2.8", "keepalived_script:x:1:1::/:/x")]
    action = make(
        packages_action, False, {"names": ["haproxy"], "versions_of": [], "user": "keepalived_script"}, answers
    )
    result = action.run(task_vars={})
    assert (result["changed"], result["missing"], result["installed"]) == (True, ["haproxy"], ["haproxy 2.8"])
    assert [name for name, _what in action.asked] == ["shell", "apt", "user", "shell"]
    apt, user = action.asked[1][1], action.asked[2][1]
    assert (apt["name"], apt["policy_rc_d"], apt["install_recommends"]) == (["haproxy"], 101, False)
    assert (user["name"], user["system"], user["create_home"]) == ("keepalived_script", True, False)


def test_an_installation_that_fails_is_the_tasks_failure() -> None:
    action = make(packages_action, False, {"names": ["haproxy"], "versions_of": []}, [said(), "apt"])
    assert action.run(task_vars={})["failed"]


def test_a_host_that_can_t_be_asked_is_not_one_without_packages() -> None:
    action = make(packages_action, True, {"names": ["haproxy"], "versions_of": []}, [said(rc=1)])
    with pytest.raises(AnsibleActionFail, match="a password is required"):
        action.run(task_vars={})


def test_what_dpkg_says() -> None:
    output = (
        "installed haproxy 2.6.12-1\nconfig-files nginx 1.22.1-9\nnot-installed nftables\ninstalled libssl3 3.0.17\n"
    )
    assert installed(output) == {"haproxy": "2.6.12-1", "libssl3": "3.0.17"}
    assert query(["haproxy"])[-1] == "haproxy"


def test_one_look_brings_every_package_that_a_role_asks_about() -> None:
    """A name more in a role would cost every run a call of every host."""

    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            task = value.get("evenkeel.lb.packages")
            given = task if isinstance(task, dict) else {}
            named = given.get("names", [])
            # What an expression may come to is quoted in it.
            found = {*(named.split("'")[1::2] if isinstance(named, str) else named), *given.get("versions_of", [])}
            return found.union(*(names(inner) for inner in value.values()), set())
        return set().union(*(names(inner) for inner in value)) if isinstance(value, list) else set()

    files = sorted((ROOT / "roles").glob("*/tasks/*.yml"))
    asked = set().union(*(names(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in files))
    assert asked == set(KNOWN)


# --------------------------------------------------------------------------------------------------------- wireguard


def test_public_keys_of_the_look_cost_no_call() -> None:
    action = make(wireguard_look, True, {"interfaces": ["wg0"], "given": []})
    result = action.run(task_vars=look())
    assert (result["stdout_lines"], result["kernel"], result["keyless"], action.asked) == (
        ["kernel", "key wg0 PUBLIC", "peer wg0 b PEER"], True, [], [],
    )  # fmt: skip


def test_keys_that_are_missing_are_announced_or_left_to_the_role() -> None:
    arguments = {"interfaces": ["wg0", "wg1", "wg2"], "given": ["wg2"]}
    result = make(wireguard_look, True, arguments).run(task_vars=look())
    assert (result["changed"], result["msg"], result["keyless"]) == (True, "Would make the keys of wg1.", [])
    action = make(wireguard_look, False, arguments, [said("key wg0 PUBLIC", "key wg1 ")])
    assert action.run(task_vars=look())["keyless"] == ["wg1"]


def test_the_first_tunnel_of_a_host_is_asked_about() -> None:
    action = make(wireguard_look, True, {"interfaces": ["wg0"], "given": []}, [said("kernel")])
    assert action.run(task_vars=look(tunnels=None))["kernel"]
    assert len(action.asked) == 1


def test_tunnels_are_those_with_a_key_or_a_file(tmp_path: Path) -> None:
    for name in ("wg0.conf", "wg1.key", "wg1.conf", "notes"):
        (tmp_path / name).touch()
    assert tunnels.tunnels(str(tmp_path)) == ["wg0", "wg1"]
    assert tunnels.tunnels(str(tmp_path / "none")) == []


# ------------------------------------------------------------------------------------------------------------ commit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("ansible_collections.evenkeel.lb.plugins.module_utils._commit.verify.GRACE", 0.0)
    monkeypatch.setattr(Host, "uid", 0)
    made = World(tmp_path)
    assert made.commit(made.file("a.conf", "1\n"), unit="web.service", unit_state="started").changed
    return made


def sets(world: World) -> dict[str, Any]:
    manifests = readable(world.host, Store(world.host))
    return take(
        world.host,
        Store(world.host),
        manifests,
        {"web.service": world.host.properties("web.service", PROPERTIES).output},
    )


def arguments(world: World, **more: Any) -> dict[str, Any]:
    return {
        "service": "web",
        "files": [world.file("a.conf", "1\n")],
        "unit": "web.service",
        "unit_state": "started",
        **more,
    }


def test_a_commit_with_nothing_to_do_costs_no_call(world: World) -> None:
    action = make(commit_action, True, arguments(world))
    result = action.run(task_vars=look(sets=sets(world)))
    assert action.asked == []
    assert (result["changed"], result["stage"], result["generation"], result["apply"]) == (False, "compare", 1, "none")


@pytest.mark.parametrize(
    ("check", "more"),
    [
        (False, {}),
        (True, {"unit_state": "stopped"}),
        (True, {"state": "confirm", "run_id": "run"}),
        (True, {"absent": ["~/x"]}),
        (True, {"directories": [{"path": "$HOME/x"}]}),
        (True, {"unit_state": "what"}),
        (True, {"service": "../odd"}),
    ],
)
def test_what_is_no_plain_comparison_is_the_nodes(world: World, check: bool, more: dict[str, Any]) -> None:
    action = make(commit_action, check, arguments(world, **more))
    action.run(task_vars=look(sets=sets(world)))
    assert len(action.asked) == 1


def test_without_a_look_the_node_is_asked(world: World) -> None:
    for given in ({}, {"__evenkeel_look": ""}, look(sets={})):
        action = make(commit_action, True, arguments(world))
        action.run(task_vars=given)
        assert len(action.asked) == 1


# -------------------------------------------------------------------------------------------------- the look, and due


def test_the_look_asks_systemd_once_and_promises_what_vrrp_info_does(world: World, tmp_path: Path) -> None:
    ran: list[list[str]] = []

    def run(argv: Sequence[str]) -> Any:
        ran.append(list(argv))
        out = "installed haproxy 2.6\n" if argv[0] == "dpkg-query" else ""
        return SimpleNamespace(stdout=out, stderr="", returncode=0)

    blocks = {
        "keepalived.service": "ActiveState=inactive\nMainPID=0",
        "web.service": "LoadState=loaded\nActiveState=active",
    }
    world.host.answer = lambda argv: Completed(0, "\n\n".join(blocks[name] for name in argv[argv.index("--") + 1 :]))
    world.host.commands.clear()
    found = node_info.look(Files(tmp_path / "node", run), world.host)
    assert set(found) == {*yaml.safe_load(vrrp_info.RETURN), "seen"} - {"history", "missing", "waited_seconds"}
    assert [argv[:2] for argv in world.host.commands] == [["systemctl", "show"]]
    assert [argv[0] for argv in ran if argv[0] != "ip"] == ["dpkg-query", "/usr/sbin/keepalived"]
    seen = payload.unpack(found["seen"])[1]
    assert seen["packages"] == {"haproxy": "2.6"} and seen["sets"]["units"] == {"web.service": blocks["web.service"]}
    assert found["units"] == {"keepalived.service": "inactive"}


def test_answers_of_systemd_that_can_t_be_told_apart_are_none(world: World) -> None:
    world.host.answer = lambda argv: Completed(0, "ActiveState=active")
    assert node_info.units(world.host, ["a.service", "b.service"]) == {}


@pytest.mark.parametrize(
    ("text", "holds"), [("", False), ("x", False), ("{sum}  binary\n", True), ("0  binary\n", False)]
)
def test_a_binary_is_intact_where_its_checksum_says_so(tmp_path: Path, text: str, holds: bool) -> None:
    (tmp_path / "binary").write_bytes(b"\x7fELF")
    digest = hashlib.sha256(b"\x7fELF").hexdigest()
    (tmp_path / "x.sha256").write_text(text.replace("{sum}", digest))
    assert node_info.intact(str(tmp_path / "x.sha256")) is holds


def test_what_is_due() -> None:
    registered = {
        "haproxy_commit": {"changed": True, "apply": "reload"},
        "nginx_commit": {"changed": False, "apply": "none"},
        "__nginx_packages": {"changed": True},
        "traefik_commit": {"changed": False},
        "__wireguard_look": {"changed": True},
    }
    found = due(["haproxy", "nginx", "traefik", "wireguard"], registered)
    assert found["pending"] == ["haproxy", "nginx", "wireguard"]
    assert found["applies"] == {"haproxy": "reload", "nginx": "none", "traefik": "none", "wireguard": "none"}
    assert due([], {}) == {"pending": [], "applies": {}}


def test_a_quiet_task_has_no_host_to_ask() -> None:
    connection: Any = NoConnection()
    assert connection._shell.tmpdir is None
    for question in (lambda: connection.exec_command("true"), lambda: connection._shell.join_path("a")):
        with pytest.raises(Loud):
            question()
