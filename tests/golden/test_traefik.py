# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik's files as the role renders them: text that people read, and that the real binary runs without an error.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden/test_traefik.py`, and read the diff.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from lab import engine
from tests.golden.daemons import Daemons, daemons
from tests.haproxy import self_signed
from tests.library import installed
from tests.traefik import ROLE, binary, model

HERE = Path(__file__).parent / "traefik"
CASES = ("default", "full", "nasty")
TEXTS = {
    "traefik.yml": "/etc/traefik/traefik.yml",
    "evenkeel.yml": "/etc/traefik/dynamic/evenkeel.yml",
    "trial.yml": "/usr/local/lib/evenkeel/traefik/trial.yml",
    "traefik.service": "/etc/systemd/system/traefik.service",
}
LIBRARY = "/usr/local/lib/evenkeel/traefik"


@functools.cache
def case(name: str) -> dict[str, Any]:
    given = yaml.safe_load((HERE / f"{name}.yml").read_text(encoding="utf-8"))
    certificate, key = self_signed()
    for item in given["variables"].get("traefik_certificates", []):
        if item.get("content"):
            item.update(content=certificate, key=key)
    prepared = model(given["variables"], given["nodes"])
    assert prepared["errors"] == []
    return prepared


def render(name: str, template: str) -> str:
    head, _, text = (ROLE / "templates" / f"{template}.j2").read_text(encoding="utf-8").partition("\n")
    assert head == "#jinja2: trim_blocks: True, lstrip_blocks: True"
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(text).render(__traefik={"model": case(name)})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("template", [*TEXTS, "environment", "logrotate"])
def test_text(name: str, template: str) -> None:
    if template in ("environment", "logrotate") and name != "full":
        assert not case(name)["environment" if template == "environment" else "log"]
        return
    rendered = render(name, template)
    expected = HERE / "expected" / f"{name}-{template}"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(rendered, encoding="utf-8")
    assert rendered == expected.read_text(encoding="utf-8")


@functools.cache
def node() -> Daemons:
    """A container with the binary in it."""
    made = daemons("bookworm")
    engine.docker("cp", str(binary()), f"{made.container}:/usr/local/bin/traefik")
    return made


def tried(name: str, **instead: str) -> tuple[int, str]:
    """What the node's own tool says of a case: it runs the candidate in a second process, as commit has it done."""
    certificate, key = self_signed()
    files: dict[str, str | bytes] = {path: render(name, text) for text, path in TEXTS.items()}
    files[TEXTS["evenkeel.yml"]] = instead.get("dynamic", str(files[TEXTS["evenkeel.yml"]]))
    files[TEXTS["trial.yml"]] = instead.get("trial", str(files[TEXTS["trial.yml"]]))
    for entry in case(name)["files"]:
        files[entry["path"]] = key if entry["path"].endswith(".key") else instead.get("certificate", certificate)
    files.update(installed("traefik"))
    argv = ["python3", f"{LIBRARY}/ctl", "try", "/usr/local/bin/traefik", case(name)["digest"]]
    done = node().run(argv, files)
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", CASES)
def test_the_real_binary_runs_it_without_an_error(name: str) -> None:
    assert tried(name) == (0, "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "    odd: {rule: Path(`/`), service: nobody}",
            'http router web-odd@file: the service "nobody@file" does not exist',
        ),
        ("    odd: {rule: Path(`/odd`), service: ping@internal, entryPoints: [nowhere]}", "doesn't exist"),
        ("    odd: {rule: Path(`/odd}, service: app}", "/etc/traefik/dynamic/evenkeel.yml: yaml: line 5"),
        ("    odd: {rule: Odd(`/`), service: app}", "unsupported function: Odd"),
        ("    odd: {rules: Path(`/`), service: app}", "field not found, node: rules"),
    ],
)
def test_a_wrong_file_is_refused(line: str, said: str) -> None:
    """The trial does find faults."""
    right = render("default", "evenkeel.yml")
    code, output = tried("default", dynamic=right.replace("  routers:\n", f"  routers:\n{line}\n"))
    assert code == 1
    assert said in output


def test_what_other_providers_do_not_reach_from_a_trial_is_no_fault_of_the_set() -> None:
    others = '  docker: {endpoint: "tcp://192.0.2.7:2375"}\n  http: {endpoint: "http://192.0.2.7/"}\n'
    trial = render("default", "trial.yml").replace("providers:\n", f"providers:\n{others}")
    assert tried("default", trial=trial) == (0, "")


# Until both entry points listen, or the daemon has ended: what it makes of its addresses is known then.
STARTED = """
traefik "$@" > /tmp/said 2>&1 &
for _ in $(seq 600); do
    kill -0 $! 2> /dev/null || break
    [ "$(cat /proc/net/tcp /proc/net/tcp6 | grep -cE ':(46A0|0001|0002) [0-9A-F:]+ 0A ')" -lt 2 ] || { echo both listen; break; }
    sleep 0.1
done
kill $! 2> /dev/null; wait; cat /tmp/said
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [("*:18080", "[::]:18080"), ("0.0.0.0:18080", "[::1]:18080"), ("127.0.0.1:18080", "[::]:18080"), ("*:1", "*:2")],
)
def test_addresses_clash_where_the_rules_say_so(one: str, other: str) -> None:
    points = [{"name": "one", "bind": [one]}, {"name": "other", "bind": [other]}]
    refused = any(error["rule"] == "F1" for error in model({"traefik_entry_points": points})["errors"])
    addresses = [f"--entryPoints.{name}.address={text.lstrip('*')}" for name, text in (("a", one), ("b", other))]
    done = node().run(["sh", "-c", STARTED, "sh", "--global.checkNewVersion=false", *addresses], timeout=120)
    assert ("address already in use" in done.stdout) is refused, done.stdout
    assert ("both listen" in done.stdout) is not refused, done.stdout


def test_another_file_than_the_wanted_one_is_refused() -> None:
    right = render("default", "evenkeel.yml")
    digest = case("default")["digest"]
    code, output = tried("default", dynamic=right.replace(f"evenkeel-alive-{digest}", "evenkeel-alive-other"))
    assert (code, output) == (1, f"the dynamic configuration in force is other, the file's is {digest}\n")


def test_a_certificate_that_is_none_is_refused() -> None:
    code, output = tried("full", certificate="-----BEGIN CERTIFICATE-----\n")
    assert code == 1
    assert "/etc/traefik/certs/example.com.crt: certificate and key are no pair that TLS can use" in output
