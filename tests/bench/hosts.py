# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fresh hosts for a measurement."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network

from lab import hosts
from lab.addresses import subnet6_for


@contextlib.contextmanager
def fresh(name: str, subnet: IPv4Network, say: Callable[[str], None]) -> Iterator[hosts.Lab]:
    """A lab that nobody has touched; removed afterwards."""
    say(f"- fresh hosts: {name}, {subnet}")
    lab = hosts.Lab(name, subnet, subnet6_for(subnet))
    with contextlib.redirect_stdout(io.StringIO()):
        hosts.down(name)
        hosts.up(lab)
    try:
        yield lab
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            hosts.down(name)
