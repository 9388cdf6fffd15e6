# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier commit of this project left on a node, for tests of today's code.

Recorded by that commit's own code in a temporary root, from the root of a clone of today's:

    git archive COMMIT | tar -x -C CHECKOUT; ln -s CHECKOUT PLACE/ansible_collections/evenkeel/lb
    PYTHONPATH=PLACE:CHECKOUT python tests/unit/_commit/recording.py > tests/unit/_commit/recorded/COMMIT.json
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

UTILS = "ansible_collections.evenkeel.lb.plugins.module_utils"
ROOT = "@ROOT@"
# The recovery code is what it is about; its text is not.
WITHOUT_TEXT = "lib/evenkeel_commit/"

SWITCH = "sys/net/ip_nonlocal_bind"
FIRST = {
    "keepalived.conf": "one\n",
    "lib/vrrp/ctl": "tool one\n",
    "lib/vrrp/_core/lease.py": "lease\n",
    "lib/vrrp/_vrrp/ctl.py": "ctl one\n",
    "lib/vrrp/_vrrp/files.py": "files\n",
}
SECOND = {
    "keepalived.conf": "two\n",
    "60-switch.conf": "net.ip_nonlocal_bind = 1\n",
    "lib/vrrp/ctl": "tool two\n",
    "lib/vrrp/_core/classify.py": "classify\n",
    "lib/vrrp/_vrrp/ctl.py": "ctl two\n",
    "lib/vrrp/_vrrp/files.py": "files\n",
}
LEASES: dict[str, dict[str, Any]] = {
    "lease": {
        "run_id": "run",
        "playbook": "propagate",
        "who": "ann@desk",
        "since": 1.5,
        "expires": 900.0,
        "controller": {"pid": 7},
    },
    "hold": {"run_id": "run", "playbook": "rollback", "reason": "web was slow", "since": 1.5, "expires": None},
}


def first(world: Any, **more: Any) -> Any:
    files = [world.file(name, text) for name, text in FIRST.items()]
    return world.commit(
        *files,
        service="keepalived",
        unit="keepalived.service",
        unit_state="started",
        enabled=True,
        **{"run_id": "first", **more},
    )


def second(world: Any, **more: Any) -> Any:
    files = [world.file(name, text) for name, text in SECOND.items()]
    apply = {"sysctl": [str(world.etc / "60-switch.conf")]}
    return world.commit(
        *files,
        service="keepalived",
        unit="keepalived.service",
        unit_state="started",
        enabled=True,
        apply=apply,
        **{"run_id": "second", **more},
    )


# --- playing it back


def play(recorded: dict[str, Any], case: str, world: Any) -> Any:
    """Put a case that was recorded into a world of today's; the host as a process of today finds it."""
    files: dict[str, Any] = {}
    for name, after in recorded["cases"].items():
        files = {name: one for name, one in files.items() if name not in after["gone"]}
        files.update(after["files"])
        if name == case:
            break
    for name, one in sorted(files.items()):
        path = world.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if "to" in one:
            path.symlink_to(one["to"].replace(ROOT, str(world.root)))
        elif "text" in one:
            path.write_text(_own(one["text"].replace(ROOT, str(world.root)), path), encoding="utf-8")
            path.chmod(one["mode"])
        else:
            path.mkdir(exist_ok=True)
            path.chmod(one["mode"])
    return world.fresh(active=after["active"], enabled=after["enabled"], transients=set(after["transients"]))


def _own(text: str, path: Path) -> str:
    """Whoever recorded it owned the files; whoever plays it back does now."""
    if path.suffix != ".json":
        return text

    def owned(value: Any) -> Any:
        if isinstance(value, dict):
            mine = {"uid": os.geteuid(), "gid": os.getegid()} if value.get("kind") not in (None, "absent") else {}
            return {key: mine.get(key, owned(inner)) for key, inner in value.items()}
        return [owned(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(owned(json.loads(text)))


# --- recording


def snapshot(world: Any) -> dict[str, Any]:
    """Everything below the root, and what systemd would know."""
    found: dict[str, Any] = {}
    for path in sorted(world.root.rglob("*")):
        name = path.relative_to(world.root).as_posix()
        if path.is_symlink():
            found[name] = {"to": str(path.readlink()).replace(str(world.root), ROOT)}
        elif path.is_file():
            text = "" if name.startswith(WITHOUT_TEXT) else path.read_text(encoding="utf-8")
            found[name] = {"mode": path.stat().st_mode & 0o7777, "text": text.replace(str(world.root), ROOT)}
        else:
            found[name] = {"mode": path.stat().st_mode & 0o7777}
    host = world.host
    return {"files": found, "active": host.active, "enabled": host.enabled, "transients": sorted(host.transients)}


def since(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A snapshot by what differs from another one."""
    was, now = before.get("files", {}), after["files"]
    changed = {name: one for name, one in now.items() if was.get(name) != one}
    return {**after, "files": changed, "gone": sorted(was.keys() - now.keys())}


def record(directory: Path) -> dict[str, Any]:
    """Cases, each as what differs from the one before it: a commit that is done, one on trial, one that fell back, one killed
    at every act. And leases."""
    hosts = importlib.import_module("tests.unit.commit_host")
    commit = {name: importlib.import_module(f"{UTILS}._commit.{name}") for name in ("guard", "rollback", "store")}

    def world(name: str) -> Any:
        made = hosts.World(directory / name)
        (made.root / SWITCH).write_text("0\n", encoding="ascii")
        done = first(made)
        if done.error:
            raise RuntimeError(done.error.message())
        made.fresh()
        return made

    done, trial, back = world("done"), world("trial"), world("back")
    found = {"done": snapshot(done)}
    second(done)
    second(trial, guard=60)
    found["trial"] = snapshot(trial)
    second(back, guard=60)
    commit["rollback"].fall_back(back.host, commit["store"].Store(back.host), commit["guard"].NOBODY)
    found["fell back"] = snapshot(back)
    for at, act in enumerate(done.host.acts, 1):
        killed = world(f"killed-{at}")
        killed.fresh(die_at=at)
        with contextlib.suppress(hosts.Killed):
            second(killed)
        found[f"killed at {at:02}: {act.replace(str(done.root), ROOT)}"] = snapshot(killed)
    cases = {
        name: since(before, after) for (name, after), before in zip(found.items(), [{}, *found.values()], strict=False)
    }
    files = importlib.import_module(f"{UTILS}._vrrp.files")
    lease = importlib.import_module(f"{UTILS}._core.lease")
    leases = {}
    for name, given in LEASES.items():
        here = directory / name
        files.Files(here).take_lease(lease.Lease(**given))
        leases[name] = (here / "var/lib/evenkeel/lease.json").read_text(encoding="utf-8")
    return {"cases": cases, "leases": leases}


if __name__ == "__main__":
    # All cases begin alike, to the second.
    with tempfile.TemporaryDirectory() as place, mock.patch("time.time", lambda: 1_795_000_000.0):
        json.dump(record(Path(place)), sys.stdout, indent=1)
