# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter, and the module with the playbook as ansible-playbook runs them: the inventory in, no host called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter.vrrp_plan import FilterModule, vrrp_plan
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.plugin_utils.inventory import plain
from ansible_collections.evenkeel.lb.plugins.plugin_utils.role import node_names

from tests.unit._cluster.plan_data import instance, nodes

ROOT = Path(__file__).parents[3]
GROUP: dict[str, Any] = {
    "evenkeel_cluster": "{{ 'ed' ~ 'ge' }}",
    "evenkeel_nodes": "{{ groups['balancers'] }}",
    "vrid": 55,
    "keepalived_instances": [instance(virtual_router_id="{{ vrid }}")],
}


def hostvars(**common: Any) -> dict[str, Any]:
    return {node["name"]: node["vars"] for node in nodes(**common)}


def test_the_filter_plans() -> None:
    planned = vrrp_plan(["lb-1", "lb-2"], hostvars())
    assert planned["instances"] == {"public": {"order": ["lb-1", "lb-2"]}}
    assert FilterModule().filters() == {"vrrp_plan": vrrp_plan}


def test_the_filter_refuses_with_every_fault() -> None:
    with pytest.raises(AnsibleFilterError) as refusal:
        vrrp_plan(["lb-1", "lb-2"], hostvars(keepalived_priority=100, keepalived_preempt_delay=-1))
    assert str(refusal.value).split("\n") == [
        "evenkeel.lb.vrrp_plan: edge: keepalived_preempt_delay: The number is out of range. Found: -1. Accepted: 0 to 1000."
        " Correct it. [B5]",
        "lb-2: keepalived_priority: Two nodes of public have the same priority, so both could be MASTER. Found: 100, as"
        " on lb-1. Give each node its own number. [A7]",
    ]


@pytest.mark.parametrize(
    ("names", "known", "message"),
    [
        ("lb-1", {}, "evenkeel.lb.vrrp_plan: the input must be a list of host names, not str."),
        ([], [], "evenkeel.lb.vrrp_plan: `hostvars` must be Ansible's hostvars, not list."),
    ],
)
def test_the_filter_refuses_other_types(names: Any, known: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError) as refusal:
        vrrp_plan(names, known)
    assert str(refusal.value) == message


def test_plain_values() -> None:
    class Vaulted(list[int]):
        """As ansible-core 2.17 and 2.18 have it: a sequence that is a string."""

        _ciphertext = "x"

        def __str__(self) -> str:
            return "clear"

    assert plain({"a": (1, 2.5, None, True), 3: Vaulted()}) == {"a": [1, 2.5, None, True], "3": "clear"}


def play(tmp_path: Path, *arguments: str, tasks: list[Any] | None = None, **changes: Any) -> tuple[int, str]:
    """Run the plan playbook, or these tasks, over the pair with templates in its variables."""
    hosts = {"lb-1": {"ansible_host": "198.51.100.11"}, "lb-2": {"ansible_host": "198.51.100.{{ 12 }}"}}
    group = {"hosts": hosts, "vars": {**GROUP, **changes}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"balancers": group}))
    playbook = ROOT / "playbooks/plan.yml"
    if tasks:
        playbook = tmp_path / "play.yml"
        playbook.write_text(json.dumps([{"hosts": "balancers", "gather_facts": False, "tasks": tasks}]))
    run = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", str(playbook), "-i", str(tmp_path / "hosts.yml"), *arguments],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def test_the_playbook_shows_the_plan_under_any_limit(tmp_path: Path) -> None:
    """The hosts do not exist: a call to one would fail."""
    code, output = play(tmp_path, "--limit", "lb-2", "--check")
    assert code == 0, output
    shown = output.split("msg:")[1].split("PLAY RECAP")[0]
    assert yaml.safe_load(shown)[0] == "cluster edge: lb-1, lb-2"
    assert "    lb-1: MASTER, priority 250, eth0, 198.51.100.11" in yaml.safe_load(shown)
    assert "    lb-2: BACKUP, priority 248, eth0, 198.51.100.12" in yaml.safe_load(shown)


