# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM files as far as they can be judged without a TLS library: which blocks there are, when a certificate ends, and
whether those after it issued it."""

from __future__ import annotations

import base64
import calendar
import re
from collections.abc import Iterator

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_TIMES = {0x17: 2, 0x18: 4}  # UTCTime and GeneralizedTime, by the digits of their year
_VERSION = 0xA0
ISSUER, VALIDITY, SUBJECT = 2, 3, 4


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
    try:
        return _not_after(next(_fields(text), []))
    except (IndexError, KeyError, ValueError):
        return None


def stranger(text: str) -> int | None:
    """The number of the first certificate, from 1, that is not the issuer of the one before it; None where there is none.

    By their names, whose bytes have to be the same (RFC 5280, "Subject"). Signatures are the daemon's business.
    """
    try:
        chain = list(_fields(text))
        for number, (one, after) in enumerate(zip(chain, chain[1:]), 2):
            if one[ISSUER] != after[SUBJECT]:
                return number
    except (IndexError, ValueError):
        pass
    return None


def _fields(text: str) -> Iterator[list[bytes]]:
    """Of every certificate the contents of its signed part, from the serial number on (RFC 5280)."""
    for kind, body in blocks(text):
        if kind == "CERTIFICATE":
            certificate = _element(base64.b64decode(body, validate=False), 0)[1]
            signed = _element(certificate, 0)[1]
            fields, place = [], 0
            while place < len(signed):
                tag, content, place = _element(signed, place)
                if tag != _VERSION:
                    fields.append(content)
            yield fields


def _not_after(fields: list[bytes]) -> int:
    second = _element(fields[VALIDITY], 0)[2]
    tag, moment = _element(fields[VALIDITY], second)[:2]
    return _seconds(moment.decode("ascii"), _TIMES[tag])


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
