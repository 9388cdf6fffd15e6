# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's sections as lines, from variables that have been checked. What a line is for is said here, why in comments."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from .._proxy import backends
from .text import Block, directive, directives, quote, raw

ROOT = "/etc/nginx"
OURS = f"{ROOT}/evenkeel"
ERRORS = f"{OURS}/errors"
# `close_kept` makes this file; see `_closing`.
CLOSING = "/run/evenkeel/nginx.closing"
CLOSE_PATH = "/.evenkeel-closing"
ERROR_PATH = "/.evenkeel-errors"
HTTP2_DIRECTIVE_SINCE = (1, 25, 1)
# What this role calls a cause, and what nginx does.
CAUSES = {
    "conn-failure": "error",
    "empty-response": "error",
    "response-timeout": "timeout",
    "junk-response": "invalid_header",
}
# Whatever a client says, servers hear it from us.
PROXY_HEADERS = {
    "Host": "$http_host",
    "X-Forwarded-For": "$proxy_add_x_forwarded_for",
    "X-Forwarded-Proto": "$scheme",
    "X-Real-IP": "$remote_addr",
    # Only a WebSocket is passed on as such; empty, it lets connections to servers be kept.
    "Upgrade": "$evenkeel_upgrade",
    "Connection": "$evenkeel_connection",
}
_MATCH = {"prefix": "", "prefix-first": "^~", "exact": "=", "regex": "~", "iregex": "~*"}
_KEYS = {"src": "$binary_remote_addr"}

Item = Mapping[str, Any]
Lines = Iterator[Union[str, Block]]


def certificate_path(name: str) -> str:
    return f"{ROOT}/certs/{name}.pem"


def key_path(item: Item) -> str:
    """A key that is given apart lies beside its certificate, any other in the same file."""
    apart = any(item[name] for name in ("key", "key_src", "key_remote_src"))
    return certificate_path(item["name"]) + (".key" if apart else "")


def error_path(name: str, status: int) -> str:
    return f"{ERRORS}/{name}-{status}.html"


def cache_path(name: str) -> str:
    return f"/var/lib/nginx/evenkeel-cache-{name}"


def zone(kind: str, name: str, limit: Item) -> str:
    """nginx refuses a reload, silently, that gives a zone another key: so the name changes with it."""
    state = hashlib.sha256(f"{limit['by']} {limit['size']}".encode()).hexdigest()[:8]
    return f"{kind}-{name}-{state}"


def zone_size(servers: Sequence[Item]) -> str:
    """Room for the workers' common knowledge of servers: a page for a few of them, and to spare."""
    return f"{max(256, 2 * len(servers))}k"


def seconds(period: str) -> float:
    """A period like 750ms, 30s or 1h in seconds."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d)?", period)
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return int(match.group(1)) * units[match.group(2) or "s"] if match else 0


def rate(limit: Item) -> str:
    """nginx's rate; empty if it is no whole number a second or a minute."""
    period = seconds(limit["period"])
    for unit, length in (("r/s", 1), ("r/m", 60)):
        count = limit["requests"] * length / period if period else 0
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return ""


