# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy's own checker would refuse late, or accept and do wrong: one function for each rule, all run, all reported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from .._core.findings import WARNING, Finding, fault
from .._core.register import Rules
from .._proxy.listeners import Listener, NoAddress, listener
from .._proxy.rules import (
    BY_NAME,
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
    unique,
    walk,
    within,
)
from .lines import by_name
from .servers import server_id
from .text import SECTIONS, Unreadable, words

Model = Mapping[str, Any]

rule = Rules("haproxy")
PEERS = rule.define("F9", "Nodes that share stick tables have an address and a name that HAProxy takes.")

# What was ever the default of somebody's example is what is tried first.
KNOWN_PASSWORDS = {
    "admin",
    "password",
    "passw0rd",
    "changeme",
    "change_me",
    "secret",
    "secrete",
    "haproxy",
    "stats",
    "test",
    "root",
    "1111",
    "1234",
    "12345",
    "123456",
    "verysecr",
    "letmein",
    "default",
    "qwerty",
}
NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_FILE_NAME = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9_.*-]*")
_PERIOD = re.compile(r"[0-9]+(us|ms|s|m|h|d)?")
_PERIODS = re.compile(r"(^|_)(interval|expire|period|refresh|hard_stop_after|timeout_resolve|timeout_retry)$")
_SIZE = re.compile(r"[0-9]+[kKmMgG]?")
_HTTP_ONLY = (
    "forwardfor",
    "cookie",
    "cache",
    "compression",
    "auth",
    "redirects",
    "request_headers",
    "response_headers",
)


def check(model: Model, now: float | None = None) -> list[Finding]:
    """Every finding about a model whose keys and types are right."""
    return rule.check(model=model, now=now)


# --- walking the model


def _section(model: Model, name: str) -> Iterator[Place]:
    yield from indexed(f"haproxy_{name}", model[f"haproxy_{name}"])


def _proxies(model: Model) -> Iterator[Place]:
    for name in ("frontends", "backends", "listens"):
        yield from _section(model, name)


def _fronts(model: Model) -> Iterator[Place]:
    yield from _section(model, "frontends")
    yield from _section(model, "listens")


def _backs(model: Model) -> Iterator[Place]:
    yield from _section(model, "backends")
    yield from _section(model, "listens")


def _name_set(model: Model, section: str) -> list[str]:
    return [str(item["name"]) for dummy, item in _section(model, section) if item["name"]]


def _mode(model: Model, proxy: Mapping[str, Any]) -> str:
    return str(proxy["mode"] or model["haproxy_defaults"]["mode"])


# --- the rules


@rule(NAMES)
def _names(model: Model) -> Iterator[Finding]:
    """Names are unique and such that HAProxy and a file system take them."""
    spaces: dict[str, Sequence[str]] = {
        "userlist": ("userlists",),
        "resolvers": ("resolvers",),
        "cache": ("caches",),
        "map": ("maps",),
        "set of error files": ("error_files",),
        "certificate": ("certificates",),
        # A listen is a frontend and a backend.
        "frontend": ("frontends", "listens"),
        "backend": ("backends", "listens"),
    }
    for kind, sections in spaces.items():
        seen: dict[str, str] = {}
        for where, item in (place for section in sections for place in _section(model, section)):
            name = item["name"]
            if not name:
                continue
            pattern = _FILE_NAME if kind in ("map", "certificate", "set of error files") else NAME
            if not pattern.fullmatch(name):
                yield fault(
                    f"{where}.name",
                    f"The name of a {kind} has a character that is not allowed.",
                    repr(name),
                    "Rename it.",
                    "letters, digits and _ . - :" if pattern is NAME else "letters, digits and _ . - *",
                )
            if name.startswith("evenkeel-"):
                yield fault(f"{where}.name", "Names that begin with evenkeel- are this role's own.", name, "Rename it.")
            if name in seen:
                yield fault(
                    f"{where}.name",
                    f"Two {kind}s have the same name."
                    if kind != "set of error files"
                    else "Two sets of error files have the same name.",
                    f"{name}, as in {seen[name]}",
                    "Rename one of them.",
                )
            seen.setdefault(name, where)
    for where, item in _section(model, "userlists"):
        yield from unique(where, "users", "user", item["users"])
        yield from unique(where, "groups", "group", item["groups"])
        groups = [group["name"] for group in item["groups"]]
        for index, user in enumerate(item["users"]):
            for group in user["groups"]:
                if group not in groups:
                    yield missing(f"{where}.users[{index}].groups", "group", group, groups)
    for where, item in _section(model, "resolvers"):
        yield from unique(where, "nameservers", "name server", item["nameservers"])


