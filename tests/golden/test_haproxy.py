# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy.cfg as the role renders it: text that people read, and that HAProxy of both Debian releases takes without a warning.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden/test_haproxy.py`, and read the diff.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.model import build

from tests.golden.daemons import RELEASES, daemons
from tests.haproxy import ROLE, options, self_signed

HERE = Path(__file__).parent / "haproxy"
CASES = sorted(path.stem for path in HERE.glob("*.yml"))
PACKAGES = {
    "bookworm": ["base-files 12.4+deb12u11", "haproxy 2.6.12-1+deb12u3", "libssl3 3.0.17-1~deb12u2"],
    "trixie": ["base-files 13.8", "haproxy 3.0.11-1+deb13u3", "libssl3t64 3.5.1-1"],
}
each = pytest.mark.parametrize(("case", "release"), [(case, release) for case in CASES for release in RELEASES])


@functools.cache
def pem() -> dict[str, str]:
    """A throw-away certificate; golden files show none."""
    certificate, key = self_signed()
    return {"both": certificate + key, "certificate": certificate, "key": key}


def model(case: str, release: str) -> dict[str, Any]:
    text = (HERE / f"{case}.yml").read_text(encoding="utf-8")
    given = yaml.safe_load(text)
    for item in given["variables"].get("haproxy_certificates", []):
        for name in ("content", "key"):
            if item.get(name):
                item[name] = pem()[item[name].split(".")[1].split()[0]]
    return build(given["variables"], options(), given["host"], given.get("nodes", []), PACKAGES[release])


def render(case: str, release: str) -> str:
    head, _, text = (ROLE / "templates" / "haproxy.cfg.j2").read_text(encoding="utf-8").partition("\n")
    assert head == "#jinja2: trim_blocks: True, lstrip_blocks: True"
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    prepared = model(case, release)
    assert prepared["errors"] == []
    return environment.from_string(text).render(__haproxy={"model": prepared})


@each
def test_text(case: str, release: str) -> None:
    rendered = render(case, release)
    if case == "full":
        # The digest covers the throw-away certificate's name only, never its content.
        assert rendered == render(case, release)
    expected = HERE / "expected" / f"{case}-{release}.cfg"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(rendered, encoding="utf-8")
    assert rendered == expected.read_text(encoding="utf-8")


@each
def test_haproxy_takes_it(case: str, release: str) -> None:
    """With `-dW`: a warning is a refusal here."""
    files: dict[str, str | bytes] = {
        "/etc/haproxy/haproxy.cfg": render(case, release),
        "/etc/haproxy/drain.acl": "",
        "/var/lib/evenkeel/haproxy/server-state": "1\n",
    }
    for entry in model(case, release)["files"]:
        stand_in = (
            pem()["both"]
            if entry.get("secret")
            else "HTTP/1.0 502 Bad Gateway\r\n\r\n"
            if "/errors/" in entry["path"]
            else ""
        )
        if entry["path"].endswith(".key"):
            files[entry["path"][:-4]] = pem()["certificate"]
            stand_in = pem()["key"]
        files[entry["path"]] = entry.get("content", stand_in)
    command = ["haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-c", "-dW", "-S", "/run/haproxy-master.sock"]
    result = daemons(release).run(command, files)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("release", RELEASES)
def test_a_wrong_file_is_refused(release: str) -> None:
    """The checker in use does find faults."""
    result = daemons(release).run(
        ["haproxy", "-c", "-f", "/tmp/bad.cfg"], {"/tmp/bad.cfg": "frontend f\n  bind :80\n  nonsense\n"}
    )
    assert result.returncode == 1
    assert "nonsense" in result.stdout