@dataclass(frozen=True)
class Sections:
    """Renders the items of a model against the defaults that they start from."""

    model: Item
    nginx: tuple[int, ...]

    @property
    def defaults(self) -> Item:
        found: Item = self.model["nginx_defaults"]
        return found

    def backend(self, name: str | None) -> Item | None:
        return next((item for item in self.model["nginx_backends"] if item["name"] == name), None)

    # --- what other sections refer to

    def log_formats(self, stream: bool) -> Lines:
        for item in self.model["nginx_log_formats"]:
            if item["stream"] == stream:
                yield directive("log_format", item["name"], f"escape={item['escape']}", item["format"])

    def maps(self, stream: bool) -> Lines:
        for item in self.model["nginx_maps"]:
            if item["stream"] == stream:
                body: list[str | Block] = ["hostnames;"] if item["hostnames"] else []
                body.append(f"default {quote(item['default'])};")
                body += [f"{quote(entry['key'])} {quote(entry['value'])};" for entry in item["entries"]]
                yield Block(f"map {quote(item['source'])} ${item['name']}", body)

    def caches(self) -> Lines:
        for item in self.model["nginx_caches"]:
            yield directive(
                "proxy_cache_path",
                cache_path(item["name"]),
                "levels=1:2",
                f"keys_zone={item['name']}:{item['keys_size']}",
                f"max_size={item['max_size']}",
                f"inactive={item['inactive']}",
                "use_temp_path=off",
                *item["options"],
            )

    def limits(self) -> Lines:
        """The memory that limits count in."""
        for place, item in http_places(self.model):
            if item["rate_limit"]:
                limit = item["rate_limit"]
                name = zone("rate", place, limit)
                yield directive("limit_req_zone", _key(limit), f"zone={name}:{limit['size']}", f"rate={rate(limit)}")
            if item["connection_limit"]:
                limit = item["connection_limit"]
                yield directive("limit_conn_zone", _key(limit), f"zone={zone('conn', place, limit)}:{limit['size']}")

    def stream_limits(self) -> Lines:
        for item in self.model["nginx_streams"]:
            if item["connection_limit"]:
                limit = item["connection_limit"]
                name = zone("stream", item["name"], limit)
                yield directive("limit_conn_zone", _key(limit), f"zone={name}:{limit['size']}")

    # --- backends

    def upstreams(self, stream: bool) -> Lines:
        for item in self.model["nginx_backends"]:
            if (item["mode"] != "http") == stream and item["servers"]:
                yield self._upstream(item, item["name"], item["servers"])
                if item["cookie"]:
                    yield from self._sticky(item)
                if item["critical"]:
                    yield self._asked(item)

    def _upstream(self, item: Item, name: str, servers: Sequence[Item], first: str = "") -> Block:
        # In shared memory, so that the workers take turns together and one learns for all that a server is down.
        shared = f"evenkeel-{name}" if item["mode"] == "http" else f"evenkeel-stream-{name}"
        body: list[str | Block] = [directive("zone", shared, zone_size(servers))]
        if not first:
            body += _method(item)
        for server in servers:
            whole = backends.effective(item, server)
            # Chosen by a cookie, a reserve serves too, and all others are its reserve.
            whole["backup"] = server["name"] != first if first else whole["backup"]
            body.append(self._server(item, whole))
        if item["mode"] == "http":
            kept = {**self.defaults["keepalive"], **_given(item["keepalive"])}
            if kept["connections"]:
                body += [
                    directive("keepalive", kept["connections"]),
                    directive("keepalive_timeout", kept["timeout"]),
                    directive("keepalive_requests", kept["requests"]),
                ]
        body += [raw(line) for line in item["options"]]
        return Block(f"upstream {quote(name)}", body)

    def _asked(self, item: Item) -> Block:
        """The same servers once more, for /ready: its questions must not take the clients' turns."""
        name = ready_name(item["name"])
        body = [directive("zone", name, zone_size(item["servers"]))]
        for server in item["servers"]:
            whole = backends.effective(item, server)
            out = whole["disabled"] or whole["weight"] == 0
            # Soon asked again: what it says is for a moment.
            body.append(
                directive("server", backends.target(whole), "max_fails=1", "fail_timeout=2s", "down" if out else "")
            )
        return Block(f"upstream {quote(name)}", body)

    def _server(self, item: Item, server: Item) -> str:
        check = {**self.defaults["check"], **_given(item["check"])}
        fails = server["max_fails"] if server["max_fails"] is not None else check["fall"]
        unchecked = server["check"] is False
        words = [
            f"weight={server['weight']}" if server["weight"] not in (None, 0, 1) else "",
            f"max_conns={server['maxconn']}" if server["maxconn"] else "",
            f"max_fails={0 if unchecked else fails}",
            "" if unchecked else f"fail_timeout={server['fail_timeout'] or check['down_interval']}",
            "backup" if server["backup"] else "",
            # haproxy's weight 0: it is there, and gets nothing.
            "down" if server["disabled"] or server["weight"] == 0 else "",
        ]
        return directive("server", backends.target(server), *words, *server["options"])

    def _sticky(self, item: Item) -> Lines:
        """A cookie names a server: for each one the same backend once more, in which all others are its reserve."""
        name, cookie = item["name"], item["cookie"]
        values = {server["name"]: backends.cookie_value(server) for server in item["servers"]}
        for server in item["servers"]:
            yield self._upstream(item, sticky_name(name, server["name"]), item["servers"], first=server["name"])
        chosen = [f"{quote(values[one])} {quote(sticky_name(name, one))};" for one in values]
        yield Block(
            f"map $cookie_{cookie['name']} ${sticky_variable('to', name)}", [directive("default", name), *chosen]
        )
        # The last address is that of the server which answered; what the client has already is not sent again.
        flags = "; path=/" + (f"; domain={cookie['domain']}" if cookie["domain"] else "")
        flags += ("; HttpOnly" if cookie["httponly"] else "") + ("; Secure" if cookie["secure"] else "")
        body: list[str | Block] = ['default "";']
        for server in item["servers"]:
            place = re.escape(backends.target(backends.effective(item, server)))
            value = values[server["name"]]
            body.append(f'{quote(f"~^{re.escape(value)} (.*[ ,])?{place}$")} "";')
            body.append(f"{quote(f'~[ ,]{place}$')} {quote(cookie['name'] + '=' + value + flags)};")
        yield Block(
            f'map "$cookie_{cookie["name"]} $upstream_addr" ${sticky_variable("set", name)}',
            body,
        )

    # --- HTTP servers

    def servers(self) -> Lines:
        for item in self.model["nginx_servers"]:
            yield Block("server", list(self._http_server(item)))

    def _http_server(self, item: Item) -> Lines:
        yield f"# {item['name']}"
        secure = any(bind["tls"] for bind in item["bind"])
        for bind in item["bind"]:
            yield _listen(bind, item["http2"] and self.nginx < HTTP2_DIRECTIVE_SINCE)
        if item["server_names"]:
            yield directive("server_name", *item["server_names"])
        if secure:
            if item["http2"] and self.nginx >= HTTP2_DIRECTIVE_SINCE:
                yield "http2 on;"
            yield from self._certificates(item)
        if item["real_ip"]:
            real = item["real_ip"]
            for network in real["from"]:
                yield directive("set_real_ip_from", network)
            yield directive("real_ip_header", real["header"])
            if real["recursive"]:
                yield "real_ip_recursive on;"
        yield from _client_timeouts(_given(item["timeouts"]))
        yield from self._common(item, item["name"])
        if item["error_pages"]:
            yield from self.error_pages(item["error_pages"])
        if item["error_pages"] or self.defaults["error_pages"]:
            yield Block(f"location ^~ {ERROR_PATH}/", ["internal;", directive("alias", f"{ERRORS}/")])
        # What a location adds to its backend's name: nothing, or the request as it came (see the end of this server).
        yield 'set $evenkeel_uri "";'
        for index, place in enumerate(item["locations"]):
            yield self._location(item, place, f"{item['name']}-{index}")
        if item["redirect"]:
            yield Block("location /", [*_response_headers(item, {}, ""), *_redirect(item["redirect"])])
        elif item["default_backend"]:
            yield Block("location /", list(self._proxy(item, {}, item["default_backend"])))
        yield from (raw(line) for line in item["options"])
        yield from _closing(_rewrites(item["options"]))

    def _certificates(self, item: Item) -> Lines:
        for one in self.model["nginx_certificates"]:
            if one["name"] in item["certificates"]:
                yield directive("ssl_certificate", certificate_path(one["name"]))
                yield directive("ssl_certificate_key", key_path(one))

    def error_pages(self, name: str) -> Lines:
        for item in self.model["nginx_error_pages"]:
            if item["name"] == name:
                for one in item["files"]:
                    yield directive("error_page", one["status"], f"{ERROR_PATH}/{name}-{one['status']}.html")

    def _common(self, item: Item, place: str) -> Lines:
        """What servers and locations share."""
        if item["access_log"]:
            yield raw(f"access_log {item['access_log']}")
        if item["client_max_body_size"] is not None:
            yield directive("client_max_body_size", item["client_max_body_size"])
        if item["compression"]:
            yield from compression(item["compression"])
        if item["rate_limit"]:
            limit = item["rate_limit"]
            burst = limit["requests"] - 1 if limit["burst"] is None else limit["burst"]
            words = (f"burst={burst}", "nodelay") if burst else ()
            yield directive("limit_req", f"zone={zone('rate', place, limit)}", *words)
            yield directive("limit_req_status", limit["status"])
        if item["connection_limit"]:
            limit = item["connection_limit"]
            yield directive("limit_conn", zone("conn", place, limit), limit["connections"])
            yield directive("limit_conn_status", limit["status"])

    def _location(self, server: Item, item: Item, place: str) -> Block:
        body: list[str | Block] = list(self._common(item, place))
        body += [directive("allow", network) for network in item["allow"]]
        body += ["deny all;"] if item["allow"] else []
        if item["backend"]:
            body += self._proxy(server, item, item["backend"])
        else:
            body += _response_headers(server, item, "")
        if item["redirect"]:
            body += _redirect(item["redirect"])
        elif item["answer"]:
            body += ["default_type text/plain;"] if item["answer"]["text"] is not None else []
            body.append(directive("return", item["answer"]["status"], item["answer"]["text"]))
        # The path as the client wrote it would undo a rewrite (see `_closing`).
        body += ['set $evenkeel_uri "";'] if _rewrites(item["options"]) else []
        body += [raw(line) for line in item["options"]]
        head = " ".join(word for word in ("location", _MATCH[item["match"]], quote(item["path"])) if word)
        return Block(head, body)

    def _proxy(self, server: Item, item: Item, name: str) -> Lines:
        """Hands a request to a backend, in the backend's way."""
        backend: Item = self.backend(name) or {}
        cookie = backend.get("cookie")
        periods = {
            **self.defaults["timeouts"],
            **_given(server.get("timeouts")),
            **_given(backend.get("timeouts")),
            **_given(item.get("timeouts")),
        }
        silence = periods["tunnel"] if item.get("websocket") else periods["server"]
        own = {**_given(server.get("timeouts")), **_given(backend.get("timeouts")), **_given(item.get("timeouts"))}
        if "connect" in own:
            yield directive("proxy_connect_timeout", periods["connect"])
        if "server" in own or item.get("websocket"):
            yield directive("proxy_read_timeout", silence)
            yield directive("proxy_send_timeout", silence)
        yield from self._retries(backend)
        headers = _request_headers(server, item)
        if item.get("cache"):
            yield directive("proxy_cache", item["cache"])
            # One request fills it; meanwhile, and while servers fail, the old answer will do.
            yield "proxy_cache_lock on;"
            yield "proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;"
            for words in item["cache_valid"]:
                yield raw(f"proxy_cache_valid {words}")
            own_key = [*self.defaults["options"], *server["options"], *item["options"]]
            if not any(depth == 0 and words[0] == "proxy_cache_key" for depth, words in directives(own_key)):
                yield _cache_key(item, headers)
        for header, value in headers.items():
            yield f"proxy_set_header {quote(header)} {quote(value)};"
        yield from _response_headers(server, item, f"${sticky_variable('set', name)}" if cookie else "")
        scheme = "http"
        tls = self._tls(backend)
        if tls:
            scheme = "https"
            yield from _to_tls(tls)
        to = f"${sticky_variable('to', name)}" if cookie else name
        yield directive("proxy_pass", f"{scheme}://{to}{item.get('uri') or '$evenkeel_uri'}")

    def _tls(self, backend: Item) -> Item | None:
        servers = [backends.effective(backend, server) for server in backend.get("servers") or []]
        return next((server["tls"] for server in servers if server["tls"]), None)

    def _retries(self, backend: Item) -> Lines:
        if not backend:
            return
        if backend["retry_on"] is not None or backend["retry_non_idempotent"]:
            causes = self.defaults["retry_on"] if backend["retry_on"] is None else backend["retry_on"]
            yield next_upstream(causes, backend["retry_non_idempotent"])
        if backend["retries"] is not None:
            yield directive("proxy_next_upstream_tries", backend["retries"] + 1)

    # --- this node

    def health(self, digest: str) -> Block:
        critical = [item for item in self.model["nginx_backends"] if item["critical"]]
        body: list[str | Block] = [
            f"listen {self.model['nginx_health_bind']};",
            "access_log off;",
            # Whoever asks is answered by the workers that take new connections, never by old ones.
            "keepalive_timeout 0;",
            "default_type text/plain;",
            Block("location = /alive", ["return 200;"]),
            "# By this the running workers tell which configuration they have read.",
            Block("location = /configuration", [f"return 200 {digest};"]),
            Block("location = /status", ["stub_status;"]),
            Block("location /", ["return 404;"]),
        ]
        if not critical:
            body.append(Block("location = /ready", ["return 200;"]))
        for index, item in enumerate(critical):
            body.append(Block(f"location = {_ready(index)}", list(self._ready(item, index, len(critical)))))
            body += (
                [Block(f"location = /.ready/{index}", ["internal;", *self.ask(item)])]
                if index + 1 < len(critical)
                else []
            )
        if critical:
            body.append(Block("location @usable", ["return 200;"]))
        return Block("server", body)

    def _ready(self, item: Item, index: int, count: int) -> Lines:
        """A request through nginx's own choice of a server. Several backends are asked one after the other."""
        if index + 1 < count:
            yield f"auth_request /.ready/{index};"
            yield f"proxy_pass http://{self.model['nginx_health_bind']}{_ready(index + 1)};"
            return
        yield from self.ask(item)

    def ask(self, item: Item) -> Lines:
        check = item["check"] or {}
        yield "proxy_connect_timeout 200ms;"
        yield "proxy_read_timeout 400ms;"
        yield "proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504;"
        yield "proxy_next_upstream_timeout 400ms;"
        yield "proxy_intercept_errors on;"
        # Without a path to ask for, a server that answers at all is usable.
        codes = [301, 302, 303, 304, 307, 308] + ([] if check.get("http") else [400, 401, 403, 404, 405])
        yield directive("error_page", *codes, "=200", "@usable")
        tls = self._tls(item)
        if tls:
            yield from _to_tls(tls)
        yield f"proxy_set_header Host {quote(check.get('host') or item['name'])};"
        yield 'proxy_set_header Connection "";'
        yield f"proxy_pass {'https' if tls else 'http'}://{ready_name(item['name'])}{check.get('http') or '/'};"

    def status(self) -> Lines:
        item = self.model["nginx_status"]
        if item["bind"]:
            body: list[str | Block] = ["stub_status;", *(directive("allow", network) for network in item["allow"])]
            body += ["deny all;"] if item["allow"] else []
            yield Block(
                "server",
                [
                    *(_listen(bind, False) for bind in item["bind"]),
                    "access_log off;",
                    Block(f"location = {quote(item['path'])}", body),
                    Block("location /", ["return 404;"]),
                    *(raw(line) for line in item["options"]),
                ],
            )

    # --- streams

    def streams(self) -> Lines:
        for item in self.model["nginx_streams"]:
            yield Block("server", list(self._stream(item)))

    def _stream(self, item: Item) -> Lines:
        yield f"# {item['name']}"
        for bind in item["bind"]:
            yield _listen(bind, False)
        if any(bind["tls"] for bind in item["bind"]):
            yield from self._certificates(item)
        if item["access_log"]:
            yield raw(f"access_log {item['access_log']}")
        if item["connection_limit"]:
            limit = item["connection_limit"]
            yield directive("limit_conn", zone("stream", item["name"], limit), limit["connections"])
        backend: Item = self.backend(item["default_backend"]) or {}
        periods = {
            **self.defaults["timeouts"],
            **_given(backend.get("timeouts")),
            **_given(item["timeouts"]),
        }
        if item["default_backend"]:
            yield directive("proxy_connect_timeout", periods["connect"])
            yield directive("proxy_timeout", periods["tunnel"])
            tries = backend.get("retries")
            yield directive("proxy_next_upstream_tries", (self.defaults["retries"] if tries is None else tries) + 1)
            if item["responses"] is not None:
                yield directive("proxy_responses", item["responses"])
            if any(backends.effective(backend, one)["send_proxy"] for one in backend.get("servers") or []):
                yield "proxy_protocol on;"
            tls = self._tls(backend)
            if tls:
                yield "proxy_ssl on;"
                yield from _to_tls(tls)
            yield directive("proxy_pass", item["default_backend"])
        yield from (raw(line) for line in item["options"])


