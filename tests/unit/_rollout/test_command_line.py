# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that would do nothing and end well is refused: one without balancers, and one with tags."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter.require_balancers import require_balancers

from tests.suite.steps import BIN, ROOT

PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml") if path.stem != "engine")
MOLECULE = ["molecule-notest", "notest", "molecule-idempotence-notest"]


def test_the_group_where_the_limit_leaves_any_of_it() -> None:
    assert require_balancers(["lb-1", "lb-2"], ["web-1", "lb-2"], "lb-2:webs", ["all"], MOLECULE) == "balancers"


@pytest.mark.parametrize(
    ("run", "skip", "found"),
    [
        (["haproxy"], [], "--tags haproxy"),
        (["never", "all"], [], "--tags all,never"),
        (["all"], ["always"], "--skip-tags always"),
        (["x"], [*MOLECULE, "z", "y"], "--tags x --skip-tags y,z"),
    ],
)
def test_tags_are_refused(run: list[str], skip: list[str], found: str) -> None:
    with pytest.raises(
        AnsibleFilterError, match=rf"nothing was done\. Found: {found}\. .* use --limit; .* evenkeel\.lb\.plan, "
    ):
        require_balancers(["lb-1"], ["lb-1"], "", run, skip)


def test_no_balancer_at_all() -> None:
    with pytest.raises(AnsibleFilterError, match=r"Found: --limit \(none\)\. Accepted: hosts in the group balancers\."):
        require_balancers([], ["web-1"], "", ["all"], [])


def test_a_check_of_the_syntax_has_no_inventory() -> None:
    assert require_balancers([], [], "", ["all"], []) == "balancers"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_each_playbook_refuses_them(playbook: str, tmp_path: Path) -> None:
    """Also where its every task is skipped."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("balancers: {hosts: {lb-1: {ansible_connection: local}}}\nwebs: {hosts: {web-1: }}\n")
    argv = [f"{BIN}/ansible-playbook", f"playbooks/{playbook}.yml", "-i", str(inventory)]
    for more, said in (
        (["--skip-tags", "all,always"], "Found: --skip-tags all,always."),
        (
            ["--limit", "web-1"],
            "No balancer is in this run, so nothing was done. Found: --limit web-1. Accepted: lb-1.",
        ),
    ):
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        done = subprocess.run([*argv, *more], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode != 0
        assert said in " ".join((done.stdout + done.stderr).split())
        assert "PLAY [" not in done.stdout
