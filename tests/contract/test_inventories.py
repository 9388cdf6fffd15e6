# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories: the one that people copy is short and has the keys that the design names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.suite.steps import BIN, ROOT, environment

INVENTORIES = sorted(path for path in (ROOT / "inventories").iterdir() if path.is_dir())
LAB = ROOT / "inventories" / "lab"


def listed(inventory: Path) -> dict[str, Any]:
    """The inventory as Ansible reads it."""
    command: list[str | Path] = [BIN / "ansible-inventory", "-i", inventory, "--list"]
    # A warning about a file that could not be parsed is a failure here.
    env = environment({"ANSIBLE_INVENTORY_UNPARSED_FAILED": "1", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"})
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_lab_is_short() -> None:
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in LAB.rglob("*") if path.is_file())
    assert lines < 60


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda path: path.name)
def test_inventory_names_balancers(inventory: Path) -> None:
    assert listed(inventory)["balancers"]["hosts"]


def test_lab_has_the_keys_of_the_design() -> None:
    lab = listed(LAB)
    hosts = lab["_meta"]["hostvars"]
    assert lab["balancers"]["hosts"] == ["lb-1", "lb-2"]
    assert lab["webs"]["hosts"] == ["web-1", "web-2", "web-3"]
    for name in ("lb-1", "lb-2", "web-1", "web-2", "web-3"):
        assert hosts[name]["ansible_host"].startswith("198.51.100.")
    for name in ("lb-1", "lb-2"):
        pair = hosts[name]
        assert pair["evenkeel_cluster"] == "edge"
        assert pair["evenkeel_nodes"] == "{{ groups['balancers'] }}"
        public = pair["keepalived_instances"][0]
        assert public["name"] == "public"
        assert public["track"] == ["haproxy"]
        assert {"virtual_router_id", "interface", "virtual_addresses"} <= set(public)
        assert [":" in address for address in public["virtual_addresses"]] == [False, True]
        web = pair["haproxy_frontends"][0]
        assert {"name", "bind", "default_backend"} <= set(web)
        app = pair["haproxy_backends"][0]
        assert {"name", "servers", "check"} <= set(app)
        assert "evenkeel.lb.servers(hostvars, port=" in app["servers"]
        assert app["check"]["http"] == "/health"


def test_round_robin_is_seed_0() -> None:
    pair = listed(ROOT / "inventories" / "nginx-round-robin")["_meta"]["hostvars"]["lb-1"]
    assert {bind.rpartition(":")[2] for bind in pair["nginx_servers"][0]["bind"]} == {"80"}
    assert pair["nginx_backends"][0]["balance"] == "roundrobin"
    assert [server["port"] for server in pair["nginx_backends"][0]["servers"]] == [4000, 4001, 4002]
    assert pair["keepalived_instances"][0]["track"] == ["nginx"]


def test_two_load_balancers_is_the_seed() -> None:
    """Seed 3: 150 and 100, VRID 55 with a password, and what is internal bound to the tunnel's address on both nodes."""
    hosts = listed(ROOT / "inventories" / "two-load-balancers")["_meta"]["hostvars"]
    first, second = hosts["load-balancer-1"], hosts["load-balancer-2"]
    assert (first["keepalived_priority"], second["keepalived_priority"]) == (150, 100)
    instance = first["keepalived_instances"][0]
    assert (instance["virtual_router_id"], bool(instance["auth_pass"]), instance["track"]) == (55, True, ["haproxy"])
    tunnel = first["wireguard_interfaces"][0]
    assert tunnel == second["wireguard_interfaces"][0]
    assert tunnel["follow_vip"] == instance["name"]
    floating, internal = instance["virtual_addresses"][0].split("/")[0], tunnel["addresses"][0].split("/")[0]
    bound = {front["name"]: front["bind"][0].rpartition(":")[0] for front in first["haproxy_frontends"]}
    assert bound == {"ingress": floating, "rancher": internal, "proxmox": internal}
