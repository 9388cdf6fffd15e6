"""Every feature has a request here; who answered is what the web servers say of themselves."""

from __future__ import annotations

import time

import pytest
from conftest import LB, Bed

from tests.site import wait_for

WEBS = ("web-1", "web-2", "web-3")


# --- balance


def test_servers_take_turns(bed: Bed) -> None:
    assert bed.takers(9, "/") == dict.fromkeys(WEBS, 3)


def test_ipv6_clients_are_served(bed: Bed) -> None:
    assert bed.get(host=f"[{bed.lab.address6(LB)}]").body in WEBS


def test_virtual_ips_are_listened_on_before_they_are_here(bed: Bed) -> None:
    sockets = bed.on(LB, "ss -Hltn")
    assert f"{bed.lab.vip}:80" in sockets
    assert f"[{bed.lab.vip6}]:80" in sockets
    assert bed.lab.vip not in bed.on(LB, "ip -o address")


def test_weights_are_shares(bed: Bed) -> None:
    assert bed.takers(8, "/to/weighted/") == {"web-1": 6, "web-2": 2}


def test_a_source_stays_with_its_server(bed: Bed) -> None:
    assert len(bed.takers(5, "/to/by-source/")) == 1


def test_a_stick_table_remembers(bed: Bed) -> None:
    assert len(bed.takers(5, "/to/by-table/", "-H", "X-Client: anna")) == 1
    # The table holds what the request showed, under the name of the server that took it.
    assert "key=anna" in bed.ask("show table by-table")


def test_a_cookie_keeps_a_client_on_its_server(bed: Bed) -> None:
    first = bed.get("/to/sticky/")
    name, _, value = first.headers["set-cookie"].partition(";")[0].partition("=")
    assert (name, value) == ("SRV", first.headers["x-served-by"])
    assert "httponly" in first.headers["set-cookie"].lower()
    assert bed.takers(6, "/to/sticky/", "-H", f"Cookie: SRV={value}") == {value: 6}


def test_a_backup_serves_only_when_no_other_can(bed: Bed) -> None:
    assert bed.takers(3, "/to/reserve/") == {"web-1": 3}
    bed.ask("set server reserve/web-1 state maint")
    try:
        assert bed.takers(3, "/to/reserve/") == {"web-2": 3}
    finally:
        bed.ask("set server reserve/web-1 state ready")


def test_health_checks_take_a_server_out_and_bring_it_back(bed: Bed) -> None:
    bed.on("web-1", "systemctl kill -s STOP nginx")
    try:
        # Frozen, not closed: connections are taken and never answered, which only the check finds out.
        wait_for(lambda: bed.server("app", "web-1")["srv_op_state"] == "0")
        assert bed.takers(6, "/") == {"web-2": 3, "web-3": 3}
    finally:
        bed.on("web-1", "systemctl kill -s CONT nginx")
    wait_for(lambda: bed.server("app", "web-1")["srv_op_state"] == "2")


def test_a_rule_chooses_the_server(bed: Bed) -> None:
    assert bed.takers(3, "/to/picked/", "-H", "X-Pick: three") == {"web-3": 3}
    assert bed.takers(3, "/to/picked/") == {"web-2": 3}
    assert len(bed.takers(3, "/to/picked/", "-H", "X-Pick: any")) == 3


def test_what_servers_start_from_holds_unless_they_say_otherwise(bed: Bed) -> None:
    """The port (nobody listens on that of the client's request there), and web-1's weight, where web-2 has its own."""
    assert bed.takers(8, "/to/alike/") == {"web-1": 6, "web-2": 2}


def test_a_disabled_server_gets_nothing_until_it_is_enabled(bed: Bed) -> None:
    assert bed.takers(4, "/to/spared/") == {"web-2": 4}
    bed.ask("enable server spared/web-1")
    try:
        wait_for(lambda: bed.server("spared", "web-1")["srv_op_state"] == "2")
        assert bed.takers(4, "/to/spared/") == {"web-1": 2, "web-2": 2}
    finally:
        bed.ask("disable server spared/web-1")


# --- rules


def test_acls_choose_the_backend(bed: Bed) -> None:
    assert bed.takers(3, "/api/x") == {"web-3": 3}


def test_a_map_chooses_the_backend(bed: Bed) -> None:
    assert bed.takers(3, "/", "-H", "Host: api.example.com:80") == {"web-3": 3}
    assert len(bed.takers(3, "/", "-H", "Host: other.example.com")) == 3


@pytest.mark.parametrize(
    ("path", "host", "status", "location"),
    [
        ("/a?b=c", "secure.example.com", 301, "https://secure.example.com/a?b=c"),
        ("/old", "x.example.com", 302, "/new?from=/old"),
        ("/moved/a?b=c", "x.example.com", 308, "https://www.example.com/moved/a"),
    ],
)
def test_redirects(bed: Bed, path: str, host: str, status: int, location: str) -> None:
    answer = bed.get(path, "-H", f"Host: {host}")
    assert (answer.status, answer.headers["location"]) == (status, location)


