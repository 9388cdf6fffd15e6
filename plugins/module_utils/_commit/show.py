# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a change is shown: diffs for people, with secrets as fingerprints."""

from __future__ import annotations

import base64
import difflib
import re

from .host import Host
from .mask import Masker
from .state import ABSENT, DIRECTORY, FILE, LINK, State

Diff = dict[str, str]

# Our own programs on a node: that they change is news, their lines are not.
PROGRAMS = "/usr/local/lib/evenkeel/"

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.S)


def fingerprint(host: Host, content: bytes) -> str:
    """A secret file as lines that tell two versions apart and give nothing away."""
    import hashlib

    lines = [f"secret content, sha256 {hashlib.sha256(content).hexdigest()[:12]}"]
    for number, block in enumerate(_CERTIFICATE.finditer(content)):
        try:
            der = base64.b64decode(block[1])
        except ValueError:
            continue
        sha = hashlib.sha256(der).hexdigest().upper()
        lines.append("certificate SHA-256 " + ":".join(sha[at : at + 2] for at in range(0, 64, 2)))
        if number == 0:
            lines += certificate_names(host, block[0])
    return "\n".join(lines) + "\n"


def certificate_names(host: Host, pem: bytes) -> list[str]:
    """Subject and end of a certificate where the node has openssl. Certificates are public: a pipe will do."""
    import subprocess

    try:
        done = subprocess.run(
            ["openssl", "x509", "-noout", "-subject", "-enddate"],
            input=pem,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return (
        [f"certificate {line}" for line in done.stdout.decode(errors="replace").splitlines()]
        if done.returncode == 0
        else []
    )


def readable(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def body(host: Host, masker: Masker, path: str, state: State, content: bytes | None, secret: bool) -> str:
    """What a path holds, as it may be shown."""
    if state.kind == ABSENT:
        return ""
    if state.kind == LINK:
        return f"link to {state.digest}\n"
    if state.kind == DIRECTORY:
        return "directory\n"
    if state.kind != FILE or content is None:
        return f"{state.kind}\n"
    if secret:
        return fingerprint(host, content)
    if path.startswith(PROGRAMS):
        return f"program of evenkeel.lb, sha256 {state.digest[:12]}\n"
    if b"\0" in content:
        return f"binary content, sha256 {state.digest[:12]}\n"
    return masker.mask(readable(content))


def change(
    host: Host,
    masker: Masker,
    path: str,
    before: State,
    after: State,
    contents: dict[str, bytes | None],
    secret: bool,
) -> list[Diff]:
    """The diffs of one path: content, then owner and mode if these differ too. `contents` by digest."""
    diffs: list[Diff] = []
    if not before.same_content(after):
        old = body(host, masker, path, before, contents.get(before.digest), secret)
        new = body(host, masker, path, after, contents.get(after.digest), secret)
        if old == new:
            new += "(only masked values differ)\n"
        diffs.append(titled(path, before, after, old, new))
    if ABSENT not in (before.kind, after.kind) and access(before) != access(after):
        diffs.append(titled(f"{path} (access)", before, after, access(before), access(after)))
    return diffs


def titled(path: str, before: State, after: State, old: str, new: str) -> Diff:
    return {
        "before_header": path if before.kind != ABSENT else f"{path} (absent)",
        "after_header": path if after.kind != ABSENT else f"{path} (absent)",
        "before": old,
        "after": new,
    }


def access(state: State) -> str:
    return f"owner {state.uid}, group {state.gid}, mode {state.mode:04o}\n"


def unified(diff: Diff, limit: int = 60) -> str:
    """One diff as text."""
    lines = list(
        difflib.unified_diff(
            diff["before"].splitlines(),
            diff["after"].splitlines(),
            diff["before_header"],
            diff["after_header"],
            lineterm="",
        )
    )
    more = [f"... {len(lines) - limit} more lines"] if len(lines) > limit else []
    return "\n".join(lines[:limit] + more)
