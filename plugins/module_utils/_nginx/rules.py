# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx's own checker would refuse late, or accept and do wrong: one function for each rule, all run, all reported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from .._core.findings import Finding, fault
from .._core.register import Rules
from .._proxy import backends
from .._proxy.listeners import Listener, NoAddress, listener
from .._proxy.rules import (
    BY_NAME,
    CANNOT,
    CERTIFICATES,
    ENDED,
    HEALTH,
    LOOPS,
    MODES,
    NAMES,
    NUMBERS,
    ONE_OF,
    PASSWORDS,
    PERIODS,
    RAW,
    REFERENCES,
    SERVERS,
    SOCKETS,
    WAYS,
    Place,
    certificates,
    exactly_one,
    expiry,
    indexed,
    missing,
    not_a_period,
    private_health,
    walk,
    within,
)
from . import lines as nginx_lines
from .text import Unreadable, directives
from .text import check as check_raw

Model = Mapping[str, Any]

rule = Rules("nginx")

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PERIOD = re.compile(r"[0-9]+(ms|s|m|h|d)?")
_PERIODS = re.compile(
    r"(\.timeouts\.\w+|(^|[._])(fail_timeout|down_interval|inactive|period|shutdown_timeout)|keepalive\.timeout)$"
)
_SIZES = ("size", "keys_size", "max_size", "client_max_body_size")
_SIZE = re.compile(r"[0-9]+[kKmMgG]?")
_BOUNDS = {
    "weight": (0, 256),
    "port": (1, 65535),
    "status": (200, 599),
    "max_fails": (0, 2**31),
    "fall": (1, 2**31),
    "requests": (1, 2**31),
    "level": (1, 9),
    "retries": (0, 100),
    "maxconn": (1, 2**31),
    "worker_processes": (1, 4096),
}
# Under this nginx chooses a server by itself, and takes no reserve.
_WITHOUT_BACKUP = ("source", "uri", "header", "hash", "random")


def check(model: Model, now: float | None = None) -> list[Finding]:
    """Every finding about a model whose keys and types are right."""
    return rule.check(model=model, now=now)


# --- walking the model


def _section(model: Model, name: str) -> Iterator[Place]:
    yield from indexed(f"nginx_{name}", model[f"nginx_{name}"])


def _fronts(model: Model) -> Iterator[Place]:
    yield from _section(model, "servers")
    yield from _section(model, "streams")


def _spots(model: Model) -> Iterator[Place]:
    """Servers and the locations in them."""
    for where, item in _section(model, "servers"):
        yield where, item
        yield from indexed(f"{where}.locations", item["locations"])


def _users(model: Model) -> Iterator[tuple[str, str | None, str]]:
    """Where a backend is named, its name, and what the place speaks."""
    for where, item in _spots(model):
        key = "backend" if "backend" in item else "default_backend"
        yield f"{where}.{key}", item[key], "http"
    for where, item in _section(model, "streams"):
        yield f"{where}.default_backend", item["default_backend"], "tcp"


def _name_set(model: Model, section: str) -> list[str]:
    return [str(item["name"]) for dummy, item in _section(model, section) if item["name"]]


# --- the rules


@rule(NAMES)
def _names(model: Model) -> Iterator[Finding]:
    """Names are unique and such that nginx and a file system take them."""
    kinds = {
        "log_formats": "log format",
        "maps": "map",
        "caches": "cache",
        "error_pages": "set of error pages",
        "certificates": "certificate",
        "servers": "server",
        "streams": "stream",
        "backends": "backend",
    }
    for section, kind in kinds.items():
        seen: dict[str, str] = {}
        for where, item in _section(model, section):
            name = item["name"]
            if not name:
                continue
            variable = section == "maps"
            if not (_VARIABLE if variable else NAME).fullmatch(name):
                yield fault(
                    f"{where}.name",
                    f"The name of a {kind} has a character that is not allowed.",
                    repr(name),
                    "Rename it.",
                    "letters, digits and _" if variable else "letters, digits and _ . -",
                )
            if re.match(r"evenkeel\b|evenkeel_", name):
                yield fault(f"{where}.name", "Names that begin with evenkeel are this role's own.", name, "Rename it.")
            if name in seen:
                yield fault(
                    f"{where}.name",
                    "This name is there twice.",
                    f"{name}, as in {seen[name]}",
                    "Rename one of them.",
                )
            seen.setdefault(name, where)


