# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members as the controller lists them, lets them in and out, and what it hands out."""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import segno
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.evenkeel.lb.plugins.action.wireguard_member import NO_SEGNO, ActionModule

KEY = "QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEA="
SERVER_KEY = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="
INTERFACE: dict[str, Any] = {
    "name": "wg0",
    "addresses": ["192.0.2.225/28"],
    "peers": [],
    "tunnel": ["192.0.2.224/28"],
    "forward": [],
}


@pytest.fixture(autouse=True)
def no_base_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda self, tmp, task_vars: {})


class Desk:
    """One inventory's list and the directory where configurations are put."""

    def __init__(self, path: Path) -> None:
        self.file, self.output = path / "group_vars" / "members.yml", path / "out"

    @property
    def members(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        found: list[dict[str, Any]] = yaml.safe_load(self.file.read_text())["wireguard_members"]
        return found

    def ask(self, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
        given = {
            "members_file": str(self.file),
            "output": str(self.output),
            "interface": INTERFACE,
            "server_key": SERVER_KEY,
            "endpoint": "198.51.100.10:51820",
            **({} if "members" in arguments else {"members": self.members}),
            **arguments,
        }
        action = object.__new__(ActionModule)
        task: Any = SimpleNamespace(args=given, check_mode=check_mode)
        action._task = task
        return action.run()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_who_is_let_in_gets_a_file_and_a_picture_once(desk: Desk) -> None:
    done = desk.ask(name="anna", dns=["192.0.2.225"])
    assert done["changed"] and done["files"] == [str(desk.output / "anna.conf"), str(desk.output / "anna.png")]
    assert {stat.S_IMODE(Path(path).stat().st_mode) for path in done["files"]} == {0o600}
    text = (desk.output / "anna.conf").read_text()
    assert "Address = 192.0.2.226/32\nDNS = 192.0.2.225\n" in text and f"PublicKey = {SERVER_KEY}" in text
    picture, shown = io.BytesIO(), io.StringIO()
    segno.make(text, error="l").save(picture, kind="png", scale=6)
    segno.make(text, error="l").terminal(shown, compact=True)
    assert (desk.output / "anna.png").read_bytes() == picture.getvalue(), "the picture is of something else"
    assert done["lines"][-len(shown.getvalue().splitlines()) :] == shown.getvalue().splitlines()
    (anna,) = desk.members
    assert (anna["name"], anna["addresses"], anna["interface"]) == ("anna", ["192.0.2.226"], "wg0")
    # No copy of the private key is kept.
    private = next(line.split(" = ")[1] for line in text.splitlines() if line.startswith("PrivateKey"))
    assert private not in desk.file.read_text() and private not in str(done["members"])
    with pytest.raises(AnsibleActionFail, match="There is a member of this name, and a configuration is written once."):
        desk.ask(name="anna")


def test_whoever_has_a_key_gets_no_other(desk: Desk) -> None:
    done = desk.ask(name="ben", public_key=KEY, addresses=["192.0.2.230"])
    assert done["files"] == [str(desk.output / "ben.conf")]
    assert "PrivateKey = (yours:" in (desk.output / "ben.conf").read_text()
    assert [(one["public_key"], one["addresses"]) for one in desk.members] == [(KEY, ["192.0.2.230"])]
    assert done["lines"][-1] == f"{done['files'][0]}: put your private key in it."


def test_a_host_whose_key_nobody_knows_yet_stands_in_nobodys_way(desk: Desk) -> None:
    unknown = {"name": "web-3", "public_key": "", "allowed_ips": ["192.0.2.227/32"]}
    assert desk.ask(name="anna", interface={**INTERFACE, "peers": [unknown]})["changed"]


def test_they_are_listed_and_go_again(desk: Desk) -> None:
    desk.ask(name="ben", public_key=KEY)
    listed = desk.ask()
    assert not listed["changed"] and [line.split() for line in listed["lines"]] == [["ben", "192.0.2.226", KEY]]
    assert desk.ask(name="ben", state="absent")["members"] == [] and desk.members == []
    with pytest.raises(AnsibleActionFail, match="There is no member of this name. Found: ben. Accepted: none."):
        desk.ask(name="ben", state="absent")


def test_check_mode_writes_nothing(desk: Desk) -> None:
    assert desk.ask(check_mode=True, name="anna")["changed"]
    assert not desk.file.exists() and not desk.output.exists()


def test_without_the_library_there_is_no_picture(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    done = desk.ask(name="anna")
    assert done["files"] == [str(desk.output / "anna.conf")] and done["lines"][-1] == NO_SEGNO


def test_without_netaddr_nobody_is_let_in_and_the_list_is_still_shown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ask(name="anna")
    monkeypatch.setitem(sys.modules, "netaddr", None)
    with pytest.raises(
        AnsibleActionFail, match="The Python library netaddr is missing.* -m pip install 'netaddr~=1.3'"
    ):
        desk.ask(name="ben")
    assert [one["name"] for one in desk.ask()["members"]] == ["anna"]
    assert not (desk.output / "ben.conf").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "a/b"}, "evenkeel_member: This name can't be a file's. Found: 'a/b'."),
        ({"name": "anna", "public_key": "short"}, "evenkeel_public_key: This is not a key. Found: 'short'."),
        ({"name": "anna", "addresses": ["192.0.2.230/32"]}, "evenkeel_addresses: This is not an address."),
        (
            {"name": "anna", "addresses": ["192.0.2.99"]},
            "evenkeel_addresses: The address is not in the tunnel. Found: 192.0.2.99. Accepted: 192.0.2.224/28.",
        ),
        (
            {"name": "anna", "addresses": ["192.0.2.225"]},
            "evenkeel_addresses: Somebody else has this address. Found: 192.0.2.225: the tunnel's own.",
        ),
        (
            {"name": "anna", "public_key": SERVER_KEY},
            "evenkeel_public_key: Somebody else has this key. Found: the tunnel's own.",
        ),
        ({"name": "anna", "server_key": None}, "wireguard_interfaces wg0: No node has said its public key"),
        (
            {"name": "anna", "members": [{"name": "eve"}]},
            "The inventory has its wireguard_members from somewhere else.",
        ),
    ],
)
def test_what_is_refused_leaves_nothing(desk: Desk, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleActionFail) as refusal:
        desk.ask(**arguments)
    assert said in str(refusal.value)
    assert not desk.file.exists() and not desk.output.exists()


@pytest.mark.parametrize(
    "text",
    [
        "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        'wireguard_members: "{{ vault_members }}"\n',
        "wireguard_members:\n  - {name: a, preshared_key: !vault x}\n",
    ],
)
def test_a_list_from_a_vault_is_refused_and_kept(desk: Desk, text: str) -> None:
    desk.file.parent.mkdir()
    desk.file.write_text(text)
    with pytest.raises(AnsibleActionFail, match="This is not plain YAML with wireguard_members alone."):
        desk.ask(name="anna", members=[])
    assert desk.file.read_text() == text
