# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe against real servers on this machine that behave and misbehave."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._probe import cli
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.background import Background, BackgroundError
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.client import Client, report
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.settings import settings
from ansible_collections.evenkeel.lb.plugins.modules import probe as module

pytestmark = pytest.mark.clock

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Served-By: web-1\r\n\r\nhello\n"


@contextlib.contextmanager
def server(behave, address="127.0.0.1"):
    """A server on a free port: behave(connection, requests) for each connection, with an iterator of whole requests."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 0), family=family, backlog=256)

    def requests(connection):
        seen = b""
        while True:
            while b"\r\n\r\n" not in seen:
                data = connection.recv(4096)
                if not data:
                    return
                seen += data
            head, seen = seen.split(b"\r\n\r\n", 1)
            yield head
            seen = b"" if b"Content-Length" in head else seen

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            behave(connection, requests(connection))

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _peer = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def good(connection, requests):
    for request in requests:
        connection.sendall(GOOD)
        if b"Connection: close" in request:
            return


def answers(answer, after=0.0):
    """Every request gets this answer, that much later."""

    def behave(connection, requests):
        for _request in requests:
            time.sleep(after)
            connection.sendall(answer)

    return behave


COMMON = ("timeout", "server_header", "server_pattern", "rate", "kept", "kept_rate")


def watch(port, duration=0.25, **changes):
    target = {"name": "t", "address": "127.0.0.1", "port": port}
    common = {"rate": 80, "kept": 4, "kept_rate": 40, "timeout": 2}
    for key, value in changes.items():
        (common if key in COMMON else target)[key] = value
    client = Client(settings({"targets": [target], "duration": duration, **common}))
    client.run()
    return client.result()


def probe(port, **changes):
    return report(watch(port, **changes), [], 1000, True)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_good_server():
    with server(good) as port:
        seen = probe(port)
    # A busy machine may let a kept client wait for an answer beyond its next turn.
    assert (seen["new"]["sent"], seen["kept"]["sent"] + seen["kept"]["skipped"]) == (20, 40)
    assert (seen["lost"], seen["gap_ms"], seen["lost_list"], seen["lost_list_complete"]) == (0, 0.0, [], True)
    assert seen["servers"] == seen["targets"]["t"]["servers"] == {"web-1": seen["sent"]}
    assert seen["kept"]["reconnected"] == 0
    assert 0 < seen["new"]["latency_ms"]["p50"] <= seen["new"]["latency_ms"]["max"]
    series = seen["series"]
    assert (series["began"], sum(series["sent"]), sum(series["lost"])) == (seen["began"], seen["sent"], 0)
    assert sum(series["servers"]["web-1"]) == seen["sent"]
    assert max(latency for latency in series["latency_ms"] if latency) >= seen["new"]["latency_ms"]["max"]


def test_ipv6():
    with server(good, "::1") as port:
        seen = probe(port, address="::1")
    assert seen["sent"] == seen["ok"] > 20


def test_the_server_named_in_the_body():
    with server(good) as port:
        seen = watch(port, duration=0.1, rate=100, kept=0, server_header="X-Other", server_pattern="^([a-z]+)")
    assert seen["servers"] == {"hello": 10}


def test_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        seen = probe(taken.getsockname()[1])
    assert seen["lost"] == seen["lost_by_kind"]["refused"] == seen["sent"] > 20
    assert seen["new"]["gap"]["open"]
    assert seen["lost_list"][0]["detail"] == "Connection refused"


def test_what_cannot_even_be_sent():
    # A link-local address says nothing without an interface.
    seen = probe(80, duration=0.1, address="fe80::1")
    assert seen["lost"] == seen["lost_by_kind"]["other"] == seen["sent"] > 0


def test_reset_after_sending_is_lost_and_not_sent_again():
    asked = itertools.count()

    def behave(connection, requests):
        next(requests)
        next(asked)
        reset(connection)

    with server(behave) as port:
        seen = probe(port)
    assert seen["lost"] == seen["lost_by_kind"]["reset"] == seen["sent"]
    assert next(asked) == seen["sent"]


def test_a_slow_server_is_lost_by_timeout_and_a_late_answer_is_none():
    with server(answers(GOOD, after=0.25)) as port:
        seen = probe(port, duration=0.2, timeout=0.1, kept=1, kept_rate=10)
    assert seen["lost"] == seen["lost_by_kind"]["timeout"] == seen["sent"]
    assert seen["new"]["sent"] + seen["missed"] == 16, "the open loop goes on whatever is outstanding"
    assert all(loss["ended"] - loss["sent"] >= 0.099 for loss in seen["lost_list"])


def test_a_kept_client_that_still_waits_skips_its_turns():
    with server(answers(GOOD, after=0.1)) as port:
        seen = probe(port, duration=0.5, rate=0, kept=1, kept_rate=50)
    assert seen["lost"] == 0
    assert seen["kept"]["sent"] + seen["kept"]["skipped"] == 25
    assert seen["kept"]["skipped"] >= 15


def test_wrong_status_and_wrong_body():
    with server(answers(GOOD.replace(b"200 OK", b"503 No"))) as port:
        seen = probe(port)
        assert seen["lost"] == seen["lost_by_kind"]["status"] == seen["sent"]
        assert seen["lost_list"][0]["detail"] == "status 503"
        assert probe(port, status=[503])["lost"] == 0
        other = probe(port, status=[503], expect="goodbye")
        assert other["lost_by_kind"]["status"] == other["sent"]
    assert seen["kept"]["reconnected"] == 0, "a wrong answer does not end a connection"


def test_connection_close_is_honoured():
    def behave(connection, requests):
        next(requests)
        connection.sendall(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        # Not closed for a while: a client that goes on here gets no second answer.
        time.sleep(1)

    with server(behave) as port:
        seen = probe(port)
    assert seen["lost"] == 0
    assert seen["kept"]["reconnected"] == seen["kept"]["sent"] - 4


def test_http_1_0_without_length():
    def behave(connection, requests):
        next(requests)
        connection.sendall(b"HTTP/1.0 200 OK\r\nX-Served-By: old\r\n\r\nbody")

    with server(behave) as port:
        seen = probe(port, expect="body")
    assert seen["lost"] == 0
    assert seen["servers"] == {"old": seen["sent"]}


@pytest.mark.parametrize("how", ["orderly", "reset", "408"])
def test_a_connection_closed_between_requests_is_replaced_without_a_loss(how):
    def behave(connection, requests):
        next(requests)
        connection.sendall(GOOD)
        # A reset throws away what the client has not read yet.
        time.sleep(0.05)
        if how == "408":
            connection.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        if how == "reset":
            reset(connection)

    with server(behave) as port:
        # Long pauses, so that the closing comes first on a busy machine too.
        seen = probe(port, duration=0.6, kept=3, kept_rate=7)
    assert seen["lost"] == 0
    assert seen["kept"]["reconnected"] == seen["kept"]["sent"] - 3


def test_closed_before_the_answer_is_complete():
    def behave(connection, requests):
        next(requests)
        connection.sendall(GOOD[:-1])

    with server(behave) as port:
        seen = probe(port)
    assert seen["lost"] == seen["lost_by_kind"]["reset"] == seen["sent"]
    assert seen["lost_list"][0]["detail"] == "closed before the answer was complete"


def test_an_outage_is_a_gap():
    begin = time.monotonic()

    def behave(connection, requests):
        for _request in requests:
            if 0.3 < time.monotonic() - begin < 0.6:
                reset(connection)
                return
            connection.sendall(GOOD)

    with server(behave) as port:
        seen = probe(port, duration=1, rate=100)
    for figures in (seen["new"], seen["kept"]):
        # 300 ms, and where the machine is busy a little less (a late request is good again) or more.
        assert 150 <= figures["gap_ms"] <= 800
        assert not figures["gap"]["open"]
        assert figures["lost"] == figures["lost_by_kind"]["reset"] > 0
        assert seen["began"] < figures["gap"]["from"] < figures["gap"]["to"] < seen["ended"]


def test_lost_in_flight_is_counted_apart():
    with server(lambda connection, requests: time.sleep(1)) as port:
        result = watch(port, duration=0.5, rate=20, kept=0, timeout=0.2)
    mark = result["began"] + 0.22
    seen = report(result, [mark], 3, False)
    assert seen["lost"] + seen["missed"] == 10
    assert 1 <= seen["lost_in_flight"] < 10
    assert len(seen["lost_list"]) == 3 and not seen["lost_list_complete"]
    assert "series" not in seen
    assert report(result, [], 0, False)["lost_in_flight"] == 0


def test_post_arrives_once_with_its_body():
    bodies = []

    def behave(connection, requests):
        for request in requests:
            bodies.append(request)
            connection.sendall(GOOD.replace(b"200 OK", b"201 Created"))

    with server(behave) as port:
        seen = probe(port, method="POST", body="x=1", status=[201], headers={"X-Test": "1"}, host="www.example.com")
    assert seen["lost"] == 0
    assert len(bodies) == seen["sent"]
    assert b"POST / HTTP/1.1\r\nHost: www.example.com" in bodies[0]
    assert b"X-Test: 1\r\nContent-Length: 3" in bodies[0]


def test_a_request_larger_than_the_socket_buffer():
    size = 4 * 1024 * 1024

    def behave(connection, requests):
        left = size
        next(requests)
        time.sleep(0.05)
        connection.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while left > 0:
                left -= len(connection.recv(1024 * 1024))
        connection.sendall(GOOD)

    with server(behave) as port:
        seen = probe(port, method="POST", body="x" * size, rate=12, kept=0, timeout=3)
    assert seen["ok"] == seen["sent"] == 3


def test_tcp():
    def behave(connection, _requests):
        connection.sendall(b"220 ready\r\n")
        while data := connection.recv(100):
            connection.sendall(b"250 " + data)

    with server(behave) as port:
        assert probe(port, protocol="tcp", kept=0)["lost"] == 0
        assert probe(port, protocol="tcp", kept=0, expect="220 ")["lost"] == 0
        assert probe(port, protocol="tcp", send="NOOP\r\n", expect="250 NOOP")["lost"] == 0
        wrong = probe(port, duration=0.1, protocol="tcp", kept=0, expect="999", timeout=0.1)
    assert wrong["lost_by_kind"]["timeout"] == wrong["sent"]


def test_it_says_so_when_it_could_not_keep_its_schedule():
    class Stuck(Client):
        def _served(self, target, answer):
            time.sleep(0.15)

    with server(good) as port:
        client = Stuck(
            settings(
                {
                    "targets": [{"address": "127.0.0.1", "port": port}],
                    "rate": 100,
                    "kept": 0,
                    "duration": 0.5,
                    "timeout": 0.1,
                }
            )
        )
        client.run()
    result = client.result()
    assert not result["on_schedule"]
    assert result["late_ms"]["max"] > 50
    assert result["missed"] > 0


# -- in the background -------------------------------------------------------------------------------------------------


def parameters(**changes):
    """The module's parameters as AnsibleModule fills them in."""
    params = {name: option.get("default") for name, option in module.ARGUMENTS.items()}
    return {**params, **changes}