@rule(ONE_OF)
def _one_of(model: Model) -> Iterator[Finding]:
    """Keys of which exactly one says what the item is."""
    for where, item in _section(model, "error_pages"):
        for place, one in indexed(f"{where}.files", item["files"] or []):
            yield from exactly_one(place, one, ("content", "src"))
    for where, item in _spots(model):
        if item["redirect"]:
            yield from exactly_one(f"{where}.redirect", item["redirect"], ("https", "location"))
        for place, rule in indexed(f"{where}.request_headers", item["request_headers"]):
            yield from exactly_one(place, rule, ("set", "del"))
        for place, rule in indexed(f"{where}.response_headers", item["response_headers"]):
            yield from exactly_one(place, rule, ("set", "add", "del"))
        for key in ("request_headers", "response_headers"):
            for place, rule in indexed(f"{where}.{key}", item[key]):
                if (rule["set"] or rule.get("add")) and rule["value"] is None:
                    yield fault(
                        place,
                        "The header has no value.",
                        rule["set"] or rule["add"],
                        "Add value, or remove the header with del.",
                    )
    for where, item in _section(model, "servers"):
        for place, one in indexed(f"{where}.locations", item["locations"]):
            given = [key for key in ("backend", "redirect", "answer") if one[key]]
            if len(given) > 1 or not (given or one["options"]):
                yield from exactly_one(place, one, ("backend", "redirect", "answer"))
        if item["redirect"] and item["default_backend"]:
            yield fault(
                f"{where}.default_backend",
                "A server that redirects every request needs no backend.",
                item["default_backend"],
                "Remove one of the two.",
            )


@rule(RAW)
def _raw_lines(model: Model) -> Iterator[Finding]:
    """Raw lines are whole directives."""
    for where, value in walk(dict(model)):
        key = where.rsplit(".", 1)[-1]
        if not isinstance(value, str) or not re.fullmatch(r"(options|events)\[\d+\]|access_log|error_log", key):
            continue
        try:
            check_raw(value)
        except Unreadable as problem:
            yield fault(where, str(problem), repr(value), "Put the word in quotes, or close what is open.")


@rule(REFERENCES)
def _references(model: Model) -> Iterator[Finding]:
    """And it speaks what is spoken there."""
    # To nginx a stream is a stream, of whatever.
    modes = {item["name"]: "http" if item["mode"] == "http" else "tcp" for dummy, item in _section(model, "backends")}
    maps = {f"${item['name']}": "tcp" if item["stream"] else "http" for dummy, item in _section(model, "maps")}
    for where, name, mode in _users(model):
        if name and name.startswith("$"):
            # Chosen while nginx runs: what a map of ours may say is checked below.
            yield from _spoken(where, "map", name, mode, maps, f"stream: {'true' if mode == 'tcp' else 'false'}")
        elif name:
            yield from _spoken(where, "backend", name, mode, modes, f"mode: {mode}")
    yield from _chosen(model, modes)
    caches, pages = _name_set(model, "caches"), _name_set(model, "error_pages")
    certificates = _name_set(model, "certificates")
    for where, item in _spots(model):
        if item.get("cache") and item["cache"] not in caches:
            yield missing(f"{where}.cache", "cache", item["cache"], caches)
        if item.get("error_pages") and item["error_pages"] not in pages:
            yield missing(f"{where}.error_pages", "set of error pages", item["error_pages"], pages)
    chosen = model["nginx_defaults"]["error_pages"]
    if chosen and chosen not in pages:
        yield missing("nginx_defaults.error_pages", "set of error pages", chosen, pages)
    for where, item in _fronts(model):
        for index, name in enumerate(item["certificates"]):
            if name not in certificates:
                yield missing(f"{where}.certificates[{index}]", "certificate", name, certificates)


