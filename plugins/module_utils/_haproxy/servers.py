# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's servers: from inventory hosts to the list that a backend takes, and the number that each of them has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from .._core.findings import CoreError, Finding

RULE = "servers"
# Below are the numbers that people give; above, consistent hashing would fold two numbers into one place of its ring.
FIRST_ID, LAST_ID = 1000, 2**20 - 1
# What a host may say for itself, as haproxy_server_NAME.
PER_HOST = ("port", "weight", "backup", "maxconn", "check", "id", "cookie", "disabled", "options")
ACCEPTED = PER_HOST + ("send_proxy", "tls", "resolvers", "init_addr")


def server_id(name: str) -> int:
    """A number that depends on the name only: it survives other servers' coming and going."""
    digest = hashlib.sha256(name.encode()).digest()
    return FIRST_ID + int.from_bytes(digest[:8], "big") % (LAST_ID - FIRST_ID + 1)


def servers(
    hosts: Sequence[str],
    host_variables: Callable[[str], Mapping[str, Any] | None],
    common: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """One server for each host, in the order given; `common` holds for all, a host's own variables go before it."""
    findings = [
        Finding(RULE, name, f"The argument {name} is unknown.", name, "Correct or remove it.", ", ".join(ACCEPTED))
        for name in common
        if name not in ACCEPTED
    ]
    result: list[dict[str, Any]] = []
    for index, host in enumerate(hosts):
        variables = host_variables(host)
        if variables is None:
            findings.append(
                Finding(
                    RULE, f"[{index}]", "The host is not in the inventory.", host, "Correct its name or add the host."
                )
            )
            continue
        address = variables.get("haproxy_server_address") or variables.get("ansible_host")
        if not address:
            findings.append(
                Finding(
                    RULE,
                    host,
                    "The host has no address.",
                    "neither haproxy_server_address nor ansible_host",
                    "Set ansible_host, or haproxy_server_address where traffic takes another way.",
                )
            )
            continue
        server: dict[str, Any] = {"name": host, "address": str(address), **common}
        for key in PER_HOST:
            if variables.get(f"haproxy_server_{key}") is not None:
                server[key] = variables[f"haproxy_server_{key}"]
        result.append(server)
    if findings:
        raise CoreError(findings)
    return result
