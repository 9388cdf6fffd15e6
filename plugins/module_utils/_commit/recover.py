# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What evenkeel-recover.service runs."""

from __future__ import annotations

import sys

from .errors import CommitError
from .host import Host
from .journal import recover
from .store import Store


def main() -> int:
    """Recovers unless a commit is under way: that one holds the lock and is in charge."""
    host = Host(in_recovery_service=True)
    store = Store(host)
    try:
        store.check_schema()
        with store.lock("evenkeel-recover.service", timeout=0):
            said = recover(host, store)
    except CommitError as error:
        if error.where == store.lock_path:
            sys.stdout.write("A commit is under way; it is in charge.\n")
            return 0
        sys.stderr.write(f"{error.message()}\n")
        return 1
    for line in said:
        sys.stdout.write(f"{line}\n")
    return 0