@rule(ONE_OF)
def _one_of(model: Model) -> Iterator[Finding]:
    """Keys of which exactly one says what the item is."""
    for where, item in _section(model, "maps"):
        yield from exactly_one(where, item, ("entries", "content", "src"))
    for where, item in _section(model, "error_files"):
        for index, one in enumerate(item["files"] or []):
            yield from exactly_one(f"{where}.files[{index}]", one, ("content", "src"))
    for where, item in _section(model, "userlists"):
        for index, user in enumerate(item["users"]):
            yield from exactly_one(f"{where}.users[{index}]", user, ("password", "password_hash"))
    for where, item in _proxies(model):
        for index, rule in enumerate(item["redirects"]):
            yield from exactly_one(f"{where}.redirects[{index}]", rule, ("https", "location", "prefix"))
        for key in ("request_headers", "response_headers"):
            for index, rule in enumerate(item[key]):
                place = f"{where}.{key}[{index}]"
                yield from exactly_one(place, rule, ("set", "add", "del"))
                if (rule["set"] or rule["add"]) and not rule["value"]:
                    yield fault(
                        place,
                        "The header has no value.",
                        rule["set"] or rule["add"],
                        "Add value, or remove the header with del.",
                    )
    for where, item in _fronts(model):
        for index, rule in enumerate(item["use_backend"]):
            yield from exactly_one(f"{where}.use_backend[{index}]", rule, ("backend", "map"))
    for where, item in _backs(model):
        if item["check"]:
            yield from exactly_one(f"{where}.check", item["check"], ("tcp", "http"))


@rule(RAW)
def _raw_lines(model: Model) -> Iterator[Finding]:
    """Raw lines and conditions are read by HAProxy as the words that they look like, and open no section."""
    for where, value in walk(dict(model)):
        key = where.rsplit(".", 1)[-1]
        if not isinstance(value, str) or not re.fullmatch(
            r"options\[\d+\]|stick_on\[\d+\]|store\[\d+\]|if|unless|criterion|by|balance|hash_type", key
        ):
            continue
        try:
            parts = words(value)
        except Unreadable as problem:
            yield fault(where, str(problem), repr(value), "Put the word in quotes, or take the character out.")
            continue
        if key.startswith("options") and parts and parts[0] in SECTIONS and not where.endswith("peers.options"):
            yield fault(where, "A raw line must not begin a section.", parts[0], "Use the variable for that section.")


