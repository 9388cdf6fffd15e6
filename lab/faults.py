# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults, and their way back. Each is the fault itself: no daemon is asked to help, and none is told beforehand.

Every function takes a lab and a host, those that hit a daemon also its unit; a fault that is already there, and a way
back that is already gone, are no errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.engine import docker
from lab.hosts import Lab, container_state, set_link, wait_for_boot


def freeze(lab: Lab, host: str) -> None:
    """Stop every process of a host where it is (cgroup freezer); its kernel goes on holding addresses."""
    if container_state(lab, host) == "running":
        docker("pause", lab.container(host))


def thaw(lab: Lab, host: str) -> None:
    """Let a frozen host go on."""
    if container_state(lab, host) == "paused":
        docker("unpause", lab.container(host))


def cut(lab: Lab, host: str) -> None:
    """Take a host's cable out: the machine's end of its veth goes down."""
    set_link(lab, host, "down")


def mend(lab: Lab, host: str) -> None:
    """Put the cable back."""
    set_link(lab, host, "up")


def crash(lab: Lab, host: str, unit: str) -> None:
    """Kill a unit's processes with -9 and keep it from being started again."""
    lab.run(
        host,
        ["sh", "-ec", 'systemctl --quiet mask --runtime "$1"; systemctl kill -s KILL --kill-whom=all "$1"', "sh", unit],
    )


def restore(lab: Lab, host: str, unit: str) -> None:
    """Start a unit again that was crashed or stopped."""
    lab.run(
        host,
        [
            "sh",
            "-ec",
            'systemctl --quiet unmask --runtime "$1"; systemctl reset-failed "$1" || true; systemctl start "$1"',
            "sh",
            unit,
        ],
    )


def kill(lab: Lab, host: str, unit: str) -> None:
    """Kill a unit's processes with -9; systemd may start it again."""
    lab.run(host, ["systemctl", "kill", "-s", "KILL", "--kill-whom=all", unit])


def stop(lab: Lab, host: str, unit: str) -> None:
    """Stop a unit in good order."""
    lab.run(host, ["systemctl", "stop", unit])


def hang(lab: Lab, host: str, unit: str) -> None:
    """Freeze a unit's processes (SIGSTOP): its sockets stay open and nobody answers."""
    lab.run(host, ["systemctl", "kill", "-s", "STOP", "--kill-whom=all", unit])


def resume(lab: Lab, host: str, unit: str) -> None:
    """Let the processes of a hanging unit go on."""
    lab.run(host, ["systemctl", "kill", "-s", "CONT", "--kill-whom=all", unit])


def power_off(lab: Lab, host: str) -> None:
    """Pull a host's plug."""
    if container_state(lab, host) in ("running", "paused"):
        docker("kill", "--signal", "KILL", lab.container(host))


def power_on(lab: Lab, host: str) -> None:
    """Boot a host, and wait until it has."""
    if container_state(lab, host) != "running":
        docker("start", lab.container(host))
    wait_for_boot(lab, host)


def power_cycle(lab: Lab, host: str) -> None:
    """Pull the plug and put it back."""
    power_off(lab, host)
    power_on(lab, host)


def reboot(lab: Lab, host: str) -> None:
    """Shut a host down in good order and boot it."""
    docker("restart", lab.container(host))
    wait_for_boot(lab, host)


@dataclass(frozen=True)
class Fault:
    do: Callable[..., None]
    needs_unit: bool = False

    @property
    def help(self) -> str:
        return (self.do.__doc__ or "").splitlines()[0]


FAULTS = {
    "freeze": Fault(freeze),
    "thaw": Fault(thaw),
    "cut": Fault(cut),
    "mend": Fault(mend),
    "crash": Fault(crash, True),
    "restore": Fault(restore, True),
    "kill": Fault(kill, True),
    "stop": Fault(stop, True),
    "hang": Fault(hang, True),
    "resume": Fault(resume, True),
    "power-off": Fault(power_off),
    "power-on": Fault(power_on),
    "power-cycle": Fault(power_cycle),
    "reboot": Fault(reboot),
}
