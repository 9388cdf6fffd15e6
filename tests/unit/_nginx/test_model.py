# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model as the role gets it: versions, sockets, files, secrets, zones, and the digest that tells configurations apart."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx import lines
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx.model import build
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx.text import (
    Unreadable,
    check,
    directives,
    quote,
    raw,
)

from tests.nginx import options

SERVERS = [{"name": "web-1", "address": "198.51.100.21", "port": 8080}]
PAIR: dict[str, Any] = {
    "nginx_servers": [{"name": "web", "bind": ["198.51.100.28:80", "[2001:db8::28]:80"], "default_backend": "app"}],
    "nginx_backends": [{"name": "app", "servers": SERVERS}],
}
BOOKWORM = ["base-files 12.4+deb12u11", "nginx 1.22.1-9+deb12u3", "libssl3 3.0.17-1~deb12u2"]
TRIXIE = ["base-files 13.8", "nginx 1.26.3-3+deb13u1", "libssl3t64 3.5.1-1"]


def model(packages: list[str] | None = None, **variables: Any) -> dict[str, Any]:
    found = build({**PAIR, **variables}, options(), packages or [])
    assert found["errors"] == []
    return found


def server(found: dict[str, Any], number: int = 0) -> list[str]:
    return [line.strip() for line in found["sections"]["servers"][number]]


def upstream(found: dict[str, Any], number: int = 0) -> list[str]:
    return [line.strip() for line in found["sections"]["upstreams"][number]]


def test_http2_is_switched_on_as_the_version_wants_it() -> None:
    tls = {
        "nginx_servers": [
            {"name": "t", "bind": [{"address": "*:443", "tls": True}], "certificates": ["a"], "default_backend": "app"}
        ],
        "nginx_certificates": [{"name": "a", "remote_src": "/a.pem"}],
    }
    old, new = server(model(BOOKWORM, **tls)), server(model(TRIXIE, **tls))
    assert "listen *:443 ssl http2;" in old and "http2 on;" not in old
    assert "listen *:443 ssl;" in new and "http2 on;" in new


def test_the_hybrid_group_is_offered_where_the_library_knows_it() -> None:
    assert model(BOOKWORM)["global"]["tls_curves"] == "X25519:prime256v1:secp384r1"
    assert model(TRIXIE)["global"]["tls_curves"].startswith("X25519MLKEM768:")


def test_sockets_are_every_bind_and_the_health_socket() -> None:
    stream = {
        "nginx_streams": [{"name": "dns", "bind": [{"address": "*:53", "udp": True}], "default_backend": "dns"}],
        "nginx_backends": [*PAIR["nginx_backends"], {"name": "dns", "mode": "tcp", "servers": SERVERS}],
    }
    assert model(**stream)["sockets"] == [
        "198.51.100.28:80",
        "[2001:db8::28]:80",
        "udp@0.0.0.0:53",
        "127.0.0.1:8406",
    ]


def test_a_socket_that_servers_share_is_one() -> None:
    two = [{**PAIR["nginx_servers"][0], "name": name, "server_names": [f"{name}.example.com"]} for name in ("a", "b")]
    assert model(nginx_servers=two)["sockets"].count("198.51.100.28:80") == 1


def test_files_and_secrets() -> None:
    found = model(
        nginx_certificates=[{"name": "a", "remote_src": "/a.pem", "key_remote_src": "/a.key"}],
        nginx_error_pages=[{"name": "site", "files": [{"status": 404, "content": "gone"}]}],
    )
    assert found["files"] == [
        {"path": "/etc/nginx/evenkeel/errors/site-404.html", "mode": "0644", "content": "gone\n"},
        {"path": "/etc/nginx/certs/a.pem", "mode": "0600", "secret": True, "remote_src": "/a.pem"},
        {"path": "/etc/nginx/certs/a.pem.key", "mode": "0600", "secret": True, "remote_src": "/a.key"},
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"nginx_defaults": {"retries": 1}},
        {"nginx_global": {"options": ["worker_priority 1"]}},
        {"nginx_backends": [{"name": "app", "servers": [{**SERVERS[0], "weight": 2}]}]},
        {"nginx_health_bind": "127.0.0.1:8416"},
        {"nginx_backends": [{"name": "app", "critical": True, "check": {"http": "/health"}, "servers": SERVERS}]},
    ],
)
def test_the_digest_changes_with_the_configuration_and_with_nothing_else(change: dict[str, Any]) -> None:
    assert model()["digest"] == model()["digest"]
    assert model(**change)["digest"] != model()["digest"]
    assert f"return 200 {model()['digest']};" in "\n".join(model()["health"])


