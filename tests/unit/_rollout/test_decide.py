# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run decides about one node."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.filter.drains_first import drains_first
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.decide import reload_cuts


@pytest.mark.parametrize(
    ("version", "cuts"),
    [
        ("1.22.1-9+deb12u2", True),
        ("1.26.3-3", True),
        ("1.27.3-1~bookworm", True),
        ("1.27.4-1~bookworm", False),
        ("1.28.0", False),
        ("2:1.9.9", True),
    ],
)
def test_a_reload_of_an_older_nginx_cuts_kept_connections(version: str, cuts: bool) -> None:
    packages = ["haproxy 2.6.12-1", f"nginx {version}", "nginx-common 1.0"]
    assert reload_cuts({"nginx": "reload", "haproxy": "reload"}, packages) is cuts
    assert reload_cuts({"nginx": "none"}, packages) is False
    assert reload_cuts({"haproxy": "reload"}, packages) is False


def drains(**how: Any) -> bool:
    return drains_first("lb-1", **{"held": ["192.0.2.28"], "others": ["lb-1", "lb-2"], "applies": {}, **how})


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"applies": {"haproxy": "reload"}}, False),
        ({"applies": {"haproxy": "restart"}}, True),
        ({"applies": {"haproxy": "stop"}}, True),
        ({"leaving": True}, True),
        ({"cuts": True}, True),
        ({"way": "always"}, True),
        ({"way": "never", "applies": {"haproxy": "restart"}, "leaving": True, "cuts": True}, False),
        ({"way": "always", "held": []}, False),
        ({"way": "always", "others": ["lb-1"]}, False),
    ],
)
def test_vips_move_first_where_they_can_and_the_change_asks_for_it(how: dict[str, Any], expected: bool) -> None:
    assert drains(**how) is expected
