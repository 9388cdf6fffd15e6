# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fresh hosts for a measurement."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, IPv6Network

from lab import hosts

# The one that would go with its IPv4 subnet is a scenario's.
SUBNET6 = IPv6Network("2001:db8:1128::/64")


@contextlib.contextmanager
def fresh(name: str, subnet: IPv4Network, say: Callable[[str], None]) -> Iterator[hosts.Lab]:
    """A lab that nobody has touched; removed afterwards."""
    say(f"- fresh hosts: {name}, {subnet}")
    lab = hosts.Lab(name, subnet, SUBNET6)
    with contextlib.redirect_stdout(io.StringIO()):
        hosts.down(name)
        hosts.up(lab)
    try:
        yield lab
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            hosts.down(name)