def _spoken(where: str, kind: str, name: str, mode: str, known: Mapping[str, str], remedy: str) -> Iterator[Finding]:
    if name not in known:
        yield missing(where, kind, name, [one for one in known if known[one] == mode or kind == "backend"])
    elif known[name] != mode:
        yield MODES.finding(
            where,
            f"The {kind} {name} is for {known[name]}, this place for {mode}.",
            known[name],
            f"Give the {kind} {remedy}.",
        )


def _chosen(model: Model, modes: Mapping[str, str]) -> Iterator[Finding]:
    """What a map in use may say is a backend that is served without settings of its own."""
    used = {(name, mode) for dummy, name, mode in _users(model)}
    backend_of = {item["name"]: item for dummy, item in _section(model, "backends")}
    for where, item in _section(model, "maps"):
        mode = "tcp" if item["stream"] else "http"
        if (f"${item['name']}", mode) in used:
            values = [(f"{where}.default", item["default"] or "nothing")]
            values += [(f"{place}.value", one["value"]) for place, one in indexed(f"{where}.entries", item["entries"])]
            for place, value in values:
                yield from _spoken(place, "backend", value, mode, modes, f"mode: {mode}")
                for setting in _own(backend_of[value]) if modes.get(value) == mode else []:
                    yield MODES.finding(
                        place,
                        "nginx reads this setting before the map chooses a backend.",
                        f"{value} with {setting}",
                        "Name the backend in a location or a stream, or remove the setting.",
                    )


def _own(item: Mapping[str, Any]) -> list[str]:
    """What a place does for a backend that it names, and cannot do for one that is chosen while nginx runs."""
    names = ("cookie", "timeouts", "retries", "retry_on", "retry_non_idempotent")
    servers = [backends.effective(item, server) for server in item["servers"]]
    found = [name for name in ("tls", "send_proxy") if any(server[name] for server in servers)]
    # No retries are a setting, too; timeouts that nobody set are none.
    waits = [wait for wait in (item["timeouts"] or {}).values() if wait is not None]
    given = {**item, "timeouts": waits or None}
    return found + [
        name
        for name in (names if item["mode"] == "http" else ("timeouts", "retries"))
        if given[name] is not None and given[name] is not False
    ]


@rule(WAYS)
def _ways(model: Model) -> Iterator[Finding]:
    """Every server is reached and leads somewhere, and there is one at all."""
    if not model["nginx_servers"] and not model["nginx_streams"]:
        yield fault(
            "nginx_servers",
            "Nothing listens for clients.",
            "no server and no stream",
            "Add an item to nginx_servers or nginx_streams.",
        )
    for where, item in _fronts(model):
        if not item["bind"]:
            yield fault(where, "It has no address to listen on.", "no bind", 'Add bind: ["198.51.100.28:80"].')
        if not (item["default_backend"] or item.get("locations") or item.get("redirect") or item["options"]):
            yield fault(where, "Its requests lead nowhere.", "no default_backend", "Add default_backend.")


def _bind_items(model: Model) -> Iterator[Place]:
    for where, item in [*_fronts(model), ("nginx_status", model["nginx_status"])]:
        yield from indexed(f"{where}.bind", item["bind"])


def _listener(where: str, bind: Mapping[str, Any]) -> Listener:
    return listener(("udp4@" if bind["udp"] else "") + (bind["address"] or ""), where)


def listeners(model: Model, findings: list[Finding] | None = None) -> list[Listener]:
    """Every socket that nginx opens, one for each place that asks for it."""
    found: list[Listener] = []
    binds = [*_bind_items(model), ("nginx_health_bind", {"address": model["nginx_health_bind"], "udp": False})]
    for where, bind in binds:
        try:
            found.append(_listener(where, bind))
        except NoAddress as problem:
            if findings is not None:
                findings.append(fault(where, str(problem), repr(bind["address"]), problem.remedy))
    return found