@rule(REFERENCES)
def _references(model: Model) -> Iterator[Finding]:
    """What is named exists."""
    backends = _name_set(model, "backends") + _name_set(model, "listens")
    known = {
        name: _name_set(model, section)
        for name, section in (
            ("userlist", "userlists"),
            ("resolvers", "resolvers"),
            ("cache", "caches"),
            ("map", "maps"),
            ("error_files", "error_files"),
            ("certificate", "certificates"),
        )
    }
    places: list[tuple[str, str, str | None, Sequence[str]]] = [
        (
            "haproxy_defaults.error_files",
            "set of error files",
            model["haproxy_defaults"]["error_files"],
            known["error_files"],
        )
    ]
    for where, item in _proxies(model):
        places.append((f"{where}.error_files", "set of error files", item["error_files"], known["error_files"]))
        places.append((f"{where}.cache", "cache", item["cache"], known["cache"]))
        if item["auth"]:
            places.append((f"{where}.auth.userlist", "userlist", item["auth"]["userlist"], known["userlist"]))
            groups = [
                group["name"]
                for one in model["haproxy_userlists"]
                if one["name"] == item["auth"]["userlist"]
                for group in one["groups"]
            ]
            places.append((f"{where}.auth.group", "group", item["auth"]["group"], groups))
    for where, item in _fronts(model):
        places.append((f"{where}.default_backend", "backend", item["default_backend"], backends))
        for index, rule in enumerate(item["use_backend"]):
            # A log format chooses while HAProxy runs.
            fixed = rule["backend"] if "%[" not in (rule["backend"] or "") else None
            places.append((f"{where}.use_backend[{index}].backend", "backend", fixed, backends))
            places.append((f"{where}.use_backend[{index}].map", "map", rule["map"], known["map"]))
    for where, bind in _bind_items(model):
        for index, name in enumerate(bind["certificates"]):
            places.append((f"{where}.certificates[{index}]", "certificate", name, known["certificate"]))
    for where, item in _backs(model):
        names = [server["name"] for server in item["servers"]]
        for index, rule in enumerate(item["use_server"]):
            places.append((f"{where}.use_server[{index}].server", "server", rule["server"], names))
        for place, server in [
            (f"{where}.default_server", item["default_server"]),
            *indexed(f"{where}.servers", item["servers"]),
        ]:
            places.append((f"{place}.resolvers", "resolvers section", server["resolvers"], known["resolvers"]))
    for where, kind, name, accepted in places:
        if name and name not in accepted:
            yield missing(where, kind, name, accepted)
    used = {rule["map"] for dummy, item in _fronts(model) for rule in item["use_backend"] if rule["map"]}
    for where, item in _section(model, "maps"):
        for index, entry in enumerate(item["entries"] or [] if item["name"] in used else []):
            if entry["value"] and entry["value"] not in backends:
                yield missing(f"{where}.entries[{index}].value", "backend", entry["value"], backends)


@rule(WAYS)
def _ways(model: Model) -> Iterator[Finding]:
    """Every frontend is reached and leads somewhere, and there is one at all."""
    if not model["haproxy_frontends"] and not model["haproxy_listens"]:
        yield fault(
            "haproxy_frontends",
            "Nothing listens for clients.",
            "no frontend and no listen",
            "Add an item to haproxy_frontends or haproxy_listens.",
        )
    for where, item in _fronts(model):
        if not item["bind"] and not any(line.startswith("bind ") for line in item["options"]):
            yield fault(where, "It has no address to listen on.", "no bind", 'Add bind: ["198.51.100.28:80"].')
    answers = (
        "use_backend",
        "default_backend",
        "http-request return",
        "http-request redirect",
        "http-request use-service",
        "redirect",
        "stats",
        "monitor-uri",
    )
    for where, item in _section(model, "frontends"):
        if not (
            item["default_backend"]
            or item["use_backend"]
            or item["redirects"]
            or any(line.startswith(answers) for line in item["options"])
        ):
            yield fault(
                where,
                "Its requests lead nowhere.",
                "neither default_backend nor use_backend",
                "Add default_backend, or use_backend for some requests.",
            )
    for where, item in _section(model, "listens"):
        if item["servers"] and item["default_backend"]:
            yield fault(
                f"{where}.default_backend",
                "A listen with a default_backend never uses its own servers.",
                item["default_backend"],
                "Remove one of the two.",
            )
        if not (
            item["servers"] or item["default_backend"] or item["use_backend"] or item["redirects"] or item["options"]
        ):
            yield fault(where, "Its requests lead nowhere.", "no servers", "Add servers, or make it a frontend.")


