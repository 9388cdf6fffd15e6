# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy from variables: checked, sections as lines for the template, and the files, sockets and secrets around them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.findings import ERROR, WARNING, Finding
from .._core.spec import conform, conform_dict, slips
from .._proxy import tls
from .._proxy.rules import certificate_files, proxy_file
from . import lines, rules
from .text import join, quote, version

# Debian's releases, for a host that has no HAProxy yet.
BY_RELEASE = {"12": ("2.6", "3.0"), "13": ("3.0", "3.5")}


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
    findings = slips(names, options)
    model = conform_dict(variables, options, "", findings)
    _write_out(model, options)
    if not any(finding.severity == ERROR for finding in findings):
        findings += rules.check(model, now)
    tables = any(lines.has_table(item) for item in _proxies(model))
    peers = _peers(nodes, host, tables, findings)
    errors = [finding.as_dict() for finding in findings if finding.severity == ERROR]
    warnings = [finding.as_dict() for finding in findings if finding.severity == WARNING]
    if errors:
        return {"errors": errors, "warnings": warnings}
    haproxy, library = versions(packages)
    rendered = _sections(model, peers)
    result = {
        "errors": [],
        "warnings": warnings,
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
    result["digest"] = hashlib.sha256(json.dumps(result, sort_keys=True, default=str).encode()).hexdigest()[:16]
    result.update(
        files=_files(model),
        secrets=_secrets(model),
        alive=model["haproxy_health_bind"],
        sockets=[socket for one in rules.listeners(model) for socket in one.sockets()],
    )
    return result


def versions(packages: Sequence[str]) -> tuple[str, str]:
    """HAProxy's and OpenSSL's major.minor, from `NAME VERSION` lines; of a package that is missing by Debian's release."""
    installed = dict(line.split(None, 1) for line in packages if " " in line.strip())
    release = installed.get("base-files", "12").split(".")[0].split("+")[0]
    haproxy, library = BY_RELEASE.get(release, BY_RELEASE["12"])
    found = installed.get("haproxy")
    libraries = [installed[name] for name in ("libssl3t64", "libssl3") if name in installed]
    return (
        "{}.{}".format(*version(found)) if found else haproxy,
        "{}.{}".format(*version(libraries[0])) if libraries else library,
    )


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
        "tls_curves": ":".join(settings["tls_curves"] or tls.curves(version(library))),
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