def sockets(model: Model) -> list[str]:
    """What is listening once nginx runs, as `commit` checks it. nginx opens no socket of an address beside one of all."""
    found: dict[str, None] = {}
    for one in listeners(model):
        if one.address is not None:
            host = f"[{one.address}]" if one.address.version == 6 else str(one.address)
            found[f"{'udp@' if one.udp else ''}{host}:{one.first}"] = None
    return list(found)


@rule(SOCKETS)
def _binds(model: Model) -> Iterator[Finding]:
    """Sockets overlap only where nginx tells requests apart, by name."""
    findings: list[Finding] = []
    found = listeners(model, findings)
    yield from findings
    for one in found:
        if one.first != one.last:
            yield fault(one.where, "A range of ports is given.", one.text, "Write one item for each port.")
    for one, other in combinations(found, 2):
        both_http = all(place.where.startswith("nginx_servers") for place in (one, other))
        same_server = one.where.rpartition(".bind")[0] == other.where.rpartition(".bind")[0]
        if one.overlaps(other) and (same_server and one.text == other.text or not both_http):
            yield fault(
                other.where,
                f"This overlaps {one.where}: only servers share an address, by their names.",
                f"{other.text} and {one.text}",
                "Change one of them.",
            )


@rule(HEALTH)
def _health(model: Model) -> Iterator[Finding]:
    return private_health(listeners(model), "nginx_health_bind")


@rule("F14", "Servers on one socket have names of their own, one default and one kind.")
def _names_on_sockets(model: Model) -> Iterator[Finding]:
    """Of two servers with the same name on a socket nginx serves the first, and says so only in a warning."""
    seen: dict[tuple[str, str], str] = {}
    first: dict[str, tuple[str, Mapping[str, Any]]] = {}
    defaults: dict[str, str] = {}
    for where, item in _section(model, "servers"):
        for place, bind in indexed(f"{where}.bind", item["bind"]):
            address = bind["address"] or ""
            for name in dict.fromkeys(name.lower() for name in item["server_names"] or [""]):
                if seen.setdefault((address, name), where) != where:
                    yield fault(
                        place,
                        f"{seen[(address, name)]} answers here already, for the same name: this server would get no request.",
                        f"{address} for {name or 'every other name'}",
                        "Give each of them server_names of its own, or another address.",
                    )
            if bind["default_server"] and defaults.setdefault(address, place) != place:
                yield fault(
                    f"{place}.default_server",
                    f"{defaults[address]} is the default on this socket already.",
                    address,
                    "Remove one of the two.",
                )
            other, shown = first.setdefault(address, (place, bind))
            for key in ("tls", "accept_proxy"):
                if bind[key] != shown[key]:
                    yield fault(
                        f"{place}.{key}",
                        f"A socket is of one kind, for every server on it; {other} says otherwise.",
                        str(bind[key]).lower(),
                        f"Write the same {key} in both.",
                    )


@rule("F5-socket", "TLS sockets and certificates belong together.")
def _tls(model: Model) -> Iterator[Finding]:
    """TLS and certificates belong together."""
    for where, item in _fronts(model):
        secure = any(bind["tls"] for bind in item["bind"])
        if secure and not item["certificates"] and not any("ssl_certificate" in line for line in item["options"]):
            yield fault(
                where,
                "Its TLS socket has no certificate to show.",
                "no certificates",
                "Name one in certificates.",
            )
        if item["certificates"] and not secure:
            yield fault(
                f"{where}.certificates",
                "It has a certificate and no socket that would show it.",
                ", ".join(item["certificates"]),
                "Set tls: true in an item of bind.",
            )


