# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe is asked to do, checked: parameters in, settings out, or every fault at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.findings import CoreError, Finding

MOST_REQUESTS = 2_000_000
LONGEST = 86_400.0


@dataclass(frozen=True)
class Target:
    """One address to ask, and how."""

    name: str
    address: str
    port: int
    protocol: str = "http"
    method: str = "GET"
    path: str = "/"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    statuses: tuple[int, ...] = (200,)
    send: bytes = b""
    expect: bytes = b""
    rate: float = 100.0
    kept: int = 20
    kept_rate: float = 50.0

    @property
    def requests_per_second(self) -> float:
        return self.rate + self.kept * self.kept_rate


@dataclass(frozen=True)
class Settings:
    """A whole run."""

    targets: tuple[Target, ...]
    duration: float
    timeout: float = 1.0
    server_header: str = "x-served-by"
    server_pattern: str | None = None


def settings(params: Mapping[str, Any]) -> Settings:
    """Settings from the module's parameters (missing ones have the module's defaults)."""
    findings: list[Finding] = []

    def refuse(where: str, what: str, got: object, accepted: str, remedy: str) -> None:
        findings.append(Finding("probe", where, what, repr(got), remedy, accepted))

    def number(where: str, value: Any, least: float, most: float, default: float, remedy: str) -> float:
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            refuse(where, "The number is out of range.", value, f"{least:g} to {most:g}", remedy)
            return default
        return value

    common = {
        "rate": number("rate", params.get("rate"), 0, 10_000, 100, "Ask for fewer connections a second."),
        "kept": number("kept", params.get("kept"), 0, 1000, 20, "Ask for fewer kept clients."),
        "kept_rate": number("kept_rate", params.get("kept_rate"), 0.001, 1000, 50, "Ask for another rate."),
    }
    duration = number("duration", params.get("duration"), 0.1, LONGEST, 10, "Every run is bounded: choose a duration.")
    timeout = number("timeout", params.get("timeout"), 0.01, 60, 1, "Choose another timeout.")
    pattern = params.get("server_pattern")
    if pattern is not None:
        try:
            groups = re.compile(pattern).groups
        except re.error:
            groups = 0
        if groups != 1:
            refuse(
                "server_pattern",
                "The pattern must be a regular expression with one group.",
                pattern,
                "for example 'served by ([a-z0-9-]+)'",
                "Put the part that names the server into brackets.",
            )

    targets: list[Target] = []
    given = params.get("targets") or []
    if not given:
        refuse("targets", "There is nothing to probe.", given, "one target or more", "Name a target.")
    for index, item in enumerate(given):
        where = f"targets[{index}]"
        try:
            address = str(ipaddress.ip_address(str(item.get("address", ""))))
        except ValueError:
            address = ""
            refuse(
                f"{where}.address",
                "A target is a literal address, so that no name look-up is measured.",
                item.get("address"),
                "an IPv4 or IPv6 address without prefix or brackets",
                "Write the address.",
            )
        protocol = item.get("protocol") or "http"
        port = int(number(f"{where}.port", item.get("port"), 1, 65535, 80, "Choose a port."))
        kept = int(number(f"{where}.kept", item.get("kept"), 0, 1000, common["kept"], "Ask for fewer kept clients."))
        if protocol == "tcp" and kept and not (item.get("send") and item.get("expect")):
            refuse(
                f"{where}.kept",
                "A kept TCP client needs something to send and something to expect.",
                kept,
                "kept: 0, or send and expect",
                "Set kept: 0 for this target or give it send and expect.",
            )
        bracketed = f"[{address}]" if ":" in address else address
        name = item.get("name") or f"{bracketed}:{port}"
        if name in (target.name for target in targets):
            refuse(f"{where}.name", "Two targets have this name.", name, "a name of its own", "Give the target a name.")
        targets.append(
            Target(
                name=name,
                address=address,
                port=port,
                protocol=protocol,
                method=item.get("method") or "GET",
                path=item.get("path") or "/",
                host=item.get("host") or (bracketed if port == 80 else f"{bracketed}:{port}"),
                headers=tuple((str(key), str(value)) for key, value in (item.get("headers") or {}).items()),
                body=(item.get("body") or "").encode(),
                statuses=tuple(item.get("status") or (200,)),
                send=(item.get("send") or "").encode(),
                expect=(item.get("expect") or "").encode(),
                rate=number(f"{where}.rate", item.get("rate"), 0, 10_000, common["rate"], "Ask for fewer."),
                kept=kept,
                kept_rate=number(
                    f"{where}.kept_rate", item.get("kept_rate"), 0.001, 1000, common["kept_rate"], "Ask for fewer."
                ),
            )
        )
    if given and not any(target.requests_per_second for target in targets):
        refuse("targets", "No target is sent anything.", 0, "a rate or kept above 0", "Set rate or kept.")
    total = duration * sum(target.requests_per_second for target in targets)
    if total > MOST_REQUESTS:
        refuse(
            "duration",
            "The run would send more requests than a probe keeps.",
            f"{total:.0f} requests",
            f"{MOST_REQUESTS} requests",
            "Choose a shorter duration or lower rates.",
        )
    if findings:
        raise CoreError(findings)
    return Settings(
        targets=tuple(targets),
        duration=duration,
        timeout=timeout,
        server_header=(params.get("server_header") or "x-served-by").lower(),
        server_pattern=pattern,
    )
