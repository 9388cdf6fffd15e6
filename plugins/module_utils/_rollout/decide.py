# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run decides about one node from what is known of it: whether its VIPs are moved before it changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

ALWAYS, AUTO = "always", "auto"
# From this version on an nginx that is reloaded answers on kept connections before it closes them.
NGINX_KEEPS = (1, 27, 4)
NGINX = re.compile(r"nginx (?:\d+:)?(\d+(?:\.\d+)*)")


def reload_cuts(applies: Mapping[str, str], packages: Iterable[str]) -> bool:
    """Whether what is to be done cuts kept connections though nothing restarts: a reload of an nginx before 1.27.4 does.

    `packages` are lines such as "nginx 1.22.1-9".
    """
    if applies.get("nginx") != "reload":
        return False
    found = [match[1] for match in map(NGINX.match, packages) if match]
    return any(tuple(map(int, version.split("."))) < NGINX_KEEPS for version in found)


def drains_first(
    held: Collection[str],
    others: Collection[str],
    applies: Mapping[str, str],
    way: str = AUTO,
    leaving: bool = False,
    cuts: bool = False,
) -> bool:
    """Whether a node gives its VIPs away before it changes: it has some, a healthy node would take them, and the person
    who runs this wants it always, or the change can't be made in place without a loss."""
    if not held or not others:
        return False
    if way == AUTO:
        return leaving or cuts or any(how in ("restart", "stop") for how in applies.values())
    return way == ALWAYS
