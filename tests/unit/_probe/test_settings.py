# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe refuses to be asked."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._probe.settings import settings

V4 = {"address": "192.0.2.28"}


def test_defaults_are_the_words_of_the_design():
    made = settings({"targets": [V4]})
    (target,) = made.targets
    assert (target.name, target.host, target.port) == ("192.0.2.28:80", "192.0.2.28", 80)
    assert (target.rate, target.kept, target.kept_rate, made.timeout) == (100, 20, 50, 1)
    assert target.requests_per_second == 1100


def test_a_target_may_differ():
    made = settings({"targets": [V4, {"address": "2001:db8::28", "port": 8080, "rate": 5, "kept": 0}], "rate": 10})
    assert [target.rate for target in made.targets] == [10, 5]
    assert made.targets[1].name == made.targets[1].host == "[2001:db8::28]:8080"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "targets: There is nothing to probe. Found: []. Accepted: one target or more. Name a target. [probe]"),
        (
            {"targets": [{"address": "www.example.com"}]},
            "targets[0].address: A target is a literal address, so that no name look-up is measured. "
            "Found: 'www.example.com'. Accepted: an IPv4 or IPv6 address without prefix or brackets. "
            "Write the address. [probe]",
        ),
        (
            {"targets": [V4], "duration": 0},
            "duration: The number is out of range. Found: 0. Accepted: 0.1 to 86400. "
            "Every run is bounded: choose a duration. [probe]",
        ),
        (
            {"targets": [V4], "duration": 3600},
            "duration: The run would send more requests than a probe keeps. Found: '3960000 requests'. "
            "Accepted: 2000000 requests. Choose a shorter duration or lower rates. [probe]",
        ),
        (
            {"targets": [V4, V4]},
            "targets[1].name: Two targets have this name. Found: '192.0.2.28:80'. "
            "Accepted: a name of its own. Give the target a name. [probe]",
        ),
        (
            {"targets": [{**V4, "protocol": "tcp"}]},
            "targets[0].kept: A kept TCP client needs something to send and something to expect. Found: 20. "
            "Accepted: kept: 0, or send and expect. Set kept: 0 for this target or give it send and expect. [probe]",
        ),
        (
            {"targets": [V4], "server_pattern": "web-[0-9]"},
            "server_pattern: The pattern must be a regular expression with one group. Found: 'web-[0-9]'. "
            "Accepted: for example 'served by ([a-z0-9-]+)'. Put the part that names the server into brackets. [probe]",
        ),
        (
            {"targets": [V4], "rate": 0, "kept": 0},
            "targets: No target is sent anything. Found: 0. Accepted: a rate or kept above 0. "
            "Set rate or kept. [probe]",
        ),
    ],
)
def test_refusals(params, message):
    with pytest.raises(CoreError) as caught:
        settings(params)
    assert str(caught.value) == message


def test_all_faults_at_once():
    with pytest.raises(CoreError) as caught:
        settings({"targets": [{"address": "x", "port": 0}], "timeout": 0, "server_pattern": "("})
    assert [finding.where for finding in caught.value.findings] == [
        "timeout",
        "server_pattern",
        "targets[0].address",
        "targets[0].port",
    ]
