# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's own tasks, run one after the other in this process for as long as none of them has anything to do or to ask.

A task costs Ansible a tenth of a second whatever it does, and a role that has nothing to do is three tasks that ask nobody. Only
tasks whose actions decide on the controller are run here, in check mode and without a connection; whatever else comes up raises
`Loud`, and then Ansible runs the role, as if nobody had tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.evenkeel.lb.plugins.action import commit, packages, role_model
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import ROLES

try:
    from ansible.template import trust_as_template as trusted
except ImportError:
    # Before ansible-core 2.19, which trusts every text of a file.
    trusted = str  # type: ignore[assignment]

# Not wireguard_look: a role that takes it renders what other hosts' looks found, and those are registered by their own tasks.
ACTIONS: Mapping[str, Any] = {
    "evenkeel.lb.commit": commit.ActionModule,
    "evenkeel.lb.packages": packages.ActionModule,
    "evenkeel.lb.role_model": role_model.ActionModule,
}
# Every template is given a copy of all variables. `vars` holds them all once more; the others are what playbooks registered.
HEAVY = {"vars"} | {f"{prefix}evenkeel_{name}" for prefix in ("", "__") for name in ("plans", "live", "rollout")}
IMPORTS = "ansible.builtin.import_tasks"
INCLUDES = "ansible.builtin.include_tasks"
# What a task may say beside its action.
WORDS = {"name", "when", "block", "vars", "register"}


class Loud(Exception):
    """Ansible has to run the role."""


class NoConnection:
    """In the place of a host's: whoever wants anything of it wants the host itself."""

    def __getattr__(self, name: str) -> Any:
        # What every action looks at before it begins.
        if name == "tmpdir":
            return None
        if name == "_shell":
            return self
        raise Loud(f"the host itself has to be asked ({name})")


class Quiet:
    """One role on one host."""

    def __init__(self, action: Any, role: str, task_vars: Mapping[str, Any]) -> None:
        self.action = action
        self.path = ROLES / role
        self.registered: dict[str, dict[str, Any]] = {}
        self.variables = {
            **self._load("defaults/main.yml"),
            **{name: value for name, value in task_vars.items() if name not in HEAVY},
            **self._load("vars/main.yml"),
            "role_path": str(self.path),
            "ansible_search_path": [str(self.path)],
        }

    def run(self) -> dict[str, dict[str, Any]]:
        """What the tasks registered, if all of them were quiet. Raises `Loud`."""
        try:
            self._tasks(self._load("tasks/main.yml"))
        except (AnsibleError, KeyError, TypeError, OSError) as error:
            raise Loud(str(error)) from error
        return self.registered

    def _load(self, name: str) -> Any:
        path = self.path / name
        text = trusted(Path(path).read_text(encoding="utf-8"))
        return self.action._loader.load(text, str(path)) or {}

    def _template(self, value: Any, extra: Mapping[str, Any]) -> Any:
        return self._templar({**self.variables, **extra}).template(value)

    def _templar(self, variables: Mapping[str, Any]) -> Any:
        return self.action._templar.copy_with_new_env(available_variables=dict(variables))

    def _tasks(self, tasks: list[dict[str, Any]]) -> None:
        for task in tasks:
            extra = dict(task.get("vars") or {})
            if "when" in task and not self._template(trusted("{{ (" + str(task["when"]) + ") | bool }}"), extra):
                continue
            if "block" in task:
                self._tasks(task["block"])
            elif IMPORTS in task:
                self._tasks(self._load(f"tasks/{task[IMPORTS]}"))
            else:
                self._task(task, extra)

    def _task(self, task: dict[str, Any], extra: Mapping[str, Any]) -> None:
        (name,) = set(task) - WORDS
        if name not in ACTIONS:
            raise Loud(f"{name} is Ansible's to run")
        variables = {**self.variables, **extra}
        templar = self._templar(variables)
        copy = self.action._task.copy()
        copy.args = templar.template(task[name])
        copy.check_mode = True
        done = ACTIONS[name](
            task=copy,
            connection=NoConnection(),
            play_context=self.action._play_context,
            loader=self.action._loader,
            templar=templar,
            shared_loader_obj=self.action._shared_loader_obj,
        ).run(task_vars=variables)
        if done.get("changed") or done.get("failed") or done.get("skipped"):
            raise Loud(f"{name} has something to do or to say")
        self.registered[str(task["register"])] = done
        self.variables[str(task["register"])] = done
