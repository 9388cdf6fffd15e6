# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule that there is, whichever room checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._cluster import rules as cluster
from .._core.register import Rule, registered
from .._haproxy import rules as haproxy
from .._keepalived import model as keepalived
from .._nginx import rules as nginx
from .._traefik import rules as traefik
from .._wireguard import rules as wireguard
from . import accept

# A rule is registered where it is written, so these have to be imported.
ROOMS = (cluster, keepalived, haproxy, nginx, traefik, wireguard, accept)


def known() -> Mapping[str, Rule]:
    """All rules by their identifiers: A9, A9-raw, A10, and words last."""
    return {rule.id: rule for rule in sorted(registered().values(), key=_place)}


def _place(rule: Rule) -> tuple[str, int, str]:
    match = re.fullmatch(r"([A-Z])(\d+)(.*)", rule.id)
    return (match[1], int(match[2]), match[3]) if match else ("~", 0, rule.id)
