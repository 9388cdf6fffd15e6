# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy from variables: checked, sections as lines for the template, and the files, sockets and secrets around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.findings import Finding
from .._core.role import Draft, Role, digest, numbers, versions
from .._core.spec import conform
from .._proxy import tls
from .._proxy.rules import certificate_files, proxy_file
from . import lines, rules
from .text import join, quote

# Debian's releases, for a host that has no HAProxy yet.
BY_RELEASE = {"12": ("2.6", "3.0"), "13": ("3.0", "3.5")}


def of(role: Role) -> dict[str, Any]:
    """What the role is given on its host."""
    nodes = [{"name": node, "address": _address(role.inventory(node) or {})} for node in role.nodes]
    return build(role.given, role.options, role.host, nodes, role.packages, role.names, role.now)


def _address(own: Mapping[str, Any]) -> str | None:
    """Where peers find a node; one of its addresses is enough."""
    address = own.get("keepalived_address") or own.get("ansible_host")
    if isinstance(address, (list, tuple)):
        address = next(iter(address), None)
    return str(address) if address else None


def build(
    variables: Mapping[str, Any],
    options: Mapping[str, Any],
    host: str,
    nodes: Sequence[Mapping[str, Any]] = (),
    packages: Sequence[str] = (),
    names: Sequence[str] = (),
    now: float | None = None,
) -> dict[str, Any]:
    """The whole model of one node.

    `options` are those of argument_specs, `nodes` the cluster's (name, address), `packages` lines of `dpkg-query`, `names`
    all variables of the host that look like the role's. With errors there is nothing but them.
    """
    draft = Draft.of(variables, options, names)
    model = draft.model
    _write_out(model, options)
    draft.check(rules.check, now)
    tables = any(lines.has_table(item) for item in _proxies(model))
    peers = _peers(nodes, host, tables, draft.findings)
    verdict = draft.verdict()
    if draft.refused:
        return verdict
    haproxy, library = versions(packages, "haproxy", BY_RELEASE, parts=2)
    rendered = _sections(model, peers)
    result = {
        **verdict,
        "host": host,
        "haproxy": haproxy,
        "openssl": library,
        "global": {**model["haproxy_global"], **_tls(model["haproxy_global"], library)},
        "log": [_log(item) for item in model["haproxy_log"]],
        "defaults": model["haproxy_defaults"],
        "timeouts": [lines.timeout(*item) for item in model["haproxy_defaults"]["timeouts"].items()],
        "check": lines.check_defaults(model["haproxy_defaults"]["check"]),
        "log_format": _log_format(model["haproxy_defaults"]),
        "sections": {name: [section.as_dict() for section in group] for name, group in rendered.items()},
    }
    result["digest"] = digest(result)
    result.update(
        files=_files(model),
        secrets=_secrets(model),
        alive=model["haproxy_health_bind"],
        sockets=[socket for one in rules.listeners(model) for socket in one.sockets()],
    )
    return result


