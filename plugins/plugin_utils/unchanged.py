# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a commit would have nothing to do, told from the run's look at the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.errors import CommitError
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.model import parse
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.seen import unchanged
from ansible_collections.evenkeel.lb.plugins.modules.commit import SPEC


def verdict(sets: Mapping[str, Any], arguments: Mapping[str, Any], contents: Sequence[bytes]) -> dict[str, Any] | None:
    """The module's result where nothing differs; None where the node has to be asked, also about what is wrong."""
    found = ArgumentSpecValidator(SPEC).validate(dict(arguments))
    # The node expands `~` and `$HOME` to a home of its own.
    if found.error_messages or any(text.startswith("~") or "$" in text for text in _paths(arguments)):
        return None
    try:
        request = parse({**found.validated_parameters, "check": True}, contents)
    except CommitError:
        return None
    result = unchanged(sets, request)
    return result.as_dict() if result else None


def _paths(arguments: Mapping[str, Any]) -> Iterator[str]:
    for key in ("files", "directories"):
        yield from (str(item.get("path")) for item in arguments.get(key) or () if isinstance(item, Mapping))
    for items in (arguments.get("absent"), (arguments.get("apply") or {}).get("sysctl")):
        yield from (str(path) for path in items or ())