def http_places(model: Item) -> Iterator[tuple[str, Item]]:
    """Every server and location with the name by which its limits go."""
    for item in model["nginx_servers"]:
        yield item["name"], item
        for index, place in enumerate(item["locations"]):
            yield f"{item['name']}-{index}", place


def ready_name(backend: str) -> str:
    return f"evenkeel-ready-{backend}"


def sticky_name(backend: str, server: str) -> str:
    return f"{backend}--{server}"


def sticky_variable(kind: str, backend: str) -> str:
    return f"evenkeel_{kind}_" + re.sub(r"\W", "_", backend)


def tls_name(sni: str) -> str:
    """The name in haproxy's `str(NAME)`, a plain one or nginx's variables; empty for haproxy's other samples."""
    match = re.fullmatch(r"str\(([^()\s]+)\)|((?:[A-Za-z0-9.-]|\$\w+|\$\{\w+\})+)", sni)
    return (match.group(1) or match.group(2)) if match else ""


def next_upstream(causes: Sequence[str], non_idempotent: bool) -> str:
    words = dict.fromkeys(CAUSES.get(cause, f"http_{cause}") for cause in causes if cause != "none")
    return directive("proxy_next_upstream", *(words or ["off"]), *(["non_idempotent"] if non_idempotent else []))


