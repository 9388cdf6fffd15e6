# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages and an account that a role needs: looked for in one call, or none, and installed where they are missing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.lb.plugins.module_utils._node import packages
from ansible_collections.evenkeel.lb.plugins.plugin_utils.seen import seen

ARGUMENT_SPEC = {
    "names": {"type": "list", "elements": "str", "default": []},
    "versions_of": {"type": "list", "elements": "str", "default": []},
    "user": {"type": "str"},
    "comment": {"type": "str", "default": ""},
    "home": {"type": "path", "default": "/nonexistent"},
    "checksums": {"type": "str", "default": ""},
    "source": {"type": "str", "default": ""},
}
# Nothing starts before its configuration is there.
APT = {"install_recommends": False, "update_cache": True, "cache_valid_time": 3600, "policy_rc_d": 101}
USER = {"system": True, "shell": "/usr/sbin/nologin", "create_home": False}


@dataclass(frozen=True)
class Found:
    """What is on the host."""

    versions: Mapping[str, str]
    user: bool = True
    intact: bool = True


class ActionModule(ActionBase):
    """See the module's documentation."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(ARGUMENT_SPEC)  # type: ignore[no-untyped-call]
        self._task_vars = task_vars
        found = self._look(args)
        missing = [name for name in args["names"] if name not in found.versions]
        result["missing"] = missing
        result["fetch"] = not (found.intact or self._task.check_mode)
        if self._task.check_mode:
            # Without python3-apt, apt itself can't tell in check mode.
            announced = would(missing, "" if found.intact else args["source"], "" if found.user else args["user"])
            result.update({"msg": announced, "_ansible_verbose_always": True} if announced else {})
            result["changed"] = bool(announced)
        else:
            result["changed"] = bool(missing) or not found.user
            failed = self._install(missing) or (None if found.user else self._make(args))
            if failed:
                return {**result, **failed}
            found = self._look(args) if missing else found
        result["installed"] = [f"{name} {version}" for name, version in sorted(found.versions.items())]
        return result

    def _look(self, args: Mapping[str, Any]) -> Found:
        """What is there, as the run's look has it, or else the host."""
        names = list(dict.fromkeys([*args["names"], *args["versions_of"]]))
        user, checksums = args["user"] or "", args["checksums"]
        looked = seen(self, self._task_vars)
        # What the look lacks may be there all the same: it did not know all names.
        if (
            looked
            and set(names) <= set(packages.KNOWN)
            and (not user or user in looked["users"])
            and (not checksums or checksums in looked["intact"])
        ):
            return Found({name: version for name, version in looked["packages"].items() if name in names})
        # By a bare shell, which answers in a fifth of a module's time.
        parts = [f"{shlex.join(packages.query(names))} 2>&-"] if names else []
        parts += [f"getent passwd {shlex.quote(user)}"] if user else []
        if checksums:
            directory, name = os.path.split(checksums)
            parts.append(
                f"cd {shlex.quote(directory)} 2>&- && sha256sum --check --status {shlex.quote(name)} 2>&- && echo intact"
            )
        said: dict[str, Any] = self._low_level_execute_command("; ".join([*parts, "true"]))  # type: ignore[no-untyped-call]
        if said.get("rc"):
            raise AnsibleActionFail(f"The host can't be asked: {to_text(said.get('stderr') or said.get('stdout'))}")
        lines = to_text(said.get("stdout", "")).splitlines()
        return Found(
            versions=packages.installed("\n".join(lines)),
            user=not user or any(line.startswith(f"{user}:") for line in lines),
            intact=not checksums or "intact" in lines,
        )

    def _install(self, names: Sequence[str]) -> dict[str, Any] | None:
        """What stopped it."""
        return self._call("ansible.builtin.apt", {"name": list(names), **APT}) if names else None

    def _make(self, args: Mapping[str, Any]) -> dict[str, Any] | None:
        account = {"name": args["user"], "comment": args["comment"], "home": args["home"]}
        return self._call("ansible.builtin.user", {**account, **USER})

    def _call(self, module: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        done: dict[str, Any] = self._execute_module(
            module_name=module, module_args=dict(arguments), task_vars=self._task_vars
        )
        return done if done.get("failed") or done.get("unreachable") else None


def would(missing: Sequence[str], source: str, user: str) -> str:
    """What check mode announces; empty where nothing is missing. Pure."""
    things = [*missing, *([source] if source else [])]
    install = [f"install {' and '.join(things)}"] if things else []
    parts = [*install, *([f"make the user {user}"] if user else [])]
    return f"Would {' and '.join(parts)}." if parts else ""