def _bind_items(model: Model) -> Iterator[Place]:
    for where, item in [*_fronts(model), ("haproxy_stats", model["haproxy_stats"])]:
        yield from indexed(f"{where}.bind", item["bind"])


def listeners(model: Model, findings: list[Finding] | None = None) -> list[Listener]:
    """Every socket that HAProxy opens for clients, for itself and for its peers' sake."""
    found: list[Listener] = []
    binds = [
        (f"{where}", bind["address"] or "", " ".join(bind["options"]), bind["shared"])
        for where, bind in _bind_items(model)
    ]
    binds.append(("haproxy_health_bind", model["haproxy_health_bind"], "", False))
    for where, address, options, shared in binds:
        try:
            found.append(listener(address, where, options, bool(shared)))
        except NoAddress as problem:
            if findings is not None:
                findings.append(fault(where, str(problem), repr(address), problem.remedy))
    return found


@rule(SOCKETS)
def _binds(model: Model) -> Iterator[Finding]:
    """Which of two a client reaches would be chance."""
    findings: list[Finding] = []
    found = listeners(model, findings)
    yield from findings
    for one, other in combinations(found, 2):
        if one.overlaps(other) and not (one.shared or other.shared):
            yield fault(
                other.where,
                f"This overlaps {one.where}: which of the two a client reaches would be chance.",
                f"{other.text} and {one.text}",
                "Change one of them, or set shared: true if that is meant.",
            )


@rule(HEALTH)
def _health(model: Model) -> Iterator[Finding]:
    return private_health(listeners(model), "haproxy_health_bind")


@rule(LOOPS)
def _loops(model: Model) -> Iterator[Finding]:
    """A proxy does not send its traffic to itself."""
    backends = {item["name"]: (where, item) for where, item in _backs(model)}
    for where, item in _fronts(model):
        own = {socket for bind in item["bind"] for socket in _sockets(bind["address"])}
        names = [
            item["name"] if "servers" in item else None,
            item["default_backend"],
            *(rule["backend"] for rule in item["use_backend"]),
        ]
        for name in dict.fromkeys(name for name in names if name in backends):
            place, backend = backends[name]
            for index, server in enumerate(backend["servers"]):
                port = server["port"] if server["port"] is not None else backend["default_server"]["port"]
                target = (
                    f"{server['address']}:{port}"
                    if ":" not in str(server["address"])
                    else f"[{server['address']}]:{port}"
                )
                if target in own:
                    yield fault(
                        f"{place}.servers[{index}]",
                        f"{where} would send its traffic to itself.",
                        target,
                        "Name the server that does the work.",
                    )


def _sockets(address: str | None) -> list[str]:
    try:
        return listener(address or "").sockets()
    except NoAddress:
        return []


@rule(PASSWORDS)
def _passwords(model: Model) -> Iterator[Finding]:
    """The statistics page is for those who know a password that nobody can guess."""
    stats = model["haproxy_stats"]
    if not stats["bind"]:
        return
    if bool(stats["user"]) != bool(stats["password"]):
        yield fault(
            "haproxy_stats",
            "User and password belong together.",
            "user" if stats["user"] else "password",
            "Set both.",
        )
    if stats["password"] and stats["password"].lower() in KNOWN_PASSWORDS | {(stats["user"] or "").lower()}:
        yield fault(
            "haproxy_stats.password",
            "This password is the first that is tried.",
            f"a value of {len(stats['password'])} characters",
            "Choose another one and keep it in a vault.",
        )
    if not stats["user"]:
        for where, bind in _bind_items({**model, "haproxy_frontends": [], "haproxy_listens": []}):
            try:
                private = listener(bind["address"] or "").is_loopback()
            except NoAddress:
                continue
            if not private:
                yield fault(
                    where,
                    "Whoever reaches this address would see the statistics.",
                    bind["address"],
                    "Set haproxy_stats.user and haproxy_stats.password, or listen on loopback.",
                )
    if stats["admin"] and not stats["user"]:
        yield fault(
            "haproxy_stats.admin",
            "Changing servers' states needs a user.",
            "no user",
            "Set haproxy_stats.user and haproxy_stats.password.",
        )


