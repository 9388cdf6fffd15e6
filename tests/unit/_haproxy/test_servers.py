# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers from inventory hosts, and the numbers that servers get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter import servers as plugin
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.servers import FIRST_ID, LAST_ID, server_id
from hypothesis import given
from hypothesis import strategies as st

HOSTVARS: dict[str, dict[str, Any]] = {
    "web-1": {"ansible_host": "198.51.100.21"},
    "web-2": {"ansible_host": "198.51.100.22", "haproxy_server_weight": 50},
    "web-3": {
        "ansible_host": "192.0.2.3",
        "haproxy_server_address": "2001:db8::23",
        "haproxy_server_backup": True,
        "haproxy_server_port": 81,
    },
    "nowhere": {},
}


def test_the_documented_example_holds() -> None:
    example = yaml.safe_load(plugin.EXAMPLES)[0]["ansible.builtin.assert"]["that"].replace(
        "evenkeel.lb.servers", "servers"
    )
    environment = jinja2.Environment()
    environment.filters.update(plugin.FilterModule().filters())
    assert environment.compile_expression(example)(hostvars=HOSTVARS) is True


def test_a_host_speaks_for_itself() -> None:
    assert plugin.servers(["web-3", "web-1"], HOSTVARS, port=80, weight=1) == [
        {"name": "web-3", "address": "2001:db8::23", "port": 81, "weight": 1, "backup": True},
        {"name": "web-1", "address": "198.51.100.21", "port": 80, "weight": 1},
    ]


def test_no_hosts_are_no_servers() -> None:
    assert plugin.servers([], HOSTVARS, port=80) == []


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(AnsibleFilterError) as error:
        plugin.servers(["web-9", "web-1", "nowhere"], HOSTVARS, prt=80)
    accepted = (
        "port, weight, backup, maxconn, check, id, cookie, disabled, options, send_proxy, tls, resolvers, init_addr"
    )
    assert str(error.value).splitlines() == [
        f"evenkeel.lb.servers: prt: The argument prt is unknown. Found: prt. Accepted: {accepted}. Correct or remove it. [servers]",
        "[0]: The host is not in the inventory. Found: web-9. Correct its name or add the host. [servers]",
        "nowhere: The host has no address. Found: neither haproxy_server_address nor ansible_host. "
        "Set ansible_host, or haproxy_server_address where traffic takes another way. [servers]",
    ]


@pytest.mark.parametrize("hosts", ["web-1", None, {"web-1": {}}])
def test_the_input_is_a_list(hosts: Any) -> None:
    with pytest.raises(
        AnsibleFilterError,
        match=r"^evenkeel.lb.servers: the input must be a list of host names, not (str|NoneType|dict)",
    ):
        plugin.servers(hosts, HOSTVARS)


def test_every_accepted_argument_is_an_option_of_the_role() -> None:
    from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.servers import ACCEPTED

    specification = Path(__file__).parents[3] / "roles" / "haproxy" / "meta" / "argument_specs.yml"
    options = yaml.safe_load(specification.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    assert set(ACCEPTED) == set(options["haproxy_backends"]["options"]["servers"]["options"]) - {"name", "address"}


def test_the_number_of_a_name_is_for_ever() -> None:
    """Logs and consistent hashes of running clusters hang on it."""
    assert [server_id(name) for name in ("web-1", "web-2", "web-3")] == [888923, 576857, 254373]


@given(st.text())
def test_numbers_are_within_their_range(name: str) -> None:
    assert FIRST_ID <= server_id(name) <= LAST_ID
