# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backends as Traefik's services: the words are those of haproxy_backends, and what Traefik cannot do is refused.

One backend can become several objects: servers that stand by need a service of their own, and TLS, PROXY protocol and
timeouts towards servers are a transport's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._core.findings import Finding, fault

# The nearest that Traefik has.
STRATEGIES = {"roundrobin": "wrr", "leastconn": "p2c", "random": "p2c", "random(2)": "p2c", "source": "hrw"}
TCP_CHECK = {"interval": "1s", "timeout": "2s"}

Item = Mapping[str, Any]


def servers(backend: Item) -> list[dict[str, Any]]:
    """The servers in use, with what all start from; one of weight 0 is none, where Traefik has no word for that."""
    start = {name: value for name, value in (backend["default_server"] or {}).items() if value is not None}
    full = [
        {**server, **start, **{name: value for name, value in server.items() if value is not None}}
        for server in backend["servers"]
    ]
    drained = backend["mode"] == "tcp"
    return [server for server in full if not (server["disabled"] or (drained and server["weight"] == 0))]


def refused(where: str, backend: Item) -> Iterator[Finding]:
    """What the other proxies can do and Traefik cannot."""
    mode, check, cookie = backend["mode"], backend["check"] or {}, backend["cookie"]

    def finding(place: str, what: str, got: Any, remedy: str, accepted: str = "") -> Finding:
        return fault(f"{where}.{place}", what, str(got), remedy, accepted)

    if backend["balance"] and backend["balance"] not in STRATEGIES:
        yield finding(
            "balance",
            "Traefik has no such way to choose a server.",
            backend["balance"],
            "Use one of these, or serve this backend with haproxy.",
            ", ".join(STRATEGIES),
        )
    if mode != "http" and backend["balance"] not in (None, "roundrobin"):
        yield finding(
            "balance",
            "Traefik serves connections in turn only.",
            backend["balance"],
            "Leave it out, or serve this backend with haproxy.",
            "roundrobin",
        )
    if mode == "http" and STRATEGIES.get(backend["balance"] or "") == "p2c":
        active = servers(backend)
        for members in ([one for one in active if one["backup"]], [one for one in active if not one["backup"]]):
            weights = [1 if one["weight"] is None else one["weight"] for one in members]
            if 0 in weights or len(set(weights)) > 1:
                yield finding(
                    "balance",
                    "With this Traefik knows no weights.",
                    f"{backend['balance']}, and the weights {', '.join(map(str, weights))}",
                    "Leave the weights out (disabled: true instead of 0), or use roundrobin.",
                )
    for name in ("fall", "rise"):
        if check.get(name) not in (None, 1):
            yield finding(
                f"check.{name}",
                "Traefik believes every single check.",
                check[name],
                "Leave it out; a longer interval makes checks rarer, not milder.",
                "1",
            )
    if mode == "http" and check and not check["http"]:
        yield finding(
            "check",
            "Traefik checks HTTP servers by a request, not by a connection.",
            "no http",
            "Set check.http to a path, or leave check out: then each request that finds no server is tried on the next.",
        )
    if mode == "tcp" and check.get("http"):
        yield finding(
            "check.http",
            "Traefik checks TCP servers by a connection, not by a request.",
            check["http"],
            "Leave check out, or set check.tcp.",
        )
    if mode == "udp" and check:
        yield finding("check", "Traefik does not check UDP servers.", "a check", "Leave check out.")
    if check.get("status") and not re.fullmatch(r"[1-5][0-9][0-9]", str(check["status"])):
        yield finding(
            "check.status",
            "Traefik expects one status, or any of 2xx and 3xx.",
            check["status"],
            "Write one status, or leave it out.",
            "for example 200",
        )
    if cookie and mode != "http":
        yield finding("cookie", "Only HTTP has cookies.", cookie["name"], "Leave it out.")
    if backend["critical"] and mode != "http":
        yield finding(
            "critical",
            "Traefik tells only of HTTP backends whether they answer.",
            mode,
            "Leave it out, and let keepalived ask a server by a script of its own (keepalived_scripts).",
        )
    yield from _servers(where, backend)


def _servers(where: str, backend: Item) -> Iterator[Finding]:
    mode, active = backend["mode"], servers(backend)
    for index, server in enumerate(backend["servers"]):
        place = f"{where}.servers[{index}]"
        full = next((one for one in active if one["name"] == server["name"]), None)
        if full is None:
            continue
        if full["port"] is None:
            yield fault(
                f"{place}.port", "Traefik has to know the port.", "nothing", "Set it here or in default_server."
            )
        if full["maxconn"] is not None:
            yield fault(
                f"{place}.maxconn",
                "Traefik has no limit for a server.",
                str(full["maxconn"]),
                "Leave it out, and limit the router by a middleware of the type inFlightReq.",
            )
        if full["check"] is False:
            yield fault(
                f"{place}.check",
                "Traefik checks all servers of a service or none.",
                "false",
                "Move the server to a backend of its own without a check, and join them by traefik_services[].weighted.",
            )
        if full["backup"] and mode != "http":
            yield fault(
                f"{place}.backup",
                "Only HTTP services have a fallback.",
                mode,
                "Serve this backend with haproxy or nginx.",
            )
        elif full["backup"] and not (backend["check"] or {}).get("http"):
            yield fault(
                f"{place}.backup",
                "Traefik turns to a backup server only where health checks say that no other is there.",
                "no check",
                "Set check.http.",
            )
        if full["send_proxy"] and mode != "tcp":
            yield fault(
                f"{place}.send_proxy",
                "Traefik speaks the PROXY protocol to TCP servers only.",
                full["send_proxy"],
                "Leave it out; HTTP servers get X-Forwarded-For.",
            )
        if full["tls"] is not None and mode == "udp":
            yield fault(f"{place}.tls", "There is no TLS over UDP.", "tls", "Leave it out.")
        if full["weight"] is not None and mode == "udp":
            yield fault(
                f"{place}.weight",
                "Traefik serves UDP servers in turn only.",
                str(full["weight"]),
                "Give each a backend of its own, and join them by traefik_services[].weighted.",
            )
    for name in ("tls", "send_proxy"):
        if len({str(server[name]) for server in active}) > 1:
            yield fault(
                f"{where}.servers",
                f"The setting {name} differs between servers, and Traefik has one for all of a service.",
                ", ".join(f"{server['name']}: {server[name]}" for server in active),
                "Set it alike in default_server, or make two backends.",
            )