def _timed(model: Model) -> Iterator[tuple[str, str]]:
    """Every period as it is written, with its path."""
    for where, value in walk(dict(model)):
        parent, dummy, key = where.rpartition(".")
        if isinstance(value, str) and (_PERIODS.search(key) or re.search(r"(timeouts|hold)$", parent)):
            yield where, value


@rule(PERIODS)
def _periods(model: Model) -> Iterator[Finding]:
    """Periods are numbers with a unit."""
    for where, value in _timed(model):
        if not _PERIOD.fullmatch(value):
            yield not_a_period(where, value)


@rule("F7-unit", "A period names its unit.", WARNING)
def _units(model: Model) -> Iterator[Finding]:
    for where, value in _timed(model):
        match = _PERIOD.fullmatch(value)
        if match and not match.group(1) and value != "0":
            yield fault(
                where,
                "Without a unit this is milliseconds.",
                repr(value),
                f"Write {value}ms or the unit that is meant.",
            )


@rule(NUMBERS)
def _sizes(model: Model) -> Iterator[Finding]:
    """Sizes of tables; numbers within HAProxy's bounds."""
    bounds: dict[str, tuple[int, int]] = {
        "weight": (0, 256),
        "port": (1, 65535),
        "status": (200, 599),
        "rise": (1, 2**31),
        "fall": (1, 2**31),
        "nbthread": (1, 4096),
        "requests": (1, 2**31),
        "id": (1, 2**31 - 1),
    }
    for where, value in walk(dict(model)):
        key = where.rpartition(".")[2]
        if isinstance(value, Mapping) and value.get("length") and value.get("type") in ("ip", "ipv6", "integer"):
            yield fault(
                f"{where}.length",
                f"Keys of type {value['type']} have a length of their own.",
                str(value["length"]),
                "Remove it.",
            )
        if key == "size" and isinstance(value, str) and not _SIZE.fullmatch(value):
            yield fault(
                where,
                "This is not a size.",
                repr(value),
                "Write a whole number, with k, m or g for thousands and more.",
                "100k, 1m",
            )
        yield from within(where, value, bounds)


@rule(SERVERS)
def _servers(model: Model) -> Iterator[Finding]:
    """Servers of a backend differ in name and number."""
    for where, item in _backs(model):
        names: dict[str, str] = {}
        numbers: dict[int, tuple[str, str]] = {}
        for place, server in indexed(f"{where}.servers", item["servers"]):
            name = server["name"]
            if not name:
                continue
            if not NAME.fullmatch(name):
                yield fault(
                    f"{place}.name",
                    "The name of a server has a character that is not allowed.",
                    repr(name),
                    "Rename it.",
                    "letters, digits and _ . - :",
                )
            if name in names:
                yield fault(
                    f"{place}.name",
                    "Two servers of a backend have the same name.",
                    f"{name}, as in {names[name]}",
                    "Rename one of them.",
                )
                continue
            names[name] = place
            number = server["id"] if server["id"] is not None else server_id(name)
            if number in numbers:
                other, other_name = numbers[number]
                yield fault(
                    f"{place}.id",
                    "Two servers of a backend have the same number.",
                    f"{number}, {'given to' if server['id'] is not None else 'derived from the name'} {name} and {other_name} ({other})",
                    "Give one of them another id.",
                )
            numbers.setdefault(number, (place, name))


