# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real daemons of a Debian release, to ask what they make of a rendered file.

    def test_accepts(rendered):
        result = daemons("bookworm").run(["haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"],
                                         {"/etc/haproxy/haproxy.cfg": rendered})
        assert result.returncode == 0, result.stdout

One container per release and test session; the image `evenkeel-daemons:RELEASE` is made by debootstrap when it is missing.
`PYTHONPATH=. python3 -m tests.golden.daemons` makes the images beforehand. Without docker a test fails and says so: a golden file that no
daemon has read proves nothing.
"""

from __future__ import annotations

import atexit
import functools
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RELEASES = ("bookworm", "trixie")
PACKAGES = ("haproxy", "keepalived", "nftables")
IMAGE = "evenkeel-daemons"

# Unpack the files from standard input, run the command, take the files away again.
SHELL = """
count=$1; shift; files=
tar -C / -xf -
while [ "$count" -gt 0 ]; do files="$files $1"; count=$((count - 1)); shift; done
"$@"; code=$?
rm -f $files
exit $code
"""


class DaemonsMissing(Exception):
    """The daemons cannot be asked; the text says what to do."""


@dataclass(frozen=True)
class Daemons:
    """A running container of one Debian release."""

    release: str
    container: str

    def run(
        self, argv: Sequence[str], files: Mapping[str, str | bytes] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` with `files` (absolute path: content; modes 0600) in place. Both streams are in `stdout`."""
        files = files or {}
        result = subprocess.run(
            ["docker", "exec", "-i", self.container, "sh", "-c", SHELL, "sh", str(len(files)), *files, *argv],
            input=_tar(files), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
        )
        return subprocess.CompletedProcess(argv, result.returncode, result.stdout.decode(errors="replace"), "")


@functools.cache
def daemons(release: str) -> Daemons:
    """The daemons of a Debian release; the container goes when Python ends."""
    build(release)
    name = f"{IMAGE}-{release}-{os.getpid()}"
    _docker(
        # SYS_ADMIN: keepalived's checker needs a process namespace of its own; NET_ADMIN: nft -c reads the kernel's tables.
        "run", "--detach", "--rm", "--name", name, "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN",
        "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", f"{IMAGE}:{release}", "sleep", "3600",
    )
    atexit.register(subprocess.run, ["docker", "rm", "--force", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Daemons(release, name)


def build(release: str) -> None:
    """Make the image unless it is there."""
    if shutil.which("docker") is None or subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        raise DaemonsMissing("No docker engine answers; without one no real daemon reads the golden files. `make lab` starts one.")
    if _docker("images", "--quiet", f"{IMAGE}:{release}").strip():
        return
    if shutil.which("debootstrap") is None:
        raise DaemonsMissing(f"The image {IMAGE}:{release} is made by debootstrap, which is missing here: apt-get install debootstrap.")
    root = tempfile.mkdtemp(prefix=f"{IMAGE}-{release}-")
    try:
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", release, root],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        if made.returncode:
            raise DaemonsMissing(f"debootstrap could not make Debian {release}:\n" + "\n".join(made.stdout.splitlines()[-10:]))
        shutil.rmtree(Path(root, "var/cache/apt"), ignore_errors=True)
        with subprocess.Popen(["tar", "-C", root, "--exclude=./proc/*", "--exclude=./sys/*", "-c", "."], stdout=subprocess.PIPE) as pack:
            subprocess.run(["docker", "import", "-", f"{IMAGE}:{release}"], stdin=pack.stdout, stdout=subprocess.DEVNULL, check=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _docker(*argv: str) -> str:
    result = subprocess.run(["docker", *argv], capture_output=True, text=True, check=False)
    if result.returncode:
        raise DaemonsMissing(f"docker {argv[0]} failed: {result.stderr.strip()}")
    return result.stdout


def _tar(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(data), 0o600
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


if __name__ == "__main__":
    for name in RELEASES:
        print(f"{IMAGE}:{name} ...", flush=True)
        build(name)