def objects(backend: Item, timeouts: Item) -> dict[str, dict[str, Any]]:
    """The services and transports of a backend: `{"services": {...}, "serversTransports": {...}}`.

    `timeouts` are those of the daemon.
    """
    active = servers(backend)
    transport = _transport(backend, active[0] if active else {}, timeouts)
    name = backend["name"]
    if backend["mode"] != "http":
        return _stream(backend, active, transport)
    standing_by = [server for server in active if server["backup"]]
    first = [server for server in active if not server["backup"]]
    made = {name: {"loadBalancer": _balancer(backend, first, bool(transport))}}
    if standing_by:
        made = {
            name: {"failover": {"service": f"{name}-active", "fallback": f"{name}-backup"}},
            f"{name}-active": made[name],
            f"{name}-backup": {"loadBalancer": _balancer(backend, standing_by, bool(transport))},
        }
    return {"services": made, "serversTransports": {name: transport} if transport else {}}


def _balancer(backend: Item, members: list[dict[str, Any]], transport: bool) -> dict[str, Any]:
    cookie, check = backend["cookie"], backend["check"]
    scheme = "https" if members and members[0]["tls"] else "http"
    made: dict[str, Any] = {"servers": [_http_server(server, scheme) for server in members]}
    strategy = STRATEGIES.get(backend["balance"] or "roundrobin")
    if strategy != "wrr":
        made["strategy"] = strategy
    if cookie:
        made["sticky"] = {"cookie": cookie_settings(cookie)}
    if check:
        made["healthCheck"] = _given(
            path=check["http"],
            method=None if check["method"] == "GET" else check["method"],
            hostname=check["host"],
            status=int(check["status"]) if check["status"] else None,
            port=check["port"],
            scheme="https" if check["tls"] else None,
            interval=check["interval"],
            unhealthyInterval=check["down_interval"],
            timeout=check["timeout"],
        )
    if transport:
        made["serversTransport"] = backend["name"]
    return {**made, **backend["options"]}


def _http_server(server: Item, scheme: str) -> dict[str, Any]:
    return _given(url=f"{scheme}://{place(server)}", weight=server["weight"])


def place(server: Item) -> str:
    host = server["address"]
    return f"[{host}]:{server['port']}" if ":" in host else f"{host}:{server['port']}"


def cookie_settings(cookie: Item) -> dict[str, Any]:
    return _given(name=cookie["name"], httpOnly=cookie["httponly"], secure=cookie["secure"], domain=cookie["domain"])


def _transport(backend: Item, server: Item, daemon: Item) -> dict[str, Any]:
    """What is a transport's of the settings that all servers share; empty where the daemon's own will do."""
    own, tls = _given(**(backend["timeouts"] or {})), server.get("tls")
    if backend["mode"] == "udp":
        return {}
    trust = {}
    if tls:
        sni = re.fullmatch(r"str\((.*)\)", tls["sni"] or "")
        trust = _given(
            serverName=sni[1] if sni else tls["sni"],
            insecureSkipVerify=True if not tls["verify"] else None,
            rootCAs=[tls["ca_file"]] if tls["ca_file"] else None,
        )
    if backend["mode"] == "tcp":
        version = server.get("send_proxy")
        # Nothing tries another server: the daemon's own patience, 30 s, unless somebody knows better.
        return _given(
            dialTimeout=own.get("connect"),
            proxyProtocol={"version": int(version[1:])} if version else None,
            tls=trust if tls else None,
        )
    # A transport takes nothing over from the daemon's.
    timeouts = {**daemon, **own}
    waits = {"dialTimeout": timeouts["connect"], "responseHeaderTimeout": timeouts["server"]}
    return {**trust, "forwardingTimeouts": waits} if trust or own else {}


def _stream(backend: Item, active: list[dict[str, Any]], transport: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """TCP and UDP. Servers have no weight there: those that differ become parts of a weighted service."""
    name = backend["name"]

    def balancer(members: list[dict[str, Any]]) -> dict[str, Any]:
        listed = [_given(address=place(server), tls=True if server["tls"] else None) for server in members]
        made: dict[str, Any] = {"servers": listed}
        if transport:
            made["serversTransport"] = name
        if backend["mode"] == "tcp":
            check = backend["check"]
            made["healthCheck"] = (
                _given(
                    interval=check["interval"],
                    unhealthyInterval=check["down_interval"],
                    timeout=check["timeout"],
                    port=check["port"],
                )
                if check
                else dict(TCP_CHECK)
            )
        return {"loadBalancer": {**made, **backend["options"]}}

    weights = {server["weight"] for server in active}
    transports = {name: transport} if transport else {}
    if len(weights) < 2:
        return {"services": {name: balancer(active)}, "serversTransports": transports}
    parts = [{"name": f"{name}-{server['name']}", "weight": server["weight"] or 1} for server in active]
    services = {f"{name}-{server['name']}": balancer([server]) for server in active}
    return {
        "services": {name: {"weighted": {"services": parts, "healthCheck": {}}}, **services},
        "serversTransports": transports,
    }


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}
