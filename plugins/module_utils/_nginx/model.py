# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx from variables: checked, sections as lines for the templates, and the files, sockets and secrets around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._core.findings import Finding
from .._core.role import Draft, Role, digest, numbers, versions
from .._core.spec import conform
from .._proxy import backends, tls
from .._proxy.rules import certificate_files, proxy_file
from . import lines, rules
from .text import Block, raw

# Debian's releases, for a host that has no nginx yet: nginx's and OpenSSL's versions.
BY_RELEASE = {"12": ("1.22.1", "3.0"), "13": ("1.26.3", "3.5")}


def of(role: Role) -> dict[str, Any]:
    """What the role is given on its host."""
    return build(role.given, role.options, role.packages, role.names, role.now)


def build(
    variables: Mapping[str, Any],
    options: Mapping[str, Any],
    packages: Sequence[str] = (),
    names: Sequence[str] = (),
    now: float | None = None,
) -> dict[str, Any]:
    """The whole model of one node.

    `options` are those of argument_specs, `packages` lines of `dpkg-query`, `names` all variables of the host that look
    like the role's. With errors there is nothing but them.
    """
    findings: list[Finding] = []
    given = dict(variables)
    if isinstance(given.get("nginx_backends"), (list, tuple)):
        given["nginx_backends"] = backends.foreign(
            given["nginx_backends"], "nginx_backends", backends.NGINX, "nginx", findings
        )
    draft = Draft.of(given, options, names, findings)
    model = draft.model
    if not draft.refused:
        _write_out(model, options)
    draft.check(rules.check, now)
    verdict = draft.verdict()
    if draft.refused:
        return verdict
    nginx, library = versions(packages, "nginx", BY_RELEASE)
    sections = lines.Sections(model, numbers(nginx))
    result = {
        **verdict,
        "nginx": nginx,
        "openssl": library,
        "global": {**model["nginx_global"], **_tls(model["nginx_global"], library)},
        "events": [raw(line) for line in model["nginx_global"]["events"]],
        "options": [raw(line) for line in model["nginx_global"]["options"]],
        "defaults": model["nginx_defaults"],
        "http": [raw(line) for line in model["nginx_defaults"]["options"]],
        "error_pages": _text(sections.error_pages(model["nginx_defaults"]["error_pages"] or "")),
        "compression": _text(lines.compression(model["nginx_defaults"]["compression"]))
        if model["nginx_defaults"]["compression"]
        else [],
        "next_upstream": lines.next_upstream(model["nginx_defaults"]["retry_on"], False),
        "sections": {
            "log_formats": _text(sections.log_formats(stream=False)),
            "maps": _text(sections.maps(stream=False)),
            "caches": _text(sections.caches()),
            "limits": _text(sections.limits()),
            "upstreams": _apart(sections.upstreams(stream=False)),
            "servers": _apart(sections.servers()),
            "status": _apart(sections.status()),
        },
        "stream": {
            "log_formats": _text(sections.log_formats(stream=True)),
            "maps": _text(sections.maps(stream=True)),
            "limits": _text(sections.stream_limits()),
            "upstreams": _apart(sections.upstreams(stream=True)),
            "servers": _apart(sections.streams()),
        }
        if model["nginx_streams"]
        else {},
    }
    result["digest"] = digest([result, _text([sections.health("")])])
    result.update(
        health=_text([sections.health(result["digest"])]),
        files=_files(model),
        secrets=[item["key"] for item in model["nginx_certificates"] if item["key"]],
        alive=model["nginx_health_bind"],
        sockets=rules.sockets(model),
    )
    return result


def _write_out(model: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Short forms written out, so that nobody else has to know of them."""
    bind = {"type": "dict", "options": options["nginx_status"]["options"]["bind"]["options"]}
    server = options["nginx_backends"]["options"]["default_server"]
    for item in [*model["nginx_servers"], *model["nginx_streams"], model["nginx_status"]]:
        item["bind"] = [
            conform({"address": one} if isinstance(one, str) else one, bind, "", []) for one in item["bind"]
        ]
    for item in model["nginx_backends"]:
        item["default_server"] = item["default_server"] or conform({}, server, "", [])


def _tls(settings: Mapping[str, Any], library: str) -> dict[str, str]:
    oldest = ["TLSv1.2", "TLSv1.3"]
    return {
        "tls_protocols": " ".join(oldest[oldest.index(settings["tls_min_version"]) :]),
        "tls_ciphers": ":".join(settings["tls_ciphers"] or tls.CIPHERS),
        "tls_curves": ":".join(settings["tls_curves"] or tls.curves(numbers(library))),
    }


def _text(items: Iterable[str | Block]) -> list[str]:
    return [line for item in items for line in (item.lines() if isinstance(item, Block) else [item])]


def _apart(items: Iterable[str | Block]) -> list[list[str]]:
    """One list of lines for each block."""
    return [_text([item]) for item in items]


def _files(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the configuration refers to, as `commit` takes it."""
    pages = [
        proxy_file(lines.error_path(item["name"], one["status"]), "0644", content=one["content"], src=one["src"])
        for item in model["nginx_error_pages"]
        for one in item["files"]
    ]
    return [*pages, *certificate_files(model["nginx_certificates"], lines.certificate_path)]
