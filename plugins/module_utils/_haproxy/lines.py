# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's sections as lines, from variables that have been checked. What a line is for is said here, why in comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .servers import server_id
from .text import arrange, either, join, neither, quote

ROOT = "/etc/haproxy"
DRAIN = f"{ROOT}/drain.acl"
# RFC 9110: doing one of these twice is the same as doing it once.
IDEMPOTENT = "GET HEAD OPTIONS PUT DELETE TRACE"
HEALTH = "evenkeel-health"
STATS = "evenkeel-stats"

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A section's head and its lines, in the order in which HAProxy evaluates them."""

    title: str
    lines: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"title": self.title, "lines": self.lines}


def map_path(name: str) -> str:
    return f"{ROOT}/maps/{name}.map"


def certificate_path(name: str) -> str:
    return f"{ROOT}/certs/{name}.pem"


def error_path(name: str, status: int) -> str:
    return f"{ROOT}/errors/{name}-{status}.http"


def rate_table(name: str) -> str:
    """The backend that does nothing but hold the table of a rate limit: a proxy has room for one table only."""
    return f"evenkeel-rate-{name}"


def has_table(proxy: Item) -> bool:
    raw = [*proxy["options"], *proxy.get("stick_on", [])]
    return bool(proxy.get("stick_table") or proxy.get("rate_limit")) or any(line.startswith("stick") for line in raw)


# --- what other sections refer to


def userlist(item: Item) -> Section:
    lines = [join("group", group["name"]) for group in item["groups"]]
    for user in item["users"]:
        secret = (
            join("password", quote(user["password_hash"]))
            if user["password_hash"]
            else join("insecure-password", quote(user["password"]))
        )
        groups = "groups " + ",".join(user["groups"]) if user["groups"] else ""
        lines.append(join("user", quote(user["name"]), secret, groups))
    return Section(f"userlist {item['name']}", lines + item["options"])


def resolvers(item: Item) -> Section:
    lines = [join("nameserver", server["name"], server["address"]) for server in item["nameservers"]]
    lines += ["parse-resolv-conf"] if item["parse_resolv_conf"] else []
    lines += _settings(
        item,
        {
            "accepted_payload_size": "accepted_payload_size",
            "resolve_retries": "resolve_retries",
            "timeout_resolve": "timeout resolve",
            "timeout_retry": "timeout retry",
        },
    )
    lines += [join("hold", name, period) for name, period in item["hold"].items()]
    return Section(f"resolvers {item['name']}", lines + item["options"])


def peers(item: Item, nodes: Sequence[tuple[str, str]]) -> Section:
    lines = []
    for name, address in nodes:
        lines.append(f"peer {name} " + (f"[{address}]" if ":" in address else address) + f":{item['port']}")
    return Section(f"peers {item['name']}", lines + item["options"])


def cache(item: Item) -> Section:
    lines = _settings(
        item,
        {
            "total_max_size": "total-max-size",
            "max_object_size": "max-object-size",
            "max_age": "max-age",
            "max_secondary_entries": "max-secondary-entries",
        },
    )
    if item["process_vary"] is not None:
        lines.append(join("process-vary", "on" if item["process_vary"] else "off"))
    return Section(f"cache {item['name']}", lines + item["options"])


def error_files(item: Item) -> Section:
    return Section(
        f"http-errors {item['name']}",
        [join("errorfile", one["status"], error_path(item["name"], one["status"])) for one in item["files"]],
    )


# --- frontends of our own


def health(bind: str, critical: Sequence[str]) -> Section:
    ready = "".join(f" {{ nbsrv({name}) ge 1 }}" for name in critical)
    return Section(
        f"frontend {HEALTH}",
        [
            "mode http",
            f"bind {bind}",
            "monitor-uri /alive",
            "http-request set-log-level silent",
            f"http-request return status 200 if {{ path /ready }}{ready}",
            "http-request return status 503",
        ],
    )


