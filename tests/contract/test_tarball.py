# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built collection: what its users need, and nothing of the work tree."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import yaml

from tests.suite.steps import BIN, ROOT, environment

EXPECTED = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


def test_top_level(tmp_path: Path) -> None:
    command: list[str | Path] = [BIN / "ansible-galaxy", "collection", "build", "--output-path", tmp_path, ROOT]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as tar:
        names = tar.getnames()
    assert {name.split("/")[0] for name in names} == EXPECTED
    assert [name for name in names if "/." in name or name.endswith(".pyc")] == []
    assert {"plugins/plugin_utils/templates/report.html.j2", "meta/ee-requirements.txt"} <= set(names)


def test_what_an_execution_environment_gets_is_what_we_test_with() -> None:
    meta = yaml.safe_load((ROOT / "meta/execution-environment.yml").read_text(encoding="utf-8"))
    wanted = _packages(meta["dependencies"]["python"], "~=")
    tested = _packages("requirements.txt", "==")
    assert set(wanted) == set(tested) - {"ansible-core"}
    assert all(tested[name].startswith(f"{release}.") for name, release in wanted.items())


def _packages(file: str, relation: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return dict(line.split(relation, 1) for line in lines if not line.startswith("#"))
