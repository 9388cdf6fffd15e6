# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages by which the holder of an identity tells the other nodes where its peers are. Pure.

Signed with a key derived from the identity's private key, which only the nodes have. What they say is no secret to anybody who
sees the tunnel's packets; that nobody else says it matters.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

# So many fit into a datagram that no network cuts in two.
PEERS = 12
SIGNATURE = 32


def signing_key(private_key: str) -> bytes:
    return hmac.new(private_key.strip().encode(), b"evenkeel endpoint mirror", hashlib.sha256).digest()


def messages(key: bytes, interface: str, sender: str, now: float, endpoints: Mapping[str, str]) -> Iterator[bytes]:
    """At least one: that somebody is the holder is worth saying too."""
    items = sorted(endpoints.items())
    for start in range(0, max(len(items), 1), PEERS):
        said = {"interface": interface, "from": sender, "time": now, "endpoints": dict(items[start : start + PEERS])}
        body = json.dumps(said, separators=(",", ":")).encode()
        yield hmac.new(key, body, hashlib.sha256).digest() + body


def read(keys: Mapping[str, bytes], data: bytes) -> dict[str, Any] | None:
    """What one of our own nodes says; anything else is nothing. `keys` are the signing keys by interface."""
    signature, body = data[:SIGNATURE], data[SIGNATURE:]
    for interface, key in keys.items():
        if hmac.compare_digest(hmac.new(key, body, hashlib.sha256).digest(), signature):
            said: dict[str, Any] = json.loads(body)
            return said if said["interface"] == interface else None
    return None
