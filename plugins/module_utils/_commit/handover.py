# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guarded commit is the work of a transient unit: whatever becomes of the connection, it is done to the end.

/run/evenkeel/commit/NAME/, for root only and never on a disk:
    request      arguments and contents, until the unit has read them
    caller       the process that waits for the result
    result       what the unit says; the caller removes the directory unless its connection is gone. Then the next call,
                 whichever it is, finds the result here.
    recover, evenkeel_commit/    the code: exactly the caller's, and nothing is installed for a candidate that is refused
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from . import connection, install, journal, payload
from .connection import Process
from .engine import commit, undisturbed
from .errors import CommitError
from .host import Host
from .model import parse
from .result import Result
from .store import Store

PAUSE = 0.05
RUNNING = ("active", "activating", "deactivating", "reloading")


def place_of(host: Host) -> str:
    return os.path.join(host.run_dir, "commit")


def unit_of(name: str) -> str:
    return f"evenkeel-commit-{name}.service"


def running(host: Host, name: str) -> bool:
    return host.run(["systemctl", "is-active", unit_of(name)]).output.strip() in RUNNING


# -- the caller --------------------------------------------------------------------------------------------------


def hand_over(host: Host, service: str, packed: str) -> Result:
    """Starts the unit and returns what it says."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    name = secrets.token_hex(4)
    directory = os.path.join(place_of(host), name)
    answer = os.path.join(directory, "result")
    os.makedirs(place_of(host), 0o755, exist_ok=True)
    os.mkdir(directory, 0o700)
    caller = connection.look(os.getpid())
    try:
        for path, content in install.code(directory).items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(path).write_bytes(content)
        host.write(os.path.join(directory, "caller"), json.dumps(vars(caller) if caller else {}).encode())
        host.write(os.path.join(directory, "request"), packed.encode())
        argv = [install.python(), "-IB", os.path.join(directory, install.COMMAND), "work", directory]
        done = host.transient(unit_of(name), f"Commit {service} for evenkeel.lb", argv)
        if done.rc != 0:
            raise CommitError(
                "the work could not be handed over to a unit of its own; nothing was changed.",
                "systemd-run",
                done.output,
                "Guarded commits need systemd-run; without guard they do not.",
            )
    except (CommitError, OSError):
        shutil.rmtree(directory, ignore_errors=True)
        raise
    look_again = time.monotonic() + 1
    while not os.path.exists(answer):
        time.sleep(PAUSE)
        if time.monotonic() > look_again:
            if not running(host, name) and not os.path.exists(answer):
                shutil.rmtree(directory, ignore_errors=True)
                return _cut_off(host, name)
            look_again = time.monotonic() + 1
    result = Result.load(json.loads(Path(answer).read_text())["result"])
    way = connection.find()
    if way is None or way.alive():
        shutil.rmtree(directory, ignore_errors=True)
    return result


def _cut_off(host: Host, name: str) -> Result:
    """Somebody killed the unit: what it began is undone here and now."""
    store, result = Store(host), Result(stage="recover")
    with undisturbed(), store.lock("recover", 300):
        result.warnings = journal.recover(host, store)
    result.rolled_back = bool(result.warnings)
    result.error = CommitError(
        "the unit that did the work ended without a result.",
        unit_of(name),
        " ".join(result.warnings),
        f"See journalctl -u {unit_of(name)}. What is still on trial goes back at its deadline.",
    )
    return result


# -- the unit ----------------------------------------------------------------------------------------------------


def work(host: Host, directory: str) -> int:
    """What the transient unit does."""
    request = Path(directory, "request")
    packed = request.read_text()
    request.unlink()
    contents, arguments = payload.unpack(packed)
    result = commit(host, parse(arguments, contents, own=(host.state_dir + "/services",)))
    known = {"service": arguments.get("service"), "run_id": arguments.get("run_id"), "time": time.time()}
    host.replace(os.path.join(directory, "result"), json.dumps({**known, "result": result.dump()}).encode())
    return 0


# -- later calls -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """How a commit ended whose connection was lost."""

    service: str
    run_id: str
    error: str

    def text(self) -> str:
        outcome = f"it failed: {self.error}" if self.error else "it came into force."
        return f"The commit of {self.service} (run {self.run_id}) went on after its connection was lost: {outcome}"


def left_behind(host: Host, forget: bool) -> list[Left]:
    """What nobody was there to hear."""
    found: list[Left] = []
    try:
        names = sorted(os.listdir(place_of(host)))
    except FileNotFoundError:
        return found
    for name in names:
        directory = Path(place_of(host), name)
        if _awaited(directory):
            continue
        try:
            data = json.loads((directory / "result").read_text())
        except FileNotFoundError:
            if running(host, name):
                continue
        else:
            error = Result.load(data["result"]).error
            found.append(Left(data["service"], data["run_id"], error.message() if error else ""))
        if forget:
            shutil.rmtree(directory, ignore_errors=True)
    return found


def _awaited(directory: Path) -> bool:
    """Whether the caller is still there to take the result."""
    try:
        data = json.loads((directory / "caller").read_text())
    except (FileNotFoundError, ValueError):
        return False
    return bool(data) and Process(**data).alive()


def await_others(host: Host, seconds: float) -> None:
    """Until no handed-over work is under way: only then it is known what is on trial."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            names = os.listdir(place_of(host))
        except FileNotFoundError:
            return
        if not any(
            running(host, name) for name in names if not os.path.exists(os.path.join(place_of(host), name, "result"))
        ):
            return
        time.sleep(PAUSE)
