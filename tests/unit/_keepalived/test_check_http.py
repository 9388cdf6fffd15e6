# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived asks a service with."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tools.docs import ROOT

CHECK = ROOT / "roles" / "keepalived" / "files" / "check_http"
Behaviour = Callable[[socket.socket], None]


def answers(status: str) -> Behaviour:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(f"HTTP/1.1 {status} Word\r\n\r\n".encode())

    return answer


def closes(connection: socket.socket) -> None:
    """As a worker that is about to go."""


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs(connection: socket.socket) -> None:
    """Until whoever asks has gone."""
    connection.settimeout(30)
    while connection.recv(1000):
        pass


@contextmanager
def service(*behaviours: Behaviour) -> Iterator[tuple[int, list[Behaviour]]]:
    """Each connection meets the next behaviour. Its port, and what was met."""
    met: list[Behaviour] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        for behaviour in behaviours:
            try:
                connection, _where = listener.accept()
            except OSError:
                return
            met.append(behaviour)
            with connection:
                behaviour(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1], met
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def check(port: int, seconds: str = "20") -> int:
    return subprocess.run(["bash", CHECK, "127.0.0.1", str(port), "/ready", seconds], check=False).returncode


@pytest.mark.parametrize(
    ("behaviours", "well", "asked"),
    [
        pytest.param([answers("200")], True, 1, id="ready"),
        pytest.param([answers("503"), answers("200")], False, 1, id="not ready"),
        pytest.param([closes, answers("200")], True, 2, id="closed by a worker that goes"),
        pytest.param([resets, answers("200")], True, 2, id="reset by a worker that goes"),
        pytest.param([closes, answers("503")], False, 2, id="closed, and the next is not ready"),
        pytest.param([closes, closes, answers("200")], False, 2, id="closed each time"),
    ],
)
def test_a_connection_that_is_closed_without_a_word_is_made_once_more(
    behaviours: list[Behaviour], well: bool, asked: int
) -> None:
    with service(*behaviours) as (port, met):
        assert (check(port) == 0) is well
    assert met == behaviours[:asked]


def test_a_service_that_hangs_is_asked_once() -> None:
    """A second time would make it twice as long until the peer takes over."""
    with service(hangs, answers("200")) as (port, met):
        began = time.monotonic()
        assert check(port, "0.3") != 0
        assert time.monotonic() - began >= 0.3
    assert met == [hangs]


def test_nobody_there_is_no_answer() -> None:
    with service() as (port, _met):
        pass
    assert check(port) != 0
