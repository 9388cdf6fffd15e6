# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every traffic feature of the proxy is used by a scenario that sends requests through it."""

from __future__ import annotations

import re

from tools.docs import ROOT, specification

SECTIONS = ("haproxy_frontends", "haproxy_backends", "haproxy_listens")
SCENARIOS = ("haproxy", "default")
# How long, how many, how it is logged: the golden files show them, a request does not.
TUNING = {"timeouts", "log", "redispatch", "retry_on", "http_reuse", "fullconn", "options", "init_addr", "resolvers"}


def used() -> set[str]:
    """The keys of every mapping in the scenarios' inventories and tests."""
    files = [
        path for name in SCENARIOS for path in (ROOT / "molecule" / name).rglob("*") if path.suffix in {".yml", ".py"}
    ]
    return {key for path in files for key in re.findall(r"\b(\w+)\b['\"]?\s*:", path.read_text(encoding="utf-8"))}


def test_every_traffic_feature_is_used_by_a_scenario() -> None:
    options = specification(ROOT / "roles" / "haproxy")["options"]
    features = set()
    for section in SECTIONS:
        of_section = options[section]["options"]
        features |= set(of_section) | set(of_section.get("servers", {}).get("options", {}))
    assert features - used() - TUNING == set()
