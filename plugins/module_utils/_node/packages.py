# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages a node has: what dpkg is asked, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.services import SERVICES

# Every package that a role asks about (its tasks/main.yml), so that one look brings the answers for all of them.
KNOWN = tuple(sorted({name for service in SERVICES for name in service.packages}))
FORMAT = "${db:Status-Status} ${Package} ${Version}\\n"


def query(names: Sequence[str]) -> list[str]:
    """The command that asks for these; it fails where one of them is unknown, and answers for the others all the same."""
    return ["dpkg-query", "--show", "--showformat", FORMAT, *names]


def installed(output: str) -> dict[str, str]:
    """Version by name of what is installed; what was removed and left its configuration is not."""
    words = [line.split() for line in output.splitlines()]
    return {line[1]: line[2] for line in words if len(line) == 3 and line[0] == "installed"}
