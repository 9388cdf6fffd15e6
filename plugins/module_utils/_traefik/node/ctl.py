# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own tool, run by commit: /usr/local/lib/evenkeel/traefik/ctl VERB.

try BINARY DIGEST       run the candidate in a second process, in a network of its own, and ask its API
update                  make the running daemon read certificates again
verify ADDRESS DIGEST   succeed if the daemon at this address has the set with this digest in force, without errors
"""

from __future__ import annotations

import ctypes
import fcntl
import glob
import grp
import json
import os
import pwd
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from ..._node import verbs
from ..._node.files import write
from ..._node.verbs import Trouble
from .answers import Api, Silent, problems

USER = "traefik"
ROOT = "/etc/traefik"
DYNAMIC = f"{ROOT}/dynamic/evenkeel.yml"
TRIAL = "/usr/local/lib/evenkeel/traefik/trial.yml"
STATE = "/var/lib/traefik"
# Nobody else listens in the trial's network, so its address is fixed.
TRIAL_API = "127.0.0.1:8407"
TRIAL_SECONDS = 20
# What does not get better by waiting: other providers have told of their objects by then.
SETTLED_SECONDS = 2
PAUSE = 0.05
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
# What is said of objects that another provider brings is no fault of the set.
NOT_OURS = re.compile(r"@docker")
# A provider's message that tells of the set all the same.
CONSTRAINTS = "Error matching constraints expression"


# --- a trial


def try_candidate(binary: str, digest: str) -> None:
    """Raises Trouble with everything that the second process minds."""
    bad = list(broken_pairs())
    if bad:
        raise Trouble("\n".join(bad))
    own_network()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [binary, f"--configFile={TRIAL}"],
            cwd=STATE if os.path.isdir(STATE) else "/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **as_user(),
        )
        try:
            found = watch(process, digest, lambda: list(errors(text_of(log), ended=False)))
        finally:
            process.kill()
            process.wait()
        said = list(errors(text_of(log), ended=process.returncode != -9))
    if found or said:
        raise Trouble("\n".join([*found, *said]))


def text_of(log: TextIO) -> str:
    """All of a file that somebody else writes to; his place in it is ours too, and stays."""
    return os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode(errors="replace")


def watch(process: subprocess.Popen[bytes], digest: str, said: Callable[[], list[str]]) -> list[str]:
    """Asks until all is well, or it will not get better: it has answered, or said what it minds."""
    began = time.monotonic()
    answered = 0.0
    while True:
        now = time.monotonic()
        if process.poll() is not None:
            return [f"the second process ended with exit code {process.returncode}"]
        try:
            found = problems(Api(TRIAL_API), digest)
            answered = answered or now
        except Silent as reason:
            found = [str(reason)]
            answered = answered or (now if said() else 0.0)
        if not found:
            return []
        if now - began > TRIAL_SECONDS or (answered and now - answered > SETTLED_SECONDS):
            return found
        time.sleep(PAUSE)


def errors(text: str, ended: bool) -> Iterator[str]:
    """The error messages of a trial's log; of a process that ended by itself, all that it said."""
    for line in text.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            if ended:
                yield line
            continue
        # Of routers and services the API tells, and truly: while it starts, Traefik misses what it has not read yet.
        if said.get("level") not in ("error", "fatal", "panic") or said.get("routerName") or said.get("serviceName"):
            continue
        # From the trial's network no other provider reaches anybody, and what it brings is not ours.
        if said.get("providerName") not in (None, "", "file") and said.get("message") != CONSTRAINTS:
            continue
        message = " ".join(str(said[name]) for name in ("message", "error") if said.get(name))
        if not NOT_OURS.search(message):
            yield message


def as_user() -> dict[str, Any]:
    """The daemon's own user and groups; before there is one, root's."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return {}
    groups = [group.gr_gid for group in grp.getgrall() if USER in group.gr_mem or group.gr_name in wanted_groups()]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups, "umask": 0o077}


def wanted_groups() -> list[str]:
    """Those that the unit adds."""
    try:
        with open("/etc/systemd/system/traefik.service", encoding="utf-8") as file:
            lines = [line.partition("=") for line in file]
    except OSError:
        return []
    return [word for name, dummy, value in lines if name == "SupplementaryGroups" for word in value.split()]


def own_network() -> None:
    """A network in which every port is free and nobody is reached, with only the loopback up."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare: " + os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


# --- certificates


def pairs() -> list[tuple[str, str]]:
    return [(path, path[:-4] + ".key") for path in sorted(glob.glob(f"{ROOT}/certs/*.crt"))]


def broken_pairs() -> Iterator[str]:
    """Traefik only logs a certificate that it cannot use, and shows clients another one."""
    for certificate, key in pairs():
        try:
            # A key with a passphrase would ask for it.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as reason:
            yield f"{certificate}: certificate and key are no pair that TLS can use: {reason}"


def update() -> None:
    """The rename of a copy is what the daemon watches for; it reads the certificates with the file."""
    path = Path(DYNAMIC)
    status = path.stat()
    write(path, path.read_bytes(), status.st_mode & 0o7777, (status.st_uid, status.st_gid))


# --- verification


def open_storages() -> Iterator[str]:
    """Traefik drops a resolver whose storage others may read, and goes on without."""
    for path in glob.glob(f"{STATE}/acme-*.json"):
        mode = os.stat(path).st_mode & 0o777
        if mode != 0o600:
            yield f"{path} has the mode {mode:04o} instead of 0600: Traefik does not use it"


def verify(address: str, digest: str) -> None:
    found = [*problems(Api(address), digest), *open_storages()]
    if found:
        raise Trouble("\n".join(found))


def main(argv: Sequence[str]) -> int:
    known: verbs.Verbs = {
        "try BINARY DIGEST": try_candidate,
        "update": update,
        "verify ADDRESS DIGEST": verify,
    }
    return verbs.call(argv, known, __doc__, "traefik", (Silent,))
