# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real daemons of a Debian release, to ask what they make of a rendered file.

    def test_accepts(rendered):
        result = daemons("bookworm").run(["haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"],
                                         {"/etc/haproxy/haproxy.cfg": rendered})
        assert result.returncode == 0, result.stdout

One container per release and test session, from the lab's host image with the daemons installed in it.
`python3 -m tests.golden.daemons` makes the images beforehand. Without docker a test fails and says so: a golden file
that no daemon has read proves nothing.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab import engine, hosts, image
from lab.shell import succeeds

RELEASES = image.RELEASES
NAME = "evenkeel-daemons"
DOCKERFILE = """
RUN apt-get install -y --no-install-recommends haproxy keepalived nftables nginx libnginx-mod-stream
"""

# Unpack the files from standard input, run the command, take the files away again.
SHELL = """
count=$1; shift; files=
tar -C / -xf -
while [ "$count" -gt 0 ]; do files="$files $1"; count=$((count - 1)); shift; done
"$@"; code=$?
rm -f $files
exit $code
"""


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
            input=_tar(files),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(argv, result.returncode, result.stdout.decode(errors="replace"), "")


@functools.cache
def daemons(release: str) -> Daemons:
    """The daemons of a Debian release; the container goes when Python ends."""
    name = f"{NAME}-{release}-{os.getpid()}"
    # SYS_ADMIN: keepalived's checker needs a process namespace of its own; NET_ADMIN: nft -c reads the kernel's tables.
    # nginx's checker binds: here, addresses that are not this container's.
    options = (
        "--sysctl net.ipv4.ip_nonlocal_bind=1 --sysctl net.ipv6.ip_nonlocal_bind=1 "
        "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )
    engine.docker("run", "--detach", "--rm", "--name", name, *options.split(), build(release), "sleep", "3600")
    atexit.register(succeeds, ["docker", "rm", "--force", name])
    return Daemons(release, name)


def build(release: str) -> str:
    """The name of the image; it is made unless it is there."""
    engine.ensure(hosts.ENGINE_RECORD)
    image.ensure(release)
    host = image.tag(release, "host")
    made = hashlib.sha256(DOCKERFILE.encode()).hexdigest()[:6]
    name = f"{NAME}:{host.partition(':')[2]}-{made}"
    if not succeeds(["docker", "image", "inspect", name]):
        label = f"{image.LABEL}={release}"
        text = f"FROM {host}\n{DOCKERFILE}"
        engine.docker("build", "--label", label, "--tag", name, "-", stdin=text, timeout=600)
    return name


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
    for each in RELEASES:
        print(build(each), flush=True)