def test_a_limit_takes_all_of_a_period_at_once_and_its_zone_is_named_after_its_key() -> None:
    def limit(**settings: Any) -> dict[str, Any]:
        return model(
            nginx_servers=[{**PAIR["nginx_servers"][0], "rate_limit": {"requests": 5, "period": "1m", **settings}}]
        )

    one, other, faster = limit(), limit(by="$server_name"), limit(requests=10)
    zones = [found["sections"]["limits"][0].split()[2].split(":")[0] for found in (one, other, faster)]
    assert zones[0] != zones[1] and zones[0] == zones[2]
    assert any(line.endswith("burst=4 nodelay;") for line in server(one))
    assert "limit_req_zone $binary_remote_addr" in one["sections"]["limits"][0]


@pytest.mark.parametrize(
    ("requests", "period", "rate"),
    [(5, "1s", "5r/s"), (100, "10s", "10r/s"), (5, "1m", "5r/m"), (1, "10s", "6r/m"), (10, "7m", ""), (1, "1h", "")],
)
def test_rates(requests: int, period: str, rate: str) -> None:
    assert lines.rate({"requests": requests, "period": period}) == rate


@pytest.mark.parametrize(
    ("sni", "name"),
    [
        ("str(app.example.com)", "app.example.com"),
        ("str(my_app)", "my_app"),
        ("app.example.com", "app.example.com"),
        ("$host", "$host"),
        ("${tenant}.example.com", "${tenant}.example.com"),
        ("req.hdr(host)", ""),
        ("ssl_fc_sni", ""),
        ("var(txn.name)", ""),
        ("str(app.example.com),lower", ""),
    ],
)
def test_the_name_that_a_server_is_asked_for(sni: str, name: str) -> None:
    assert lines.tls_name(sni) == name


@pytest.mark.parametrize(
    ("backend", "line"),
    [
        ({"balance": "leastconn"}, "least_conn;"),
        ({"balance": "source"}, "ip_hash;"),
        ({"balance": "source", "hash_type": "consistent"}, "hash $remote_addr consistent;"),
        ({"balance": "uri"}, "hash $request_uri;"),
        ({"balance": "hdr(X-User-Id)"}, "hash $http_x_user_id;"),
        ({"balance": "random"}, "random two least_conn;"),
        ({"balance": "hash $arg_key", "hash_type": "consistent"}, "hash $arg_key consistent;"),
        ({"keepalive": {"connections": 5}}, "keepalive 5;"),
        ({"check": {"fall": 2, "down_interval": "9s"}}, "server 198.51.100.21:8080 max_fails=2 fail_timeout=9s;"),
        ({"default_server": {"weight": 0}}, "server 198.51.100.21:8080 max_fails=3 fail_timeout=5s down;"),
        ({"default_server": {"check": False, "maxconn": 9}}, "server 198.51.100.21:8080 max_conns=9 max_fails=0;"),
    ],
)
def test_upstreams(backend: dict[str, Any], line: str) -> None:
    assert line in upstream(model(nginx_backends=[{"name": "app", "servers": SERVERS, **backend}]))


def test_the_server_that_a_cookie_names_is_no_reserve_and_all_others_are() -> None:
    """nginx refuses an upstream of nothing but reserve."""
    three = [{"name": f"web-{n}", "address": f"198.51.100.2{n}", "port": 80, "backup": n == 3} for n in (1, 2, 3)]
    found = model(nginx_backends=[{"name": "app", "cookie": {"name": "SRV"}, "servers": three}])
    reserve = [
        [line.endswith("backup;") for line in upstream(found, number) if line.startswith("server ")]
        for number in range(4)
    ]
    assert reserve == [[False, False, True], [False, True, True], [True, False, True], [True, True, False]]


