# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our code that a service has on its nodes: which files go there, and from where."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import LIBRARIES, Service
from ansible_collections.evenkeel.lb.plugins.module_utils._core.travel import closure

UTILS = Path(__file__).resolve().parents[1] / "module_utils"
# -S, -E and -B keep site, environment and bytecode out of what root runs.
TOOL = '''\
#!/usr/bin/python3 -SEB
# Managed by evenkeel.lb (role {role}): change the inventory, not this file.
"""See {entry} beside this file."""

import sys

sys.path.insert(0, "{libraries}")
from {module} import main

sys.exit(main(sys.argv[1:]))
'''


def files(service: Service) -> list[dict[str, str]]:
    """As `commit` takes them: the service's tool, and what that imports, in a tree that mirrors module_utils."""
    entry = f"{service.room}/node/ctl.py"
    module = ".".join([service.tree.rpartition("/")[2], *entry[: -len(".py")].split("/")])
    tool = TOOL.format(role=service.name, entry=entry, libraries=LIBRARIES, module=module)
    return [
        {"path": f"{service.tree}/ctl", "content": tool, "mode": "0755"},
        *({"path": f"{service.tree}/{path}", "src": str(UTILS / path)} for path in closure(entry, _read)),
    ]


def _read(path: str) -> str | None:
    try:
        return (UTILS / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
