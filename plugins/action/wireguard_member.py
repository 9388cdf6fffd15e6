# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members are a matter of the controller: the inventory's list, and a configuration that is written once."""

from __future__ import annotations

import io
import json
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard import member as core
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard import pairs
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.rules import LABEL, is_a, is_key

HEAD = "---\n# Written by evenkeel.lb.member. Everybody here may come in; who is taken out is cut off by the next run of site.yml.\n"
NO_SEGNO = "No QR code: the Python library segno is not installed here (pip install segno)."
ARGUMENT_SPEC = {
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "members_file": {"type": "path", "required": True},
    "members": {"type": "list", "elements": "dict", "default": []},
    "interface": {"type": "dict", "required": True},
    "server_key": {"type": "str"},
    "endpoint": {"type": "str"},
    "public_key": {"type": "str"},
    "addresses": {"type": "list", "elements": "str"},
    "dns": {"type": "list", "elements": "str", "default": []},
    "output": {"type": "path", "default": "."},
}


class ActionModule(ActionBase):
    """No remote call."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        # Plain texts: YAML does not write Ansible's own kinds.
        given = json.loads(json.dumps(self.validate_argument_spec(ARGUMENT_SPEC)[1]))  # type: ignore[no-untyped-call]
        file = Path(given["members_file"])
        try:
            members = self._members(file, given["members"])
            lines: list[str] = []
            files: list[str] = []
            if given["name"] and given["state"] == "absent":
                members = core.without_member(members, given["name"])
            elif given["name"]:
                member, text, private = self._new(given)
                members = core.with_member(members, member)
                if not self._task.check_mode:
                    lines, files = _hand_out(Path(given["output"]).expanduser(), given["name"], text, private)
            if given["name"] and not self._task.check_mode:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(
                    HEAD + yaml.safe_dump({"wireguard_members": members}, sort_keys=False), encoding="utf-8"
                )
        except CoreError as error:
            raise AnsibleActionFail(str(error)) from None
        public = [{key: one[key] for key in ("name", "addresses", "public_key")} for one in members]
        listed = [f"{one['name']:<20} {', '.join(one['addresses']):<40} {one['public_key']}" for one in public]
        result.update(changed=bool(given["name"]), members=public, lines=[*listed, *lines], files=files)
        return result

    @staticmethod
    def _members(file: Path, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The file's list, which is also the inventory's."""
        found: list[dict[str, Any]] = []
        try:
            text = file.read_text(encoding="utf-8") if file.exists() else ""
            found = (yaml.safe_load(text) or {}).get("wireguard_members") or []
            names = [one["name"] for one in found]
        except (yaml.YAMLError, AttributeError, KeyError, TypeError):
            # It is written anew with each member, and what Ansible Vault has encrypted could not be.
            raise AnsibleActionFail(
                f"{file}: This is not plain YAML with wireguard_members alone. Found: {text.splitlines()[0]!r} and so on. Accepted: "
                "what this playbook has written. Keep values from a vault in another file of the group. [member]"
            ) from None
        if names != [one["name"] for one in known]:
            raise AnsibleActionFail(
                f"{file}: The inventory has its wireguard_members from somewhere else. Found: {len(found)} members here, "
                f"{len(known)} in the inventory. Move the list to this file, or name its file as evenkeel_members_file. [member]"
            )
        return found

    @staticmethod
    def _new(given: dict[str, Any]) -> tuple[dict[str, Any], str, bool]:
        """The member for the list, the member's configuration, and whether there is a private key in it."""
        if not LABEL.match(given["name"]):
            raise AnsibleActionFail(
                f"evenkeel_member: This name can't be a file's. Found: {given['name']!r}. Accepted: 1 to 64 letters, digits "
                "and _ . @ -. Choose another one. [member]"
            )
        if not given["server_key"] or not given["endpoint"]:
            raise AnsibleActionFail(
                f"wireguard_interfaces {given['interface']['name']}: No node has said its public key, or nobody can say where to "
                "find it. Run site.yml first, or set endpoint. [member]"
            )
        for one in given["addresses"] or []:
            if not is_a(ip_address, one):
                raise AnsibleActionFail(
                    f"evenkeel_addresses: This is not an address. Found: {one!r}. Accepted: IPv4 and IPv6 addresses in the tunnel's "
                    "networks, without a prefix. [member]"
                )
        public, private = given["public_key"], ""
        if public and not is_key(public):
            raise AnsibleActionFail(
                f"evenkeel_public_key: This is not a key. Found: {public!r}. Write it as `wg pubkey` prints it. "
                "[member]"
            )
        core.check_new(given["interface"], given["server_key"], public or "", given["addresses"] or [])
        if not public:
            private, public = pairs.pair()
        addresses = given["addresses"] or core.free_addresses(given["interface"])
        text = core.configuration(
            given["interface"], given["server_key"], given["endpoint"], addresses, private_key=private, dns=given["dns"]
        )
        member = {
            "name": given["name"],
            "addresses": addresses,
            "public_key": public,
            "interface": given["interface"]["name"],
        }
        return member, text, bool(private)


def _hand_out(directory: Path, name: str, text: str, private: bool) -> tuple[list[str], list[str]]:
    """The files, for their owner's eyes and never over old ones, and what to show."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [_write(directory / f"{name}.conf", text.encode())]
    if not private:
        return [f"{files[0]}: put your private key in it."], files
    try:
        import segno
    except ImportError:
        return [files[0], NO_SEGNO], files
    code, picture, shown = segno.make(text, error="l"), io.BytesIO(), io.StringIO()
    code.save(picture, kind="png", scale=6)
    code.terminal(shown, compact=True)
    files.append(_write(directory / f"{name}.png", picture.getvalue()))
    return [*files, *shown.getvalue().splitlines()], files


def _write(path: Path, content: bytes) -> str:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise AnsibleActionFail(
            f"{path}: There is such a file, and it may be somebody's only copy. Move it away. [member]"
        ) from None
    return str(path)