@pytest.mark.parametrize(
    ("place", "ours"),
    [
        ({}, True),
        ({"options": ["proxy_cache_key $uri"]}, False),
        ({"server": ["etag off; proxy_cache_key $uri"]}, False),
        ({"defaults": ["proxy_cache_key $uri"]}, False),
        ({"server": ["location /x { proxy_cache_key $uri; }"]}, True),
    ],
)
def test_a_cache_has_the_role_s_key_unless_there_is_one(place: dict[str, Any], ours: bool) -> None:
    location = {"path": "/", "backend": "app", "cache": "c", "uri": "/v1/", "options": place.get("options", [])}
    web = {**PAIR["nginx_servers"][0], "default_backend": None, "options": place.get("server", [])}
    found = server(
        model(
            nginx_servers=[{**web, "locations": [location]}],
            nginx_caches=[{"name": "c", "max_size": "1m"}],
            nginx_defaults={"options": place.get("defaults", [])},
        )
    )
    key = 'proxy_cache_key "$scheme $proxy_host/v1/ $http_host $request_uri $uri$is_args$args";'
    assert (key in found) is ours


@pytest.mark.parametrize(("count", "size"), [(1, "256k"), (1000, "2000k")])
def test_the_workers_common_memory_has_room_for_every_server(count: int, size: str) -> None:
    many = [{"name": f"web-{n}", "address": f"198.51.100.{n % 250}", "port": 1024 + n} for n in range(count)]
    assert f"zone evenkeel-app {size};" in upstream(model(nginx_backends=[{"name": "app", "servers": many}]))


def test_readiness_asks_every_critical_backend_apart_from_clients() -> None:
    backends = [{"name": name, "critical": True, "servers": SERVERS} for name in ("app", "api")]
    found = model(nginx_backends=backends)
    health = "\n".join(found["health"])
    assert "auth_request /.ready/0;" in health
    assert "proxy_pass http://evenkeel-ready-app/;" in health
    assert "proxy_pass http://evenkeel-ready-api/;" in health
    assert "proxy_pass http://app" not in health


# --- text


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("/plain/path", "/plain/path"),
        ("$host:80", "$host:80"),
        ("two words", '"two words"'),
        ('a "b"', '"a \\"b\\""'),
        (r"\.php$", r'"\\.php$"'),
        ("a;b", '"a;b"'),
        ("{", '"{"'),
        ("#", '"#"'),
        ("", '""'),
        ("é", '"é"'),
    ],
)
def test_quoting(value: str, quoted: str) -> None:
    assert quote(value) == quoted


@pytest.mark.parametrize(
    "line", ["a b", "a b;", "if ($a) { return 403; }", "# a remark", 'add_header A "};#"', "a ${b}c"]
)
def test_whole_lines_are_taken(line: str) -> None:
    check(line)
    assert raw(line).endswith((";", "}", "remark"))


@pytest.mark.parametrize("line", ["}", "a { b", "a 'b", 'a "b', "a b # c", "a; } server { listen 1"])
def test_lines_that_leave_their_place_are_refused(line: str) -> None:
    with pytest.raises(Unreadable):
        check(line)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("return 418", [(0, "return")]),
        ("etag off; rewrite ^ /x;", [(0, "etag"), (0, "rewrite")]),
        ("if ($a) { rewrite ^ /x; }", [(0, "if"), (1, "rewrite")]),
        ('add_header A "; rewrite b"', [(0, "add_header")]),
        ("add_header A '} return b'", [(0, "add_header")]),
        (r"set $a \;b${c}d; break", [(0, "set"), (0, "break")]),
        ("# rewrite ^ /x;", []),
    ],
)
def test_raw_lines_are_read(line: str, found: list[tuple[int, str]]) -> None:
    assert [(depth, words[0]) for depth, words in directives([line])] == found


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("rewrite ^/old/(.*) /new/$1", True),
        ("rewrite ^/old/(.*) /new/$1 break", True),
        ("if ($a) { rewrite ^ /x; }", True),
        ("set $args a=b", True),
        ("rewrite ^/old/(.*) /new/$1 permanent", False),
        ("rewrite ^ https://www.example.com$request_uri?", False),
        ("if ($a) { rewrite ^ $scheme://www.example.com/ redirect; }", False),
    ],
)
def test_a_client_that_is_sent_elsewhere_has_no_changed_path(line: str, changes: bool) -> None:
    assert lines._rewrites([line]) is changes


def test_no_cause_is_none() -> None:
    assert lines.next_upstream(["none"], False) == "proxy_next_upstream off;"