@rule("F8-port", "A check knows which port it asks.")
def _checked(model: Model) -> Iterator[Finding]:
    """A check knows which port it asks; without one HAProxy does not start."""
    for where, item in _backs(model):
        start, check = item["default_server"], item["check"] or {"port": None, "options": []}
        raw = [*check["options"], *model["haproxy_defaults"]["options"], *item["options"], *start["options"]]
        if check["port"] is not None or start["port"] is not None or any(map(_names_a_port, raw)):
            continue
        for place, server in indexed(f"{where}.servers", item["servers"]):
            checked = next((one["check"] for one in (server, start) if one["check"] is not None), True)
            # Sockets have no port; an address with a prefix, in brackets, or of a service (SRV) may bring its own.
            address = str(server["address"])
            elsewhere = address.startswith(("/", "_")) or "@" in address or "]:" in address
            if checked and server["port"] is None and not (elsewhere or any(map(_names_a_port, server["options"]))):
                yield fault(
                    f"{place}.port",
                    "A server without a port of its own cannot be checked.",
                    "nothing",
                    "Set port here or in default_server, check.port, or check: false for the server.",
                )


def _names_a_port(line: str) -> bool:
    """Whether a raw line says what a check asks."""
    return not {"port", "addr"}.isdisjoint(line.split())


@rule("F4-choice", "What chooses a server or tries again has what it needs.")
def _choosing(model: Model) -> Iterator[Finding]:
    """What chooses a server has what it needs."""
    places = [("haproxy_defaults.retry_on", model["haproxy_defaults"]["retry_on"])]
    for where, item in _backs(model):
        if _mode(model, item) == "http":
            places.append((f"{where}.retry_on", item["retry_on"]))
        table = item["stick_table"] is not None or any(line.startswith("stick-table ") for line in item["options"])
        for index, rule in enumerate(item["stick_on"]):
            if not table and "table" not in rule.split():
                yield fault(
                    f"{where}.stick_on[{index}]",
                    "There is no table that remembers this.",
                    rule,
                    "Add stick_table: {} to the backend, or name another one's (table NAME).",
                )
        for index, rule in enumerate(item["use_server"]):
            if not (rule["if"] or rule["unless"]):
                yield fault(
                    f"{where}.use_server[{index}]",
                    "A server for certain requests needs to know which.",
                    rule["server"],
                    "Add if or unless.",
                )
    for where, causes in places:
        if causes == []:
            yield fault(
                where,
                "HAProxy has to be told a cause.",
                "an empty list",
                "Write [none] where nothing is to be tried again.",
            )


@rule("F10-forwardfor", "A backend does not leave out the header that a frontend adds.")
def _forwarded(model: Model) -> Iterator[Finding]:
    """HAProxy adds X-Forwarded-For where the frontend or the backend says so."""
    for where, item in _section(model, "backends"):
        if item["forwardfor"] is not False:
            continue
        for front, proxy in _fronts(model):
            wanted = model["haproxy_defaults"]["forwardfor"] if proxy["forwardfor"] is None else proxy["forwardfor"]
            names = [proxy["default_backend"], *(rule["backend"] for rule in proxy["use_backend"])]
            if wanted and _mode(model, proxy) == "http" and item["name"] in names:
                yield fault(
                    f"{where}.forwardfor",
                    "A backend cannot leave out the header that a frontend adds.",
                    f"false, and {front} adds it",
                    "Remove it, or set forwardfor: false for the frontend and true for its other backends.",
                )
                break


@rule(BY_NAME)
def _resolution(model: Model) -> Iterator[Finding]:
    """A name is resolved once, at start, unless somebody follows it."""
    for where, item in _backs(model):
        for place, server in indexed(f"{where}.servers", item["servers"]):
            if (
                server["address"]
                and by_name(server)
                and not (server["resolvers"] or item["default_server"]["resolvers"])
            ):
                yield fault(
                    f"{place}.address",
                    "A name is resolved once, when HAProxy starts.",
                    str(server["address"]),
                    "Use an address, or resolvers to follow the name.",
                )


