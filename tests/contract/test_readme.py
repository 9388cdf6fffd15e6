# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""READMEs: generated blocks are in step, links lead somewhere, commands that are named exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.suite import everything
from tests.suite.steps import ROOT, tree
from tools import docs

PAGES = [path for path in tree() if path.suffix == ".md" and path.name != "CHANGELOG.md"]


@pytest.mark.parametrize("readme", docs.readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_blocks_are_in_step(readme: Path) -> None:
    assert readme.read_text(encoding="utf-8") == docs.render(readme), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert named - targets == set()


def test_first_screen_shows_the_two_commands() -> None:
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    assert "make lab" in first
    assert "make test" in first


def test_every_scenario_is_run_and_described() -> None:
    text = (ROOT / "TESTING.md").read_text(encoding="utf-8")
    scenarios = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    assert scenarios == sorted(everything.SCENARIOS)
    assert [name for name in scenarios if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("name", ["README.md", "TESTING.md"])
def test_playbooks_and_folders_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w./])(?:playbooks|inventories|tests|lab|docs)/[\w./-]*\w", text))
    # Made by the reader or by a command.
    made = {"inventories/mine", "tests/output"}
    assert [path for path in sorted(named - made) if not (ROOT / path).exists()] == []
    playbooks = set(re.findall(r"ansible-playbook evenkeel\.lb\.(\w+)", text))
    assert [playbook for playbook in playbooks if not (ROOT / "playbooks" / f"{playbook}.yml").exists()] == []
