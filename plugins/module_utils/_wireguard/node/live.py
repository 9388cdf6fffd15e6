# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node says of its tunnels; never a private or a preshared key."""

from __future__ import annotations

import contextlib
import re
import time
from typing import Any

from .ctl import verify
from .device import Device, devices, peers_of
from .watch import skews


def look() -> dict[str, Any]:
    """All of it, as `wireguard_info` returns it. Raises Trouble and OSError."""
    return {"interfaces": [_interface(one) for one in devices()], "problems": verify(), "clocks": skews()}


def _interface(device: Device) -> dict[str, Any]:
    up = device.up()
    names = _names(device)
    return {
        "name": device.name,
        "unit": device.unit,
        "follows": str(device.follow["instance"]) if device.follow else "",
        "wanted": device.wanted(),
        "up": up,
        "peers": [
            {
                "name": names.get(peer.key, ""),
                "public_key": peer.key,
                "endpoint": peer.endpoint,
                "handshake_seconds": max(0, int(time.time()) - peer.handshake) if peer.handshake else None,
            }
            for peer in (device.peers() if up else ())
        ],
    }


def _names(device: Device) -> dict[str, str]:
    """How the inventory calls the peers, by their public keys."""
    with contextlib.suppress(FileNotFoundError):
        sections = peers_of(device.conf.read_text(encoding="utf-8"))[1]
        found = {key: re.search(r"(?m)^# (\S+)$", section) for key, section in sections.items()}
        return {key: name[1] for key, name in found.items() if name}
    return {}