def compression(item: Item) -> Lines:
    yield "gzip on;"
    yield "gzip_proxied any;"
    yield "gzip_vary on;"
    yield directive("gzip_comp_level", item["level"])
    yield directive("gzip_min_length", item["min_length"])
    yield directive("gzip_types", *item["types"])


def _given(item: Item | None) -> dict[str, Any]:
    return {name: value for name, value in (item or {}).items() if value is not None}


def _key(limit: Item) -> str:
    by = str(limit["by"])
    return _KEYS.get(by, by)


def _ready(index: int) -> str:
    return "/ready" if index == 0 else f"/ready/{index}"


def _method(item: Item) -> list[str | Block]:
    chosen = backends.balance(item["balance"])
    if chosen is None or chosen.kind == "roundrobin":
        return []
    consistent = "consistent" if item["hash_type"] == "consistent" else ""
    key = {
        "uri": "$request_uri",
        "header": "$http_" + chosen.key.lower().replace("-", "_"),
        "hash": chosen.key,
        "source": "$remote_addr",
    }.get(chosen.kind)
    if chosen.kind == "source" and item["mode"] == "http" and not consistent:
        return ["ip_hash;"]
    if key:
        return [directive("hash", key, consistent)]
    return [{"leastconn": "least_conn;", "random": "random two least_conn;"}[chosen.kind]]


