# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small parts: sockets, overlay layers, the payload, the fingerprint, quoted lines."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit import install, payload, show, sockets
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import parse
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.namespace import layers
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.plan import make
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.store import Store
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.validate import quote

from tests.unit._commit.commit_host import World


@pytest.mark.parametrize(
    ("wanted", "there", "met"),
    [
        ("192.0.2.1:80", ("192.0.2.1", 80), True),
        ("192.0.2.1:80", ("0.0.0.0", 80), True),
        ("192.0.2.1:80", ("::", 80), True),
        ("192.0.2.1:80", ("192.0.2.2", 80), False),
        ("192.0.2.1:80", ("192.0.2.1", 81), False),
        ("[2001:db8::1]:80", ("2001:db8::1", 80), True),
        ("[2001:db8::1]:80", ("0.0.0.0", 80), False),
        ("*:80", ("0.0.0.0", 80), True),
        (":80", ("::", 80), True),
        ("[::]:80", ("0.0.0.0", 80), False),
        ("*:80", ("127.0.0.1", 80), False),
    ],
)
def test_a_wanted_socket_is_met(wanted: str, there: tuple[str, int], met: bool) -> None:
    assert sockets.wanted(wanted).met_by(sockets.Socket("tcp", *there, 1)) is met


@pytest.mark.parametrize(
    ("wanted", "there", "taken"),
    [
        ("192.0.2.1:80", ("192.0.2.1", 80), True),
        ("192.0.2.1:80", ("0.0.0.0", 80), True),
        ("*:80", ("192.0.2.9", 80), True),
        ("192.0.2.1:80", ("192.0.2.2", 80), False),
        ("192.0.2.1:80", ("::", 80), False),
        ("192.0.2.1:80", ("192.0.2.1", 81), False),
    ],
)
def test_a_wanted_socket_is_taken(wanted: str, there: tuple[str, int], taken: bool) -> None:
    assert sockets.wanted(wanted).taken_by(sockets.Socket("tcp", *there, 1)) is taken


def test_own_sockets_are_found_in_proc(tmp_path: Path) -> None:
    import os

    with socket.socket() as four, socket.socket(socket.AF_UNIX) as local:
        four.bind(("127.0.0.1", 0))
        four.listen()
        local.bind(str(tmp_path / "s"))
        local.listen()
        texts = [f"127.0.0.1:{four.getsockname()[1]}", str(tmp_path / "s")]
        assert sockets.missing(texts, [os.getpid()]) == []
        assert sockets.missing([*texts, "127.0.0.1:1"], None) == ["127.0.0.1:1"]
        assert sockets.taken(texts[:1], [1])[0][1].endswith(f"(process {os.getpid()})")
        assert sockets.taken(texts[:1], [os.getpid()]) == []


def test_names_that_are_no_text_and_lines_of_no_table_stop_nobody(tmp_path: Path) -> None:
    """Any user may bind them."""
    (tmp_path / "net").mkdir()
    row = b"0000000000000000: 00000002 00000000 00010000 0001 01 %d %s\n"
    names = [b"@\xff\xfe", b"@a\nb c d not-hex e f g h", b"@c\n1 2 3 00010000 5 6 none x", b"/run/d\x85.sock"]
    table = b"Num RefCount Protocol Flags Type St Inode Path\n" + b"".join(
        row % (number, name) for number, name in enumerate(names, 1)
    )
    (tmp_path / "net" / "unix").write_bytes(table + row % (9, b"/run/x.sock"))
    found = sockets.listening(str(tmp_path))
    assert [one.inode for one in found] == [1, 2, 3, 4, 9] and found[-1].address == "/run/x.sock"


def test_a_holder_whose_name_is_no_text_is_named_all_the_same() -> None:
    program = (
        "import socket\nopen('/proc/self/comm', 'wb').write(b'\\xff')\nlistener = socket.socket()\n"
        "listener.bind(('127.0.0.1', 0))\nlistener.listen()\nprint(listener.getsockname()[1], flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        port = child.stdout.readline().strip()
        assert sockets.taken([f"127.0.0.1:{port}"], [1])[0][1].endswith(f" is held by \ufffd (process {child.pid})")
        child.communicate("\n")


def test_overlays_go_over_the_topmost_directories_and_over_other_file_systems_below(tmp_path: Path) -> None:
    for name in ("a/b/c", "d", "a/mounted/e"):
        (tmp_path / name).mkdir(parents=True)
    top = str(tmp_path)
    wanted = [f"{top}/a", f"{top}/a/b/c", f"{top}/d/new/dir", f"{top}/a/mounted/e"]
    assert layers(wanted, ["/"]) == [f"{top}/a", f"{top}/d"]
    assert layers(wanted, ["/", f"{top}/a/mounted"]) == [f"{top}/a", f"{top}/a/mounted/e", f"{top}/d"]


def test_the_payload_carries_any_byte_and_shows_none() -> None:
    contents = [b"canary-secret\n", bytes(range(256)), "käse".encode()]
    packed = payload.pack(contents, {"secrets": ["canary-secret"], "verify": {"http": []}})
    assert "canary" not in packed
    assert payload.unpack(packed) == (contents, {"secrets": ["canary-secret"], "verify": {"http": []}})


def test_a_certificate_is_told_by_its_fingerprint_subject_and_end(tmp_path: Path) -> None:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=www.example.com -keyout k -out c"
    subprocess.run(command.split(), check=True, cwd=tmp_path, capture_output=True)
    said = subprocess.run(
        ["openssl", "x509", "-in", "c", "-noout", "-fingerprint", "-sha256"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    text = show.fingerprint(World(tmp_path / "w").host, (tmp_path / "c").read_bytes() + (tmp_path / "k").read_bytes())
    assert f"certificate SHA-256 {said.stdout.strip().split('=')[1]}\n" in text
    assert "certificate subject=CN = www.example.com\ncertificate notAfter=" in text
    assert "-----" not in text


@pytest.mark.parametrize(
    "output",
    [
        "[ALERT] (1) : config : parsing [{path}:2] : unknown keyword",
        "nginx: [emerg] unknown directive in {path}:2",
        "({path}: Line 2) Unknown keyword",
        "{path}:2:5-10: Error: syntax error",
        "{path}, line 2: bad",
    ],
)
def test_the_lines_that_a_daemon_names_are_quoted(tmp_path: Path, output: str) -> None:
    world = World(tmp_path)
    file = world.file("a.conf", "first\n  auth_pass sesame\nthird\n")
    request = parse({"service": "web", "files": [file]}, [file["content"].encode()])
    plan = make(world.host, Store(world.host), request)
    where, quoted = quote(plan, output.format(path=file["path"]))
    assert (where, quoted) == (f"{file['path']}:2", [f"{file['path']}:2: auth_pass ********"])


def test_a_line_of_a_secret_file_is_not_quoted(tmp_path: Path) -> None:
    world = World(tmp_path)
    file = world.file("a.pem", "first\nsecond\n", secret=True)
    plan = make(world.host, Store(world.host), parse({"service": "web", "files": [file]}, [b"first\nsecond\n"]))
    assert quote(plan, f"{file['path']}:2: bad")[1] == [f"{file['path']}:2: (secret, 6 characters)"]


def test_what_stays_on_a_node_needs_nothing_that_does_not(tmp_path: Path) -> None:
    for name in install.MODULES:
        directory = tmp_path / install.PACKAGE
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.py").write_bytes(install.source(name))
    done = subprocess.run(
        ["python3", "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {install.PACKAGE}.recover"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
