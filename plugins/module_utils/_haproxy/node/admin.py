# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's own sockets: the worker that serves, and the master that knows of the workers before it."""

from __future__ import annotations

import socket

SOCKET = "/run/haproxy/admin.sock"
MASTER = "/run/haproxy-master.sock"
SECONDS = 5


class Refused(Exception):
    """HAProxy said no, or something else than was asked."""


class Haproxy:
    """Commands to the running daemon, one connection each."""

    def __init__(self, path: str = "", master: str = "") -> None:
        self.path = path or SOCKET
        self.master = master or MASTER

    def ask(self, command: str, payload: str = "") -> str:
        """What the worker that serves answers."""
        if payload:
            # An empty line ends a payload.
            lines = [line for line in payload.splitlines() if line.strip()]
            command = "{} <<\n{}\n".format(command, "\n".join(lines))
        return exchange(self.path, command)

    def ask_master(self, command: str) -> str:
        """What the master answers; behind ``@!PID`` a worker of its, an older one too."""
        return exchange(self.master, command, close=True)


def exchange(path: str, command: str, close: bool = False) -> str:
    """Send one command and return the answer. The master waits for further commands until its client has hung up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        if close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            part = connection.recv(65536)
            if not part:
                return answer.decode(errors="replace").strip()
            answer += part
