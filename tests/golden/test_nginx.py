# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's files as the role renders them: text that people read, and that nginx of both Debian releases takes without a warning.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden/test_nginx.py`, and read the diff.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx.model import build

from tests.golden.daemons import RELEASES, daemons
from tests.haproxy import self_signed
from tests.library import installed
from tests.nginx import options, rendered

HERE = Path(__file__).parent / "nginx"
CASES = sorted(path.stem for path in HERE.glob("*.yml"))
PACKAGES = {
    "bookworm": ["base-files 12.4+deb12u11", "nginx 1.22.1-9+deb12u3", "libssl3 3.0.17-1~deb12u2"],
    "trixie": ["base-files 13.8", "nginx 1.26.3-3+deb13u1", "libssl3t64 3.5.1-1"],
}
each = pytest.mark.parametrize(("case", "release"), [(case, release) for case in CASES for release in RELEASES])


def model(case: str, release: str) -> dict[str, Any]:
    given = yaml.safe_load((HERE / f"{case}.yml").read_text(encoding="utf-8"))["variables"]
    certificate, key = self_signed()
    pem = {"both": certificate + key, "certificate": certificate, "key": key}
    for item in given.get("nginx_certificates", []):
        for name in ("content", "key"):
            if item.get(name):
                item[name] = pem[item[name].split(".")[1].split()[0]]
    found = build(given, options(), PACKAGES[release])
    assert found["errors"] == []
    return found


@each
def test_text(case: str, release: str) -> None:
    files = rendered(model(case, release))
    text = "".join(f"# ==> {path}\n{content}" for path, content in files.items())
    expected = HERE / "expected" / f"{case}-{release}.conf"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@each
def test_nginx_takes_it(case: str, release: str) -> None:
    """A warning is a refusal here."""
    certificate, key = self_signed()
    prepared = model(case, release)
    files: dict[str, str | bytes] = dict(rendered(prepared))
    # What a user's own options name.
    files["/etc/ssl/certs/inside.pem"] = certificate
    for entry in prepared["files"]:
        stand_in = key if entry["path"].endswith(".key") else certificate + key if entry.get("secret") else "page"
        files[entry["path"]] = entry.get("content", stand_in)
    result = daemons(release).run(["nginx", "-t"], files)
    assert result.returncode == 0, result.stdout
    assert "[warn]" not in result.stdout, result.stdout


@pytest.mark.parametrize("release", RELEASES)
def test_a_wrong_file_is_refused(release: str) -> None:
    """The checker in use does find faults."""
    result = daemons(release).run(["nginx", "-t", "-c", "/tmp/bad.conf"], {"/tmp/bad.conf": "events {}\nnonsense;\n"})
    assert result.returncode == 1
    assert "nonsense" in result.stdout


# $1 and $2 are digests, of what runs and of what lies in /tmp/next.
RELOADED = """
nginx; sleep 0.3
verify() { EVENKEEL_APPLY=$1 EVENKEEL_STARTED=$2 /usr/local/lib/evenkeel/nginx/ctl verify 127.0.0.1:8406 "$3"; echo "verify $?"; }
verify start 0 "$1"
since=$(date +%s.%N); sleep 0.2
cp /tmp/next/nginx.conf /etc/nginx/nginx.conf; cp /tmp/next/http.conf /etc/nginx/evenkeel/http.conf
nginx -t -q; echo "test $?"
nginx -s reload; echo "reload $?"
sleep 0.7
verify reload "$since" "$2"
nginx -s stop; sleep 0.2
"""


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("key", "found"), [("$binary_remote_addr", "0"), ("$server_name", "1")])
def test_a_reload_that_nginx_refuses_after_a_good_test_is_found_out(release: str, key: str, found: str) -> None:
    """A zone with another key: the check is content, the reload exits with 0, and the old workers go on."""

    def limited(by: str, rate: int) -> dict[str, Any]:
        given: dict[str, Any] = {
            "nginx_defaults": {"options": [f"limit_req_zone {by} zone=of-ones-own:1m rate={rate}r/s"]},
            "nginx_servers": [{"name": "web", "bind": ["127.0.0.1:80"], "default_backend": "app"}],
            "nginx_backends": [{"name": "app", "servers": [{"name": "a", "address": "127.0.0.1", "port": 8080}]}],
        }
        return build(given, options(), PACKAGES[release])

    one, other = limited("$binary_remote_addr", 5), limited(key, 6)
    files: dict[str, str | bytes] = dict(rendered(one))
    files.update({f"/tmp/next/{path.rpartition('/')[2]}": text for path, text in rendered(other).items()})
    files.update(installed("nginx"))
    executable = "chmod 0755 /usr/local/lib/evenkeel/nginx/ctl\n"
    command = ["sh", "-c", executable + RELOADED, "sh", one["digest"], other["digest"]]
    said = daemons(release).run(command, files).stdout
    results = re.findall(r"^(\w+) (\d)$", said, re.MULTILINE)
    assert results == [("verify", "0"), ("test", "0"), ("reload", "0"), ("verify", found)], said
    assert ("workers from before the reload still take connections" in said) is (found == "1"), said


