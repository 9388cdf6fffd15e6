# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery code that stays on a node, and the units that run it before anything of ours starts."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Callable

from . import guard
from .host import Host
from .store import Store

PACKAGE = "evenkeel_commit"
MODULES = (
    *(
        "__init__",
        "apply",
        "confirm",
        "connection",
        "drift",
        "engine",
        "errors",
        "guard",
        "handover",
        "host",
        "install",
    ),
    *("journal", "mask", "model", "namespace", "payload", "plan", "recover", "result", "rollback", "show", "sockets"),
    *("state", "store", "sysctl", "transaction", "unit", "validate", "verify"),
)
UNIT = "evenkeel-recover.service"
COMMAND = "recover"
HEADER = "# Managed by evenkeel.lb (module commit): change the inventory, not this file.\n"

SCRIPT = """#!{python} -IB
{header}# Finishes or undoes a commit that was cut off, and puts back what was never confirmed. Harmless at any time.
import sys

sys.path.insert(0, {lib!r})
from {package}.recover import main

sys.exit(main(sys.argv[1:]))
"""

# DefaultDependencies=no: before everything that reads configuration at boot, sysctl.d and tmpfiles.d included. Each
# managed unit also wants it by a drop-in, so that an automatic restart between a crash and the next run is safe too.
SERVICE = """{header}[Unit]
Description=Finish or undo a commit of evenkeel.lb that was cut off or never confirmed
DefaultDependencies=no
RequiresMountsFor={state} {lib}
After=local-fs.target
Before=systemd-sysctl.service systemd-tmpfiles-setup.service nftables.service sysinit.target shutdown.target
Conflicts=shutdown.target
ConditionPathExistsGlob=|{state}/services/*/journal.json
ConditionPathExists=|{state}/guard.json

[Service]
Type=oneshot
ExecStart={lib}/recover
TimeoutStartSec=120

[Install]
WantedBy=sysinit.target
"""

DROP_IN = """{header}# A unit of ours never starts from half a commit.
[Unit]
Wants={unit}
After={unit}
"""


def source(name: str) -> bytes:
    """The source of one of our modules, also when it was imported from Ansible's zip."""
    spec = importlib.util.find_spec(f"{__package__}.{name}" if name != "__init__" else str(__package__))
    loader = spec.loader if spec else None
    get_source: Callable[[str], str | None] | None = getattr(loader, "get_source", None)
    text = get_source(spec.name) if spec and get_source else None
    if text is None:
        raise RuntimeError(f"no source of {name}")
    return text.encode()


def drop_in(host: Host, unit: str) -> str:
    return os.path.join(host.unit_dir, f"{unit}.d", "10-evenkeel-recover.conf")


def python() -> str:
    return sys.executable or "/usr/bin/python3"


def code(lib: str) -> dict[str, bytes]:
    """Path and content of a complete copy of our code."""
    script = SCRIPT.format(header=HEADER, lib=lib, package=PACKAGE, python=python())
    return {
        **{os.path.join(lib, PACKAGE, f"{name}.py"): source(name) for name in MODULES},
        os.path.join(lib, COMMAND): script.encode(),
    }


def _files(host: Host) -> dict[str, bytes]:
    """Path and content of everything that recovery needs, but the drop-ins."""
    service = SERVICE.format(header=HEADER, lib=host.lib_dir, state=host.state_dir)
    return {**code(host.lib_dir), os.path.join(host.unit_dir, UNIT): service.encode()}


def _put(host: Host, path: str, content: bytes) -> bool:
    """One of our own files; true if it had to be written."""
    try:
        if Path(path).read_bytes() == content:
            return False
    except OSError:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    host.replace(path, content, 0o755 if path == os.path.join(host.lib_dir, COMMAND) else 0o644)
    return True


def install(host: Host, unit: str) -> None:
    """Before the first journal is written: whoever finds it must know what to do with it."""
    changed = [path for path, content in _files(host).items() if _put(host, path, content)]
    if unit and _put(host, drop_in(host, unit), DROP_IN.format(header=HEADER, unit=UNIT).encode()):
        changed.append(drop_in(host, unit))
    wants = os.path.join(host.unit_dir, "sysinit.target.wants", UNIT)
    if not os.path.lexists(wants):
        os.makedirs(os.path.dirname(wants), 0o755, exist_ok=True)
        host.symlink(os.path.join(host.unit_dir, UNIT), wants)
        changed.append(wants)
    if any(path.startswith(host.unit_dir) for path in changed):
        host.systemctl("daemon-reload")


def uninstall(host: Host, store: Store) -> None:
    """After a commit: what no set needs any more goes, unless it may be needed to put sets back."""
    trial = guard.read(store)
    if trial and trial.pending:
        return
    in_force = [manifest for manifest in store.manifests().values() if manifest.entries]
    units = {manifest.unit for manifest in in_force}
    gone: list[str] = []
    for manifest in store.manifests().values():
        path = drop_in(host, manifest.unit)
        if manifest.unit and manifest.unit not in units and os.path.exists(path):
            host.unlink(path)
            host.rmdir(os.path.dirname(path))
            gone.append(path)
    if not in_force:
        for path in [os.path.join(host.unit_dir, "sysinit.target.wants", UNIT), *_files(host)]:
            if os.path.lexists(path):
                host.unlink(path)
                gone.append(path)
        for directory in (os.path.join(host.lib_dir, PACKAGE), host.lib_dir):
            host.rmdir(directory)
    if gone:
        host.systemctl("daemon-reload")
