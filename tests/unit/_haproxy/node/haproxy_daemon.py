# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's sockets without HAProxy, for errors and races that the real one shows rarely; and what the real ones said."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

ANSWERS = Path(__file__).parent / "haproxy_answers"
RELEASES = ("2.6", "3.0")


def recorded(release: str) -> dict[str, str]:
    """What HAProxy of a release answered, by command; one server is drained, one down, one disabled, and a reload has left
    an old worker with one session."""
    text = (ANSWERS / f"{release}.txt").read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("=== ")[1:])
    return {command: answer for command, _, answer in parts}


class Daemon(threading.Thread):
    """HAProxy's admin socket: answers by the first words of a command, and remembers what it was asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.answers: dict[str, str | Callable[[str], str]] = {}
        self.asked: list[str] = []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection:
                command = connection.recv(65536).decode()
                self.asked.append(command)
                start = max((start for start in self.answers if command.startswith(start)), key=len, default="")
                answer = self.answers.get(start, "Unknown command.")
                connection.sendall((answer if isinstance(answer, str) else answer(command)).encode())