def _listen(bind: Item, http2: bool) -> str:
    words = [
        "udp" if bind["udp"] else "",
        "default_server" if bind["default_server"] else "",
        "ssl" if bind["tls"] else "",
        "http2" if bind["tls"] and http2 else "",
        "proxy_protocol" if bind["accept_proxy"] else "",
    ]
    return directive("listen", bind["address"], *words, *bind["options"])


def _client_timeouts(periods: Item) -> Lines:
    names = {
        "http_request": "client_header_timeout",
        "http_keep_alive": "keepalive_timeout",
    }
    for name, word in names.items():
        if name in periods:
            yield directive(word, periods[name])
    if "client" in periods:
        yield directive("client_body_timeout", periods["client"])
        yield directive("send_timeout", periods["client"])


def _redirect(item: Item) -> Lines:
    where = "https://$host$request_uri" if item["https"] else item["location"]
    yield directive("return", item["code"], where)


def _request_headers(server: Item, item: Item) -> dict[str, str]:
    headers = dict(PROXY_HEADERS)
    for rule in [*server.get("request_headers", []), *item.get("request_headers", [])]:
        given = rule["set"] or rule["del"]
        headers = {key: value for key, value in headers.items() if key.lower() != given.lower()}
        headers[given] = rule["value"] if rule["set"] else ""
    return headers


