# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker engine: find one, or install Debian's and start it; and the one function that talks to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from lab.shell import LabError, run, run_long, say, succeeds

LOG = Path("/var/log/evenkeel-dockerd.log")
CGROUPS = Path("/sys/fs/cgroup")
SOCKET = Path("/run/docker.sock")
# A host's systemd takes six or seven of them, all on root's account: the kernel's 128 are used up by 20 hosts, and the next one
# never finishes its boot.
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INSTANCES = 1024


def docker(*argv: str, stdin: str | None = None, timeout: float | None = 300) -> str:
    return run(["docker", *argv], stdin=stdin, timeout=timeout)


def ensure(record: Path) -> None:
    """An engine that answers. What had to be made for it is written to `record`, for `release`."""
    if os.geteuid() == 0:
        prepare_cgroups()
        prepare_inotify()
    if answers():
        return
    if os.geteuid() != 0:
        raise LabError(
            "No docker engine answers to this user, and only root may install or start one.\n"
            f"  {_why_not()}\n"
            "  Remedy: run this as root, or let this user talk to the engine (group docker)."
        )
    made = json.loads(record.read_text()) if record.exists() else {}
    if not shutil.which("dockerd"):
        install("docker.io", "iptables")
        made["installed"] = ["docker.io", "iptables"]
    if Path("/run/systemd/system").is_dir():
        run_long("Starting docker", ["systemctl", "start", "docker"])
    else:
        made["started"] = _start_daemon()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(made))
    _wait()


def release(record: Path) -> None:
    """Stop the engine that `ensure` started, unless somebody else's containers run on it."""
    made = json.loads(record.read_text()) if record.exists() else {}
    pid = made.get("started")
    if pid and _command(pid) == "dockerd":
        if docker("ps", "-q").strip():
            say("- The docker engine stays up: containers that are not the lab's run on it.")
            return
        os.kill(pid, 15)
        say("- Stopped the docker engine that the lab had started")
    if made.get("installed"):
        say(f"- Debian's packages stay installed: apt-get purge {' '.join(made['installed'])}")
    record.unlink(missing_ok=True)


def install(*packages: str) -> None:
    """Debian packages on this machine, when root and Debian; otherwise an error that names them."""
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(
            f"This machine lacks {names}.\n  Remedy: apt-get install --no-install-recommends {names}"
            " (as root), or what this system calls them."
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_long("Refreshing the package lists", ["apt-get", "update"], env=quiet)
    run_long(f"Installing {names}", ["apt-get", "install", "-y", "--no-install-recommends", *packages], env=quiet)


def prepare_cgroups() -> None:
    """Where no systemd has mounted them: what systemd inside a container needs, on cgroup v1 and v2."""
    mounted = {tuple(line.split()[1:4]) for line in Path("/proc/mounts").read_text().splitlines()}
    ours = [(point, kind, options) for point, kind, options in mounted if point.startswith(str(CGROUPS))]
    if not any(kind.startswith("cgroup") for _, kind, _ in ours):
        run(["mount", "-t", "cgroup2", "cgroup2", str(CGROUPS)])
    elif not is_cgroup2() and not any("name=systemd" in options for _, _, options in ours):
        (CGROUPS / "systemd").mkdir(exist_ok=True)
        run(["mount", "-t", "cgroup", "-o", "none,name=systemd", "cgroup", str(CGROUPS / "systemd")])


def prepare_inotify() -> None:
    """Enough for more than 20 hosts, until this machine boots again."""
    if INOTIFY.exists() and int(INOTIFY.read_text()) < INSTANCES:
        say(f"- Raising fs.inotify.max_user_instances from {INOTIFY.read_text().strip()} to {INSTANCES}")
        INOTIFY.write_text(f"{INSTANCES}\n")


def is_cgroup2() -> bool:
    return (CGROUPS / "cgroup.controllers").exists()


def answers() -> bool:
    return succeeds(["docker", "version", "--format", "{{.Server.Version}}"], timeout=60)


def _why_not() -> str:
    try:
        docker("version", "--format", "{{.Server.Version}}", timeout=20)
    except LabError as error:
        return str(error).splitlines()[-1].strip()
    return ""


def _start_daemon() -> int:
    """dockerd without systemd: in a session of its own, so that it outlives this command."""
    for name, pid_file in (
        ("dockerd", Path("/run/docker.pid")),
        ("containerd", Path("/run/docker/containerd/containerd.pid")),
    ):
        # A pid file from before a reboot may name a stranger, whom dockerd would take for itself.
        if pid_file.exists() and _command(int(pid_file.read_text() or 0)) != name:
            pid_file.unlink()
    say(f"- Starting dockerd (log: {LOG}) ...")
    with LOG.open("ab") as log:
        return subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        ).pid


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _wait(seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not answers():
        if time.monotonic() > deadline:
            tail = LOG.read_text(errors="replace").splitlines()[-12:] if LOG.exists() else []
            raise LabError(f"The docker engine does not answer after {seconds:g} s.\n  " + "\n  ".join(tail))
        time.sleep(0.5)