# An application that says by which name and for which path it was asked, nginx before it, and clients.
APPLICATION = """
import http.client, http.server, json, os, subprocess, sys, threading, time

class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write((self.headers["Host"] + " " if sys.argv[1:] else "").encode() + self.path.encode())
    def log_message(self, *_): pass

threading.Thread(target=http.server.HTTPServer(("127.0.0.1", 8080), Echo).serve_forever, daemon=True).start()
subprocess.run(["nginx"], check=True)
time.sleep(0.3)
os.makedirs("/run/evenkeel", exist_ok=True)
"""
KEPT = (
    APPLICATION
    + """
for told in ("no", "yes"):
    if told == "yes":
        open("/run/evenkeel/nginx.closing", "w").close()
    for path in ("/a%2Fb//c?d=%20", "/gone", "/replaced/x"):
        client = http.client.HTTPConnection("127.0.0.1", 80, timeout=3)
        client.request("GET", path)
        answer = client.getresponse()
        print(told, answer.status, answer.getheader("Connection"), answer.read().decode())
os.remove("/run/evenkeel/nginx.closing")
subprocess.run(["nginx", "-s", "stop"], check=True)
"""
)
ASKED = (
    APPLICATION
    + """
for closing, host, path in json.loads(sys.argv[1]):
    if closing:
        open("/run/evenkeel/nginx.closing", "w").close()
    client = http.client.HTTPConnection("127.0.0.1", 80, timeout=3)
    client.request("GET", path, headers={"Host": host})
    answer = client.getresponse()
    print("answer:", answer.status, (answer.getheader("X-Is") or "-").replace(" ", ""), answer.read().decode())
    client.close()
    if closing:
        os.remove("/run/evenkeel/nginx.closing")
subprocess.run(["nginx", "-s", "stop"], check=True)
"""
)


@pytest.mark.parametrize("release", RELEASES)
def test_clients_are_told_to_close_while_the_file_is_there_and_nothing_else_changes(release: str) -> None:
    locations = [
        {"path": "/gone", "answer": {"status": 410, "text": "bye"}},
        {"path": "/replaced/", "backend": "app", "uri": "/by/"},
    ]
    server = {"name": "web", "bind": ["127.0.0.1:80"], "default_backend": "app", "locations": locations}
    app = {"name": "app", "servers": [{"name": "a", "address": "127.0.0.1", "port": 8080}]}
    found = build({"nginx_servers": [server], "nginx_backends": [app]}, options(), PACKAGES[release])
    said = daemons(release).run(["python3", "-c", KEPT], dict(rendered(found))).stdout
    wanted = ["200 {} /a%2Fb//c?d=%20", "410 {} bye", "200 {} /by/x"]
    assert [line for line in said.splitlines() if line.startswith(("no ", "yes "))] == [
        f"{told} {line.format(header)}" for told, header in (("no", "keep-alive"), ("yes", "close")) for line in wanted
    ], said


