# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a node's own does not count as a difference between two nodes, and everything else does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._report.per_node import (
    INTERFACE,
    NODE,
    OWN,
    Mask,
    differences,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.test_keepalived import HERE, model, render
from tests.unit._cluster.plan_data import five, instance, nodes, plan

THREE: dict[str, Any] = plan("edge", nodes(five(3), per_node={"lb-2": {"keepalived_interface": "ens3"}}))
MASK = Mask.of(THREE)
CLUSTERS = sorted({path.stem for path in HERE.glob("*.yml")})


def rendered(case: str, node: str) -> dict[str, str]:
    """What keepalived's role puts on a node, as far as it differs between nodes."""
    return {
        "keepalived.conf": render("keepalived.conf.j2", case, node),
        "vrrp.nft": render("vrrp.nft.j2", case, node),
        "vrrp.json": json.dumps(model(case, node)["facts"], indent=4),
    }


@pytest.mark.parametrize("case", CLUSTERS)
def test_nodes_of_one_plan_do_not_differ(case: str) -> None:
    given = yaml.safe_load(Path(HERE / f"{case}.yml").read_text(encoding="utf-8"))
    hosts = {name: {**given["variables"], **own} for name, own in given["nodes"].items()}
    names = given["variables"]["evenkeel_nodes"]
    mask = Mask.of(plan("edge", [{"name": name, "vars": hosts[name]} for name in names]))
    # A router_id that the role's variable gives a node is masked by its directive.
    for name in names:
        assert list(differences(mask, rendered(case, names[0]), rendered(case, name), (names[0], name))) == []


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("    priority 250", f"    priority {OWN}"),
        ("    router_id whatever else", f"    router_id {OWN}"),
        ("    setenv EVENKEEL_CONFIGURATION 0123456789abcdef", f"    setenv EVENKEEL_CONFIGURATION {OWN}"),
        ("    unicast_src_ip 198.51.100.11", f"    unicast_src_ip {NODE}"),
        ("        198.51.100.12 min_ttl 255", f"        {NODE} min_ttl 255"),
        ("    interface eth0", f"    interface {INTERFACE}"),
        ('        iifname "ens3" accept', f'        iifname "{INTERFACE}" accept'),
        ("    localpeer lb-1", f"    localpeer {NODE}"),
        ("    peer lb-1 198.51.100.11:10242", f"    peer {NODE} {NODE}:10242"),
        # Not a node's, though it looks alike.
        ("    server web 198.51.100.111:80", None),
        ("    server lb-10 198.51.100.21:80", None),
        ("    server my-lb-1 198.51.100.21:80", None),
        ("    server lb-1.example.com 198.51.100.21:80", None),
        ("    bind 198.51.100.28:80", None),
        ("    weight 250", None),
    ],
)
def test_only_a_nodes_own_is_masked(line: str, seen: str | None) -> None:
    assert MASK.lines(line) == [line if seen is None else seen]


def test_what_only_some_nodes_have_and_what_explains_is_left_out() -> None:
    assert MASK.lines("# why\n\n    preempt_delay 5\n  # more\nkept\n") == ["kept"]


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = MASK.lines(f"priority 1 {text} 198.51.100.11")
    assert MASK.lines("\n".join(once)) == once


@given(st.lists(st.from_regex(r"[a-z]{1,8} [a-z0-9]{1,8}", fullmatch=True)), st.integers(0), st.text("xyz", min_size=1))
def test_any_other_line_is_a_difference(lines: list[str], at: int, word: str) -> None:
    changed = [*lines]
    changed.insert(at % (len(lines) + 1), f"option {word}")
    found = dict(differences(MASK, {"/a": "\n".join(lines)}, {"/a": "\n".join(changed)}, ("lb-1", "lb-2")))
    assert f"+option {word}" in found["/a"].splitlines()


def test_a_file_that_one_node_lacks() -> None:
    found = dict(differences(MASK, {"/both": "a", "/old": "a"}, {"/both": "a", "/new": ""}, ("lb-1", "lb-2")))
    assert found == {
        "/new": "--- lb-1:/new (absent)\n+++ lb-2:/new",
        "/old": "--- lb-1:/old\n+++ lb-2:/old (absent)\n@@ -1 +0,0 @@\n-a",
    }


def test_a_plan_without_instances_masks_names_alone() -> None:
    empty = Mask.of(plan("edge", nodes(instances=[])))
    assert empty.lines("lb-1 eth0") == [f"{NODE} eth0"]
    assert Mask.of({"nodes": {}}).lines("lb-1") == ["lb-1"]
    assert Mask.of(plan("edge", nodes(["lb-1"], instances=[instance()]))).lines("eth0") == [INTERFACE]
