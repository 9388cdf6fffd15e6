# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a node give a VIP away: tracked services, weights, and how long clients wait for the next node.

Every failing check either takes a node out at once (FAULT) or lowers its priority by a weight. The weights are derived
from the priorities, so that the health of the nodes decides first and the preference only among equally healthy ones:
healthy > lost its backends > drained > FAULT; the numbers leave room for a daemon that hangs, between drained and FAULT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core import services
from .._core.services import Service

# keepalived counts a track file at or below this as FAULT; a weight must stay above it.
FAULT = -254
STRONGEST = 253

# How far below HIGHEST each place in the order of an instance is. The places are fixed, so that appending a node changes no
# number of the others. With g the last of them and two tracked services, every state of health has to stay in strict order
# (healthy > lost its backends > drained > hung), and the last node in the worst of them above the clamp at 1:
#   lost a service  r = g+1, beats the order;  drained  d = 2r + (g+1) = 3g+3, beats both lost;  hung  h = d + 2r + (g+1) = 6g+6;
#   last, both lost, drained, both hung: g + 2r + d + 2h = 18g+17 < HIGHEST - 1, so g <= 12.
# The twelve are shared unevenly. Standbys that wait for the same dead holder wake apart by skew_seconds of their distance,
# interval/256 for each unit; the nearer, the likelier both take the address for a moment. Most often the second and the third in
# line wait so (2 to 5), then the third and the fourth.
HIGHEST = 250
PLACES = (0, 2, 5, 7, 8, 9, 10, 11, 12)
NODES = len(PLACES)
SPAN = PLACES[-1]

# The hang check. keepalived runs scripts in whole seconds; `answer_within` is the limit of the check itself.
CHECK: Mapping[str, Any] = {"interval": 1, "timeout": 1, "fall": 2, "rise": 2, "answer_within": 0.5}


def _tracked(service: Service) -> dict[str, Any]:
    at = {"host": "127.0.0.1", "port": service.health_port}
    return {"unit": service.unit, "alive": {**at, "path": "/alive"}, "ready": {**at, "path": "/ready"}}


# `track: [haproxy]` means this entry; `keepalived_track_services` is merged over the table, entry by entry.
SERVICES: Mapping[str, Mapping[str, Any]] = {one.name: _tracked(one) for one in services.SERVICES if one.health_port}


@dataclass(frozen=True)
class Weights:
    """How far each misfortune lowers a node of this cluster, as magnitudes; all instances share them."""

    gap: int
    ready: int
    drain: int
    drain_is_fault: bool

    @property
    def drain_value(self) -> int:
        """What a drained node's track file holds."""
        return FAULT if self.drain_is_fault else -self.drain


def weights(gap: int, loads: Sequence[tuple[int, int]], drain_is_fault: bool) -> Weights:
    """The smallest weights that beat `gap`, the largest distance between two nodes of one instance.

    `loads` has one item per instance: how many backend-loss checks it has, and the sum of the user's own weights.
    One lost service must beat the gap; a drain must beat everything that can be lost, and the gap.
    """
    ready = gap + 1
    heaviest = max((count * ready + own for count, own in loads), default=0)
    return Weights(gap, ready, heaviest + gap + 1, drain_is_fault)


def clamp(priority: int) -> int:
    """keepalived's effective priority: 1..254 whatever the weights say (vrrp.c, effective priority)."""
    return max(1, min(254, priority))


def skew_seconds(priority: int, advert_interval: float, version: int) -> float:
    """How long a standby waits after its MASTER said goodbye.

    VRRPv3 (RFC 9568 6.1): ((256 - priority) * Active_Adver_Interval) / 256.
    VRRPv2 (RFC 3768 6.1): (256 - priority) / 256 seconds, whatever the interval.
    """
    return (256 - priority) / 256 * (advert_interval if version == 3 else 1)


def detection_seconds(
    priority: int, advert_interval: float, version: int, down_timer_adverts: int, hang: float | None
) -> dict[str, float | None]:
    """How long it takes until the next in line, of that `priority`, takes over from a MASTER that fails.

    crash: the MASTER says goodbye with priority 0 (its tracked daemon died, or keepalived was stopped): the skew time.
    hang: the check has to notice first (`hang`, see `hang_seconds`), then it is a crash.
    dead_node: nobody says anything: down_timer_adverts * advert_interval + skew (Active_Down_Interval, RFC 9568 6.1;
    keepalived's include/vrrp.h has down_timer_adverts in the place of the 3).
    """
    skew = skew_seconds(priority, advert_interval, version)
    return {
        "crash": round(skew, 3),
        "hang": None if hang is None else round(hang + skew, 3),
        "dead_node": round(down_timer_adverts * advert_interval + skew, 3),
    }


def hang_seconds(alive: Mapping[str, Any] | None) -> float | None:
    """Until `fall` checks in a row have failed: the phase of the first, then interval by interval, then the last one's
    own limit. None without a check: then nothing notices a daemon that hangs."""
    if alive is None:
        return None
    return float(alive["interval"] * alive["fall"] + min(alive["answer_within"], alive["timeout"]))
