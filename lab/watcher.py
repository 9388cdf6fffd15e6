# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a network namespace: prints a JSON line [time, add|del|gone|ready, address] per change, then waits.

Talks rtnetlink itself, since an `ip monitor` prints no state to begin with and its text differs between releases.
"""

from __future__ import annotations

import json
import socket
import struct
import time

NEWADDR, DELADDR, GETADDR, DELLINK, DONE = 20, 21, 22, 17, 3
IFA_ADDRESS, IFA_LOCAL = 1, 2
GROUPS = 0x1 | 0x10 | 0x100  # links, IPv4 addresses, IPv6 addresses
REQUEST_DUMP = 0x1 | 0x300


def main() -> None:
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    events.bind((0, GROUPS))
    # Subscribed first, asked then: nothing falls between the two.
    header = struct.pack("=IHHII", 20, GETADDR, REQUEST_DUMP, 1, 0)
    events.send(header + struct.pack("=BBBB", 0, 0, 0, 0))
    while True:
        data = events.recv(1 << 18)
        moment = time.time()
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            body, data = data[16:length], data[(length + 3) & ~3 :]
            if kind in (NEWADDR, DELADDR):
                say(moment, "add" if kind == NEWADDR else "del", address_in(body))
            elif kind == DONE:
                say(moment, "ready")
            elif kind == DELLINK:
                # The cable itself is gone: this node has lost its power.
                say(moment, "gone")
                return


def address_in(body: bytes) -> str:
    """The address of an ifaddrmsg; on a point-to-point link its own, not the peer's."""
    family = socket.AF_INET if body[0] == socket.AF_INET else socket.AF_INET6
    found: dict[int, bytes] = {}
    rest = body[8:]
    while len(rest) >= 4:
        length, kind = struct.unpack_from("=HH", rest)
        found[kind] = rest[4:length]
        rest = rest[(length + 3) & ~3 :]
    return socket.inet_ntop(family, found.get(IFA_LOCAL) or found[IFA_ADDRESS])


def say(moment: float, what: str, address: str = "") -> None:
    print(json.dumps([moment, what, address]), flush=True)


if __name__ == "__main__":
    main()