def stats(item: Item) -> list[Section]:
    lines = ["mode http", *(_bind(one, "http") for one in item["bind"])]
    users = []
    if item["user"]:
        users = [
            Section(
                f"userlist {STATS}", [join("user", quote(item["user"]), "insecure-password", quote(item["password"]))]
            )
        ]
        lines.append(f"http-request auth realm {quote(item['realm'])} unless {{ http_auth({STATS}) }}")
    if item["prometheus"]:
        lines.append(f"http-request use-service prometheus-exporter if {{ path {quote(item['prometheus_path'])} }}")
    # A page that is there already is not sent to itself.
    lines += [f"http-request redirect location {quote(item['uri'])} if {{ path / }}"] if item["uri"] != "/" else []
    lines += [
        "stats enable",
        f"stats uri {quote(item['uri'])}",
        f"stats refresh {item['refresh']}",
    ]
    lines += ["stats hide-version"] if item["hide_version"] else []
    lines += ["stats admin if TRUE"] if item["admin"] else []
    return [*users, Section(f"frontend {STATS}", arrange(lines + item["options"]))]


# --- proxies


@dataclass(frozen=True)
class Proxies:
    """Renders frontends, backends and listens against the defaults that they start from."""

    defaults: Item
    peers: str
    logged: bool = True

    def frontend(self, item: Item) -> Section:
        lines = [*self._head(item), *self._front(item), *self._common(item), *self._choice(item), *item["options"]]
        return Section(f"frontend {item['name']}", arrange(lines))

    def backend(self, item: Item) -> Section:
        lines = [*self._head(item), *self._back(item), *self._common(item), *self._servers(item), *item["options"]]
        return Section(f"backend {item['name']}", arrange(lines))

    def listen(self, item: Item) -> Section:
        lines = [
            *self._head(item),
            *self._front(item),
            *self._back(item),
            *self._common(item),
            *self._choice(item),
            *self._servers(item),
            *item["options"],
        ]
        return Section(f"listen {item['name']}", arrange(lines))

    def rate_tables(self, items: Sequence[Item]) -> list[Section]:
        return [self._rate_table(item) for item in items if item["rate_limit"]]

    def mode(self, item: Item) -> str:
        return str(item["mode"] or self.defaults["mode"])

    def _head(self, item: Item) -> Iterator[str]:
        if item["description"]:
            yield join("description", quote(item["description"]))
        if self.mode(item) != self.defaults["mode"]:
            yield f"mode {self.mode(item)}"

    def _common(self, item: Item) -> Iterator[str]:
        """What frontends and backends share."""
        mode = self.mode(item)
        for name, period in (item["timeouts"] or {}).items():
            if period:
                yield timeout(name, period)
        if item["error_files"]:
            yield f"errorfiles {item['error_files']}"
        if item["stick_table"]:
            yield self._table(item["stick_table"])
        if item["cache"] and item["compression"]:
            # The cache has to see the answer before it is compressed.
            yield f"filter cache {item['cache']}"
            yield "filter compression"
        if item["compression"]:
            yield join("compression algo", *item["compression"]["algorithms"])
            yield join("compression type", *item["compression"]["types"])
        for acl in item["acls"]:
            yield join("acl", acl["name"], acl["criterion"])
        if item["rate_limit"]:
            yield from _rate_limit(item, mode)
        # To TLS before the password is asked for: it would come in the clear.
        redirects = item["redirects"]
        cut = max((place for place, redirect in enumerate(redirects, 1) if redirect["https"]), default=0)
        yield from (_redirect(redirect) for redirect in redirects[:cut])
        if item["auth"]:
            yield _auth(item["auth"])
        yield from (_redirect(redirect) for redirect in redirects[cut:])
        for direction in ("request", "response"):
            for rule in item[f"{direction}_headers"]:
                yield _header(direction, rule)
        if item["cache"]:
            yield f"http-request cache-use {item['cache']}"
            yield f"http-response cache-store {item['cache']}"

    def _front(self, item: Item) -> Iterator[str]:
        mode = self.mode(item)
        for bind in item["bind"]:
            yield _bind(bind, mode)
        if item["maxconn"] is not None:
            yield f"maxconn {item['maxconn']}"
        if item["log_format"] and self.logged:
            yield join("log-format", quote(item["log_format"]))
        elif mode != self.defaults["mode"] and self.logged:
            yield f"option {mode}log"
        if not item["log"]:
            yield ("http-request" if mode == "http" else "tcp-request content") + " set-log-level silent"
        if mode == "http":
            if self.defaults["forwardfor"] if item["forwardfor"] is None else item["forwardfor"]:
                yield "option forwardfor"
            yield f"http-after-response set-header Connection close if {{ str(on) -m str -f {DRAIN} }}"
        elif self.defaults["idle_close_on_response"]:
            yield "no option idle-close-on-response"

    def _choice(self, item: Item) -> Iterator[str]:
        """Which backend serves what."""
        for rule in item["use_backend"]:
            found = rule["map"] and f"{rule['key']},map_{rule['match']}({map_path(rule['map'])})"
            condition = _condition(rule)
            if found:
                # What the map does not know goes on to the next rule.
                own = neither(rule["unless"]) if rule["unless"] else rule["if"] or ""
                condition = f"if {either(own, f'{{ {quote(found)} -m found }}')}"
            yield join("use_backend", quote(f"%[{found}]" if found else rule["backend"]), condition)
        if item["default_backend"]:
            yield f"default_backend {item['default_backend']}"

    def _back(self, item: Item) -> Iterator[str]:
        mode = self.mode(item)
        yield from _settings(
            item, {"balance": "balance", "hash_type": "hash-type", "fullconn": "fullconn", "retries": "retries"}
        )
        if item["redispatch"] is not None:
            yield "option redispatch 1" if item["redispatch"] else "no option redispatch"
        yield from self._retry(item, mode)
        if item["http_reuse"]:
            yield f"http-reuse {item['http_reuse']}"
        if item["forwardfor"] and "bind" not in item:
            yield "option forwardfor"
        if item["cookie"]:
            yield _cookie(item["cookie"])
        for rule in item["stick_on"]:
            yield join("stick on", rule)
        yield from _check(item["check"] or {})

    def _servers(self, item: Item) -> Iterator[str]:
        for rule in item["use_server"]:
            yield join("use-server", quote(rule["server"]), _condition(rule))
        start = join(_check_words(item["check"] or {}), *_server_words(item["default_server"], item))
        if start:
            yield f"default-server {start}"
        for server in item["servers"]:
            yield _server(server, item)

    def _retry(self, item: Item, mode: str) -> Iterator[str]:
        causes = self.defaults["retry_on"] if item["retry_on"] is None else item["retry_on"]
        if mode == "tcp":
            # A stream cannot be replayed; saying so keeps HAProxy from warning.
            causes = [cause for cause in causes if cause in ("none", "conn-failure")] or ["conn-failure"]
        if causes != self.defaults["retry_on"] or item["retry_on"] is not None:
            yield join("retry-on", *causes)
        if mode == "http" and not item["retry_non_idempotent"] and set(causes) - {"none", "conn-failure"}:
            # What may have reached a server is sent again only if doing it twice does no harm.
            yield f"http-request disable-l7-retry unless {{ method {IDEMPOTENT} }}"

    def _table(self, table: Item) -> str:
        store = "store " + ",".join(table["store"]) if table["store"] else ""
        length = f"len {table['length']}" if table["length"] else ""
        return join(
            "stick-table type",
            table["type"],
            length,
            "size",
            table["size"],
            "expire",
            table["expire"],
            store,
            "peers",
            self.peers,
        )

    def _rate_table(self, item: Item) -> Section:
        limit = item["rate_limit"]
        counter = "http_req_rate" if self.mode(item) == "http" else "conn_rate"
        by_address = limit["by"] == "src"
        line = self._table(
            {
                "type": "ipv6" if by_address else "string",
                "length": None if by_address else 64,
                "size": limit["size"],
                "expire": limit["period"],
                "store": [f"{counter}({limit['period']})"],
            }
        )
        return Section(f"backend {rate_table(item['name'])}", [line])


