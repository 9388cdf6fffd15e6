# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of commit: packs what may be secret into one opaque argument, and makes one remote call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import payload
from ansible_collections.evenkeel.lb.plugins.plugin_utils.seen import seen
from ansible_collections.evenkeel.lb.plugins.plugin_utils.unchanged import verdict

# What may hold a secret and so must not be printed as an argument.
HIDDEN = ("secrets", "verify")


class ActionModule(ActionBase):
    """One task, one remote call."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        visible = dict(self._task.args)
        if "payload" in visible:
            raise AnsibleActionFail("payload is what this action makes of files and secrets; a task does not set it.")
        files, contents = self._files(visible.get("files") or [])
        self._directories(visible.get("directories"))
        visible["files"] = files
        hidden = {key: visible.pop(key) for key in HIDDEN if visible.get(key) is not None}
        visible["payload"] = payload.pack(contents, _plain(hidden))
        quiet = self._unchanged(visible, contents, hidden, task_vars)
        if quiet is not None:
            return {**result, **quiet}
        if visible.get("state") == "confirm" and not self._task.check_mode:
            self._leave()
        result.update(self._execute_module("evenkeel.lb.commit", module_args=visible, task_vars=task_vars))
        return result

    def _unchanged(
        self,
        visible: dict[str, Any],
        contents: list[bytes],
        hidden: dict[str, Any],
        task_vars: dict[str, Any] | None,
    ) -> dict[str, Any] | None:
        """What the node would return, where this run's look tells that it has nothing to do; otherwise None."""
        sets = seen(self, task_vars).get("sets")
        if not sets or visible.get("state", "present") != "present":
            return None
        return verdict(sets, {**_plain(visible), **_plain(hidden)}, contents)

    def _leave(self) -> None:
        """Closes a connection that is shared between tasks, so that the call makes a new one: that is what it proves."""
        if type(self._connection).reset is not ConnectionBase.reset:
            self._connection.reset()

    def _files(self, items: Any) -> tuple[list[dict[str, Any]], list[bytes]]:
        """The files without their contents, and the contents."""
        if not isinstance(items, list):
            raise AnsibleActionFail(f"files must be a list, not {type(items).__name__}.")
        files, contents = [], []
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                raise AnsibleActionFail(f"files[{index}] must be a dictionary, not {type(item).__name__}.")
            sources = [key for key in ("content", "src", "remote_src") if item.get(key) is not None]
            if len(sources) != 1:
                raise AnsibleActionFail(
                    f"files[{index}] ({item.get('path', 'no path')}) needs exactly one of content, src, remote_src;"
                    f" found {', '.join(sources) or 'none'}."
                )
            _refuse_number(f"files[{index}]", item)
            contents.append(self._content(f"files[{index}]", item))
            files.append({key: value for key, value in item.items() if key not in ("content", "src")})
        return files, contents

    def _directories(self, items: Any) -> None:
        """The module looks at the rest of them."""
        for index, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                _refuse_number(f"directories[{index}]", item)

    def _content(self, where: str, item: dict[str, Any]) -> bytes:
        if item.get("src") is not None:
            try:
                found = self._find_needle("files", to_text(item["src"]))  # type: ignore[no-untyped-call]
                return Path(str(self._loader.get_real_file(found))).read_bytes()
            except (AnsibleError, OSError) as error:
                raise AnsibleActionFail(f"{where}.src: {to_text(error)}") from error
        content = item.get("content", "")
        if isinstance(content, (dict, list, tuple, bool)):
            raise AnsibleActionFail(f"{where}.content must be text, not {type(content).__name__}.")
        return str(to_text(content, errors="surrogateescape")).encode("utf-8", "surrogateescape")


def _refuse_number(where: str, item: dict[str, Any]) -> None:
    """YAML reads 0400 as a number, 256, and the module would take its digits for octal ones."""
    mode = item.get("mode")
    if isinstance(mode, int):
        found = mode if isinstance(mode, bool) else f"the number {mode}"
        raise AnsibleActionFail(
            f"{where} ({item.get('path', 'no path')}): a mode is octal digits in quotes. Found: {found}."
            ' Write for example "0400".'
        )


def _plain(value: Any) -> Any:
    """Values as JSON knows them: decrypted, without Ansible's own text types."""
    if isinstance(value, dict):
        return {to_text(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return to_text(value)