def test_started_and_stopped(tmp_path):
    with server(good) as port:
        params = parameters(
            targets=[{"address": "127.0.0.1", "port": port}],
            rate=50,
            kept=2,
            state="started",
            state_dir=str(tmp_path / "p"),
        )
        assert module.act(params, True) == {"changed": True, "pid": None}
        started = module.act(params, False)
        assert started["changed"] and started["pid"] > 0
        assert module.act(params, False) == {"changed": False, "pid": started["pid"]}
        with pytest.raises(BackgroundError, match="A probe runs already in"):
            Background(params["state_dir"]).start(settings(params))
        time.sleep(0.5)
        stop = {**params, "targets": None, "state": "stopped", "marks": [time.time()]}
        skipped = {"changed": False, "skipped": True, "msg": "Nothing is measured in check mode."}
        assert module.act(stop, True) == skipped
        stopped = module.act(stop, False)
        again = module.act(stop, False)
    assert stopped.pop("changed") and not again.pop("changed")
    assert stopped == again
    assert stopped["lost"] == 0 and 20 <= stopped["new"]["sent"] <= 60
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o700


def test_it_ends_by_itself(tmp_path):
    with server(good) as port:
        background = Background(str(tmp_path))
        background.start(settings({"targets": [{"address": "127.0.0.1", "port": port}], "duration": 0.2}))
        deadline = time.monotonic() + 5
        while background.pid() is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert background.pid() is None
        assert background.stop()["new"]["sent"] == 20


