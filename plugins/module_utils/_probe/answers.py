# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as they arrive in pieces: HTTP/1.x responses and plain TCP, without any I/O.

Both kinds share four things: ``feed(data)`` and ``eof()`` return whether the answer is now complete, ``problem()`` says
what is wrong with a complete one, ``reusable`` whether the connection may carry a further request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LARGEST = 1024 * 1024


class MalformedAnswer(Exception):
    """These bytes are no answer of the protocol that was asked for."""


def http_request(method: str, path: str, host: str, headers: Mapping[str, str], body: bytes, keep: bool) -> bytes:
    """The bytes of an HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "User-Agent: evenkeel-probe"]
    if not keep:
        lines.append("Connection: close")
    lines.extend(f"{name}: {value}" for name, value in headers.items())
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class HttpAnswer:
    """One HTTP/1.0 or 1.1 response."""

    def __init__(self, method: str, statuses: Sequence[int], expect: bytes = b"") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.reusable = False
        self._method = method
        self._statuses = statuses
        self._expect = expect
        self._buffer = bytearray()
        self._length: int | None = None
        self._chunked = False
        self._position = 0
        self._body = bytearray()

    def feed(self, data: bytes) -> bool:
        self._buffer += data
        if len(self._buffer) > LARGEST:
            raise MalformedAnswer(f"the answer is longer than {LARGEST} bytes")
        while not self.status:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            self._head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
        if self._chunked:
            return self._chunks()
        if self._length is None:
            return False
        return self._length <= len(self._buffer) and self._finish(bytes(self._buffer[: self._length]), self._length)

    def eof(self) -> bool:
        """The server closed: complete only where closing is what ends the body."""
        if not self.status or self._chunked or self._length is not None:
            return False
        self.reusable = False
        self.body = bytes(self._buffer)
        return True

    def problem(self) -> str | None:
        if self.status not in self._statuses:
            return f"status {self.status}"
        if self._expect not in self.body:
            return "the expected text is not in the body"
        return None

    def _head(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        version, dummy, rest = first.partition(" ")
        code = rest[:3]
        if version not in ("HTTP/1.1", "HTTP/1.0") or not code.isdigit():
            raise MalformedAnswer(f"not an HTTP/1 response: {first[:60]!r}")
        status = int(code)
        if 100 <= status < 200 and status != 101:
            return
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise MalformedAnswer(f"not a header: {line[:60]!r}")
            headers[name.strip().lower()] = value.strip()
        self.status, self.headers = status, headers
        connection = {token.strip() for token in headers.get("connection", "").lower().split(",")}
        self.reusable = "keep-alive" in connection if version == "HTTP/1.0" else "close" not in connection
        if self._method == "HEAD" or status in (204, 304):
            self._length = 0
        elif headers.get("transfer-encoding", "").lower().endswith("chunked"):
            self._chunked = True
        elif "content-length" in headers:
            if not headers["content-length"].isdigit():
                raise MalformedAnswer(f"Content-Length is {headers['content-length'][:60]!r}")
            self._length = int(headers["content-length"])

    def _chunks(self) -> bool:
        """Take the chunks that are there; keeps its place between calls."""
        while True:
            line_end = self._buffer.find(b"\r\n", self._position)
            if line_end < 0:
                return False
            size_text = bytes(self._buffer[self._position : line_end]).split(b";")[0].strip()
            try:
                size = int(size_text, 16)
            except ValueError:
                raise MalformedAnswer(f"not a chunk size: {size_text[:60]!r}") from None
            if size == 0:
                return self._trailer(line_end)
            begin = line_end + 2
            if len(self._buffer) < begin + size + 2:
                return False
            self._body += self._buffer[begin : begin + size]
            self._position = begin + size + 2

    def _trailer(self, line_end: int) -> bool:
        """After the last chunk: lines up to an empty one."""
        if self._buffer.startswith(b"\r\n", line_end + 2):
            return self._finish(bytes(self._body), line_end + 4)
        end = self._buffer.find(b"\r\n\r\n", line_end)
        return end >= 0 and self._finish(bytes(self._body), end + 4)

    def _finish(self, body: bytes, used: int) -> bool:
        self.body = body
        if len(self._buffer) > used:
            self.reusable = False
        return True


class TcpAnswer:
    """Bytes that contain what is expected; with nothing expected the connection itself is the answer."""

    headers: dict[str, str] = {}
    reusable = True

    def __init__(self, expect: bytes = b"") -> None:
        self.body = b""
        self._expect = expect

    def feed(self, data: bytes) -> bool:
        self.body += data
        if len(self.body) > LARGEST:
            raise MalformedAnswer(f"the answer is longer than {LARGEST} bytes")
        return self._expect in self.body

    def eof(self) -> bool:
        return False

    def problem(self) -> str | None:
        return None