def _cache_key(item: Item, headers: Mapping[str, str]) -> str:
    """What a server is asked, and by which name: nginx's own key has no name in it, and sites would share their pages.

    The path stands in it as the client wrote it, since servers may tell /a%2Fb from /a/b, and as nginx has it by now,
    since a rewrite may depend on more than the path. Blanks keep the end of one word from passing for the next.
    """
    host = next(value for name, value in headers.items() if name.lower() == "host")
    return directive("proxy_cache_key", f"$scheme $proxy_host{item['uri'] or ''} {host} $request_uri $uri$is_args$args")


def _response_headers(server: Item, item: Item, cookie: str) -> Lines:
    for rule in [*server.get("response_headers", []), *item.get("response_headers", [])]:
        name = rule["set"] or rule["add"] or rule["del"]
        if rule["set"] or rule["del"]:
            yield directive("proxy_hide_header", name)
        if not rule["del"]:
            yield f"add_header {quote(name)} {quote(rule['value'])} always;"
    if cookie:
        yield f"add_header Set-Cookie {cookie} always;"


def _to_tls(tls: Item) -> Lines:
    if tls["sni"]:
        yield "proxy_ssl_server_name on;"
        yield directive("proxy_ssl_name", tls_name(tls["sni"]))
    if tls["verify"]:
        yield "proxy_ssl_verify on;"
        yield "proxy_ssl_verify_depth 5;"
        yield directive("proxy_ssl_trusted_certificate", tls["ca_file"])
    yield "proxy_ssl_protocols TLSv1.2 TLSv1.3;"


