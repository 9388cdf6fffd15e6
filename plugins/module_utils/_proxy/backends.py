# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend that is described once and served by any proxy: what its words are, and what a proxy cannot do of them.

haproxy does all of them. A word that another proxy would have to leave out, or do otherwise, is refused with what to
write instead; docs/backends.md is the table for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.findings import Finding, fault
from .rules import CANNOT, indexed

Item = Mapping[str, Any]

_ACTIVE = (
    "nginx asks no server by itself: a request that fails takes its server out, and is tried on the next one. "
    "Say how many failures do (check.fall) and for how long (check.down_interval)"
)
# What open-source nginx cannot do, by the path of the word, and what to do instead.
NGINX: Mapping[str, str] = {
    "check.tcp": f"{_ACTIVE}; or let haproxy serve this backend.",
    "check.method": "/ready asks with GET. Remove it.",
    "check.status": "/ready takes any answer of 2xx and 3xx for good. Remove it.",
    "check.port": "/ready asks where requests go. Remove it.",
    "check.tls": "/ready asks as requests do. Remove it.",
    "check.interval": f"{_ACTIVE}.",
    "check.fast_interval": f"{_ACTIVE}.",
    "check.rise": "The first good answer brings a server back. Remove it.",
    "check.options": "Remove it, or let haproxy serve this backend.",
    "cookie.mode": "nginx adds a cookie of its own; it cannot work on the application's. Remove it, or let haproxy serve this backend.",
    "cookie.indirect": "Servers see the cookie. Remove it.",
    "cookie.nocache": "Set Cache-Control in response_headers where it is needed.",
    "cookie.options": "nginx knows no further words for a cookie. Remove it.",
    "stick_table": "nginx remembers no clients. Use cookie, or balance: source.",
    "stick_on": "nginx remembers no clients. Use cookie, or balance: source.",
    "use_server": "Name a backend of its own in a location.",
    "acls": "Use locations and nginx_maps.",
    "auth": "Use options (auth_basic) in a location.",
    "redirects": "Use redirect in a server or a location.",
    "request_headers": "Give them to the server or the location that uses the backend.",
    "response_headers": "Give them to the server or the location that uses the backend.",
    "rate_limit": "Give it to the server or the location that uses the backend.",
    "compression": "Give it to the server or the location that uses the backend.",
    "cache": "Give it to the location that uses the backend, with an item of nginx_caches.",
    "error_files": "Use error_pages in the server.",
    "forwardfor": "Servers get X-Forwarded-For; take it out with request_headers where they should not.",
    "fullconn": "Give the servers a fixed maxconn.",
    "http_reuse": "Kept connections are shared as the haproxy word `safe` does; see keepalive.",
    "redispatch": "Every retry goes to another server. Remove it.",
    "timeouts.queue": "nginx has no queue: what finds every server at its maxconn gets a 502. Remove it.",
    "timeouts.check": "/ready waits half a second. Remove it.",
    "servers.resolvers": "nginx resolves a name when it starts. Use an address.",
    "servers.init_addr": "nginx resolves a name when it starts. Use an address.",
    "servers.tls.alpn": "nginx speaks HTTP/1.1 to servers. Remove it.",
}
# What haproxy takes as a remark or a name for logs; it changes nothing elsewhere.
REMARKS = ("description",)


def foreign(
    backends: Sequence[Any], where: str, cannot: Mapping[str, str], proxy: str, findings: list[Finding]
) -> list[Any]:
    """The backends without the words that this proxy cannot do; each of them is a finding that says what to do."""
    result: list[Any] = []
    for place, backend in ((f"{where}[{index}]", item) for index, item in enumerate(backends)):
        if not isinstance(backend, Mapping):
            result.append(backend)
            continue
        kept: Any = {name: value for name, value in backend.items() if name not in REMARKS}
        for word, remedy in cannot.items():
            kept = _without(kept, word.split("."), place, remedy, proxy, findings)
            if word.startswith("servers."):
                kept = _without(kept, ["default_server", *word.split(".")[1:]], place, remedy, proxy, findings)
        result.append(kept)
    return result


def _without(item: Any, path: Sequence[str], where: str, remedy: str, proxy: str, findings: list[Finding]) -> Any:
    if isinstance(item, (list, tuple)):
        return [_without(one, path, f"{where}[{index}]", remedy, proxy, findings) for index, one in enumerate(item)]
    if not isinstance(item, Mapping) or item.get(path[0]) is None:
        return item
    name, place = path[0], f"{where}.{path[0]}"
    if len(path) > 1:
        return {**item, name: _without(item[name], path[1:], place, remedy, proxy, findings)}
    findings.append(CANNOT.finding(place, f"{proxy} cannot do this.", name, remedy))
    return {key: value for key, value in item.items() if key != name}


@dataclass(frozen=True)
class Balance:
    """How a server is chosen: roundrobin, leastconn, source, uri, random, or hash with what is hashed."""

    kind: str
    key: str = ""


def balance(text: str | None) -> Balance | None:
    """The shared words; None for what is none of them."""
    words = (text or "roundrobin").strip()
    if words in ("roundrobin", "static-rr"):
        return Balance("roundrobin")
    if words in ("leastconn", "source", "uri", "random"):
        return Balance(words)
    header = re.fullmatch(r"hdr\(([A-Za-z0-9-]+)\)", words)
    if header:
        return Balance("header", header.group(1))
    hashed = re.fullmatch(r"hash\s+(\S.*)", words)
    return Balance("hash", hashed.group(1)) if hashed else None


def effective(backend: Item, server: Item) -> dict[str, Any]:
    """A server with what it leaves open taken from its backend's default_server."""
    start = backend["default_server"] or {}
    result = {name: start.get(name) if value is None else value for name, value in server.items()}
    result["options"] = [*(start.get("options") or []), *(server["options"] or [])]
    return result


def target(server: Item) -> str:
    """`address:port`, brackets and all; of a socket its path."""
    address = str(server["address"])
    if address.startswith("/"):
        return f"unix:{address}"
    if ":" in address and not address.startswith("["):
        address = f"[{address}]"
    return f"{address}:{server['port']}" if server["port"] is not None else address


def by_name(server: Item) -> bool:
    """Whether the server is given by a name that has to be resolved."""
    address = str(server["address"])
    return not (":" in address or address.startswith("/") or address.replace(".", "").isdigit())


def cookie_value(server: Item) -> str:
    """What the cookie of a client holds that stays with this server."""
    return str(server["cookie"] or server["name"])


def check(places: Iterable[tuple[str, Item]]) -> Iterator[Finding]:
    """What has to hold for a backend whoever serves it: servers told apart by name, and a port to reach them."""
    for where, backend in places:
        names: dict[str, str] = {}
        for place, server in indexed(f"{where}.servers", backend["servers"]):
            if server["name"] in names:
                yield fault(
                    f"{place}.name",
                    "Two servers of a backend have the same name.",
                    f"{server['name']}, as in {names[server['name']]}",
                    "Rename one of them.",
                )
            names.setdefault(server["name"], place)
            whole = effective(backend, server)
            if whole["port"] is None and whole["address"] and not str(whole["address"]).startswith("/"):
                yield fault(
                    place, "The server has no port.", "no port", "Add port, to the server or to default_server."
                )
        if not backend["servers"] and not any("server" in line.split()[:1] for line in backend["options"]):
            yield fault(where, "The backend has no servers.", "no servers", "Add servers.")