def timeout(name: str, period: str) -> str:
    return f"timeout {name.replace('_', '-')} {period}"


def _settings(item: Item, keywords: Mapping[str, str]) -> list[str]:
    return [f"{keyword} {item[name]}" for name, keyword in keywords.items() if item[name] is not None]


def _condition(rule: Item) -> str:
    return next((f"{word} {rule[word]}" for word in ("if", "unless") if rule.get(word)), "")


def _bind(bind: Item, mode: str) -> str:
    parts = ["bind", quote(bind["address"])]
    if bind["certificates"]:
        alpn = bind["alpn"] if bind["alpn"] is not None else ["h2", "http/1.1"] if mode == "http" else []
        parts.append("ssl")
        parts += [f"crt {certificate_path(name)}" for name in bind["certificates"]]
        parts.append(f"alpn {','.join(alpn)}" if alpn else "")
        parts.append("strict-sni" if bind["strict_sni"] else "")
    parts.append("accept-proxy" if bind["accept_proxy"] else "")
    return join(*parts, *bind["options"])


def _rate_limit(item: Item, mode: str) -> Iterator[str]:
    limit = item["rate_limit"]
    # A client is counted at most once by a frontend and once by a backend.
    counter = 0 if "bind" in item else 1
    track = f"track-sc{counter} {limit['by']} table {rate_table(item['name'])}"
    if mode == "http":
        yield join("http-request", track, _condition(limit))
        yield f"http-request deny deny_status {limit['status']} if {{ sc_http_req_rate({counter}) gt {limit['requests']} }}"
    else:
        # Rules for connections run before the PROXY header says who the client is.
        level = "session" if _accepts_proxy(item) else "connection"
        yield join(f"tcp-request {level}", track, _condition(limit))
        yield f"tcp-request {level} reject if {{ sc_conn_rate({counter}) gt {limit['requests']} }}"


