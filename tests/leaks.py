# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted secrets, and where they are seen: however packed, in what ansible prints, in logs, in left-overs."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

TOKEN = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
# Where something may be left on a node.
PLACES = "/tmp /var/tmp /home/keel /root/.ansible /run/evenkeel /dev/shm"


def layers(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """The data, and what is packed in it: base64, zlib and zip, one inside the other, as Ansible's payloads are."""
    yield data
    if depth == 0:
        return
    for token in set(TOKEN.findall(data)):
        try:
            raw = base64.b64decode(token + b"=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            continue
        yield raw
        with contextlib.suppress(zlib.error):
            yield from layers(zlib.decompress(raw), depth - 1)
        if raw.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                for name in archive.namelist():
                    yield from layers(archive.read(name), depth - 1)


def leaks(data: bytes, secrets: Mapping[str, str]) -> set[str]:
    """The names of the secrets that are in there, however packed."""
    return {name for layer in layers(data) for name, secret in secrets.items() if secret.encode() in layer}


def left_here() -> bytes:
    """What ansible may have left on the controller."""
    found = []
    # Other runs of ansible come and go there.
    for folder, _folders, files in os.walk(Path("~/.ansible/tmp").expanduser()):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                found.append(Path(folder, name).read_bytes())
    return b"".join(found)