@rule(MODES)
def _bind_modes(model: Model) -> Iterator[Finding]:
    for where, bind in _bind_items(model):
        if bind["udp"] and not where.startswith("nginx_streams"):
            yield fault(f"{where}.udp", "HTTP comes over TCP.", "udp", "Use nginx_streams.")
        if bind["udp"] and bind["tls"]:
            yield fault(f"{where}.tls", "nginx speaks TLS over TCP only.", "tls and udp", "Remove one of the two.")
        if bind["default_server"] and not where.startswith("nginx_servers"):
            yield fault(
                f"{where}.default_server",
                "Only servers have names to be chosen by.",
                "default_server",
                "Remove it.",
            )
        if bind["tls"] and where.startswith("nginx_status"):
            yield fault(f"{where}.tls", "The page of counters has no certificate.", "tls", "Remove it.")


@rule("F4-location", "A path is there once, and what is said of it can be done.")
def _locations(model: Model) -> Iterator[Finding]:
    """A path is there once, and what is said of it can be done."""
    cookies = [item["name"] for dummy, item in _section(model, "backends") if item["cookie"]]
    for where, item in _section(model, "servers"):
        seen: dict[tuple[str, str], str] = {}
        if item["default_backend"] or item["redirect"]:
            seen[("prefix", "/")] = f"{where}.{'redirect' if item['redirect'] else 'default_backend'}"
        for place, one in indexed(f"{where}.locations", item["locations"]):
            kind = "prefix" if one["match"] == "prefix-first" else one["match"]
            key = (kind, one["path"] or "")
            if key in seen:
                yield fault(
                    f"{place}.path",
                    f"This path is taken already, by {seen[key]}.",
                    repr(one["path"]),
                    "Remove one of the two.",
                )
            seen.setdefault(key, place)
            regular = one["match"] in ("regex", "iregex")
            if not regular and not (one["path"] or "/").startswith("/"):
                yield fault(f"{place}.path", "A path begins with a slash.", repr(one["path"]), "Correct it.")
            sticky = one["backend"] in cookies
            if one["uri"] and (regular or sticky or (one["backend"] or "").startswith("$")):
                yield fault(
                    f"{place}.uri",
                    "nginx cannot tell here which part of the path to replace.",
                    f"{one['uri']}, and {one['backend']} has a cookie" if sticky else one["uri"],
                    "Use a rewrite in options."
                    if sticky
                    else "Use a prefix and a backend by its name, or a rewrite in options.",
                )
            if not one["backend"]:
                for name in ("uri", "cache", "websocket"):
                    if one[name]:
                        yield fault(f"{place}.{name}", "Nothing is asked here.", name, "Add backend.")


@rule("F4-unasked", "Limits stand where nginx asks them before it answers.")
def _unasked(model: Model) -> Iterator[Finding]:
    """Nginx returns before it looks at limits and addresses, so they would let everybody through."""
    for where, item in _spots(model):
        returns = any(depth == 0 and words[0] == "return" for depth, words in directives(item["options"]))
        # A server's redirect is that of its location /; its others are limited as it says.
        redirects = item["redirect"] and not any(one["backend"] or one["options"] for one in item.get("locations", ()))
        if returns or redirects or item.get("answer"):
            for name in ("allow", "rate_limit", "connection_limit"):
                if item.get(name):
                    yield fault(
                        f"{where}.{name}",
                        "nginx answers before it asks who it is.",
                        name,
                        "Use a backend, or options (if, geo).",
                    )


@rule(SERVERS)
def _servers(model: Model) -> Iterator[Finding]:
    return backends.check(_section(model, "backends"))


