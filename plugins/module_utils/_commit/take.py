# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one look at a node has to bring, so that the controller can tell whether a commit has anything to do (`seen.py`)."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Callable

from . import guard
from . import sysctl as kernel
from .errors import CommitError
from .host import Host
from .state import FILE, look
from .store import Generation, Store

# How an entry of a manifest travels: its state and these.
FLAGS = ("secret", "allow_empty", "implied")


def readable(host: Host, store: Store) -> dict[str, Generation]:
    """All services' manifests; none where only commit itself can say what is wrong with them."""
    try:
        store.check_schema()
        return store.manifests() if host.uid == 0 else {}
    except (CommitError, OSError, ValueError, TypeError, KeyError):
        return {}


def take(host: Host, store: Store, manifests: Mapping[str, Generation], units: Mapping[str, str]) -> dict[str, Any]:
    """What the manifests speak of, as it is now. Reads only. Empty where a commit has more to tell than that.

    `units` is what systemd says of the manifests' units. Generation 0, contents, settings and secrets stay on the node.
    """
    if not manifests or store.journals() or guard.read(store) or host.names(os.path.join(host.run_dir, "commit")):
        return {}
    paths = {path: look(path) for manifest in manifests.values() for path in manifest.entries}
    around = {above for path in paths for above in _above(path)}
    places = {*paths, *around}
    keys, patterns = _kernel(host, manifests)
    owners = {state.uid for state in paths.values()}
    groups = {state.gid for state in paths.values()}
    return {
        "services": {name: _dump(manifest) for name, manifest in manifests.items()},
        "paths": {path: asdict(state) for path, state in paths.items()},
        "directories": sorted(path for path in around if os.path.isdir(path)),
        # Where a symbolic link is on the way.
        "real": {path: os.path.realpath(path) for path in sorted(places) if os.path.realpath(path) != path},
        "sysctls": keys,
        "patterns": patterns,
        "owners": _names(owners, lambda uid: pwd.getpwuid(uid).pw_name, lambda name: pwd.getpwnam(name).pw_uid),
        "groups": _names(groups, lambda gid: grp.getgrgid(gid).gr_name, lambda name: grp.getgrnam(name).gr_gid),
        "units": dict(units),
    }


def _above(path: str) -> Iterator[str]:
    """Every directory on the way to a path, but the root."""
    directory = os.path.dirname(path)
    while directory != "/":
        yield directory
        directory = os.path.dirname(directory)


def _dump(manifest: Generation) -> dict[str, Any]:
    entries = {
        path: [asdict(kept.state), *(getattr(kept, flag) for flag in FLAGS)] for path, kept in manifest.entries.items()
    }
    return {
        "number": manifest.number,
        "entries": entries,
        "sysctls": {key: asdict(value) for key, value in manifest.sysctls.items()},
    }


def _kernel(host: Host, manifests: Mapping[str, Generation]) -> tuple[dict[str, str | None], dict[str, list[str]]]:
    """The live values of all keys that the services' files name, whether this kernel has them or not."""
    wishes = []
    for manifest in manifests.values():
        for path in (manifest.settings.get("apply") or {}).get("sysctl") or ():
            if look(path).kind == FILE:
                wishes += kernel.parse(host.read(path).decode(errors="replace"))
    patterns = {wish.key: host.sysctl_keys(wish.key) for wish in wishes if wish.pattern}
    keys = {wish.key for wish in wishes if not wish.pattern}
    keys |= {key for found in patterns.values() for key in found}
    keys |= {key for manifest in manifests.values() for key in manifest.sysctls}
    return {key: host.sysctl(key) for key in sorted(keys)}, patterns


def _names(numbers: set[int], name_of: Callable[[int], str], number_of: Callable[[str], int]) -> dict[str, int]:
    """Accounts by name. One whose name leads to another number is left out."""
    found: dict[str, int] = {}
    for number in sorted(numbers):
        try:
            name = name_of(number)
            if number_of(name) == number:
                found[name] = number
        except KeyError:
            continue
    return found
