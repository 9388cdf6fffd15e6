# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node remembers of its commits, and what has become of it since. Reads only, and waits for no lock."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import guard
from . import show as shown
from .drift import CHANGED, MISSING
from .host import Host
from .mask import Masker
from .state import ABSENT, DIRECTORY, FILE, State, look
from .store import Generation, Kept, Store
from .unit import show as show_unit

MOST_LINES = 1000

# Beside the kinds of drift that stop a commit: what a commit puts back without asking.
ACCESS, SYSCTL, UNIT = "access", "sysctl", "unit"
# Other states, such as static, are nobody's doing.
SWITCHED_ON = ("enabled", "enabled-runtime")


def look_back(host: Host, store: Store, contents: bool = False) -> dict[str, Any]:
    """Every service of the node; with `contents` also what its files held at the last commit, masked."""
    store.check_schema()
    manifests, on_trial = store.manifests(), guard.read(store)
    return {
        "services": [_service(host, store, manifests[name], contents) for name in sorted(manifests)],
        "interrupted": store.journals(),
        "guard": on_trial.report() if on_trial and on_trial.pending else None,
        "fell_back": on_trial.report() if on_trial and not on_trial.pending else None,
        "busy": busy(store),
    }


def busy(store: Store) -> str:
    """Who holds the node's lock; empty when nobody does."""
    try:
        descriptor = os.open(store.lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return store.holder()
    finally:
        os.close(descriptor)
    return ""


def stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _service(host: Host, store: Store, manifest: Generation, contents: bool) -> dict[str, Any]:
    seen = _Contents(host, store, manifest)
    return {
        "service": manifest.service,
        "unit": manifest.unit,
        **_generation(manifest),
        "files": [_file(seen, path, kept, contents) for path, kept in sorted(manifest.entries.items())],
        "drift": list(_drift(seen)),
        "generations": [
            {**_generation(one), "in_force": one.number == manifest.number}
            for one in reversed(store.generations(manifest.service))
        ],
    }


def _generation(one: Generation) -> dict[str, Any]:
    return {"generation": one.number, "kind": one.kind, "run_id": one.run_id, "committed_at": stamp(one.time)}


class _Contents:
    """What the files of a manifest held when it was committed, as it may be shown."""

    def __init__(self, host: Host, store: Store, manifest: Generation) -> None:
        self.host, self.store, self.manifest = host, store, manifest
        self.masker = Masker(str(secret) for secret in manifest.settings.get("secrets") or ())
        for kept in manifest.entries.values():
            content = self.committed(kept)
            if content is not None:
                self.learn(content, kept.secret)

    def committed(self, kept: Kept) -> bytes | None:
        """None where nothing was, or where the content is no longer kept."""
        if kept.state.kind != FILE:
            return None
        try:
            return self.store.blob(self.manifest.service, kept.state.digest)
        except FileNotFoundError:
            return None

    def learn(self, content: bytes, secret: bool) -> None:
        (self.masker.learn_whole if secret else self.masker.learn)(shown.readable(content))

    def text(self, path: str, kept: Kept) -> str:
        return shown.body(self.host, self.masker, path, kept.state, self.committed(kept), kept.secret)

    def diff(self, path: str, kept: Kept, now: State) -> str:
        """From what was committed to what is there."""
        there = Path(path).read_bytes() if now.kind == FILE else None
        if there is not None:
            self.learn(there, kept.secret)
        known = {kept.state.digest: self.committed(kept), now.digest: there}
        return "\n".join(
            shown.unified(one, MOST_LINES)
            for one in shown.change(self.host, self.masker, path, kept.state, now, known, kept.secret)
        )


def _file(seen: _Contents, path: str, kept: Kept, contents: bool) -> dict[str, Any]:
    state = kept.state
    found = {"path": path, "kind": state.kind, "secret": kept.secret, "sha256": state.digest}
    return {**found, "content": seen.text(path, kept)} if contents else found


def _drift(seen: _Contents) -> Iterator[dict[str, Any]]:
    """Files, kernel values and the unit, each beside the manifest."""
    manifest = seen.manifest
    for path, kept in sorted(manifest.entries.items()):
        now = look(path)
        kind = _kind(kept, now)
        if kind:
            yield _found(manifest, path, kind, seen.diff(path, kept, now))
    for key, kept_value in sorted(manifest.sysctls.items()):
        live = seen.host.sysctl(key)
        if live != kept_value.value:
            yield _other(manifest, f"sysctl {key}", SYSCTL, kept_value.value, live or "(no such key)")
    for what, wanted, found in _unit(seen.host, manifest):
        if wanted != found:
            yield _other(manifest, what, UNIT, wanted, found)


def _kind(kept: Kept, now: State) -> str:
    """How a path differs from what was committed; empty if it does not."""
    if kept.implied or DIRECTORY == kept.state.kind == now.kind:
        same = kept.state.kind == now.kind
        return MISSING if not same else "" if kept.implied or kept.state == now else ACCESS
    if kept.state == now:
        return ""
    if now.kind == ABSENT:
        return MISSING
    return ACCESS if kept.state.same_content(now) else CHANGED


def _unit(host: Host, manifest: Generation) -> Iterator[tuple[str, str, str]]:
    """What the last commit had a say in: how the unit was left, and how it is."""
    if not manifest.unit:
        return
    unit, settings = show_unit(host, manifest.unit), manifest.settings
    if settings.get("unit_state") == "started":
        yield unit.name, "active", "active" if unit.active else unit.active_state
    elif settings.get("unit_state") == "stopped":
        yield unit.name, "inactive", unit.active_state if unit.active else "inactive"
    if settings.get("enabled") is True:
        yield f"{unit.name} at boot", "enabled", "enabled" if unit.enabled else "disabled"
    elif settings.get("enabled") is False:
        yield f"{unit.name} at boot", "disabled", "enabled" if unit.file_state in SWITCHED_ON else "disabled"


def _found(manifest: Generation, what: str, kind: str, diff: str) -> dict[str, Any]:
    return {"path": what, "kind": kind, "since": manifest.number, "diff": diff}


def _other(manifest: Generation, what: str, kind: str, wanted: str, found: str) -> dict[str, Any]:
    """A finding that is no file: one line against another."""
    sides = {"before_header": what, "after_header": what, "before": f"{wanted}\n", "after": f"{found}\n"}
    return _found(manifest, what, kind, shown.unified(sides))