@rule(MODES)
def _modes(model: Model) -> Iterator[Finding]:
    """What needs HTTP stands in an HTTP proxy, and both ends of a way speak the same."""
    for where, item in _proxies(model):
        if _mode(model, item) == "tcp":
            for key in _HTTP_ONLY:
                if item.get(key):
                    yield fault(
                        f"{where}.{key}",
                        f"In TCP mode there is no {key.replace('_', ' ')}.",
                        key,
                        "Remove it, or set mode: http.",
                    )
            if item["rate_limit"] and "bind" not in item:
                yield fault(
                    f"{where}.rate_limit",
                    "In TCP mode connections are limited where they come in.",
                    "rate_limit",
                    "Move it to the frontend.",
                )
    modes = {item["name"]: _mode(model, item) for dummy, item in _backs(model)}
    for where, item in _fronts(model):
        targets = [(f"{where}.default_backend", item["default_backend"])]
        targets += [
            (f"{where}.use_backend[{index}].backend", rule["backend"]) for index, rule in enumerate(item["use_backend"])
        ]
        for place, name in targets:
            if name in modes and modes[name] != _mode(model, item):
                yield fault(
                    place,
                    f"The backend {name} speaks {modes[name]}, this proxy {_mode(model, item)}.",
                    modes[name],
                    "Give both the same mode.",
                )


@rule("F10-tls", "A check repeats nothing that it takes over from the traffic.", WARNING)
def _checks_over_tls(model: Model) -> Iterator[Finding]:
    for where, item in _backs(model):
        check = item["check"] or {}
        tls = any(server["tls"] for server in [item["default_server"], *item["servers"]])
        # A check on a port of its own takes nothing over from the traffic.
        if check.get("tls") and tls and check["port"] is None:
            yield fault(
                f"{where}.check.tls",
                "Checks of a server that is spoken to over TLS use TLS anyway.",
                "tls",
                "Remove it.",
            )


@rule("F4-condition", "A rule has one condition.")
def _conditions(model: Model) -> Iterator[Finding]:
    """A rule has one condition."""
    for where, value in walk(dict(model)):
        if isinstance(value, Mapping) and value.get("if") and value.get("unless"):
            yield fault(where, "A rule takes if or unless, not both.", "both", "Write one condition.")
        if isinstance(value, Mapping) and value.get("https") and value.get("unless"):
            yield fault(
                f"{where}.unless",
                "A redirect to https has a condition of its own already.",
                "unless",
                "Write the condition as if.",
            )


@rule("F4-file", "Maps and error files are what HAProxy can read.")
def _files(model: Model) -> Iterator[Finding]:
    """Maps and error files are what HAProxy can read."""
    for where, item in _section(model, "maps"):
        for index, entry in enumerate(item["entries"] or []):
            key = entry["key"] or ""
            if not key or key.startswith("#") or re.search(r"\s", key):
                yield fault(
                    f"{where}.entries[{index}].key",
                    "A key is one word that does not begin with #.",
                    repr(key),
                    "Correct it.",
                )
    for where, item in _section(model, "error_files"):
        seen: set[int] = set()
        for index, one in enumerate(item["files"] or []):
            if one["status"] in seen:
                yield fault(
                    f"{where}.files[{index}].status",
                    "Two files stand for the same status.",
                    str(one["status"]),
                    "Keep one of them.",
                )
            seen.add(one["status"])
            if one["content"] and not one["content"].startswith("HTTP/"):
                yield fault(
                    f"{where}.files[{index}].content",
                    "An error file is a whole HTTP answer.",
                    repr(one["content"][:20]),
                    "Begin with the status line, for example HTTP/1.0 503 Service Unavailable.",
                )


@rule(CERTIFICATES)
def _certificates(model: Model) -> Iterator[Finding]:
    return certificates(_section(model, "certificates"))


@rule(ENDED)
def _ended(model: Model, now: float | None) -> Iterator[Finding]:
    return expiry(_section(model, "certificates"), now)
