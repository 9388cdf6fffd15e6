# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own tool, run by haproxy's unit and by commit: /usr/local/lib/evenkeel/haproxy/ctl VERB.

save              write the servers' states to where the next worker reads them (before a reload)
forget            empty that file (before a start: states from before a stop are no longer true), but for wished drains
drains            drain the servers that an operator wishes drained (after a start)
check             refuse what haproxy -c lets pass: certificates of which one did not issue the one before it
update            bring certificates and maps on disk into the running daemon, without a reload
verify DIGEST     succeed if the daemon runs the configuration with this digest, and what is on disk
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import re
import subprocess
import syslog
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..._node import verbs
from ..._node.files import write
from ..._node.process import older
from ..._proxy.pem import stranger
from .admin import Haproxy, Refused
from .drains import Drains, Wishes

CONFIGURATION = "/etc/haproxy/haproxy.cfg"
STATE = "/var/lib/evenkeel/haproxy/server-state"
CERTIFICATES = "/etc/haproxy/certs"
MAPS = "/etc/haproxy/maps"
# A command with its payload has to fit into one of HAProxy's buffers (16 kB by default).
CHUNK = 8000
# How long a daemon that has just started may take to answer.
START_SECONDS = 5


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def write_state(text: str) -> None:
    """Whole or not at all: the next worker may be reading."""
    write(Path(STATE), text)


def save(haproxy: Haproxy, wishes: Wishes) -> None:
    state = haproxy.ask("show servers state")
    if not state.startswith("1"):
        raise Refused(f"no states, but: {state[:200]}")
    write_state(still_true(state, servers(read(CONFIGURATION)), wishes))


class Server(NamedTuple):
    """Where a server is and how it is reached, as the state file tells it."""

    host: str
    port: str
    tls: str = "0"
    check_port: str = "0"
    check_host: str = "-"


def servers(configuration: str) -> dict[tuple[str, str], Server]:
    """The servers of a configuration, by backend and name."""
    found: dict[tuple[str, str], Server] = {}
    proxy = ""
    start: list[str] = []
    for line in configuration.splitlines():
        words = [word.strip("'\"") for word in line.split()]
        if line[:1].strip() and words:
            proxy, start = (words[1], []) if words[0] in ("backend", "listen") and len(words) > 1 else ("", [])
        elif proxy and words[:1] == ["default-server"]:
            start = words[1:]
        elif proxy and words[:1] == ["server"] and len(words) > 2:
            place = re.fullmatch(r"(\[.*\]|[^:]*)(?::(\d+))?", words[2])
            if place:
                options = start + words[3:]
                after = dict(zip(options, options[1:]))
                tls = "1" if "ssl" in options and "no-ssl" not in options else "0"
                found[(proxy, words[1])] = Server(
                    place.group(1).strip("[]"),
                    place.group(2) or "0",
                    tls,
                    after.get("port", "0"),
                    after.get("addr", "-"),
                )
    return found


def still_true(state: str, wanted: dict[tuple[str, str], Server], wishes: Wishes) -> str:
    """The states of servers that stay where they are, and of those that an operator wishes drained.

    A state file says more than states: where its address, port, TLS or way of checking differ from the configuration,
    HAProxy believes the file, and the change would never come into force.
    """
    kept = []
    for line in state.splitlines():
        columns = line.split()
        if len(columns) > 22 and not line.startswith("#"):
            place = (columns[1], columns[3])
            new = wanted.get(place)
            running = Server(columns[4], columns[18], columns[20], columns[21], columns[22])
            if new is None:
                continue
            # One that is given by name is wherever the name leads.
            host = literal(new.host)
            if running != new._replace(host=host or running.host):
                if place not in wishes or not host:
                    continue
                columns[4], columns[18], columns[20:23] = host, new.port, new[2:]
                line = " ".join(columns)
        kept.append(line)
    return "\n".join(kept) + "\n"