def asked(release: str, requests: list[tuple[bool, str, str]], server: dict[str, Any], **variables: Any) -> list[str]:
    """What clients get, each with whether it is told to close, the name and the path: the status, X-Is, and the body."""
    app = {"name": "app", "servers": [{"name": "a", "address": "127.0.0.1", "port": 8080}]}
    web = {"name": "web", "bind": ["127.0.0.1:80"], "default_backend": "app", **server}
    found = build({"nginx_servers": [web], "nginx_backends": [app], **variables}, options(), PACKAGES[release])
    assert found["errors"] == []
    said = daemons(release).run(["python3", "-c", ASKED, json.dumps(requests)], dict(rendered(found))).stdout
    answers = [line.removeprefix("answer: ") for line in said.splitlines() if line.startswith("answer: ")]
    assert len(answers) == len(requests), said
    return answers


@pytest.mark.parametrize("release", RELEASES)
def test_a_cache_gives_no_site_the_page_of_another(release: str) -> None:
    locations = [
        {"path": "/", "backend": "app", "cache": "apart", "cache_valid": ["200 1m"]},
        {
            "path": "/now/",
            "backend": "app",
            "cache": "apart",
            "cache_valid": ["200 1m"],
            "request_headers": [{"set": "host", "value": "same"}],
            "options": ["if ($http_host = two.example.com) { rewrite ^ /of-two break; }"],
        },
    ]
    server = {"default_backend": None, "locations": locations}
    ways = [(host, path) for path in ("/a%2Fb", "/a/b", "/a/b?c", "/now/x") for host in ("one", "two.example.com")]
    requests = [(closing, host, path) for closing in (False, False, True) for host, path in ways]
    answers = asked(release, requests, server, nginx_caches=[{"name": "apart", "max_size": "1m"}])
    wanted = [f"200 - {host} {path}" for host, path in ways[:-2]] + ["200 - same /now/x", "200 - same /of-two"]
    assert answers == wanted * 3


@pytest.mark.parametrize("release", RELEASES)
def test_a_rewrite_holds_while_clients_are_told_to_close(release: str) -> None:
    locations: list[dict[str, Any]] = [
        {"path": "/a/", "backend": "app", "options": ["rewrite ^/a/(.*)$ /b/$1 break"]},
        {"path": "/c/", "options": ["rewrite ^/c/(.*)$ /$1 last"]},
        {"path": "/d/", "backend": "app", "options": ["if ($arg_x) { set $args y=1; }"]},
    ]
    ways = [(closing, "one", path) for closing in (False, True) for path in ("/a/x", "/c/x?y", "/d/?x=1", "/e%2Ff")]
    wanted = ["200 - one /b/x", "200 - one /x?y", "200 - one /d/?y=1", "200 - one /e%2Ff"]
    assert asked(release, ways, {"locations": locations}) == wanted * 2
    ways = [(closing, "one", path) for closing in (False, True) for path in ("/a/x?y", "/b")]
    wanted = ["200 - one /a/x?z=1&y", "200 - one /b?z=1"]
    assert asked(release, ways, {"options": ["rewrite ^(.*)$ $1?z=1"]}) == wanted * 2


@pytest.mark.parametrize("release", RELEASES)
def test_a_location_of_raw_lines_has_the_headers_of_its_server_and_its_own(release: str) -> None:
    raw = {"path": "/raw", "options": ["return 200 raw"]}
    own = {"path": "/own", "options": ["return 200 own"], "response_headers": [{"add": "X-Is", "value": "b"}]}
    server = {"locations": [raw, own], "response_headers": [{"add": "X-Is", "value": "a"}]}
    assert asked(release, [(False, "one", "/raw"), (False, "one", "/own")], server) == ["200 a raw", "200 a,b own"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_map_chooses_the_backend_of_a_stream(release: str) -> None:
    entries = [{"key": "80", "value": "flow"}]
    variables: dict[str, Any] = {
        "nginx_maps": [{"name": "to", "source": "$server_port", "stream": True, "default": "none", "entries": entries}],
        "nginx_streams": [{"name": "s", "bind": ["127.0.0.1:80"], "default_backend": "$to"}],
        "nginx_backends": [
            {"name": name, "mode": mode, "servers": [{"name": "a", "address": "127.0.0.1", "port": port}]}
            for name, mode, port in (("app", "http", 8080), ("flow", "tcp", 8080), ("none", "tcp", 9))
        ],
    }
    assert asked(release, [(False, "one", "/x")], {"bind": ["127.0.0.1:81"]}, **variables) == ["200 - one /x"]