def test_what_was_never_started_has_no_figures(tmp_path):
    with pytest.raises(BackgroundError, match="There are no figures in .*: no probe was started there"):
        module.act(parameters(state="stopped", state_dir=str(tmp_path / "none")), False)


def test_what_was_killed_has_no_figures(tmp_path):
    with server(good) as port:
        background = Background(str(tmp_path))
        pid = background.start(settings({"targets": [{"address": "127.0.0.1", "port": port}], "duration": 5}))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(BackgroundError, match="or it was killed"):
            background.stop()


def test_an_older_runs_figures_are_not_taken_for_new_ones(tmp_path):
    (tmp_path / "result.json").write_text('{"lost": 0}')
    with server(good) as port:
        background = Background(str(tmp_path))
        pid = background.start(settings({"targets": [{"address": "127.0.0.1", "port": port}], "duration": 5}))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(BackgroundError):
            background.stop()


# -- without Ansible, and as Ansible runs it ---------------------------------------------------------------------------


def test_command_line(capsys):
    with server(good) as port:
        params = {"targets": [{"address": "127.0.0.1", "port": port}], "duration": 0.1}
        assert cli.main(["run", json.dumps(params)]) == 0
    assert json.loads(capsys.readouterr().out)["lost"] == 0
    assert cli.main(["run", '{"targets": []}']) == 1
    assert "There is nothing to probe" in capsys.readouterr().err
    assert cli.main(["walk"]) == 2


def run_module(params):
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.evenkeel.lb.plugins.modules.probe"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": params}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": ".ansible/collections"},
    )
    return json.loads(done.stdout)


def test_the_module_says_what_is_wrong():
    answer = run_module({"targets": [{"address": "www.example.com"}], "duration": 0.1})
    assert answer["failed"]
    assert answer["error"] == {
        "what": "A target is a literal address, so that no name look-up is measured.",
        "where": "targets[0].address",
        "got": "'www.example.com'",
        "remedy": "Write the address.",
    }
    assert run_module({"state": "finished"})["msg"] == "state is finished but all of the following are missing: targets"


def test_the_module_returns_figures():
    with server(good) as port:
        answer = run_module({"targets": [{"address": "127.0.0.1", "port": port}], "duration": 0.2})
    assert (answer["changed"], answer["lost"], answer["new"]["sent"]) == (False, 0, 20)
    assert not {"started", "finished", "ansible_job_id"} & set(answer), "async_status takes these for its own"


def test_the_library_refuses_like_the_module():
    with pytest.raises(CoreError):
        module.act(parameters(state="started", state_dir="/nonexistent"), False)
