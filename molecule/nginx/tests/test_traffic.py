"""Every feature has a request here; who answered, and what it was asked, is what the application says of itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import APPS, LB, Bed

from lab import faults
from tests.site import wait_for


@pytest.fixture(scope="module", autouse=True)
def features(bed: Bed) -> Iterator[None]:
    bed.converge()
    yield
    bed.converge(features=False)


@contextmanager
def held(bed: Bed, path: str) -> Iterator[str]:
    """A request is under way; yields the server that it holds up."""
    token = f"held-{time.time_ns()}"
    url = bed.url(f"{path}/{token}?wait=60")
    bed.on("client", f"setsid curl -gsS --max-time 60 -o /dev/null '{url}' >/dev/null 2>&1 &")
    try:
        wait_for(lambda: log(bed, token) > 0)
        yield bed.on("web-1", f"cd /run; grep -l {token} app-*.log").strip().removesuffix(".log")
    finally:
        bed.on("client", f"pkill -f '[h]{token[1:]}' || :")


# --- balance


def test_servers_take_turns(bed: Bed) -> None:
    assert bed.takers(9, "/") == dict.fromkeys(APPS, 3)


def test_weights_are_shares_and_none_is_nothing(bed: Bed) -> None:
    assert bed.takers(8, "/weighted") == {"app-4000": 6, "app-4001": 2}


def test_a_disabled_server_gets_nothing(bed: Bed) -> None:
    assert bed.takers(4, "/spared") == {"app-4001": 4}


def test_a_backup_serves_only_when_no_other_can(bed: Bed) -> None:
    assert bed.takers(3, "/reserve") == {"app-4000": 3}
    faults.crash(bed.lab, "web-1", "app@4000.service")
    try:
        assert bed.takers(3, "/reserve") == {"app-4001": 3}
    finally:
        bed.restore("app-4000")
    wait_for(lambda: bed.takers(1, "/reserve") == {"app-4000": 1})
    assert bed.takers(3, "/reserve") == {"app-4000": 3}


def test_the_least_busy_server_is_chosen(bed: Bed) -> None:
    """One of the two is held up: everything else goes to the other."""
    with held(bed, "/least") as server:
        assert set(bed.takers(4, "/least")) == {"app-4000", "app-4001"} - {server}


@pytest.mark.parametrize(
    ("path", "options"),
    [("/source", ()), ("/uri/one?x=1", ()), ("/header", ("-H", "X-User: anna")), ("/hashed?key=anna", ())],
)
def test_a_hash_stays_with_its_server(bed: Bed, path: str, options: tuple[str, ...]) -> None:
    assert len(bed.takers(6, path, *options)) == 1


@pytest.mark.parametrize(("path", "header"), [("/uri/{}", ""), ("/header", "X-User: {}"), ("/hashed?key={}", "")])
def test_a_hash_spreads_what_differs(bed: Bed, path: str, header: str) -> None:
    found = set()
    for number in range(24):
        found |= set(bed.takers(1, path.format(number), *(("-H", header.format(number)) if header else ())))
    assert found == set(APPS)


def test_chance_reaches_every_server(bed: Bed) -> None:
    assert set(bed.takers(40, "/chance")) == set(APPS)


def test_a_cookie_keeps_a_client_on_its_server(bed: Bed) -> None:
    shown = {}
    for _ in range(3):
        first = bed.get("/sticky")
        name, _, value = first.headers["set-cookie"].partition(";")[0].partition("=")
        assert name == "SRV"
        assert "httponly" in first.headers["set-cookie"].lower()
        shown[value] = first.server
    # The first has a value of its own, the others their names.
    assert shown == {"a": "app-4000", "app-4001": "app-4001", "app-4002": "app-4002"}
    for value, server in shown.items():
        assert bed.takers(3, "/sticky", "-H", f"Cookie: SRV={value}") == {server: 3}
    assert "set-cookie" not in bed.get("/sticky", "-H", "Cookie: SRV=a").headers


def test_a_cookie_whose_server_is_gone_leads_to_another_one(bed: Bed) -> None:
    faults.crash(bed.lab, "web-1", "app@4001.service")
    try:
        answer = bed.get("/sticky", "-H", "Cookie: SRV=app-4001")
    finally:
        bed.restore("app-4001")
    assert answer.status == 200
    assert answer.server != "app-4001"
    assert answer.headers["set-cookie"].startswith("SRV=" + {"app-4000": "a"}.get(answer.server, answer.server))


def test_a_server_takes_as_many_connections_as_it_may(bed: Bed) -> None:
    with held(bed, "/full"):
        assert bed.get("/full").status == 502
    wait_for(lambda: bed.statuses(1, "/full") == ["200"])


# --- retries


def test_a_server_that_is_not_there_is_passed_over(bed: Bed) -> None:
    assert bed.takers(6, "/frail") == {"app-4001": 6}


def log(bed: Bed, what: str) -> int:
    return int(bed.on("web-1", f"cat /run/app-*.log 2>/dev/null | grep -c '{what}' || :"))


@pytest.mark.parametrize(
    ("method", "path", "times"),
    [
        ("GET", "/hangup/read", 3),
        ("POST", "/hangup/written", 1),
        ("POST", "/hangup/replayed", 3),
        ("GET", "/hangup/never", 1),
    ],
)
def test_what_may_have_been_done_is_not_done_again(bed: Bed, method: str, path: str, times: int) -> None:
    """The application takes the request and hangs up: a POST is not sent to the next one unless that is asked for.

    Each case has a backend of its own, since nginx takes out the servers that hang up.
    """
    unique = f"{path}?{method}{time.time_ns()}"
    assert bed.get(unique, "-X", method, *(("-d", "x") if method == "POST" else ())).status == 502
    assert log(bed, f"{method} {unique}") == times


def test_an_error_page_of_ones_own(bed: Bed) -> None:
    answer = bed.get("/nobody")
    assert (answer.status, answer.body) == (502, "Back soon, says the site.")


def test_a_timeout_of_a_location(bed: Bed) -> None:
    """Its backend's is five seconds: it would have waited."""
    assert bed.get("/slow?wait=3").status == 504


