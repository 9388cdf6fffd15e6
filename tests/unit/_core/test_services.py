# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of the services, and what is worked out from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError, AnsibleLookupError
from ansible_collections.evenkeel.lb.plugins.filter import services as shell
from ansible_collections.evenkeel.lb.plugins.lookup import library
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import NAMES, SERVICES, service

from tools.docs import ROOT, specification


def test_every_service_is_a_role_and_every_role_a_service() -> None:
    assert sorted(NAMES) == sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_of_a_record_are_its_roles(name: str) -> None:
    known = specification(ROOT / "roles" / name)["options"]
    assert {*service(name).variables, service(name).on_drift} - set(known) == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_role_commits_the_service_of_the_record(name: str) -> None:
    tasks = yaml.safe_load((ROOT / "roles" / name / "tasks" / "commit.yml").read_text(encoding="utf-8"))
    (given,) = (task["evenkeel.lb.commit"] for task in tasks if "evenkeel.lb.commit" in task)
    assert (given["service"], given["unit"]) == (name, service(name).unit)
    assert f"query('evenkeel.lb.library', '{name}')" in given["files"]
    # drift.yml has every role look whatever somebody changed by hand.
    assert given["on_drift"] == f"{{{{ __evenkeel_on_drift | default({service(name).on_drift}) }}}}"
    kept = yaml.safe_load((ROOT / "roles" / name / "vars" / "main.yml").read_text(encoding="utf-8"))
    assert kept[f"__{name}_library"] == service(name).tree


def test_the_roles_health_is_where_the_record_says() -> None:
    for one in SERVICES:
        default = specification(ROOT / "roles" / one.name)["options"].get(f"{one.name}_health_bind", {}).get("default")
        assert default == (f"127.0.0.1:{one.health_port}" if one.health_port else None)


def test_a_name_that_is_no_services_is_refused() -> None:
    with pytest.raises(
        KeyError, match="'apache' is no service; there are haproxy, nginx, traefik, wireguard, keepalived"
    ):
        service("apache")
    with pytest.raises(AnsibleLookupError, match=r"^evenkeel\.lb\.library: 'apache' is no service"):
        library.LookupModule().run(["apache"])


def test_every_variable_of_a_record_selects_it_alone() -> None:
    for one in SERVICES:
        for name in one.variables:
            assert shell.services([name, "ansible_host"]) == [one.name]


def examples() -> list[tuple[str, Any]]:
    found = re.findall(r"^# (\[.*\]) \| evenkeel\.lb\.services == (\[.*\])$", shell.EXAMPLES, re.MULTILINE)
    return [(given, expected) for given, expected in found]


@pytest.mark.parametrize(("given", "expected"), examples())
def test_the_documented_examples_hold(given: str, expected: str) -> None:
    assert shell.services(yaml.safe_load(given)) == yaml.safe_load(expected)


def test_the_order_is_that_of_the_commits_whatever_the_input() -> None:
    names = [one.variables[0] for one in SERVICES]
    assert shell.services(names[::-1]) == list(NAMES)
    assert NAMES[-1] == "keepalived"


@pytest.mark.parametrize("wrong", ["haproxy_state", {"haproxy_state": "present"}, 3])
def test_an_input_that_is_no_list_is_refused_by_its_type(wrong: Sequence[str]) -> None:
    with pytest.raises(AnsibleFilterError, match=rf"^evenkeel\.lb\.services: .* not {type(wrong).__name__}$"):
        shell.services(wrong)