def _write_out(model: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Short forms written out, so that nobody else has to know of them."""
    bind = {"type": "dict", "options": options["haproxy_stats"]["options"]["bind"]["options"]}
    server = options["haproxy_backends"]["options"]["default_server"]
    for item in [*_proxies(model), model["haproxy_stats"]]:
        if "bind" in item:
            item["bind"] = [
                conform({"address": one} if isinstance(one, str) else one, bind, "", []) for one in item["bind"] or []
            ]
        if "default_server" in item:
            item["default_server"] = item["default_server"] or conform({}, server, "", [])


def _proxies(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for name in ("frontends", "backends", "listens") for item in model[f"haproxy_{name}"]]


def _peers(
    nodes: Sequence[Mapping[str, Any]], host: str, needed: bool, findings: list[Finding]
) -> list[tuple[str, str]]:
    """Every node by the name that it calls itself."""
    if not needed:
        return []
    if host not in [node["name"] for node in nodes]:
        findings.append(
            rules.PEERS.finding(
                "evenkeel_nodes",
                "This host is not among the nodes that share stick tables.",
                host,
                "Add it to evenkeel_nodes.",
            )
        )
    for node in nodes:
        if not rules.NAME.fullmatch(str(node["name"])):
            findings.append(
                rules.PEERS.finding(
                    str(node["name"]),
                    "HAProxy cannot call a peer so.",
                    repr(node["name"]),
                    "Rename the host.",
                    "letters, digits and _ . - :",
                )
            )
        if not node.get("address"):
            findings.append(
                rules.PEERS.finding(
                    str(node["name"]),
                    "A node that shares stick tables has no address.",
                    "neither keepalived_address nor ansible_host",
                    "Set one of them.",
                )
            )
    return [(str(node["name"]), str(node.get("address"))) for node in nodes]


def _sections(model: Mapping[str, Any], peers: Sequence[tuple[str, str]]) -> dict[str, list[lines.Section]]:
    defaults = model["haproxy_defaults"]
    proxies = lines.Proxies(defaults, model["haproxy_peers"]["name"], bool(model["haproxy_log"]))
    listens, backends = model["haproxy_listens"], model["haproxy_backends"]
    critical = [item["name"] for item in [*backends, *listens] if item["critical"]]
    return {
        "userlists": [lines.userlist(item) for item in model["haproxy_userlists"]],
        "resolvers": [lines.resolvers(item) for item in model["haproxy_resolvers"]],
        "peers": [lines.peers(model["haproxy_peers"], peers)] if peers else [],
        "caches": [lines.cache(item) for item in model["haproxy_caches"]],
        "error_files": [lines.error_files(item) for item in model["haproxy_error_files"]],
        "tables": proxies.rate_tables(_proxies(model)),
        "health": [lines.health(model["haproxy_health_bind"], critical)],
        "stats": lines.stats(model["haproxy_stats"]) if model["haproxy_stats"]["bind"] else [],
        "frontends": [proxies.frontend(item) for item in model["haproxy_frontends"]],
        "backends": [proxies.backend(item) for item in backends],
        "listens": [proxies.listen(item) for item in listens],
    }


def _tls(settings: Mapping[str, Any], library: str) -> dict[str, str]:
    return {
        "tls_ciphers": ":".join(settings["tls_ciphers"] or tls.CIPHERS),
        "tls_ciphersuites": ":".join(settings["tls_ciphersuites"] or tls.CIPHERSUITES),
        "tls_curves": ":".join(settings["tls_curves"] or tls.curves(numbers(library))),
    }


def _log(item: Mapping[str, Any]) -> str:
    length = f"len {item['length']}" if item["length"] else ""
    layout = f"format {item['format']}" if item["format"] else ""
    return join("log", quote(item["address"]), length, layout, item["facility"], item["level"])


def _log_format(defaults: Mapping[str, Any]) -> str:
    return f"log-format {quote(defaults['log_format'])}" if defaults["log_format"] else f"option {defaults['mode']}log"


def _files(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the configuration refers to, as `commit` takes it."""
    found: list[dict[str, Any]] = []
    for item in model["haproxy_maps"]:
        content = item["content"]
        if item["entries"] is not None:
            content = "".join(f"{entry['key']} {entry['value']}\n" for entry in item["entries"])
        found.append(proxy_file(lines.map_path(item["name"]), "0644", content=content, src=item["src"]))
    for item in model["haproxy_error_files"]:
        for one in item["files"]:
            found.append(
                proxy_file(
                    lines.error_path(item["name"], one["status"]), "0644", content=one["content"], src=one["src"]
                )
            )
    return [*found, *certificate_files(model["haproxy_certificates"], lines.certificate_path)]


def _secrets(model: Mapping[str, Any]) -> list[str]:
    """What no diff and no message may show."""
    users = [
        user[name]
        for item in model["haproxy_userlists"]
        for user in item["users"]
        for name in ("password", "password_hash")
    ]
    keys = [item["key"] for item in model["haproxy_certificates"]]
    given = [secret for secret in [*users, model["haproxy_stats"]["password"], *keys] if secret]
    # In the rendered file a secret stands in quotes, which may change it.
    return list(dict.fromkeys([*given, *(quote(secret) for secret in given if "\n" not in secret)]))