@rule(CANNOT)
def _backends(model: Model) -> Iterator[Finding]:
    """What nginx does with the words of a backend that it takes (others: backends.NGINX)."""
    for where, item in _section(model, "backends"):
        chosen = backends.balance(item["balance"])
        servers = [backends.effective(item, server) for server in item["servers"]]
        if chosen is None:
            yield fault(
                f"{where}.balance",
                "There is no such way to choose a server.",
                repr(item["balance"]),
                "Choose one of them.",
                "roundrobin, leastconn, source, uri, hdr(NAME), random, hash KEY",
            )
        elif chosen.kind in ("uri", "header") and item["mode"] != "http":
            yield fault(
                f"{where}.balance",
                "A stream has no requests to choose by.",
                item["balance"],
                "Use source or hash KEY.",
            )
        elif chosen.kind in _WITHOUT_BACKUP and any(server["backup"] for server in servers):
            yield fault(
                f"{where}.balance",
                "With this nginx takes no server in reserve.",
                f"{item['balance']} and backup",
                "Use roundrobin or leastconn, or remove backup.",
            )
        if servers and all(server["backup"] for server in servers):
            yield fault(f"{where}.servers", "All servers are in reserve.", "backup", "Let one of them serve.")
        tls = [server["tls"] for server in servers]
        if any(one != tls[0] for one in tls):
            yield fault(
                f"{where}.servers",
                "nginx speaks TLS to all servers of a backend or to none.",
                "servers that differ in tls",
                "Set tls in default_server, or make two backends.",
            )
        proxied = [bool(server["send_proxy"]) for server in servers]
        if any(proxied) and item["mode"] == "http":
            yield fault(
                f"{where}.servers",
                "nginx speaks the PROXY protocol in streams only.",
                "send_proxy",
                "Servers get the client's address in X-Forwarded-For; or use nginx_streams and mode: tcp.",
            )
        elif any(proxied) and not all(proxied):
            yield fault(
                f"{where}.servers",
                "nginx speaks the PROXY protocol to all servers of a backend or to none.",
                "servers that differ in send_proxy",
                "Set send_proxy in default_server.",
            )
        yield from _checks(where, item)
        yield from _cookie(where, item)
        yield from _names_in_tls(where, item)


def _checks(where: str, item: Mapping[str, Any]) -> Iterator[Finding]:
    """nginx asks no server; only `/ready` asks, and it asks over HTTP."""
    check = item["check"] or {}
    if check.get("http") and not item["critical"]:
        yield fault(
            f"{where}.check.http",
            "nginx cannot do this.",
            check["http"],
            backends.NGINX["check.tcp"].replace("; or let", ", set critical: true so that /ready asks, or let"),
        )
    if item["critical"] and item["mode"] != "http":
        yield fault(
            f"{where}.critical",
            "/ready asks over HTTP, and this backend may speak anything.",
            f"mode: {item['mode']}",
            "Let keepalived ask (keepalived_scripts), and remove critical.",
        )


def _cookie(where: str, item: Mapping[str, Any]) -> Iterator[Finding]:
    if not item["cookie"]:
        return
    if item["mode"] != "http":
        yield fault(f"{where}.cookie", "A stream has no cookies.", f"mode: {item['mode']}", "Use balance: source.")
    if not re.fullmatch(r"[A-Za-z0-9_]+", item["cookie"]["name"] or "x"):
        yield fault(
            f"{where}.cookie.name",
            "nginx knows no variable for this cookie.",
            repr(item["cookie"]["name"]),
            "Rename it.",
            "letters, digits and _",
        )
    for place, server in indexed(f"{where}.servers", item["servers"]):
        if server["address"] and backends.by_name(server):
            yield fault(
                f"{place}.address",
                "By its name nginx does not know again which server has answered.",
                server["address"],
                "With cookie use an address.",
            )


def _names_in_tls(where: str, item: Mapping[str, Any]) -> Iterator[Finding]:
    """By itself nginx expects a certificate for the backend's name."""
    places: dict[str, Mapping[str, Any]] = {}
    for place, server in indexed(f"{where}.servers", item["servers"]):
        tls = backends.effective(item, server)["tls"]
        if tls:
            places.setdefault(f"{place if server['tls'] else f'{where}.default_server'}.tls", tls)
    for place, tls in places.items():
        # That may be the backend's own name.
        if tls["verify"] and not tls["sni"] and "." not in str(item["name"]):
            yield fault(
                place,
                "nginx verifies against a name, and none is given.",
                "no tls.sni",
                "Set tls.sni in default_server (str(app.example.com)), or verify: false.",
            )
        if tls["sni"] and not nginx_lines.tls_name(tls["sni"]):
            yield fault(
                f"{place}.sni",
                "nginx would take this for a name as it stands.",
                tls["sni"],
                "Write the name, or nginx's variable for it ($host).",
                "str(NAME), a name of letters, digits, - and dots, $VARIABLE",
            )


