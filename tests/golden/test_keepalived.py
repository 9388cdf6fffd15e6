# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived.conf and its nftables table as the role renders them, and that keepalived and nft of both Debian releases take them.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden/test_keepalived.py`, and read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.conf import configured, in_force, refusals
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.model import prepare
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import ROLES, specification

from tests.golden.daemons import RELEASES, daemons
from tests.unit._cluster.plan_data import plan

HERE = Path(__file__).parent / "keepalived"
ROLE = ROLES / "keepalived"
CASES = [
    (path.stem, node)
    for path in sorted(HERE.glob("*.yml"))
    for node in yaml.safe_load(path.read_text("utf-8"))["nodes"]
]
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text("utf-8"))
# What the file names and keepalived looks for. The interfaces are made in the container's own network.
CHECKER = """
cp /tmp/check_http /usr/local/lib/evenkeel/check_http; chmod 0755 /usr/local/lib/evenkeel/check_http
for link in eth0 eth1 eth2 ens3; do ip link add $link type bridge 2>/dev/null && ip link set $link up; done
id -u evenkeel >/dev/null 2>&1 || useradd --system --shell /usr/sbin/nologin evenkeel
mkdir -p /run/evenkeel /var/lib/evenkeel/track
unshare --fork --pid keepalived -t -f /etc/keepalived/keepalived.conf
"""

each = pytest.mark.parametrize(("case", "node"), CASES)


def model(case: str, node: str) -> dict[str, Any]:
    given = yaml.safe_load((HERE / f"{case}.yml").read_text(encoding="utf-8"))
    hosts = {name: {**given["variables"], **own} for name, own in given["nodes"].items()}
    planned = plan("edge", [{"name": name, "vars": hosts[name]} for name in given["variables"]["evenkeel_nodes"]])
    prepared = prepare(planned, node, {**DEFAULTS, **hosts[node]}, specification("keepalived"))
    assert prepared["errors"] == []
    return prepared


def render(template: str, case: str, node: str) -> str:
    text = (ROLE / "templates" / template).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(text.partition("\n")[2]).render(keepalived=model(case, node))


@each
@pytest.mark.parametrize("template", ["keepalived.conf.j2", "vrrp.nft.j2"])
def test_text(case: str, node: str, template: str) -> None:
    rendered = render(template, case, node)
    expected = HERE / "expected" / f"{case}-{node}-{template[:-3]}"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(rendered, encoding="utf-8")
    assert rendered == expected.read_text(encoding="utf-8")


@each
@pytest.mark.parametrize("release", RELEASES)
def test_keepalived_takes_it(case: str, node: str, release: str) -> None:
    """Not a word: what keepalived mends by itself is a mistake of ours."""
    files: dict[str, str | bytes] = {
        "/etc/keepalived/keepalived.conf": render("keepalived.conf.j2", case, node),
        "/tmp/check_http": (ROLE / "files" / "check_http").read_text(encoding="utf-8"),
        "/usr/local/lib/evenkeel/check_http": "",
    }
    result = daemons(release).run(["sh", "-c", CHECKER], files)
    assert result.stdout == "" and result.returncode == 0, result.stdout


@each
@pytest.mark.parametrize("release", RELEASES)
def test_nft_takes_it(case: str, node: str, release: str) -> None:
    rules = {"/tmp/vrrp.nft": render("vrrp.nft.j2", case, node)}
    result = daemons(release).run(
        ["sh", "-c", "nft -c -f /tmp/vrrp.nft && nft -f /tmp/vrrp.nft && nft -f /tmp/vrrp.nft"], rules
    )
    assert result.stdout == "" and result.returncode == 0, result.stdout


@each
def test_we_read_what_we_write(case: str, node: str) -> None:
    """The parser of vrrp_info finds the plan again, and our own refusals have nothing to say."""
    rendered = render("keepalived.conf.j2", case, node)
    assert refusals(rendered) == []
    assert in_force(rendered.replace("    ", ""), rendered) is True
    given = model(case, node)
    found = {instance["name"]: instance for instance in configured(rendered)["instances"]}
    for wanted in given["instances"]:
        read = found.pop(wanted["name"])
        for key in (
            "virtual_router_id",
            "version",
            "interface",
            "priority",
            "advert_interval",
            "unicast",
            "unicast_peers",
            "nopreempt",
        ):
            assert read[key] == wanted[key], key
        assert read["addresses"] == [
            line.split()[0] for line in wanted["virtual_ipaddress"] + wanted["virtual_ipaddress_excluded"]
        ]
        assert read["track_files"] == wanted["track_file"]
        assert (read["auth_digest"] is None) == (not wanted["auth_pass"])
    assert found == {}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("wrong", ["nonsense 1", "vrrp_script x { }", "vrrp_instance y {\n interface none9\n}"])
def test_a_wrong_file_is_refused(release: str, wrong: str) -> None:
    """The checker in use does find faults."""
    result = daemons(release).run(["sh", "-c", CHECKER], {
        "/etc/keepalived/keepalived.conf": render("keepalived.conf.j2", "pair", "lb-1") + wrong + "\n",
        "/tmp/check_http": (ROLE / "files" / "check_http").read_text(encoding="utf-8"),
        "/usr/local/lib/evenkeel/check_http": "",
    })  # fmt: skip
    assert result.returncode != 0, result.stdout