def _accepts_proxy(item: Item) -> bool:
    raw = [word for bind in item["bind"] for line in bind["options"] for word in line.split()]
    raw += [word for line in item["options"] if line.startswith("bind ") for word in line.split()]
    return "accept-proxy" in raw or any(bind["accept_proxy"] for bind in item["bind"])


def _auth(auth: Item) -> str:
    known = (
        f"http_auth_group({auth['userlist']}) {auth['group']}" if auth["group"] else f"http_auth({auth['userlist']})"
    )
    return join("http-request auth realm", quote(auth["realm"]), "if", either(auth["if"] or "", f"!{{ {known} }}"))


def _redirect(rule: Item) -> str:
    options = join("code", rule["code"], "drop-query" if rule["drop_query"] else "")
    if rule["https"]:
        return join("http-request redirect scheme https", options, "if", either(rule["if"] or "", "!{ ssl_fc }"))
    kind = "location" if rule["location"] else "prefix"
    return join("http-request redirect", kind, quote(rule[kind]), options, _condition(rule))


def _header(direction: str, rule: Item) -> str:
    action = next(action for action in ("set", "add", "del") if rule[action])
    value = "" if action == "del" else quote(rule["value"])
    return join(f"http-{direction} {action}-header", quote(rule[action]), value, _condition(rule))


def _cookie(cookie: Item) -> str:
    flags = [name for name in ("indirect", "nocache", "httponly", "secure") if cookie[name]]
    if cookie["mode"] != "insert":
        flags = [name for name in flags if name not in ("indirect",)] if cookie["mode"] == "prefix" else []
    domain = f"domain {quote(cookie['domain'])}" if cookie["domain"] else ""
    return join("cookie", quote(cookie["name"]), cookie["mode"], *flags, domain, *cookie["options"])


