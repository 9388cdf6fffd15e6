# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a swapped set into force: kernel values, systemd, the daemon."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Callable

from .errors import CommitError
from .host import Completed, Host
from .plan import NONE, RELOAD, RESTART, RUNTIME, START, STOP, Plan
from .unit import daemon_lines

Say = Callable[[str], str]


def reload_command(plan: Plan) -> tuple[str, ...]:
    return plan.request.reload or ("systemctl", "reload", plan.request.unit)


def _must(done: Completed, argv: Sequence[str], host: Host, unit: str, since: float, say: Say) -> None:
    if done.rc != 0:
        lines = [f"exit code {done.rc}", done.output, daemon_lines(host, unit, since) if unit else ""]
        raise CommitError(
            f"`{say(' '.join(argv))}` failed.", unit, say("\n".join(filter(None, lines))), "Mend what the daemon names."
        )


def apply(host: Host, plan: Plan, started: float, say: Say) -> None:
    """Raises CommitError at the first thing that fails."""
    unit = plan.request.unit

    def systemctl(*argv: str) -> None:
        _must(host.systemctl(*argv), ("systemctl", *argv), host, unit, started, say)

    for op in plan.sysctl_ops:
        try:
            host.set_sysctl(op.key, op.after)
        except OSError as error:
            raise CommitError(
                "the kernel refuses the value.",
                f"sysctl {op.key}",
                f"{op.after!r}: {error.strerror}",
                "Give one that it takes.",
            ) from None
    if plan.daemon_reload:
        systemctl("daemon-reload")
    if plan.apply == NONE:
        return
    if plan.apply == RUNTIME:
        for one in plan.runtime:
            host.act("runtime " + " ".join(one.command))
            _must(host.run(one.command), one.command, host, unit, started, say)
    elif plan.apply == RELOAD:
        argv = reload_command(plan)
        if argv[0] == "systemctl":
            systemctl(*argv[1:])
        else:
            host.act("reload " + " ".join(argv))
            _must(host.run(argv), argv, host, unit, started, say)
    elif plan.apply == RESTART:
        systemctl("restart", unit)
    elif plan.apply == START:
        # A unit that failed too often is started all the same: that is what was asked for.
        host.systemctl("reset-failed", unit)
        systemctl("start", unit)
    elif plan.apply == STOP:
        pass  # was done before the files went


def stop_first(host: Host, plan: Plan, say: Say) -> None:
    """A daemon that is to stop does so while its files are still there."""
    if plan.apply == STOP:
        _must(
            host.systemctl("stop", plan.request.unit), ("systemctl", "stop"), host, plan.request.unit, time.time(), say
        )


def enable(host: Host, plan: Plan, say: Say) -> None:
    """Last before the moment of commit, so that a node that dies in between boots as it was."""
    if plan.enable is not None:
        argv = ("enable" if plan.enable else "disable", plan.request.unit)
        _must(host.systemctl(*argv), ("systemctl", *argv), host, plan.request.unit, time.time(), say)