def logged(bed: Bed, request: str) -> None:
    """A web server was asked this: method, path, status, the balancer's address, X-Forwarded-For and X-Request-Id."""
    wait_for(lambda: any(request in bed.on(web, "tail -n 5 /var/log/nginx/lab.log") for web in WEBS))


def test_header_rules_change_requests(bed: Bed) -> None:
    bed.get("/headers", "-H", "X-Internal: leak")
    logged(bed, f"GET /headers 200 {bed.lab.address(LB)} {bed.lab.address('client')} id-/headers")


def test_clients_addresses_are_told_or_not(bed: Bed) -> None:
    bed.get("/told")
    logged(bed, f"GET /told 200 {bed.lab.address(LB)} {bed.lab.address('client')} ")
    bed.get("/untold", port=85)
    logged(bed, f"GET /untold 200 {bed.lab.address(LB)} - ")


def test_header_rules_change_answers(bed: Bed) -> None:
    answer = bed.get()
    assert "server" not in answer.headers
    assert answer.headers["x-balancer"] == LB
    assert answer.headers["x-backend-service"] == bed.server("app", answer.body)["srv_id"]
    assert bed.get("/api/x").headers["x-served-by"] == "web-3"
    assert bed.server("api", "web-3")["srv_id"] == "7"


@pytest.mark.parametrize(
    ("user", "status"), [("alice:it's #1, naïve", 200), ("alice:wrong", 401), ("bob:builder", 401), ("", 401)]
)
def test_a_userlist_lets_its_group_in(bed: Bed, user: str, status: int) -> None:
    answer = bed.get("/private/x", *(("-u", user) if user else ()))
    assert answer.status == status
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Basic realm="Staff only"'


def test_a_rate_limit_refuses_who_asks_too_often(bed: Bed) -> None:
    bed.ask("clear table evenkeel-rate-web")
    assert bed.statuses(7, "/limited") == ["200"] * 5 + ["429"] * 2
    assert bed.get("/").status == 200


def test_a_rate_limit_of_connections_in_tcp_mode(bed: Bed) -> None:
    bed.ask("clear table evenkeel-rate-stream")
    assert bed.statuses(60, "/", port=84) == ["200"] * 50 + ["000"] * 10


def test_tcp_mode_hands_the_stream_through(bed: Bed) -> None:
    bed.ask("clear table evenkeel-rate-stream")
    answer = bed.get("/", port=84)
    assert answer.status == 200
    # Nothing was added on the way.
    assert {"x-balancer", "x-backend-service"} & set(answer.headers) == set()


def test_an_error_file_of_ones_own(bed: Bed) -> None:
    answer = bed.get("/to/nobody/")
    assert (answer.status, answer.body) == (503, "Back soon, says the site.")


def test_a_cache_answers_from_memory(bed: Bed) -> None:
    path = f"/to/cached/{time.time()}"
    assert len(bed.takers(4, path)) == 1
    assert len(bed.takers(4, path.replace("cached", "app"))) == 3


def test_answers_are_compressed(bed: Bed) -> None:
    assert (
        bed.get("/", "-H", "Accept-Encoding: gzip", "-o", "/dev/null", "-D", "-").headers.get("content-encoding")
        == "gzip"
    )


# --- TLS


@pytest.mark.parametrize("name", ["example.com", "www.example.com", "node.example.com"])
def test_the_name_chooses_the_certificate(bed: Bed, name: str) -> None:
    assert bed.shown_certificate(name) == bed.made_certificate(name)


def test_an_unknown_name_gets_the_first_certificate_or_none(bed: Bed) -> None:
    assert bed.shown_certificate("unknown.example.com") == bed.made_certificate("example.com")
    address = bed.lab.address(LB)
    assert bed.refused("--connect-to", f"::{address}:444", "https://unknown.example.com/")
    assert not bed.refused("--connect-to", f"::{address}:444", "https://example.com/")


def test_http2(bed: Bed) -> None:
    answer = bed.on(
        "client", f"curl -ks -o /dev/null -w '%{{http_version}} %{{http_code}}' --http2 https://{bed.lab.address(LB)}/"
    )
    assert answer == "2 200"
    answer = bed.on(
        "client",
        f"curl -ks -o /dev/null -w '%{{http_version}}' --http2 --connect-to ::{bed.lab.address(LB)}:444 https://example.com/",
    )
    assert answer == "1.1"


@pytest.mark.parametrize(
    ("options", "answers"),
    [
        ("--tlsv1.3", True),
        ("--tlsv1.2 --tls-max 1.2", True),
        ("--tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0", False),
        ("--tls-max 1.2 --ciphers AES128-SHA", False),
    ],
)
def test_tls_is_mozillas_intermediate(bed: Bed, options: str, answers: bool) -> None:
    assert bed.refused(options, f"https://{bed.lab.address(LB)}/") is not answers


