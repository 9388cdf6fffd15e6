# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role has to know of a host before it renders: its public keys, and what its files say of peers. Pure but for `tunnels`."""

from __future__ import annotations

import os
from collections.abc import Sequence

FOLDER = "/etc/wireguard"
# Whether the kernel has WireGuard, clocks that differ, public keys and the peers that the files name. By a bare shell, which
# answers in a fifth of a module's time.
SCRIPT = r"""
{ [ -d /sys/module/wireguard ] || modprobe --dry-run --quiet wireguard 2>&-; } && echo kernel
[ ! -s /run/evenkeel/wireguard/skew ] || echo "skew $(cat /run/evenkeel/wireguard/skew)"
cd /etc/wireguard 2>&- || exit 0
for name; do
  [ ! -s "$name.key" ] || echo "key $name $(wg pubkey < "$name.key" 2>&-)"
  [ ! -s "$name.conf" ] || awk -v name="$name" '/^# /{ peer = $2 } /^PublicKey = /{ print "peer", name, peer, $3 }' "$name.conf"
done
"""


def command(names: Sequence[str]) -> list[str]:
    return ["sh", "-c", SCRIPT, "look", *names]


def tunnels(folder: str = FOLDER) -> list[str]:
    """Every tunnel that has a key or a file here."""
    try:
        found = os.listdir(folder)
    except OSError:
        return []
    return sorted({name.rpartition(".")[0] for name in found if name.endswith((".key", ".conf"))})


def of(names: Sequence[str], lines: Sequence[str]) -> list[str]:
    """The lines about these tunnels, and those about none."""
    words = [(line, line.split()) for line in lines]
    return [line for line, word in words if word and (word[0] not in ("key", "peer") or word[1:2] and word[1] in names)]


def keyless(names: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Which of these tunnels have no public key, and so no private one."""
    words = [line.split() for line in lines]
    having = {word[1] for word in words if word[:1] == ["key"] and len(word) == 3}
    return [name for name in names if name not in having]
