# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says about a host, as plain data: how the plan's shells read `hostvars`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.evenkeel.lb.plugins.module_utils._cluster.variables import KEYS


def plain(value: Any) -> Any:
    """Without Ansible's own types (lazy containers, tags, vaulted strings): the core compares and prints these."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    # A vaulted string is a sequence up to ansible-core 2.18.
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) and not hasattr(value, "_ciphertext"):
        return [plain(item) for item in value]
    return str(value)


def variables(hostvars: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The host's variables that the plan reads and no others, templates resolved; None if there is no such host."""
    if name not in hostvars:
        return None
    own = hostvars[name]
    found = {}
    for key in KEYS:
        if key not in own:
            continue
        try:
            found[key] = plain(own[key])
        except (AnsibleError, KeyError) as error:
            # Written as a template that nothing can resolve, which is what the core then refuses by name.
            found[key] = f"{{{{ ... }}}}: {error}"
    return found