@rule(LOOPS)
def _loops(model: Model) -> Iterator[Finding]:
    """A proxy does not send its traffic to itself."""
    places = {item["name"]: (where, item) for where, item in _section(model, "backends")}
    own: dict[str, str] = {}
    for where, bind in _bind_items(model):
        try:
            own.update(dict.fromkeys(_listener(where, bind).sockets(), where))
        except NoAddress:
            continue
    for where, item in places.values():
        for place, server in indexed(f"{where}.servers", item["servers"]):
            to = backends.target(backends.effective(item, server))
            user = next((user for user, name, dummy in _users(model) if name == item["name"]), None)
            front = own.get(to)
            if front and user and front.split(".")[0] == user.split(".")[0]:
                yield fault(
                    place,
                    f"{user.split('.')[0]} would send its traffic to itself.",
                    to,
                    "Name the server that does the work.",
                )


@rule(PERIODS)
def _periods(model: Model) -> Iterator[Finding]:
    """Periods are numbers with a unit."""
    for where, value in walk(dict(model)):
        if isinstance(value, str) and _PERIODS.search(where) and not _PERIOD.fullmatch(value):
            yield not_a_period(where, value)


@rule(NUMBERS)
def _sizes(model: Model) -> Iterator[Finding]:
    """Sizes; numbers within bounds."""
    for where, value in walk(dict(model)):
        key = where.rpartition(".")[2]
        if key in _SIZES and isinstance(value, str) and not _SIZE.fullmatch(value):
            yield fault(
                where,
                "This is not a size.",
                repr(value),
                "Write a whole number, with k, m or g for what is more than bytes.",
                "64k, 10m",
            )
        yield from within(where, value, _BOUNDS)


@rule("F7-rate", "A rate is one that nginx can count.")
def _limits(model: Model) -> Iterator[Finding]:
    """A rate that nginx can count."""
    for where, item in _spots(model):
        limit = item["rate_limit"]
        if limit and limit["requests"] and limit["period"] and not nginx_lines.rate(limit):
            yield fault(
                f"{where}.rate_limit",
                "nginx counts whole requests a second or a minute.",
                f"{limit['requests']} in {limit['period']}",
                "Choose numbers that come to a whole number a minute.",
            )


@rule(PASSWORDS)
def _status(model: Model) -> Iterator[Finding]:
    """Counters are for those who are named."""
    item = model["nginx_status"]
    for where, bind in indexed("nginx_status.bind", item["bind"]):
        try:
            private = _listener(where, bind).is_loopback()
        except NoAddress:
            continue
        if not private and not item["allow"]:
            yield fault(
                where,
                "Whoever reaches this address would see the counters.",
                bind["address"],
                "Set nginx_status.allow, or listen on loopback.",
            )


@rule(BY_NAME)
def _resolution(model: Model) -> Iterator[Finding]:
    """A name is resolved once, at start, and nginx does not start without an answer."""
    for where, item in _section(model, "backends"):
        for place, server in indexed(f"{where}.servers", item["servers"]):
            if server["address"] and backends.by_name(server) and not item["cookie"]:
                yield fault(
                    f"{place}.address",
                    "A name is resolved when nginx starts or is reloaded, and nginx does neither without an answer.",
                    str(server["address"]),
                    "Use an address.",
                )


@rule(CERTIFICATES)
def _certificates(model: Model) -> Iterator[Finding]:
    return certificates(_section(model, "certificates"))


@rule(ENDED)
def _ended(model: Model, now: float | None) -> Iterator[Finding]:
    return expiry(_section(model, "certificates"), now)
