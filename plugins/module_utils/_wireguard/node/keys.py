# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys on their host: made under umask 077, read back if present, never made anew, handed on only wrapped.

A key is never an argument of a command, so that no list of processes shows it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..._node.failure import Refused

KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\Z")
NAME = re.compile(r"[A-Za-z0-9_=+.-]{1,15}\Z")


class KeyTrouble(Refused):
    """What is wrong with a key, without the key."""


def _run(*argv: str, stdin: str) -> str:
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise KeyTrouble("The command is missing.", argv[0], "nothing", "Run the role on this host.") from None
    if done.returncode:
        raise KeyTrouble(
            f"`{argv[0]}` failed.", argv[0], done.stderr.strip() or f"exit code {done.returncode}", "See its words."
        )
    return done.stdout


@dataclass(frozen=True)
class Keys:
    """The key of one interface; `etc` and `state` are replaced in tests."""

    interface: str
    etc: Path = Path("/etc/wireguard")
    state: Path = Path("/var/lib/evenkeel/wireguard")

    @property
    def path(self) -> Path:
        return self.etc / f"{self.interface}.key"

    def ready(self) -> bool:
        """Whether the tools are there."""
        return bool(shutil.which("wg") and shutil.which("openssl"))

    def private(self) -> str:
        """The key that is there, in its file or in a configuration that somebody wrote; empty if there is none."""
        if not NAME.match(self.interface):
            raise KeyTrouble("this is no interface's name.", "interface", repr(self.interface), "Correct it.")
        with contextlib.suppress(FileNotFoundError):
            text = self.path.read_text(encoding="ascii", errors="replace").strip()
            if not KEY.match(text):
                raise KeyTrouble(
                    "this is not a private key, and a new one would cut off every peer that knows the old one.",
                    str(self.path),
                    f"{len(text)} characters instead of 44",
                    "Put the old key back, or remove the file to have a new one made.",
                )
            return text
        with contextlib.suppress(FileNotFoundError):
            conf = (self.etc / f"{self.interface}.conf").read_text(encoding="utf-8", errors="replace")
            found = re.search(r"(?mi)^\s*PrivateKey\s*=\s*(\S+)", conf)
            return found[1] if found and KEY.match(found[1]) else ""
        return ""

    def public(self) -> str:
        key = self.private()
        return _run("wg", "pubkey", stdin=key).strip() if key else ""

    def make(self) -> None:
        """Make the key, or put the one that is there into its file."""
        self._keep(self.private() or _run("wg", "genkey", stdin="").strip())

    def _keep(self, key: str) -> None:
        """Whoever is first wins: two may be at it, one of them for another node."""
        self.etc.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _private_file(self.etc) as (file, name):
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, self.path)

    # -- from node to node

    def _pair(self) -> tuple[Path, Path]:
        return self.state / "recipient.key", self.state / "recipient.crt"

    def recipient(self) -> str:
        """This node's certificate, made when it is first asked for. Its key never leaves."""
        key, certificate = self._pair()
        if not certificate.exists():
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            before = os.umask(0o077)
            try:
                _run(
                    "openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "36500",
                    "-subj", "/CN=evenkeel", "-keyout", str(key), "-out", str(certificate), stdin="",
                )  # fmt: skip
            finally:
                os.umask(before)
        return certificate.read_text(encoding="ascii")

    def wrap(self, recipient: str) -> str:
        """The key as only the holder of that certificate's key can read it."""
        with _private_file(self.state) as (file, name):
            file.write(recipient)
            file.flush()
            return _run(
                "openssl", "cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "PEM",
                "-recip", name, "-keyopt", "rsa_padding_mode:oaep", stdin=self.private(),
            )  # fmt: skip

    def unwrap(self, wrapped: str) -> None:
        key, certificate = self._pair()
        found = _run(
            "openssl",
            "cms",
            "-decrypt",
            "-binary",
            "-inform",
            "PEM",
            "-recip",
            str(certificate),
            "-inkey",
            str(key),
            stdin=wrapped,
        ).strip()
        if not KEY.match(found):
            raise KeyTrouble("what was unwrapped is not a key.", "wrapped", f"{len(found)} characters", "Run again.")
        self._keep(found)


@contextlib.contextmanager
def _private_file(directory: Path):  # type: ignore[no-untyped-def]
    """A file for root's eyes, gone afterwards."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = tempfile.NamedTemporaryFile("w", dir=directory, prefix=".evenkeel-")  # noqa: SIM115 - mode 0600 by itself
    with file:
        yield file, file.name
