# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The open-loop client: sends on schedule whatever becomes of the requests before.

One thread, one selector. New connections to a target start at a fixed rate. A kept client is a correct HTTP/1.1 client
with one connection and one request at a time: it honours ``Connection: close``, notices a connection that the server
closed before the request was sent, and replaces that one without a loss; what fails after sending is lost and never
sent again.
"""

from __future__ import annotations

import errno
import heapq
import os
import re
import selectors
import socket
import time
from collections import Counter, deque
from typing import Any, Callable, Union

from .answers import HttpAnswer, MalformedAnswer, TcpAnswer, http_request
from .settings import Settings, Target
from .stats import KINDS, Record, Series, in_flight, spread, summary

MOST_LOSSES = 10_000
MOST_SERVERS = 100
# A request sent later than this after its moment counts as late; with more than 1 % of them the figures are doubtful.
LATE = 0.025
# How soon a call of stop is heeded where little is sent.
LONGEST_SLEEP = 0.2
RESETS = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED)

Answer = Union[HttpAnswer, TcpAnswer]


class Stream:
    """A source of requests: one kept client, or the new connections to one target."""

    def __init__(self, target: Target, kept: bool, first: float) -> None:
        self.target = target
        self.kept = kept
        self.first = first
        self.period = 1 / (target.kept_rate if kept else target.rate)
        self.slots = 0
        self.record = Record()
        self.connection: Connection | None = None
        self.reconnected = 0
        self.skipped = 0
        if target.protocol == "http":
            self.request = http_request(
                target.method, target.path, target.host, dict(target.headers), target.body, keep=kept
            )
        else:
            self.request = target.send

    @property
    def due(self) -> float:
        return self.first + self.slots * self.period

    def answer(self) -> Answer:
        if self.target.protocol == "http":
            return HttpAnswer(self.target.method, self.target.statuses, self.target.expect)
        return TcpAnswer(self.target.expect)


class Request:
    """One request on its way."""

    __slots__ = ("answer", "number", "over", "reused", "sent")

    def __init__(self, number: int, sent: float, answer: Answer, reused: bool) -> None:
        self.number = number
        self.sent = sent
        self.answer = answer
        self.reused = reused
        self.over = False


class Connection:
    """A socket and the request that it carries, if any."""

    __slots__ = ("connected", "request", "sock", "stream", "unsent")

    def __init__(self, stream: Stream, sock: socket.socket) -> None:
        self.stream = stream
        self.sock = sock
        self.request: Request | None = None
        self.unsent = b""
        self.connected = False


class Client:
    """One run of the probe."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.clock = clock
        self.start = clock()
        self.epoch = time.time() - self.start
        self.end = self.start + settings.duration
        self.finished = self.start
        self.lateness: list[float] = []
        self.missed = 0
        self.losses: list[dict[str, Any]] = []
        self.servers: dict[str, Counter[str]] = {target.name: Counter() for target in settings.targets}
        self.series = Series(self.start)
        self._selector = selectors.DefaultSelector()
        self._waiting: deque[tuple[float, Connection, Request]] = deque()
        self._pattern = re.compile(settings.server_pattern) if settings.server_pattern else None
        self._cpu = time.process_time()
        self.streams = [Stream(target, False, self.start) for target in settings.targets if target.rate > 0] + [
            # Spread over the period, so that the clients do not speak in chorus.
            Stream(target, True, self.start + number / (target.kept * target.kept_rate))
            for target in settings.targets
            for number in range(target.kept)
        ]
        self._schedule = [(stream.due, number) for number, stream in enumerate(self.streams)]
        heapq.heapify(self._schedule)

    def stop(self) -> None:
        """Send nothing more; what is on its way is awaited."""
        self.end = min(self.end, self.clock())

    def run(self) -> None:
        """Send until the end, then wait for the answers still due."""
        while True:
            now = self.clock()
            self._send_due(now)
            sending = bool(self._schedule) and self._schedule[0][0] < self.end
            if not sending and not self._waiting and now >= self.end:
                break
            wake = [now + LONGEST_SLEEP]
            if sending:
                wake.append(self._schedule[0][0])
            elif now < self.end:
                wake.append(self.end)
            if self._waiting:
                wake.append(self._waiting[0][0])
            ready = self._selector.select(max(0.0, min(wake) - self.clock()))
            # What came in before this moment is looked at before anything is called late.
            now = self.clock()
            for key, _mask in ready:
                self._ready(key.data)
            self._expire(now)
        self.finished = self.clock()
        for stream in self.streams:
            if stream.connection:
                self._close(stream.connection)
        self._selector.close()

    # -- sending -------------------------------------------------------------------------------------------------------

    def _send_due(self, now: float) -> None:
        while self._schedule and self._schedule[0][0] <= now:
            due, number = self._schedule[0]
            if due >= self.end:
                return
            stream = self.streams[number]
            stream.slots += 1
            heapq.heapreplace(self._schedule, (stream.due, number))
            late = self.clock() - due
            if late > self.settings.timeout:
                # This process had no time for so long that a burst now would measure nothing but itself.
                self.missed += 1
            elif stream.connection is not None and stream.connection.request is not None:
                stream.skipped += 1
            else:
                self.lateness.append(late)
                self._send(stream)

    def _send(self, stream: Stream) -> None:
        connection = stream.connection
        if connection is not None and _closed(connection.sock):
            self._close(connection)
            connection = None
        now = self.clock()
        request = Request(stream.record.send(now), now, stream.answer(), connection is not None)
        self.series.sent(now)
        if connection is None:
            connection = self._connect(stream, request)
            if connection is None:
                return
        connection.request = request
        connection.unsent = stream.request
        self._waiting.append((now + self.settings.timeout, connection, request))
        if connection.connected:
            self._write(connection)

    def _connect(self, stream: Stream, request: Request) -> Connection | None:
        target = stream.target
        if stream.kept and request.number:
            stream.reconnected += 1
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in target.address else socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            self._lose(stream, request, *_kind(error))
            return None
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        result = sock.connect_ex((target.address, target.port))
        if result not in (0, errno.EINPROGRESS):
            sock.close()
            self._lose(stream, request, *_kind(OSError(result, os.strerror(result))))
            return None
        connection = Connection(stream, sock)
        if stream.kept:
            stream.connection = connection
        self._selector.register(sock, selectors.EVENT_WRITE, connection)
        return connection

    def _write(self, connection: Connection) -> None:
        try:
            while connection.unsent:
                connection.unsent = connection.unsent[connection.sock.send(connection.unsent) :]
        except BlockingIOError:
            self._selector.modify(connection.sock, selectors.EVENT_WRITE, connection)
            return
        except OSError as error:
            self._fail(connection, *_kind(error))
            return
        self._selector.modify(connection.sock, selectors.EVENT_READ, connection)

    # -- receiving -----------------------------------------------------------------------------------------------------

    def _ready(self, connection: Connection) -> None:
        request = connection.request
        if request is None:
            # Between two requests only the end of a connection can come.
            self._close(connection)
        elif connection.unsent or not connection.connected:
            self._connected(connection, request)
        else:
            self._read(connection, request)

    def _connected(self, connection: Connection, request: Request) -> None:
        if not connection.connected:
            result = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if result:
                self._fail(connection, *_kind(OSError(result, os.strerror(result))))
                return
            connection.connected = True
            if not connection.unsent and isinstance(request.answer, TcpAnswer) and request.answer.feed(b""):
                self._finish(connection, request)
                return
        self._write(connection)

    def _read(self, connection: Connection, request: Request) -> None:
        try:
            data = connection.sock.recv(65536)
            complete = request.answer.feed(data) if data else request.answer.eof()
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(connection, *_kind(error))
            return
        except MalformedAnswer as error:
            self._fail(connection, "other", str(error))
            return
        if complete:
            self._finish(connection, request)
        elif not data:
            self._fail(connection, "reset", "closed before the answer was complete")

    def _finish(self, connection: Connection, request: Request) -> None:
        stream = connection.stream
        now = self.clock()
        problem = request.answer.problem()
        if now - request.sent > self.settings.timeout:
            self._lose(stream, request, "timeout", "answered too late")
        elif problem:
            self._lose(stream, request, "status", problem)
        else:
            request.over = True
            stream.record.good(request.number, now - request.sent)
            self.series.good(request.sent, now - request.sent, self._served(stream.target, request.answer))
        connection.request = None
        if not stream.kept or not request.answer.reusable:
            self._close(connection)

    def _served(self, target: Target, answer: Answer) -> str | None:
        """Count the server that answered, and name it."""
        server = answer.headers.get(self.settings.server_header)
        if server is None and self._pattern:
            found = self._pattern.search(answer.body.decode("utf-8", "replace"))
            server = found and found.group(1)
        if not server:
            return None
        seen = self.servers[target.name]
        # Long names are cut, and many counted as one, so that nobody makes the figures too large to send.
        name = server[:64]
        name = name if name in seen or len(seen) < MOST_SERVERS else "others"
        seen[name] += 1
        return name

    # -- losses --------------------------------------------------------------------------------------------------------

    def _expire(self, now: float) -> None:
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][2].over):
            _deadline, connection, request = self._waiting.popleft()
            if not request.over:
                what = "answer" if connection.connected else "connection"
                self._fail(connection, "timeout", f"no {what} in time")

    def _fail(self, connection: Connection, kind: str, detail: str) -> None:
        request = connection.request
        if request is None:
            raise AssertionError("only a connection with a request in flight can fail it")
        self._close(connection)
        self._lose(connection.stream, request, kind, detail)

    def _lose(self, stream: Stream, request: Request, kind: str, detail: str) -> None:
        request.over = True
        stream.record.lost(request.number, kind)
        self.series.lost(request.sent, kind)
        if len(self.losses) < MOST_LOSSES:
            self.losses.append(
                {
                    "sent": round(request.sent + self.epoch, 4),
                    "ended": round(self.clock() + self.epoch, 4),
                    "target": stream.target.name,
                    "client": "kept" if stream.kept else "new",
                    "kind": kind,
                    "detail": detail,
                    "reused": request.reused,
                }
            )

    def _close(self, connection: Connection) -> None:
        if connection.stream.connection is connection:
            connection.stream.connection = None
        connection.request = None
        self._selector.unregister(connection.sock)
        connection.sock.close()

    # -- the report ----------------------------------------------------------------------------------------------------

    def result(self) -> dict[str, Any]:
        """Everything that was seen, as JSON has it; ``report`` makes the module's answer of it."""
        elapsed = self.finished - self.start
        late = sum(1 for value in self.lateness if value > LATE)
        due = len(self.lateness) + self.missed
        by_kind = {kept: [stream for stream in self.streams if stream.kept == kept] for kept in (False, True)}
        # Not "started" and "finished": a result with those is no end of an asynchronous task to Ansible.
        figures: dict[str, Any] = {
            "began": round(self.start + self.epoch, 4),
            "ended": round(self.finished + self.epoch, 4),
            "new": self._figures(by_kind[False]),
            "kept": self._figures(by_kind[True]),
            "targets": {
                target.name: {
                    "new": self._figures([stream for stream in by_kind[False] if stream.target is target]),
                    "kept": self._figures([stream for stream in by_kind[True] if stream.target is target]),
                    "servers": dict(self.servers[target.name]),
                }
                for target in self.settings.targets
            },
            "servers": dict(sum(self.servers.values(), Counter())),
            "late_ms": spread(self.lateness),
            "missed": self.missed,
            "on_schedule": not self.missed and late * 100 <= due,
            "cpu_percent": round(100 * (time.process_time() - self._cpu) / elapsed, 1) if elapsed else 0.0,
            "series": self.series.as_dict(self.epoch),
            "losses": self.losses,
        }
        for key in ("sent", "ok", "lost"):
            figures[key] = figures["new"][key] + figures["kept"][key]
        for target in figures["targets"].values():
            target["gap_ms"] = max(target["new"]["gap_ms"], target["kept"]["gap_ms"])
        figures["gap_ms"] = max(figures["new"]["gap_ms"], figures["kept"]["gap_ms"])
        figures["lost_by_kind"] = {
            kind: figures["new"]["lost_by_kind"][kind] + figures["kept"]["lost_by_kind"][kind] for kind in KINDS
        }
        return figures

    def _figures(self, streams: list[Stream]) -> dict[str, Any]:
        figures = summary([stream.record for stream in streams], self.epoch)
        figures["skipped"] = sum(stream.skipped for stream in streams)
        figures["reconnected"] = sum(stream.reconnected for stream in streams)
        return figures


def report(result: dict[str, Any], marks: list[float], most_listed: int, with_series: bool) -> dict[str, Any]:
    """The module's answer: the losses cut to a readable length, those that were in flight at a mark counted apart."""
    answer = dict(result)
    losses = answer.pop("losses")
    losses = [{**loss, "in_flight": flew} for loss, flew in zip(losses, in_flight(losses, marks))]
    answer["lost_in_flight"] = sum(loss["in_flight"] for loss in losses)
    answer["lost_list"] = sorted(losses, key=lambda loss: float(loss["sent"]))[:most_listed]
    answer["lost_list_complete"] = len(answer["lost_list"]) == answer["lost"]
    if not with_series:
        del answer["series"]
    return answer


def _closed(sock: socket.socket) -> bool:
    """Whether the server has ended an idle connection, or said something nobody asked for."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _kind(error: OSError) -> tuple[str, str]:
    """The kind of a loss and the system's words for it."""
    detail = error.strerror or str(error)
    if error.errno == errno.ECONNREFUSED:
        return "refused", detail
    if error.errno in RESETS:
        return "reset", detail
    if error.errno == errno.ETIMEDOUT:
        return "timeout", detail
    return "other", detail
