# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM files as far as they can be judged without a TLS library: which blocks there are and when a certificate ends."""

from __future__ import annotations

import base64
import binascii
import calendar
import re

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_TIMES = {0x17: 2, 0x18: 4}  # UTCTime and GeneralizedTime, by the digits of their year
_SEQUENCE = 0x30


def blocks(text: str) -> list[tuple[str, str]]:
    """Kind and base64 body of every block, in order."""
    return _BLOCK.findall(text)


def has_certificate(text: str) -> bool:
    return any(kind == "CERTIFICATE" for kind, dummy in blocks(text))


def has_key(text: str) -> bool:
    return any(kind.endswith("PRIVATE KEY") for kind, dummy in blocks(text))


def is_encrypted(text: str) -> bool:
    """Whether a key asks for a passphrase, which a daemon cannot answer."""
    return any(kind == "ENCRYPTED PRIVATE KEY" or "Proc-Type: 4,ENCRYPTED" in body for kind, body in blocks(text))


def ends(text: str) -> int | None:
    """When the first certificate ends, in seconds since the epoch; None where that cannot be read."""
    for kind, body in blocks(text):
        if kind == "CERTIFICATE":
            try:
                return _not_after(base64.b64decode(body, validate=False))
            except (binascii.Error, IndexError, ValueError):
                return None
    return None


def _not_after(der: bytes) -> int:
    certificate = _element(der, 0)[1]
    signed = _element(certificate, 0)[1]
    place = 0
    while place < len(signed):
        tag, content, place = _element(signed, place)
        # Of the sequences in the signed part only the validity holds two times and nothing else.
        if tag == _SEQUENCE and content and content[0] in _TIMES:
            second = _element(content, 0)[2]
            tag, moment = _element(content, second)[:2]
            return _seconds(moment.decode("ascii"), _TIMES[tag])
    raise ValueError("no validity")


def _element(data: bytes, place: int) -> tuple[int, bytes, int]:
    """Tag, content and the place after it of one DER element."""
    tag, length, place = data[place], data[place + 1], place + 2
    if length & 0x80:
        size = length & 0x7F
        length, place = int.from_bytes(data[place : place + size], "big"), place + size
    return tag, data[place : place + length], place + length


def _seconds(moment: str, digits: int) -> int:
    year = int(moment[:digits])
    if digits == 2:
        year += 1900 if year >= 50 else 2000
    rest = [int(moment[at : at + 2]) for at in range(digits, digits + 10, 2)]
    return calendar.timegm((year, rest[0], rest[1], rest[2], rest[3], rest[4]))
