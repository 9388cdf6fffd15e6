"""Each feature of the file provider, with a request of its own; and its backends, which are described as haproxy's are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from conftest import LB, Bed
from features import features

from tests.site import wait_for

HANGUP = """
import socket
server = socket.create_server(("", 9000))
count = 0
while True:
    connection, _ = server.accept()
    said = connection.recv(65536)
    with open("/run/hangup", "a") as log:
        log.write(said.decode(errors="replace").split("\\r\\n")[0] + "\\n")
    connection.close()
"""
ECHO = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 9001))
while True:
    said, client = server.recvfrom(2048)
    server.sendto(said.upper(), client)
"""
FAILING = """
import http.server
class Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if self.path == "/bad" else 200)
        self.end_headers()
http.server.HTTPServer(("", 9002), Application).serve_forever()
"""
TALK = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(3)
client.sendto(b"hello", (sys.argv[1], 8005))
print(client.recv(2048).decode())
"""


@pytest.fixture(scope="module", autouse=True)
def laid_over(bed: Bed) -> Iterator[None]:
    bed.on("web-1", "systemctl stop hangup echo 2>/dev/null || :")
    bed.on("web-1", f"systemd-run --quiet --collect --unit hangup python3 -c '{HANGUP}'")
    bed.on("web-1", f"systemd-run --quiet --collect --unit echo python3 -c '{ECHO}'")
    for web in ("web-1", "web-2"):
        bed.on(
            web,
            f"systemctl stop failing 2>/dev/null || :; systemd-run --quiet --collect --unit failing python3 -c '{FAILING}'",
        )
    bed.converge(**features(bed.lab))
    # Servers are in use once they have been checked.
    wait_for(lambda: bed.statuses(1, "/") == ["200"])
    yield
    bed.on("web-1", "systemctl stop hangup echo failing")
    bed.on("web-2", "systemctl stop failing")
    bed.converge()


def to(name: str) -> tuple[str, str]:
    return ("-H", f"Host:{name}.example.com")


def test_rounds_of_three(bed: Bed) -> None:
    """Each round has every server once; the node's own question takes a turn, so the router without one is asked."""
    answers = bed.bodies(30, "/", "-b", "none=1", *to("sticky"))
    assert all(len(set(answers[at : at + 3])) == 3 for at in range(0, 30, 3)), answers


def test_weights(bed: Bed) -> None:
    shares = Counter(bed.bodies(40, "/", *to("weighted")))
    assert shares == {"web-1": 30, "web-2": 10}


def test_a_cookie_keeps_a_client(bed: Bed) -> None:
    first = bed.get("/", *to("sticky"))
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("SRV=") and "httponly" in first.headers["set-cookie"].lower()
    assert set(bed.bodies(10, "/", "-b", cookie, *to("sticky"))) == {first.body}


def test_the_clients_address_keeps_it_too(bed: Bed) -> None:
    assert len(set(bed.bodies(10, "/", *to("source")))) == 1


def test_parts_by_their_share_and_sticky(bed: Bed) -> None:
    assert Counter(bed.bodies(40, "/", *to("canary"))) == {"web-1": 30, "web-2": 10}
    first = bed.get("/", *to("canary"))
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert set(bed.bodies(10, "/", "-b", cookie, *to("canary"))) == {first.body}


def test_a_spare_server_serves_where_no_other_is_there(bed: Bed) -> None:
    wait_for(lambda: bed.statuses(1, "/", *to("spare")) == ["200"])
    assert set(bed.bodies(5, "/", *to("spare"))) == {"web-2"}


def test_a_mirror_gets_a_copy(bed: Bed) -> None:
    bed.on("web-2", ": > /var/log/nginx/lab.log")
    assert bed.get("/copied", *to("mirrored")).body == "web-1"
    wait_for(lambda: "GET /copied" in bed.on("web-2", "cat /var/log/nginx/lab.log"))


def test_a_post_that_reached_a_server_is_not_sent_again_and_a_get_is(bed: Bed) -> None:
    bed.on("web-1", "rm -f /run/hangup")
    assert bed.get("/once", "-X", "POST", "-d", "x", *to("hangup")).status == 502
    assert bed.on("web-1", "grep -c POST /run/hangup").strip() == "1"
    assert bed.get("/again", *to("hangup")).status == 502
    assert int(bed.on("web-1", "grep -c GET /run/hangup")) > 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_that_is_too_long_to_be_sent_again_arrives(bed: Bed, method: str) -> None:
    assert bed.get("/", "-X", method, "-d", "x" * 4096).status == bed.get("/", "-X", method, "-d", "x").status < 500


def test_an_application_that_fails_keeps_its_servers(bed: Bed) -> None:
    assert bed.statuses(6, "/bad", *to("failing")) == ["500"] * 6
    assert bed.statuses(6, "/", *to("failing")) == ["200"] * 6


def test_nobody_there_is_said_soon(bed: Bed) -> None:
    assert bed.get("/", "--max-time", "4", *to("nobody")).status in (502, 503, 504)


def test_a_router_of_ours_to_a_service_found_by_label(bed: Bed) -> None:
    assert bed.get("/", *to("label")).body.startswith("replica-")


def test_middlewares(bed: Bed) -> None:
    bed.on("web-1", ": > /var/log/nginx/lab.log")
    answers = [bed.get("/api/health") for _ in range(3)]
    assert {answer.headers["x-way"] for answer in answers} == {"file"}
    assert {answer.body for answer in answers} == {"ok"}, "the prefix was not stripped"
    assert [bed.get("/limited").status for _ in range(5)].count(429) >= 1
    assert bed.get("/", port=8006).status == 401
    assert bed.get("/", "-u", "operator:only-for-the-lab", port=8006).status == 200