def test_the_module_names_every_fault(tmp_path: Path) -> None:
    code, output = play(tmp_path, keepalived_preempt_delay="{{ nowhere }}", keepalived_priority=100)
    assert code == 2
    assert "lb-1: keepalived_preempt_delay: This template cannot be resolved from the inventory alone." in output
    assert "lb-2: keepalived_preempt_delay: This template cannot be resolved from the inventory alone." in output
    assert "The inventory cannot be planned: 2 things to correct." in output


def test_a_password_is_registered_and_shown_nowhere(tmp_path: Path) -> None:
    tasks = [
        {"evenkeel.lb.vrrp_plan": {"nodes": "{{ evenkeel_nodes }}"}, "register": "planned"},
        {
            "ansible.builtin.assert": {
                "that": "(planned.plan.nodes['lb-1'].instances | first).auth_pass | hash('sha1') == wanted"
            },
            "vars": {"wanted": "{{ ['can', 'ary', '1'] | join | hash('sha1') }}"},
        },
    ]
    old = {"keepalived_vrrp_version": 2, "keepalived_advert_interval": 1}
    code, output = play(tmp_path, "-vvv", tasks=tasks, keepalived_auth_pass="canary1", **old)
    assert code == 0, output
    assert "canary1" not in output
    assert "VRRPv2 adverts in whole" in output


def test_a_role_is_modelled_from_templates_and_nothing_of_it_is_shown(tmp_path: Path) -> None:
    prepare = {"evenkeel.lb.role_model": {"role": "haproxy"}, "register": "prepared"}
    users = "{{ prepared.model.sections.userlists[0].lines | join }}"
    check = {"ansible.builtin.assert": {"that": "users is search(['can', 'ary1'] | join)"}, "vars": {"users": users}}
    server = {"name": "web-1", "address": "198.51.100.21", "port": 8080}
    lists = [{"name": "staff", "users": [{"name": "ops", "password": "{{ word }}"}]}]
    code, output = play(
        tmp_path,
        "-vvv",
        tasks=[prepare, check],
        word="canary1",
        haproxy_userlists=lists,
        haproxy_listens=[{"name": "web", "bind": ["198.51.100.28:80"], "servers": [server]}],
        haproxy_frontend=[],
    )
    assert code == 0, output
    assert "canary1" not in output
    assert "Did you mean haproxy_frontends?" in output


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "nothing"),
        ("lb-1", "'lb-1'"),
        ([{"name": "lb-1"}], "a list of 1"),
        ({"lb-1": None}, "a dictionary of lb-1"),
        (["lb-1", None], "['lb-1', None]"),
    ],
)
def test_a_role_refuses_what_lists_no_nodes(value: Any, got: str) -> None:
    with pytest.raises(CoreError) as refusal:
        node_names("lb-1", value)
    assert str(refusal.value) == (
        f"lb-1: evenkeel_nodes: A cluster must name its nodes in order of preference. Found: {got}. Accepted: a list of host"
        " names. Set evenkeel_nodes in the vars of the cluster's group, like \"{{ groups['balancers'] }}\". [A23]"
    )


def test_names_that_look_like_numbers_are_names() -> None:
    assert node_names("1", [1, "lb-2"]) == ["1", "lb-2"]


def test_a_role_by_itself_says_that_its_nodes_are_no_list(tmp_path: Path) -> None:
    code, output = play(tmp_path, tasks=[{"evenkeel.lb.role_model": {"role": "keepalived"}}], evenkeel_nodes=None)
    assert code == 2
    assert "The role keepalived can't work with its variables: one thing to correct." in output
    assert "lb-1: evenkeel_nodes: A cluster must name its nodes in order of preference. Found: nothing." in output


