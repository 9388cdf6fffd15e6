# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service's tool on a node is called: `ctl VERB [WORD ...]`, from one table.

What a verb finds goes to standard output, a line each, and makes the exit code 1; commit shows it. A call that the table does not
have is answered with how to call it, on standard error, and the exit code 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Union

USAGE = 2

# Nothing, an exit code, or what does not hold.
Outcome = Union[None, int, Sequence[str]]
# By how a verb is called, as the usage has it: `verify ADDRESS DIGEST`.
Verbs = Mapping[str, Callable[..., Outcome]]


class Trouble(Exception):
    """What keeps a verb from going on, as it is told: a line, or several."""


class Misuse(Exception):
    """A word that a verb does not take."""


def call(
    argv: Sequence[str], verbs: Verbs, usage: str | None, service: str, troubles: tuple[type[Exception], ...] = ()
) -> int:
    """Do what the words of a call ask for; the exit code.

    `troubles` are exceptions that are told in a line, after the name of the service, as those of the system are.
    """
    act = _find(argv, verbs)
    told: tuple[type[Exception], ...] = (OSError, *troubles)
    try:
        if act is None:
            raise Misuse
        outcome = act(*argv[1:])
    except Misuse:
        sys.stderr.write(usage or "")
        return USAGE
    except Trouble as trouble:
        outcome = [str(trouble)]
    except told as trouble:
        outcome = [f"{service}: {trouble}"]
    if outcome is None or isinstance(outcome, int):
        return outcome or 0
    say(outcome)
    return 1 if outcome else 0


def _find(argv: Sequence[str], verbs: Verbs) -> Callable[..., Outcome] | None:
    """The verb of that name that takes so many words."""
    for called, act in verbs.items():
        words = called.split()
        if list(argv[:1]) == words[:1] and len(argv) == len(words):
            return act
    return None


def say(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def applied() -> tuple[str, float]:
    """What commit did before it asks: none, start, restart or reload, and when it began, in seconds since the epoch."""
    return os.environ.get("EVENKEEL_APPLY", ""), float(os.environ.get("EVENKEEL_STARTED") or 0)
