# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel's files as the role renders them: text that people read, and rules that nft takes. wg's own parser reads them in the scenario.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden/test_wireguard.py`, and read the diff.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.hosts import Host
from ansible_collections.evenkeel.lb.plugins.module_utils._wireguard.model import build

from tests.golden.daemons import RELEASES, daemons
from tests.wireguard import KEYS, ROLE, options

HERE = Path(__file__).parent / "wireguard"


@functools.cache
def model() -> dict[str, Any]:
    given = yaml.safe_load((HERE / "full.yml").read_text(encoding="utf-8"))
    own = {"interfaces": given["variables"]["wireguard_interfaces"]}
    hosts = {}
    for name, known in given["hosts"].items():
        keys = {interface: KEYS[number] for interface, number in known.pop("keys", {}).items()}
        hosts[name] = Host(name, **{**(own if name == given["host"] else {}), **known, "keys": keys})
    found = build(given["variables"], options(), given["host"], hosts)
    assert found["errors"] == []
    return found


def rules() -> str:
    text = (ROLE / "templates" / "wireguard.nft.j2").read_text(encoding="utf-8").partition("\n")[2]
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(text).render(__wireguard={"model": model()}) + "\n"


@pytest.mark.parametrize("name", ["wg0.conf", "hub.conf", "wireguard.nft"])
def test_text(name: str) -> None:
    files = {Path(one["path"]).name: one["content"] for one in model()["files"]}
    rendered = {**files, "wireguard.nft": rules()}[name]
    expected = HERE / "expected" / name
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(rendered, encoding="utf-8")
    assert rendered == expected.read_text(encoding="utf-8")


def test_no_private_key_is_in_a_tunnels_file() -> None:
    """A vault's key has a file of its own; one that a host made is in none."""
    private = {one["path"] for one in model()["files"] if "CQkJCQ" in one["content"]}
    assert private == {"/etc/wireguard/wg0.key"}
    assert [one["mode"] for one in model()["files"]] == ["0600"] * 3


@pytest.mark.parametrize("release", RELEASES)
def test_nft_takes_it(release: str) -> None:
    result = daemons(release).run(["nft", "-c", "-f", "/tmp/wireguard.nft"], {"/tmp/wireguard.nft": rules()})
    assert result.returncode == 0, result.stdout
