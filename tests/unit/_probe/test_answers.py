# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's reading of HTTP and TCP answers, whole and in pieces."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.answers import (
    LARGEST,
    HttpAnswer,
    MalformedAnswer,
    TcpAnswer,
    http_request,
)

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Served-By: web-1\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
TRAILER = CHUNKED[:-2] + b"Checksum: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "reusable"),
    [
        (LENGTH, True),
        (CHUNKED, True),
        (TRAILER, True),
        (LENGTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), False),
        (LENGTH.replace(b"\r\n\r\n", b"\r\nConnection: Foo, Close\r\n\r\n"), False),
        (LENGTH.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (LENGTH.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"), True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + LENGTH, True),
        (LENGTH + b"noise", False),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_whole_answer_in_pieces_of_any_size(raw, reusable, size):
    answer = HttpAnswer("GET", [200])
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
    complete = [answer.feed(piece) for piece in pieces]
    assert complete[-1] or raw.endswith(b"noise")
    assert not any(complete[:-1]) or raw.endswith(b"noise")
    assert answer.body == b"hello"
    assert answer.problem() is None
    assert answer.reusable is reusable


def test_a_body_that_ends_with_the_connection():
    answer = HttpAnswer("GET", [200])
    assert not answer.feed(b"HTTP/1.0 200 OK\r\n\r\nhel")
    assert not answer.feed(b"lo")
    assert answer.eof()
    assert (answer.body, answer.reusable) == (b"hello", False)


@pytest.mark.parametrize("cut", [b"", LENGTH[:20], LENGTH[:-1], CHUNKED[:-1]])
def test_an_answer_that_breaks_off_is_none(cut):
    answer = HttpAnswer("GET", [200])
    assert not answer.feed(cut)
    assert not answer.eof()


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body(method, status):
    answer = HttpAnswer(method, [status])
    assert answer.feed(b"HTTP/1.1 %d X\r\nContent-Length: 100\r\n\r\n" % status)
    assert answer.reusable


def test_what_is_wrong_with_an_answer():
    wrong = HttpAnswer("GET", [200, 201])
    assert wrong.feed(LENGTH.replace(b"200 OK", b"503 Service Unavailable"))
    assert wrong.problem() == "status 503"
    other = HttpAnswer("GET", [200], b"goodbye")
    assert other.feed(LENGTH)
    assert other.problem() == "the expected text is not in the body"


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * LARGEST,
    ],
)
def test_what_is_no_answer(raw):
    with pytest.raises(MalformedAnswer):
        HttpAnswer("GET", [200]).feed(raw)


def test_tcp_answers():
    banner = TcpAnswer(b"220 ")
    assert not banner.feed(b"22")
    assert banner.feed(b"0 mail")
    assert not TcpAnswer(b"x").eof()
    assert TcpAnswer().feed(b"")
    with pytest.raises(MalformedAnswer):
        TcpAnswer(b"x").feed(b"y" * (LARGEST + 1))


def test_requests():
    assert http_request("GET", "/a", "example.com", {}, b"", keep=True) == (
        b"GET /a HTTP/1.1\r\nHost: example.com\r\nUser-Agent: evenkeel-probe\r\n\r\n"
    )
    post = http_request("POST", "/", "h", {"X": "1"}, b"{}", keep=False)
    assert post.endswith(b"\r\nConnection: close\r\nX: 1\r\nContent-Length: 2\r\n\r\n{}")
    assert b"Content-Length: 0" in http_request("POST", "/", "h", {}, b"", keep=False)
