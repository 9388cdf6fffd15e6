# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes of a cluster side by side: what the plan gives each node for itself is masked, and what is left is drift."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

NODE, INTERFACE, OWN = "<node>", "<interface>", "<own>"

# Directives whose value is a node's own, wherever the plan puts it; the digest of a configuration sums them up.
_OWN_VALUE = re.compile(r"^(\s*(?:priority|state|router_id|setenv EVENKEEL_CONFIGURATION)\s+)\S.*$")
# One that only some nodes have, and lines that only explain.
_OWN_LINE = re.compile(r"^\s*(?:preempt_delay\s.*|#.*)?$")


@dataclass(frozen=True)
class Mask:
    """Knows the names, addresses and interfaces of all nodes of a cluster."""

    words: Mapping[str, str]

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> Mask:
        """From a plan as `vrrp_plan` returns it."""
        words: dict[str, str] = {}
        for node in plan["nodes"].values():
            interfaces = [str(instance["interface"]) for instance in node["instances"]]
            words.update(dict.fromkeys(interfaces, INTERFACE))
            addresses = [instance.get("unicast_src_ip") for instance in node["instances"]]
            names = [node["name"], node["router_id"], node["address"], *addresses]
            words.update({str(name): NODE for name in names if name})
        return cls(words)

    def lines(self, text: str) -> list[str]:
        """What every node of the cluster should have alike."""
        return [self._line(line) for line in text.splitlines() if not _OWN_LINE.match(line)]

    def _line(self, line: str) -> str:
        line = _OWN_VALUE.sub(rf"\g<1>{OWN}", line)
        return self._pattern.sub(lambda match: self.words[match[0]], line)

    @property
    def _pattern(self) -> re.Pattern[str]:
        """Whole words only: 192.0.2.1 is no part of 192.0.2.11, nor lb-1 of lb-10; a port may follow."""
        longest_first = sorted(self.words, key=len, reverse=True)
        known = "|".join(re.escape(word) + ("(?!:)" if ":" in word else "") for word in longest_first)
        return re.compile(rf"(?<![\w.:-])(?:{known})(?![\w-]|\.\w)" if known else r"(?!)")


def differences(
    mask: Mask, first: Mapping[str, str], second: Mapping[str, str], names: tuple[str, str]
) -> Iterator[tuple[str, str]]:
    """Paths whose texts differ beyond what is a node's own, each with a unified diff; texts by path."""
    for path in sorted({*first, *second}):
        here, there = (f"{name}:{path}" for name in names)
        if path not in first or path not in second:
            there = there if path in second else f"{there} (absent)"
            here = here if path in first else f"{here} (absent)"
        before, after = (mask.lines(texts.get(path, "")) for texts in (first, second))
        found = "\n".join(unified_diff(before, after, here, there, lineterm=""))
        if found:
            yield path, found
        elif "(absent)" in here + there:
            yield path, f"--- {here}\n+++ {there}"
