# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model as the role gets it: versions, peers, files, secrets, sockets, and the digest that tells configurations apart."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.plugin_utils.role import Role
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import specification

PAIR: dict[str, Any] = {
    "haproxy_frontends": [{"name": "web", "bind": ["198.51.100.28:80", "[2001:db8::28]:80"], "default_backend": "app"}],
    "haproxy_backends": [{"name": "app", "servers": [{"name": "web-1", "address": "198.51.100.21", "port": 8080}]}],
}
HOSTVARS: dict[str, dict[str, Any]] = {
    "lb-1": {"ansible_host": "192.0.2.1", "keepalived_address": ["198.51.100.11", "2001:db8::11"]},
    "lb-2": {"ansible_host": "198.51.100.12"},
}


def model(packages: list[str] | None = None, **variables: Any) -> dict[str, Any]:
    found = Role(
        name="haproxy",
        host="lb-1",
        options=specification("haproxy"),
        given={**PAIR, **variables},
        names=[],
        nodes=["lb-1", "lb-2"],
        hostvars=HOSTVARS,
        packages=packages or [],
    ).model()
    assert found["errors"] == []
    return found


def lines(found: dict[str, Any], group: str, number: int = 0) -> list[str]:
    result: list[str] = found["sections"][group][number]["lines"]
    return result


def test_all_sockets_are_verified() -> None:
    assert model()["sockets"] == ["198.51.100.28:80", "[2001:db8::28]:80", "127.0.0.1:8405"]


def test_key_exchange_follows_the_library() -> None:
    assert model(["libssl3 3.0.17-1"])["global"]["tls_curves"] == "X25519:prime256v1:secp384r1"
    assert model(["libssl3t64 3.5.1-1"])["global"]["tls_curves"] == "X25519MLKEM768:X25519:prime256v1:secp384r1"
    assert model(["libssl3t64 3.5.1-1"], haproxy_global={"tls_curves": ["X25519"]})["global"]["tls_curves"] == "X25519"


def test_peers_are_there_when_a_table_is() -> None:
    assert model()["sections"]["peers"] == []
    found = model(haproxy_frontends=[{**PAIR["haproxy_frontends"][0], "rate_limit": {"requests": 1, "period": "1s"}}])
    assert found["sections"]["peers"] == [
        {"title": "peers evenkeel", "lines": ["peer lb-1 198.51.100.11:10242", "peer lb-2 198.51.100.12:10242"]}
    ]


@pytest.mark.parametrize(
    "changes",
    [{"stick_table": {}}, {"options": ["stick-table type ip size 1k"]}, {"stick_on": ["src"], "stick_table": {}}],
)
def test_a_raw_table_wants_peers_too(changes: dict[str, Any]) -> None:
    assert model(haproxy_backends=[{**PAIR["haproxy_backends"][0], **changes}])["sections"]["peers"]


def test_critical_backends_make_the_node_ready() -> None:
    def ready(*critical: bool) -> str:
        backends = [
            {**PAIR["haproxy_backends"][0], "name": name, "critical": one}
            for name, one in zip(("app", "b"), critical, strict=True)
        ]
        return next(line for line in lines(model(haproxy_backends=backends), "health") if "/ready" in line)

    assert ready(False, False) == "http-request return status 200 if { path /ready }"
    assert ready(True, False) == "http-request return status 200 if { path /ready } { nbsrv(app) ge 1 }"
    assert (
        ready(True, True) == "http-request return status 200 if { path /ready } { nbsrv(app) ge 1 } { nbsrv(b) ge 1 }"
    )


def test_what_may_have_arrived_is_repeated_only_where_that_does_no_harm() -> None:
    rule = "http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE TRACE }"
    backend = PAIR["haproxy_backends"][0]
    assert rule in lines(model(), "backends")
    assert rule not in lines(model(haproxy_backends=[{**backend, "retry_non_idempotent": True}]), "backends")
    assert rule not in lines(model(haproxy_backends=[{**backend, "retry_on": ["conn-failure"]}]), "backends")
    assert rule not in lines(model(haproxy_defaults={"retry_on": ["none"]}), "backends")


def test_files_are_what_commit_takes() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    found = model(
        haproxy_maps=[{"name": "m", "entries": [{"key": "a", "value": "b"}]}, {"name": "n", "src": "n.map"}],
        haproxy_certificates=[{"name": "c", "content": pem, "key_remote_src": "/k"}, {"name": "d", "remote_src": "/d"}],
        haproxy_error_files=[{"name": "e", "files": [{"status": 503, "content": "HTTP/1.0 503 No\r\n\r\n"}]}],
    )
    assert found["files"] == [
        {"path": "/etc/haproxy/maps/m.map", "mode": "0644", "content": "a b\n"},
        {"path": "/etc/haproxy/maps/n.map", "mode": "0644", "src": "n.map"},
        {"path": "/etc/haproxy/errors/e-503.http", "mode": "0644", "content": "HTTP/1.0 503 No\r\n\r\n"},
        {"path": "/etc/haproxy/certs/c.pem", "mode": "0600", "secret": True, "content": pem + "\n"},
        {"path": "/etc/haproxy/certs/c.pem.key", "mode": "0600", "secret": True, "remote_src": "/k"},
        {"path": "/etc/haproxy/certs/d.pem", "mode": "0600", "secret": True, "remote_src": "/d"},
    ]