def test_a_cluster_may_be_named_by_a_number(tmp_path: Path) -> None:
    """Alone, and as the playbooks ask for its plan."""
    task = {"evenkeel.lb.role_model": {"role": "keepalived"}, "delegate_to": "localhost"}
    vars_file = str(ROOT / "playbooks/vars/engine.yml")
    include = {"ansible.builtin.include_vars": vars_file}
    planned = {"evenkeel.lb.vrrp_plan": {"hosts": "{{ ansible_play_hosts_all }}"}, "register": "__evenkeel_plans"}
    check = {"ansible.builtin.assert": {"that": "__evenkeel_me.name == inventory_hostname"}}
    code, output = play(tmp_path, tasks=[task, include, planned, check], evenkeel_cluster=1)
    assert code == 0, output


def test_a_role_names_every_fault_of_its_variables(tmp_path: Path) -> None:
    tasks = [{"evenkeel.lb.role_model": {"role": "haproxy"}}]
    wrong = [{"name": "app", "servers": [{"name": "web-1", "address": "198.51.100.21", "prt": 80}]}]
    code, output = play(tmp_path, tasks=tasks, haproxy_backends=wrong, haproxy_state="{{ 'here' }}")
    assert code == 2
    assert "The role haproxy can't work with its variables: 2 things to correct." in output
    assert "haproxy_backends[0].servers[0]: The key prt is unknown here." in output
    assert "haproxy_state: The value is not one that is known. Found: 'here'. Accepted: present, absent." in output
    code, output = play(tmp_path, tasks=tasks, haproxy_backends="{{ nowhere }}")
    assert code == 2
    assert "haproxy_backends: " in output
    assert "'nowhere' is undefined" in output


def test_without_netaddr_a_role_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netaddr.py").write_text("raise ImportError('no netaddr here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tunnel = [{"name": "wg0", "addresses": ["192.0.2.1/24"]}]
    code, output = play(
        tmp_path, tasks=[{"evenkeel.lb.role_model": {"role": "wireguard"}}], wireguard_interfaces=tunnel
    )
    assert code == 2
    assert (
        "The Python library netaddr is missing. Found: no netaddr here. Install it beside Ansible: "
        f"{sys.executable} -m pip install 'netaddr~=1.3'"
    ) in output.replace("\n", " ")
    assert "Traceback" not in output


def test_the_filter_leaves_out_warnings_that_are_accepted() -> None:
    address = [instance(virtual_addresses=["198.51.100.28"])]
    assert [one["rule"] for one in vrrp_plan(["lb-1", "lb-2"], hostvars(instances=address))["warnings"]] == ["C12"]
    assert vrrp_plan(["lb-1", "lb-2"], hostvars(instances=address, evenkeel_accept=["C12"]))["warnings"] == []
    with pytest.raises(AnsibleFilterError, match=r"lb-1: evenkeel_accept\[0\]: There is no rule of this name"):
        vrrp_plan(["lb-1", "lb-2"], hostvars(evenkeel_accept=["C13"]))


def folded(output: str) -> str:
    """Older cores break warnings into lines."""
    return " ".join(output.split())


def test_warnings_that_are_accepted_are_not_shown(tmp_path: Path) -> None:
    """By the plan and by a role, with a template in the list."""
    role = {"evenkeel.lb.role_model": {"role": "haproxy"}}
    tasks = [{"evenkeel.lb.vrrp_plan": {"hosts": "{{ ansible_play_hosts_all }}"}, "run_once": True}, role]
    given = {
        "keepalived_instances": [instance(virtual_addresses=["198.51.100.28"])],
        "haproxy_listens": [
            {
                "name": "web",
                "bind": ["198.51.100.28:80"],
                "servers": [{"name": "web-1", "address": "web.example.com", "port": 80}],
            }
        ],
    }
    warnings = ("Without a prefix keepalived", "A name is resolved once")
    code, output = play(tmp_path, tasks=tasks, **given)
    assert (code, [text in folded(output) for text in warnings]) == (0, [True, True]), output
    code, output = play(tmp_path, tasks=tasks, names=["F8"], evenkeel_accept="{{ names + ['C12'] }}", **given)
    assert (code, [text in folded(output) for text in warnings]) == (0, [False, False]), output
    code, output = play(tmp_path, tasks=[role], evenkeel_accept=["F4"], **given)
    assert code == 2
    assert "evenkeel_accept[0]: What breaks this rule does not work, so it cannot be accepted. Found: F4" in output