def test_key_exchange_is_as_new_as_the_library(bed: Bed) -> None:
    """The hybrid group came with OpenSSL 3.5, in Debian 13; an older library would refuse the whole list for its sake."""
    url = f"https://{bed.lab.address(LB)}/"
    assert not bed.refused("--curves X25519", url)
    assert bed.refused("--curves secp521r1", url)
    assert bed.refused("--curves X25519MLKEM768", url) is (bed.lab.release == "bookworm")


def test_servers_are_spoken_to_in_tls_and_verified(bed: Bed) -> None:
    answer = bed.get("/to/inside/")
    assert (answer.body, answer.headers["x-tls"]) == ("web-1", "HTTP/2.0 for inside.example.com")
    # The check speaks TLS too.
    assert bed.server("inside", "web-1")["srv_check_result"] == "3"


def test_a_server_with_a_wrong_certificate_is_told_nothing(bed: Bed) -> None:
    """Of another name; of an authority that is not trusted here. Where nothing is verified it may be anybody's."""
    assert bed.get("/to/impostor/").status == 503
    assert bed.get("/to/stranger/").status == 503
    assert bed.get("/to/unverified/").headers["x-tls"].startswith("HTTP/1.1 for")


# --- PROXY protocol


def test_the_proxy_protocol_is_required_where_it_is_accepted(bed: Bed) -> None:
    answer = bed.get("/", "--haproxy-protocol", port=81)
    assert answer.headers["x-client"] == bed.lab.address("client")
    assert bed.refused(f"http://{bed.lab.address(LB)}:81/")


def test_the_proxy_protocol_is_spoken_to_servers(bed: Bed) -> None:
    """The far end of the chain sees the client, not the balancer itself."""
    assert bed.get("/", port=82).headers["x-client"] == bed.lab.address("client")


# --- about itself


def test_statistics_and_metrics_ask_for_a_password(bed: Bed) -> None:
    for path in ("/stats", "/metrics", "/"):
        assert bed.get(path, port=8404).status == 401
    login = ("-u", "operator:canary-of-the-stats-page")
    page = bed.get("/stats", *login, port=8404).body
    assert "Statistics Report" in page and "The site itself" in page
    assert "haproxy_backend_active_servers" in bed.get("/metrics", *login, port=8404).body
    assert bed.get("/", *login, port=8404).headers["location"] == "/stats"


def test_health_is_told_to_this_host_only(bed: Bed) -> None:
    here = "http://127.0.0.1:8405"
    for path, expected in (("/alive", 200), ("/ready", 200), ("/else", 503)):
        assert bed.status_here(here + path) == expected
    for web in WEBS:
        bed.ask(f"set server app/{web} state maint")
    try:
        assert bed.status_here(f"{here}/ready") == 503
        assert bed.status_here(f"{here}/alive") == 200
    finally:
        for web in WEBS:
            bed.ask(f"set server app/{web} state ready")
    assert bed.refused(f"http://{bed.lab.address(LB)}:8405/alive")


def test_requests_are_in_the_journal_in_the_frontends_own_words(bed: Bed) -> None:
    bed.get("/logged")
    bed.get("/logged-too", scheme="https", port=443)
    said = (f"{bed.lab.address('client')} asked for /logged and got 200 from web-", " tls~ app/web-")
    wait_for(lambda: all(one in bed.on(LB, "journalctl -q -o cat -t haproxy -n 30") for one in said))


def test_the_socket_is_roots_alone(bed: Bed) -> None:
    assert bed.on(
        LB,
        "stat -c '%a %U' /run/haproxy/admin.sock /etc/haproxy/certs /etc/haproxy/certs/example.com.pem /etc/haproxy/haproxy.cfg",
    ).splitlines() == ["600 root", "700 root", "600 root", "600 root"]


# --- kept clients and those in trouble


def test_kept_clients_are_told_to_close_while_the_node_drains(bed: Bed) -> None:
    assert bed.get().headers.get("connection") != "close"
    bed.ask("add acl /etc/haproxy/drain.acl on")
    try:
        assert bed.get().headers["connection"] == "close"
    finally:
        bed.ask("clear acl /etc/haproxy/drain.acl")
    assert bed.get().headers.get("connection") != "close"


def arrived(bed: Bed) -> list[str]:
    return "".join(bed.on(web, "cat /run/hangup.log 2>/dev/null || :") for web in WEBS).split()


@pytest.mark.parametrize(
    ("backend", "method", "times"),
    [
        ("hangup", "POST", 1),
        ("hangup", "PATCH", 1),
        ("hangup", "GET", 4),
        ("hangup", "PUT", 4),
        ("replayed", "POST", 4),
        ("replayed", "PATCH", 4),
    ],
)
def test_what_may_not_be_done_twice_is_sent_once(bed: Bed, backend: str, method: str, times: int) -> None:
    """The servers take the request and hang up. It goes to the others only where doing it twice does no harm, or where
    the inventory says so."""
    for web in WEBS:
        bed.on(web, "rm -f /run/hangup.log")
    assert bed.get(f"/to/{backend}/", "-X", method, "-d", "x=1").status == 502
    assert arrived(bed) == [method] * times
