# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role wireguard refuses or warns of: every message by its words."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.hosts import Host
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.model import build

from tests.unit.findings import each_case, each_kind, said, silent, unpinned
from tests.wireguard import KEYS, options

PAIR = ["lb-1", "lb-2"]
PUBLIC = {"name": "public", "interface": "eth0", "virtual_addresses": ["198.51.100.28/27"]}
TUNNEL = {"name": "wg0", "addresses": ["192.0.2.1/24"], "hosts": ["lb-1", "web-1"]}


def found(kind: str, case: dict[str, Any]) -> list[str]:
    """Findings about a sound host with these variables laid over it. `hosts` are laid over the other hosts' own."""
    mine = [{**TUNNEL, **one} for one in case.get("interfaces", [{}])]
    hosts: dict[str, dict[str, Any]] = {
        "lb-1": {"interfaces": mine, "keys": {"wg0": KEYS[0]}, "nodes": PAIR, "instances": [PUBLIC]},
        "lb-2": {"interfaces": mine, "nodes": PAIR, "instances": [PUBLIC]},
        "web-1": {"interfaces": [{**TUNNEL, "addresses": ["192.0.2.2/24"]}], "keys": {"wg0": KEYS[1]}},
    }
    for number, name in enumerate(hosts):
        address = f"198.51.100.{11 + number}"
        hosts[name] = {
            "address": address,
            "vrrp_address": address,
            **hosts[name],
            **case.get("hosts", {}).get(name, {}),
        }
    inventory = {name: Host(name, **given) for name, given in hosts.items()}
    wanted = {**inventory, **dict.fromkeys(case.get("missing", []))}
    variables = {"wireguard_interfaces": mine, **case.get("variables", {})}
    model = build(variables, options(), "lb-1", wanted, case.get("names", []), case.get("reached", []))
    return said(model, kind)


@each_kind
def test_a_sound_host_has_none(kind: str) -> None:
    assert found(kind, {}) == []


@each_case("wireguard")
def test_finding(kind: str, case: dict[str, Any]) -> None:
    assert found(kind, case) == case["expected"]


def test_every_rule_has_a_case() -> None:
    # G5 is the host's own (test_key.py): nobody else sees its files.
    assert silent("wireguard") == {"G5"}


def test_every_rule_of_the_core_is_pinned() -> None:
    """Each sentence that a rule can say is said by a case."""
    assert unpinned("wireguard", "_wireguard/rules.py", least=50) == []


def test_ansible_may_come_in_through_the_tunnel() -> None:
    """G8 minds only where peers would look for the host."""
    inside = {"address": "192.0.2.2", "vrrp_address": "192.0.2.2"}
    elsewhere = {**TUNNEL, "addresses": ["192.0.2.2/24"], "endpoint": "vpn.example.com"}
    assert len(found("errors", {"hosts": {"web-1": inside}})) == 1
    assert found("errors", {"hosts": {"web-1": {**inside, "interfaces": [elsewhere]}}}) == []


def test_no_secret_is_in_a_message() -> None:
    canary = "canary-of-a-secret"
    peer = {"name": "office", "public_key": KEYS[2], "allowed_ips": ["192.0.2.9/32"], "preshared_key": canary}
    wrong = [{"private_key": canary, "preshared_secret": "canary", "peers": [peer]}]
    messages = found("errors", {"interfaces": wrong})
    assert len(messages) == 3
    assert "canary" not in "".join(messages)
