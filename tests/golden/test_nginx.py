# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's files as the role renders them: text that people read, and that nginx of both Debian releases takes without a warning.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden/test_nginx.py`, and read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._core.nginx import build

from tests.golden.daemons import RELEASES, daemons
from tests.haproxy import self_signed
from tests.nginx import options, rendered

HERE = Path(__file__).parent / "nginx"
CASES = sorted(path.stem for path in HERE.glob("*.yml"))
PACKAGES = {
    "bookworm": ["base-files 12.4+deb12u11", "nginx 1.22.1-9+deb12u3", "libssl3 3.0.17-1~deb12u2"],
    "trixie": ["base-files 13.8", "nginx 1.26.3-3+deb13u1", "libssl3t64 3.5.1-1"],
}
each = pytest.mark.parametrize(("case", "release"), [(case, release) for case in CASES for release in RELEASES])


def model(case: str, release: str) -> dict[str, Any]:
    given = yaml.safe_load((HERE / f"{case}.yml").read_text(encoding="utf-8"))["variables"]
    certificate, key = self_signed()
    pem = {"both": certificate + key, "certificate": certificate, "key": key}
    for item in given.get("nginx_certificates", []):
        for name in ("content", "key"):
            if item.get(name):
                item[name] = pem[item[name].split(".")[1].split()[0]]
    found = build(given, options(), PACKAGES[release])
    assert found["errors"] == []
    return found


@each
def test_text(case: str, release: str) -> None:
    files = rendered(model(case, release))
    text = "".join(f"# ==> {path}\n{content}" for path, content in files.items())
    expected = HERE / "expected" / f"{case}-{release}.conf"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@each
def test_nginx_takes_it(case: str, release: str) -> None:
    """A warning is a refusal here."""
    certificate, key = self_signed()
    prepared = model(case, release)
    files: dict[str, str | bytes] = dict(rendered(prepared))
    # What a user's own options name.
    files["/etc/ssl/certs/inside.pem"] = certificate
    for entry in prepared["files"]:
        stand_in = key if entry["path"].endswith(".key") else certificate + key if entry.get("secret") else "page"
        files[entry["path"]] = entry.get("content", stand_in)
    result = daemons(release).run(["nginx", "-t"], files)
    assert result.returncode == 0, result.stdout
    assert "[warn]" not in result.stdout, result.stdout


@pytest.mark.parametrize("release", RELEASES)
def test_a_wrong_file_is_refused(release: str) -> None:
    """The checker in use does find faults."""
    result = daemons(release).run(["nginx", "-t", "-c", "/tmp/bad.conf"], {"/tmp/bad.conf": "events {}\nnonsense;\n"})
    assert result.returncode == 1
    assert "nonsense" in result.stdout