def test_tls_by_name_and_the_default(bed: Bed) -> None:
    assert bed.shown_certificate("www.example.com") == bed.made_certificate("www.example.com")
    assert bed.shown_certificate("example.com") == bed.made_certificate("example.com")
    assert bed.shown_certificate("unknown.example.net") == bed.made_certificate("example.com")
    address = bed.lab.address(LB)
    named = ("--resolve", f"www.example.com:8443:{address}")
    assert bed.get("/", *named, port=8443, scheme="https", host="www.example.com").status == 200
    assert bed.refused("--tls-max", "1.2", *named, "https://www.example.com:8443/")
    assert not bed.refused("--tls-max", "1.3", *named, "https://www.example.com:8443/")
    away = bed.get("/there", port=8001)
    assert (away.status, away.headers["location"]) == (301, f"https://{address}:8443/there")


def test_a_renewed_certificate_is_shown_without_a_restart(bed: Bed) -> None:
    before = bed.pid()
    over = features(bed.lab)
    tls = bed.lab.state / "tls"
    over["traefik_certificates"][0].update(src=str(tls / "renewed.crt"), key_src=str(tls / "renewed.key"))
    bed.converge(**over)
    wait_for(lambda: bed.shown_certificate("example.com") == bed.made_certificate("renewed"))
    bed.converge(**features(bed.lab))
    wait_for(lambda: bed.shown_certificate("example.com") == bed.made_certificate("example.com"))
    assert bed.pid() == before


def forwarded(bed: Bed, path: str) -> str:
    """The client as web servers are told it, for a path that only one request asks for."""

    def lines() -> list[str]:
        found = [bed.on(web, f"grep ' {path} ' /var/log/nginx/lab.log || :") for web in ("web-1", "web-2", "web-3")]
        return "".join(found).split()

    wait_for(lambda: len(lines()) > 4)
    return lines()[4].rstrip(",")


def test_the_client_is_known_behind_proxies(bed: Bed) -> None:
    client = bed.lab.address("client")
    assert bed.get("/through-a-chain", port=8007).status == 200
    assert forwarded(bed, "/through-a-chain") == client, "the PROXY protocol was not spoken or not believed"
    assert bed.get("/through-a-friend", "-H", "X-Forwarded-For: 192.0.2.99").status == 200
    assert forwarded(bed, "/through-a-friend") == "192.0.2.99"
    assert bed.get("/through-a-stranger", "-H", "X-Forwarded-For: 192.0.2.99", port=8002).status == 200
    assert forwarded(bed, "/through-a-stranger") == client


def test_a_disabled_server_gets_nothing_and_a_reserve_takes_over(bed: Bed) -> None:
    assert set(bed.bodies(6, "/", *to("spared"))) == {"web-3"}
    wait_for(lambda: bed.statuses(1, "/", *to("reserve")) == ["200"])
    assert set(bed.bodies(6, "/", *to("reserve"))) == {"web-2"}


def test_connections_and_datagrams(bed: Bed) -> None:
    assert set(bed.bodies(9, "/", port=8003)) == {"web-1", "web-2", "web-3"}
    # Closed or reset, as the moment has it.
    ask = f"import urllib.request; print(urllib.request.urlopen('http://{bed.lab.address(LB)}:8003/').read())"
    assert bed.on("lb-1", f'python3 -c "{ask}" 2>/dev/null || echo refused').strip() == "refused", (
        "somebody else was let in"
    )
    named = f"--resolve www.example.com:8004:{bed.lab.address(LB)} -k --http1.1 https://www.example.com:8004/"
    shares = Counter(bed.on("client", f"for i in $(seq 8); do curl -sS {named}; done").split())
    assert shares == {"web-1": 6, "web-2": 2}
    assert bed.lab.run("client", ["python3", "-c", TALK, bed.lab.address(LB)]).strip() == "HELLO"


def test_memory_is_bounded_by_the_machines(bed: Bed) -> None:
    """As the running process has it."""
    environment = bed.on(LB, f"tr '\\0' '\\n' < /proc/{bed.pid()}/environ").splitlines()
    total = int(bed.on(LB, "awk '/^MemTotal/ {print $2}' /proc/meminfo"))
    assert {"GOGC=400", f"GOMEMLIMIT={total // 2}KiB"} <= set(environment)


def test_ipv6_and_the_log(bed: Bed) -> None:
    assert bed.get("/six", host=f"[{bed.lab.address6(LB)}]").status == 200
    wait_for(lambda: "/six" in bed.on(LB, "cat /var/log/traefik/access.log"))
    line = next(line for line in bed.on(LB, "cat /var/log/traefik/access.log").splitlines() if '"/six"' in line)
    assert json.loads(line)["DownstreamStatus"] == 200


def test_ready_asks_every_critical_backend(bed: Bed) -> None:
    assert bed.alive("ready") == 200
    try:
        for web in ("web-1", "web-2", "web-3"):
            bed.on(web, "systemctl stop nginx")
        wait_for(lambda: bed.alive("ready") != 200)
        assert bed.alive("alive") == 200
    finally:
        for web in ("web-1", "web-2", "web-3"):
            bed.on(web, "systemctl start nginx")
    wait_for(lambda: bed.alive("ready") == 200)