# Where a rewrite sends the client itself.
_AWAY = re.compile(r"https?://|\$scheme")


def _rewrites(options: Sequence[str]) -> bool:
    """Whether raw lines change the path or its arguments; one that sends the client elsewhere changes none."""
    found = [words for dummy, words in directives(options)]
    return any(
        (words[0] == "rewrite" and words[-1] not in ("redirect", "permanent") and not _AWAY.match("".join(words[2:3])))
        or words[:2] == ["set", "$args"]
        for words in found
    )


def _closing(rewritten: bool) -> Lines:
    """While the file is there, clients are told to close after this answer.

    nginx has no word for that which is not fixed in the configuration. A request that passes through a location without
    keep-alive keeps none, wherever it ends: so it takes a turn through one, and goes on with the path that it had. What
    servers are asked is then the path as the client wrote it, as without the turn, unless it was rewritten before.
    """
    yield "# While this file is there, clients are told to close: the path takes a turn through a location without keep-alive."
    kept = [] if rewritten else ["set $evenkeel_uri $request_uri;"]
    yield Block(f"if (-f {CLOSING})", [*kept, f"rewrite ^ {CLOSE_PATH}$uri last;"])
    yield Block(
        f"location ^~ {CLOSE_PATH}/",
        ["internal;", "keepalive_timeout 0;", rf"rewrite (?s)^/\.{CLOSE_PATH[2:]}(/.*)$ $1 last;"],
    )
