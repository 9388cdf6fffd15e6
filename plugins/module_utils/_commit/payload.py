# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contents and secrets as one opaque argument: nothing can be read in passing, and no part of it matches a diff."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any


def pack(contents: Sequence[bytes], hidden: Mapping[str, Any]) -> str:
    """For the way to the node. Any byte survives."""
    texts = [content.decode("utf-8", "surrogateescape") for content in contents]
    data = json.dumps({"contents": texts, "hidden": dict(hidden)})
    return base64.b64encode(zlib.compress(data.encode("ascii"))).decode("ascii")


def unpack(text: str) -> tuple[list[bytes], dict[str, Any]]:
    """The contents in order, and the hidden arguments."""
    data = json.loads(zlib.decompress(base64.b64decode(text)))
    return [one.encode("utf-8", "surrogateescape") for one in data["contents"]], data["hidden"]