# --- locations


@pytest.mark.parametrize(
    ("path", "body"),
    [("/exact", "exactly"), ("/some/image.PNG", "a picture"), ("/kept/image.png", "no picture")],
)
def test_locations_match(bed: Bed, path: str, body: str) -> None:
    assert bed.get(path).body == body


def test_a_path_is_replaced(bed: Bed) -> None:
    assert bed.get("/to/here?x=1").told["path"] == "/from/here?x=1"


def test_a_path_arrives_as_the_client_wrote_it(bed: Bed) -> None:
    assert bed.get("/a%2Fb//c?d=%20").told["path"] == "/a%2Fb//c?d=%20"


def test_redirects(bed: Bed) -> None:
    answer = bed.get("/old")
    assert (answer.status, answer.headers["location"]) == (308, f"http://{bed.lab.address(LB)}:81/new?from=/old")
    answer = bed.get("/a?b=c", "-H", "Host: other.example.com")
    assert (answer.status, answer.headers["location"]) == (301, "https://other.example.com/a?b=c")


def test_raw_lines_are_there(bed: Bed) -> None:
    assert bed.get("/raw").status == 418


def test_only_those_who_are_named_may_ask(bed: Bed) -> None:
    assert bed.get("/private").status == 403


def test_a_map_chooses_the_backend(bed: Bed) -> None:
    assert bed.takers(3, "/pool", "-H", "X-Pool: second") == {"app-4001": 3}
    assert len(bed.takers(3, "/pool")) == 3


def test_servers_are_told_who_asks_and_what_headers_say(bed: Bed) -> None:
    told = bed.get("/headers", "-H", "X-Internal: leak", "-H", "Host: www.example.com:81").told
    assert told["headers"]["Host"] == "www.example.com:81"
    assert told["headers"]["X-Forwarded-For"] == bed.lab.address("client")
    assert told["headers"]["X-Real-IP"] == bed.lab.address("client")
    assert told["headers"]["X-Forwarded-Proto"] == "http"
    assert told["headers"]["X-Request-Id"] == "id-/headers"
    # Nothing that would keep the connection from being kept.
    assert {"X-Internal", "Connection", "Upgrade"} & set(told["headers"]) == set()