def test_secrets_are_named_as_they_stand_in_the_file() -> None:
    found = model(
        haproxy_stats={"bind": ["127.0.0.1:1"], "user": "u", "password": "it's"},
        haproxy_userlists=[
            {"name": "l", "users": [{"name": "a", "password": "plain"}, {"name": "b", "password_hash": "$6$x"}]}
        ],
    )
    assert found["secrets"] == ["plain", "$6$x", "it's", "'it'\\''s'"]


def test_the_digest_tells_configurations_apart() -> None:
    same = model()["digest"]
    assert model()["digest"] == same
    assert model(haproxy_global={"maxconn": 1})["digest"] != same
    assert model(haproxy_backends=[{**PAIR["haproxy_backends"][0], "options": ["option x"]}])["digest"] != same


def test_text_and_numbers_make_the_same_configuration() -> None:
    """Variables from a command line or a survey are texts."""
    server = {"name": "web-1", "address": "198.51.100.21", "port": "8080", "weight": "10", "backup": "yes"}
    number = {**server, "port": 8080, "weight": 10, "backup": True}
    assert model(haproxy_backends=[{"name": "app", "servers": [server]}]) == model(
        haproxy_backends=[{"name": "app", "servers": [number]}]
    )


def test_nobody_sends_a_password_in_the_clear_where_tls_is_wanted() -> None:
    front = {
        **PAIR["haproxy_frontends"][0],
        "auth": {"userlist": "staff"},
        "redirects": [
            {"location": "/new", "if": "{ path /old }"},
            {"https": True},
            {"location": "/b", "if": "{ path /a }"},
        ],
    }
    found = lines(model(haproxy_frontends=[front], haproxy_userlists=[{"name": "staff"}]), "frontends")
    assert [line for line in found if line.startswith(("http-request redirect", "http-request auth"))] == [
        "http-request redirect location /new code 302 if { path /old }",
        "http-request redirect scheme https code 302 if !{ ssl_fc }",
        "http-request auth realm Restricted if !{ http_auth(staff) }",
        "http-request redirect location /b code 302 if { path /a }",
    ]


@pytest.mark.parametrize(
    ("bind", "level"),
    [
        ({"address": "*:81"}, "connection"),
        ({"address": "*:81", "accept_proxy": True}, "session"),
        ({"address": "*:81", "options": ["accept-proxy tfo"]}, "session"),
    ],
)
def test_connections_are_counted_once_the_client_is_known(bind: dict[str, Any], level: str) -> None:
    stream = {"name": "s", "mode": "tcp", "bind": ["*:82", bind], "rate_limit": {"requests": 2, "period": "1s"}}
    servers = [{"name": "one", "address": "198.51.100.26", "port": 6379}]
    found = lines(model(haproxy_listens=[{**stream, "servers": servers}]), "listens")
    assert [line for line in found if line.startswith("tcp-request")] == [
        f"tcp-request {level} track-sc0 src table evenkeel-rate-s",
        f"tcp-request {level} reject if {{ sc_conn_rate(0) gt 2 }}",
    ]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"tcp": True}, []),
        ({"tcp": True, "options": ["tcp-check connect"]}, ["option tcp-check", "tcp-check connect"]),
        (
            {"tcp": True, "options": ["option tcp-check", "tcp-check connect"]},
            ["option tcp-check", "tcp-check connect"],
        ),
        ({"http": "/", "options": ["tcp-check connect"]}, ["tcp-check connect"]),
    ],
)
def test_lines_of_a_check_are_not_passed_over(check: dict[str, Any], said: list[str]) -> None:
    found = lines(model(haproxy_backends=[{**PAIR["haproxy_backends"][0], "check": check}]), "backends")
    assert [line for line in found if "tcp-check" in line] == said


@pytest.mark.parametrize(
    ("rule", "condition"),
    [
        ({}, "{ req.hdr(host),map_str(/etc/haproxy/maps/m.map) -m found }"),
        (
            {"if": "a || b"},
            "{ req.hdr(host),map_str(/etc/haproxy/maps/m.map) -m found } a"
            " || { req.hdr(host),map_str(/etc/haproxy/maps/m.map) -m found } b",
        ),
        ({"unless": "a || b"}, "{ req.hdr(host),map_str(/etc/haproxy/maps/m.map) -m found } !a !b"),
    ],
)
def test_what_a_map_does_not_know_goes_on_to_the_next_rule(rule: dict[str, Any], condition: str) -> None:
    front = {**PAIR["haproxy_frontends"][0], "use_backend": [{"map": "m", "key": "req.hdr(host)", **rule}]}
    found = lines(model(haproxy_frontends=[front], haproxy_maps=[{"name": "m", "entries": []}]), "frontends")
    assert f"use_backend %[req.hdr(host),map_str(/etc/haproxy/maps/m.map)] if {condition}" in found


def test_the_statistics_are_not_sent_to_themselves() -> None:
    def redirects(uri: str) -> list[str]:
        found = model(haproxy_stats={"bind": ["127.0.0.1:8404"], "uri": uri})
        return [line for line in lines(found, "stats") if "redirect" in line]

    assert redirects("/stats") == ["http-request redirect location /stats if { path / }"]
    assert redirects("/") == []
