# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets a unit listens on, from /proc: no tool is needed."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
ANY = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Socket:
    """A listening socket; \"unix\" has its path as address."""

    kind: str  # tcp | udp | unix
    address: str
    port: int
    inode: int


@dataclass(frozen=True)
class Wanted:
    """A socket that must be there."""

    kind: str
    address: str  # empty: any
    port: int

    def met_by(self, one: Socket) -> bool:
        if one.kind != self.kind or one.port != self.port:
            return False
        if self.kind == "unix" or self.address not in ("", *ANY):
            wildcard = one.address == "::" or (one.address == "0.0.0.0" and ":" not in self.address)
            return one.address == self.address or (self.kind != "unix" and wildcard)
        return one.address in ANY and (self.address != "::" or one.address == "::")

    def taken_by(self, one: Socket) -> bool:
        """Whether this socket is in the way of the wanted one: same port and family, same address or either any."""
        if self.kind == "unix" or one.kind != self.kind or one.port != self.port:
            return False
        address = self.address or "0.0.0.0"
        same_family = (":" in address) == (":" in one.address)
        return same_family and (address == one.address or address in ANY or one.address in ANY)


def wanted(text: str) -> Wanted:
    """`192.0.2.1:80`, `[2001:db8::1]:80`, `*:80`, `:80`, `udp@...`, `unix@/run/x.sock`. Raises ValueError."""
    kind, at, rest = text.rpartition("@")
    if text.startswith("/") or kind == "unix":
        return Wanted("unix", rest if at else text, 0)
    kinds = {"": "tcp", "ipv4": "tcp", "ipv6": "tcp", "tcp": "tcp", "udp": "udp"}
    address, colon, port = rest.rpartition(":")
    if kind not in kinds or not colon or not port.isdigit():
        raise ValueError(text)
    address = address.strip("[]").replace("*", "")
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        address = socket.inet_ntop(family, socket.inet_pton(family, address))
    return Wanted(kinds[kind], address, int(port))


def _address(text: str) -> str:
    """The kernel prints 32-bit words in host order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, raw)


def listening(proc: str = "/proc") -> list[Socket]:
    """Every listening socket of this network namespace."""
    found: list[Socket] = []
    for kind, state in (("tcp", LISTEN), ("udp", "07")):
        for suffix in ("", "6"):
            with contextlib.suppress(OSError):
                for line in Path(proc, "net", kind + suffix).read_text().splitlines()[1:]:
                    fields = line.split()
                    if fields[3] == state:
                        address, port = fields[1].split(":")
                        found.append(Socket(kind, _address(address), int(port, 16), int(fields[9])))
    with contextlib.suppress(OSError):
        # Any user may bind a name of any bytes, line ends among them; the rest of such a name is no line of the table.
        for line in Path(proc, "net", "unix").read_bytes().decode(errors="surrogateescape").split("\n")[1:]:
            fields = line.split(None, 7)
            with contextlib.suppress(ValueError):
                # 00010000 is the flag of a socket that accepts.
                if len(fields) == 8 and int(fields[3], 16) & 0x10000:
                    found.append(Socket("unix", fields[7], 0, int(fields[6])))
    return found


def inodes(pids: Iterable[int]) -> tuple[set[int], bool]:
    """Inodes of all sockets that these processes have open, and whether we were let to see them all."""
    found: set[int] = set()
    complete = True
    for pid in pids:
        try:
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    target = os.readlink(entry.path)
                    if target.startswith("socket:["):
                        found.add(int(target[8:-1]))
        except FileNotFoundError:
            continue
        except PermissionError:
            complete = False
    return found, complete


def of_processes(sockets: Iterable[Socket], pids: Iterable[int]) -> list[Socket]:
    """Those that the processes hold; where a container hides their files, those that nobody else is seen to hold."""
    mine = list(pids)
    own, complete = inodes(mine)
    if complete:
        return [one for one in sockets if one.inode in own]
    others, dummy = inodes(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in mine)
    return [one for one in sockets if one.inode in own or one.inode not in others]


def taken(texts: Iterable[str], pids: Iterable[int]) -> list[tuple[str, str]]:
    """Those of the wanted sockets that somebody else holds, and who. A daemon finds that out only when it binds."""
    everything = listening()
    mine = of_processes(everything, pids)
    others = [one for one in everything if one not in mine]
    return [
        (text, f"{one.address} port {one.port} is held by {holder(one)}")
        for text in texts
        for one in others
        if wanted(text).taken_by(one)
    ]


def holder(one: Socket) -> str:
    """Name and number of the process that holds a socket."""
    for name in os.listdir("/proc"):
        if name.isdigit() and one.inode in inodes([int(name)])[0]:
            with contextlib.suppress(OSError):
                # Also a process names itself as it likes.
                return f"{Path('/proc', name, 'comm').read_text(errors='replace').strip()} (process {name})"
    return "another process"


def missing(texts: Iterable[str], pids: Iterable[int] | None) -> list[str]:
    """Those of the wanted sockets that none of these processes (any process where None) listens on."""
    sockets = listening() if pids is None else of_processes(listening(), pids)
    return [text for text in texts if not any(wanted(text).met_by(one) for one in sockets)]