def test_answers_headers_are_changed(bed: Bed) -> None:
    answer = bed.get()
    assert answer.headers["x-balancer"] == LB
    assert "x-powered-by" not in answer.headers
    assert answer.headers["server"] == "nginx"


def test_connections_to_servers_are_kept(bed: Bed) -> None:
    """Twelve requests over one connection, so by one worker: three servers see one connection each."""
    url = f"http://{bed.lab.address(LB)}:84/port"
    answers = bed.on("client", f"curl -gsS -w '\\n' {' '.join([url] * 12)}").splitlines()
    assert len(answers) == 12
    assert len({json.loads(answer)["port"] for answer in answers}) == 3


WEBSOCKET = """
import socket, sys, time
connection = socket.create_connection((sys.argv[1], 81), 5)
connection.sendall(b"GET /websocket HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n")
head = b""
while b"\\r\\n\\r\\n" not in head:
    head += connection.recv(4096)
assert b" 101 " in head, head
connection.sendall(b"hello")
print(connection.recv(100).decode())
"""


def test_a_websocket_goes_both_ways(bed: Bed) -> None:
    assert bed.lab.run("client", ["python3", "-c", WEBSOCKET, bed.lab.address(LB)]).strip() == "hello"


# --- limits, cache, compression, logs


def test_a_rate_limit_refuses_who_asks_too_often(bed: Bed) -> None:
    # One right after the other: every twelve seconds one more is let through.
    assert bed.statuses(7, "/limited") == ["200"] * 5 + ["429"] * 2
    assert bed.get("/").status == 200


def test_a_connection_limit_refuses_the_third(bed: Bed) -> None:
    with held(bed, "/few"):
        assert bed.get("/few").status == 200
        with held(bed, "/few"):
            assert bed.get("/few").status == 503


def test_a_body_that_is_too_large_is_refused(bed: Bed) -> None:
    assert bed.get("/small", "-d", "ten letters and more").status == 413
    assert bed.get("/small", "-d", "few").status == 200


def test_a_cache_answers_from_disk(bed: Bed) -> None:
    path = f"/cached/{time.time_ns()}"
    assert len({bed.get(path).server for _ in range(4)}) == 1
    assert log(bed, f"GET {path}") == 1


def test_answers_are_compressed_where_that_is_asked_for(bed: Bed) -> None:
    assert (
        bed.get("/zip", "-H", "Accept-Encoding: gzip", "-o", "/dev/null", "-D", "-").headers["content-encoding"]
        == "gzip"
    )
    assert (
        "content-encoding"
        not in bed.get("/headers", "-H", "Accept-Encoding: gzip", "-o", "/dev/null", "-D", "-").headers
    )


def test_a_log_of_ones_own(bed: Bed) -> None:
    bed.get("/logged?this")
    said = "/logged?this by " + bed.lab.address("web-1")
    wait_for(lambda: said in bed.on(LB, "tail -n 1 /var/log/nginx/short.log"))


def test_counters_are_for_those_who_are_named(bed: Bed) -> None:
    assert bed.get("/status", port=8404).body.startswith("Active connections:")
    assert bed.status_here(bed.url("/status", 8404), "web-1") == 403


# --- TLS


def test_each_name_has_its_certificate(bed: Bed) -> None:
    for name in ("example.com", "www.example.com"):
        assert bed.shown_certificate(name) == bed.made_certificate(name)


def test_http2_is_there_where_it_is_wanted(bed: Bed) -> None:
    version = "curl -ksS -o /dev/null -w '%{http_version}' --http2 --resolve NAME:444:ADDRESS https://NAME:444/"
    version = version.replace("ADDRESS", bed.lab.address(LB))
    assert bed.on("client", version.replace("NAME", "example.com")) == "2"


