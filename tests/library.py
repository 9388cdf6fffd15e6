# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service has on its nodes of our code, for tests that lay it out somewhere."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import service
from ansible_collections.evenkeel.lb.plugins.plugin_utils.library import files


def installed(name: str) -> dict[str, bytes]:
    """Contents by path on the node."""
    return {
        file["path"]: file["content"].encode() if "content" in file else Path(file["src"]).read_bytes()
        for file in files(service(name))
    }