def literal(host: str) -> str:
    """An address as HAProxy writes it; empty if this is a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def forget(wishes: Wishes) -> None:
    """No states but those that an operator wishes."""
    state = "\n".join(["1", *(wish.line for wish in wishes.values() if wish.line)])
    write_state(still_true(state, servers(read(CONFIGURATION)), wishes) if wishes else "1\n")


def wished() -> Wishes:
    """What operators wish; a file that cannot be read costs no state, and is told of."""
    try:
        return Drains().read()
    except Refused as problem:
        syslog.syslog(syslog.LOG_ERR, str(problem))
        return {}


def drain(haproxy: Haproxy, patience: float = 0) -> None:
    """Drain what is wished, as soon as the daemon answers."""
    deadline = time.monotonic() + patience
    while True:
        try:
            notes = Drains().settle(haproxy)
            break
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
    for note in notes:
        syslog.syslog(syslog.LOG_NOTICE, note)


# --- certificates


def pem(path: str) -> str:
    """A certificate with its key, which may lie beside it."""
    text = read(path)
    if "PRIVATE KEY" not in text and os.path.exists(path + ".key"):
        text += "\n" + read(path + ".key")
    return text


def fingerprint(text: str) -> str:
    """SHA-1 of the first certificate, as HAProxy shows it."""
    body = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.DOTALL)
    if body is None:
        raise Refused("no certificate in the file")
    return hashlib.sha1(base64.b64decode(body.group(1))).hexdigest().upper()


def loaded_certificates(haproxy: Haproxy) -> list[str]:
    """Those of ours that the daemon has in use."""
    names = [line.lstrip("*") for line in haproxy.ask("show ssl cert").splitlines() if not line.startswith("#")]
    return sorted({name for name in names if os.path.dirname(name) == CERTIFICATES and os.path.exists(name)})


def running_fingerprint(haproxy: Haproxy, path: str) -> str:
    shown = re.search(
        r"^SHA1 FingerPrint:\s*([0-9A-F]+)", haproxy.ask(f"show ssl cert {path}"), re.MULTILINE | re.IGNORECASE
    )
    return shown.group(1).upper() if shown else ""


def update_certificate(haproxy: Haproxy, path: str) -> None:
    text = pem(path)
    haproxy.ask(f"abort ssl cert {path}")  # what an update that was cut off left
    answer = haproxy.ask(f"set ssl cert {path}", text)
    if not re.search(r"Transaction (created|updated)", answer):
        raise Refused(f"{path}: {answer}")
    answer = haproxy.ask(f"commit ssl cert {path}")
    if "Success" not in answer:
        haproxy.ask(f"abort ssl cert {path}")
        raise Refused(f"{path}: {answer}")


def no_chains() -> list[str]:
    """The certificates in use that are followed by others than their issuers."""
    used = re.findall(rf"\bcrt\s+({re.escape(CERTIFICATES)}/[^\s/]+)", read(CONFIGURATION))
    numbers = {path: stranger(read(path)) for path in sorted(set(used)) if os.path.isfile(path)}
    return [f"{path}: certificate {n} did not issue certificate {n - 1}" for path, n in numbers.items() if n]


# --- maps


def entries(text: str) -> list[str]:
    """A map's lines: key, blank, value."""
    lines = [line.strip() for line in text.splitlines()]
    return [" ".join(line.split(None, 1)) for line in lines if line and not line.startswith("#")]


def loaded_maps(haproxy: Haproxy) -> list[str]:
    names = re.findall(r"\((/[^)]+)\)", haproxy.ask("show map"))
    return sorted({name for name in names if os.path.dirname(name) == MAPS and os.path.exists(name)})


def running_entries(haproxy: Haproxy, path: str) -> list[str]:
    lines = haproxy.ask(f"show map {path}").splitlines()
    return [line.split(None, 1)[1].strip() for line in lines if " " in line]


def update_map(haproxy: Haproxy, path: str) -> None:
    """Filled beside the one in use, then put in its place at once."""
    version = re.search(r"New version created: (\d+)", haproxy.ask(f"prepare map {path}"))
    if version is None:
        raise Refused(f"{path}: no new version")
    lines = entries(read(path))
    while lines:
        part = [lines.pop(0)]
        while lines and sum(map(len, part)) + len(lines[0]) < CHUNK:
            part.append(lines.pop(0))
        answer = haproxy.ask(f"add map @{version.group(1)} {path}", "\n".join(part))
        if answer:
            raise Refused(f"{path}: {answer}")
    answer = haproxy.ask(f"commit map @{version.group(1)} {path}")
    if answer:
        raise Refused(f"{path}: {answer}")


def update(haproxy: Haproxy) -> None:
    for path in loaded_certificates(haproxy):
        update_certificate(haproxy, path)
    for path in loaded_maps(haproxy):
        if running_entries(haproxy, path) != entries(read(path)):
            update_map(haproxy, path)


# --- verification


def verify(haproxy: Haproxy, digest: str, applied: str, since: float) -> list[str]:
    """What does not hold."""
    problems = []
    running = haproxy.ask("show env EVENKEEL_CONFIGURATION").partition("=")[2]
    if running != digest:
        problems.append(f"the running configuration is {running or 'not ours'}, the file's is {digest}")
    if applied in ("start", "restart", "reload"):
        pid = re.search(r"^Pid:\s*(\d+)", haproxy.ask("show info"), re.MULTILINE)
        if pid is None or older(int(pid.group(1)), since):
            problems.append(f"the worker that answers is older than the {applied}")
    for path in loaded_certificates(haproxy):
        if running_fingerprint(haproxy, path) != fingerprint(read(path)):
            problems.append(f"the running certificate is not that of {path}")
    for path in loaded_maps(haproxy):
        if running_entries(haproxy, path) != entries(read(path)):
            problems.append(f"the running map is not that of {path}")
    return problems


def main(argv: Sequence[str]) -> int:
    haproxy = Haproxy()

    def saved() -> None:
        wishes = wished()
        # States of an earlier reload are worse than none.
        forget(wishes)
        save(haproxy, wishes)

    def updated() -> int:
        try:
            update(haproxy)
        except Refused as problem:
            # What cannot be changed while it runs (a chain too long for a buffer) is changed by a reload.
            verbs.say([f"{problem}; reloading instead"])
            return subprocess.call(["systemctl", "reload", "haproxy.service"])
        return 0

    def verified(digest: str) -> list[str]:
        problems = verify(haproxy, digest, *verbs.applied())
        if not problems:
            drain(haproxy)
        return problems

    known: verbs.Verbs = {
        "save": saved,
        "forget": lambda: forget(wished()),
        "drains": lambda: drain(haproxy, START_SECONDS),
        "check": no_chains,
        "update": updated,
        "verify DIGEST": verified,
    }
    return verbs.call(argv, known, __doc__, "haproxy", (Refused,))
