# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik's API, and what it says of routers and services."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from typing import Any

SECONDS = 2
KINDS = ("http/routers", "http/services", "tcp/routers", "tcp/services", "udp/routers", "udp/services")
# Objects of other providers come and go without us, so a reference to one that is not there is no fault of the set.
ELSEWHERE = re.compile(r'"?[^"@ ]+@(?!file\b|internal\b)[a-z]+"? does not exist')


class Silent(Exception):
    """The API did not answer as an API does."""


class Api:
    """Questions to one Traefik."""

    def __init__(self, address: str) -> None:
        self.host, dummy, port = address.rpartition(":")
        self.host = self.host.strip("[]")
        self.port = int(port)

    def ask(self, path: str) -> list[dict[str, Any]]:
        """All pages of a listing."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            status, following, text = self._get(f"/api/{path}?per_page=500&page={page}")
            if status != 200:
                raise Silent(f"/api/{path}: status {status}")
            found += json.loads(text)
            if following <= page:
                return found
            page = following

    def _get(self, path: str) -> tuple[int, int, str]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                text = answer.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                raise Silent(f"{self.host}:{self.port}: {error}") from None
        return answer.status, int(answer.getheader("X-Next-Page") or 0), text


def problems(api: Api, digest: str) -> list[str]:
    """Why the set with this digest is not in force, whole and without errors."""
    found: list[str] = []
    running = "none of ours"
    for kind in KINDS:
        for item in api.ask(kind):
            if item.get("provider") != "file":
                continue
            if kind == "http/routers" and item["name"].startswith("evenkeel-alive-"):
                running = item["name"][len("evenkeel-alive-") :].partition("@")[0]
            found += [f"{kind[:-1].replace('/', ' ')} {item['name']}: {fault}" for fault in faults(item)]
    if running != digest:
        found.insert(0, f"the dynamic configuration in force is {running}, the file's is {digest}")
    return found


def faults(item: dict[str, Any]) -> Iterator[str]:
    said = item.get("error") or item.get("errors") or []
    said = [said] if isinstance(said, str) else list(said)
    real = [one for one in said if not ELSEWHERE.search(one)]
    yield from real
    if item.get("status", "enabled") != "enabled" and not said:
        yield f"it is {item['status']}"