def _check(check: Item) -> Iterator[str]:
    """How servers are asked; how often stands on the default-server line."""
    if check.get("http"):
        yield "option httpchk"
        host = f"ver HTTP/1.1 hdr Host {quote(check['host'])}" if check["host"] else ""
        yield join("http-check send meth", check["method"], "uri", quote(check["http"]), host)
        if check["status"]:
            yield f"http-check expect status {check['status']}"
    raw = check.get("options") or []
    if not check.get("http") and any(line.startswith("tcp-check ") for line in raw) and "option tcp-check" not in raw:
        # Without it HAProxy passes over the lines.
        yield "option tcp-check"
    yield from raw


def _check_words(check: Item) -> str:
    names = {
        "interval": "inter",
        "fast_interval": "fastinter",
        "down_interval": "downinter",
        "fall": "fall",
        "rise": "rise",
        "port": "port",
    }
    return join(
        *(f"{word} {check[name]}" for name, word in names.items() if check.get(name) is not None),
        "check-ssl verify none" if check.get("tls") else "",
    )


def check_defaults(check: Item) -> str:
    return _check_words(check)


def _server(server: Item, backend: Item) -> str:
    address = str(server["address"])
    port = server["port"] if server["port"] is not None else backend["default_server"]["port"]
    if ":" in address and not address.startswith(("[", "/")) and "@" not in address:
        address = f"[{address}]"
    if port is not None:
        address = f"{address}:{port}"
    number = f"id {server['id'] if server['id'] is not None else server_id(server['name'])}"
    checked = next((one["check"] for one in (server, backend["default_server"]) if one["check"] is not None), True)
    value = server["cookie"] or (server["name"] if backend["cookie"] else "")
    words = _server_words(server, backend)
    if not server["init_addr"] and not backend["default_server"]["init_addr"] and by_name(server):
        # A name that cannot be resolved at start leaves the server out until it can, instead of stopping HAProxy.
        words.append("init-addr last,libc,none")
    return join(
        "server",
        quote(server["name"]),
        quote(address),
        number,
        "check" if checked else "",
        f"cookie {quote(value)}" if value else "",
        *words,
    )


def check_tls(tls: Item, check: Item) -> list[str]:
    """A check asks for the name that requests ask for, and speaks the protocol that it negotiates.

    HAProxy's own checks ask for no name, and speak HTTP/1 also where they have negotiated h2.
    """
    name = re.fullmatch(r"str\(([^()\s]+)\)", tls["sni"] or "")
    result = [f"check-sni {name.group(1)}"] if name else []
    if check.get("http") and tls["alpn"]:
        only_h2 = "h2" in tls["alpn"] and "http/1.1" not in tls["alpn"]
        result.append("check-alpn h2 check-proto h2" if only_h2 else "check-alpn http/1.1 check-proto h1")
    return result


def by_name(server: Item) -> bool:
    """Whether the server is given by a name that has to be resolved."""
    address = str(server["address"])
    return not (":" in address or address.startswith("/") or "@" in address or address.replace(".", "").isdigit())


def _server_words(server: Item, backend: Item) -> list[str]:
    """The words that a server line and a default-server line share."""
    result = [f"{name} {server[name]}" for name in ("weight", "maxconn") if server[name] is not None]
    result += ["backup"] if server["backup"] else []
    result += {"v1": ["send-proxy"], "v2": ["send-proxy-v2"]}.get(server["send_proxy"] or "", [])
    tls: Item | None = server["tls"]
    if tls is not None:
        result.append("ssl")
        result.append(f"verify required ca-file {quote(tls['ca_file'])}" if tls["verify"] else "verify none")
        result += [f"sni {tls['sni']}"] if tls["sni"] else []
        result += [f"alpn {','.join(tls['alpn'])}"] if tls["alpn"] else []
        result += check_tls(tls, backend["check"] or {})
    result += [f"resolvers {server['resolvers']}"] if server["resolvers"] else []
    result += [f"init-addr {server['init_addr']}"] if server["init_addr"] else []
    result += ["disabled"] if server["disabled"] else []
    return result + list(server["options"])