def test_servers_are_told_of_tls(bed: Bed) -> None:
    assert bed.get("/tls", port=444, scheme="https").told["headers"]["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize("option", ["--tls-max 1.1", "--tls-max 1.2 --ciphers AES128-SHA"])
def test_old_tls_is_refused(bed: Bed, option: str) -> None:
    assert bed.refused(option, f"https://{bed.lab.address(LB)}:444/")
    assert not bed.refused("--tls-max 1.2", f"https://{bed.lab.address(LB)}:444/")


def test_a_server_is_spoken_to_over_tls_and_must_be_who_it_says(bed: Bed) -> None:
    assert bed.get("/inside").status == 200
    assert bed.get("/stranger").status == 502


# --- who the client is


def test_the_proxy_protocol_says_who_the_client_is(bed: Bed) -> None:
    assert bed.refused(f"http://{bed.lab.address(LB)}:83/")
    assert bed.get("/", "--haproxy-protocol", port=83).headers["x-client"] == bed.lab.address("client")


def test_other_proxies_are_believed_if_they_are_named(bed: Bed) -> None:
    assert bed.get("/", "-H", "X-Forwarded-For: 192.0.2.99", port=84).headers["x-client"] == "192.0.2.99"
    assert bed.get("/headers", "-H", "X-Forwarded-For: 192.0.2.99").told["headers"]["X-Real-IP"] == bed.lab.address(
        "client"
    )


# --- streams


def test_a_stream_is_handed_through(bed: Bed) -> None:
    assert {bed.get("/", port=85).server for _ in range(6)} == set(APPS)
    assert "x-balancer" not in bed.get("/", port=85).headers
    wait_for(lambda: f"TCP from {bed.lab.address('client')}" in bed.on(LB, "cat /var/log/nginx/stream.log"))


def test_a_stream_says_who_the_client_is(bed: Bed) -> None:
    assert bed.get("/", port=87).headers["x-client"] == bed.lab.address("client")


def test_a_stream_ends_tls(bed: Bed) -> None:
    assert bed.get("/", port=88, scheme="https").server in APPS


DATAGRAM = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(3)
    client.sendto(b"ping", (sys.argv[1], 86))
    print(client.recv(100).decode())
"""


def test_datagrams_are_answered(bed: Bed) -> None:
    answer = bed.lab.run("client", ["python3", "-c", DATAGRAM, bed.lab.address(LB)]).strip()
    assert answer == f"ping from {bed.lab.address(LB)}"


# --- what the node says of itself


def ready(bed: Bed) -> int:
    return bed.status_here("http://127.0.0.1:8406/ready")


def test_ready_is_said_while_a_server_answers(bed: Bed) -> None:
    assert ready(bed) == 200
    bed.on("web-1", "touch /run/app-4000.ill /run/app-4001.ill")
    try:
        assert [ready(bed) for _ in range(3)] == [200] * 3
        # What it asks takes nobody's turn.
        assert bed.takers(9, "/") == dict.fromkeys(APPS, 3)
        bed.on("web-1", "touch /run/app-4002.ill")
        wait_for(lambda: ready(bed) != 200)
    finally:
        bed.on("web-1", "rm -f /run/app-*.ill")
    wait_for(lambda: ready(bed) == 200)


def test_kept_clients_are_told_to_close_while_the_file_is_there(bed: Bed) -> None:
    asked = ("/", "/exact", "/old", "/a%2Fb//c?d=%20", "/sticky", "/cached/closing", "/to/x")
    for path in asked:
        assert bed.get(path).headers["connection"] == "keep-alive"
    before = bed.get("/a%2Fb//c?d=%20").told["path"]
    bed.site.ask(LB, "evenkeel.lb.close_kept", state="on")
    try:
        for path in asked:
            assert bed.get(path).headers["connection"] == "close", path
        assert bed.get("/a%2Fb//c?d=%20").told["path"] == before == "/a%2Fb//c?d=%20"
        assert bed.get("/post", "-d", "body").told["body"] == "body"
    finally:
        bed.site.ask(LB, "evenkeel.lb.close_kept", state="off")
    assert bed.get("/").headers["connection"] == "keep-alive"
