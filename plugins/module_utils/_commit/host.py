# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a commit does to the machine goes through here.

Tests replace the host to count its acts, to fail one of them or to die at it; nothing in production can.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import state

SELINUX = "security.selinux"


@dataclass(frozen=True)
class Completed:
    """What a command said."""

    rc: int
    output: str


class Reads(Protocol):
    """What the comparison asks of a node: the node itself answers (`Host`), or one look at it (`seen.Seen`)."""

    @property
    def in_recovery_service(self) -> bool:
        """Whether a start of the unit may be under way already."""

    def look(self, path: str) -> state.State:
        """What lies at a path."""

    def real(self, path: str) -> str:
        """The path without symbolic links on the way."""

    def is_directory(self, path: str) -> bool:
        """Whether files can be put there."""

    def names(self, directory: str) -> list[str]:
        """What lies in a directory; nothing where there is none."""

    def read(self, path: str) -> bytes:
        """The content of a file."""

    def ids(self, owner: str, group: str) -> tuple[int, int]:
        """Raises KeyError with the name that the node does not know."""

    def sysctl(self, key: str) -> str | None:
        """The live value; None where the kernel has no such key."""

    def sysctl_keys(self, pattern: str) -> list[str]:
        """The keys that a pattern names, sorted."""

    def properties(self, unit: str, names: str) -> Completed:
        """What systemd says of a unit, a line for each property."""

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 120) -> Completed:
        """What a command says that only reads."""


@dataclass
class Host:
    """The machine, and where our own things lie on it."""

    state_dir: str = "/var/lib/evenkeel"
    run_dir: str = "/run/evenkeel"
    lib_dir: str = "/usr/local/lib/evenkeel"
    unit_dir: str = "/etc/systemd/system"
    sysctl_dir: str = "/proc/sys"
    # Inside the recovery service a job that waits for us must not be waited for.
    in_recovery_service: bool = False

    @property
    def uid(self) -> int:
        return os.geteuid()

    def act(self, name: str) -> None:
        """Called before every act that changes something."""

    # -- commands ------------------------------------------------------------------------------------------------

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 120) -> Completed:
        """A command's exit code and everything it printed; a command that is missing or hangs has a code too."""
        path = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
        environment = {**os.environ, "PATH": path, "LC_ALL": "C", **(env or {})}
        try:
            done = subprocess.run(
                [shutil.which(argv[0], path=path) or argv[0], *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            return Completed(127, f"{argv[0]}: not found")
        except PermissionError:
            return Completed(126, f"{argv[0]}: not executable")
        except subprocess.TimeoutExpired as late:
            return Completed(124, (late.stdout or b"").decode(errors="replace") + f"\nno end within {timeout:g} s")
        return Completed(done.returncode, done.stdout.decode(errors="replace").rstrip())

    def systemctl(self, *argv: str) -> Completed:
        """A verb that changes something."""
        self.act("systemctl " + " ".join(argv))
        blocking = ("daemon-reload", "enable", "disable", "reset-failed")
        queued = self.in_recovery_service and argv[0] not in blocking
        return self.run(["systemctl", *(["--no-block"] if queued else []), *argv])

    def transient(self, unit: str, description: str, argv: Sequence[str], *properties: str) -> Completed:
        """A unit that is no child of ours: what it does outlives this process and its connection."""
        self.act(f"start {unit}")
        words = ["--quiet", "--collect", f"--unit={unit}", f"--description={description}", *properties]
        return self.run(["systemd-run", *words, "--", *argv])

    def which(self, program: str) -> str | None:
        return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")

    # -- files ---------------------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes, uid: int = 0, gid: int = 0, mode: int = 0o600, like: str = "") -> None:
        """A new file: owner and mode before the first byte, on disk before we return."""
        self.act(f"write {path}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if (uid, gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, uid, gid)
                os.fchmod(descriptor, mode)
                if like:
                    with contextlib.suppress(OSError):
                        os.setxattr(descriptor, SELINUX, os.getxattr(like, SELINUX, follow_symlinks=False))
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            os.unlink(path)
            raise OSError(error.errno, error.strerror, path) from None

    def replace(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """One of our own files, all or nothing."""
        temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")
        self.write(temporary, data, os.geteuid(), os.getegid(), mode)
        self.rename(temporary, path)
        self.sync([os.path.dirname(path)])

    def link(self, source: str, target: str) -> None:
        self.act(f"link {target}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
        os.link(source, target, follow_symlinks=False)

    def symlink(self, destination: str, path: str) -> None:
        self.act(f"symlink {path}")
        os.symlink(destination, path)

    def rename(self, source: str, target: str) -> None:
        self.act(f"rename {target}")
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        """Gone afterwards, whether it was there or not."""
        self.act(f"unlink {path}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def mkdir(self, path: str, uid: int = 0, gid: int = 0, mode: int = 0o755) -> None:
        self.act(f"mkdir {path}")
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        self.own(path, uid, gid, mode)

    def own(self, path: str, uid: int, gid: int, mode: int) -> None:
        status = os.lstat(path)
        if (status.st_uid, status.st_gid) != (uid, gid):
            os.chown(path, uid, gid, follow_symlinks=False)
        os.chmod(path, mode)

    def rmdir(self, path: str) -> None:
        """Removed if empty; what somebody else put there keeps it."""
        self.act(f"rmdir {path}")
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
                raise

    def sync(self, directories: Sequence[str]) -> None:
        """Makes renames in these directories outlive a power cut."""
        for directory in dict.fromkeys(directories):
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    # -- what is there -------------------------------------------------------------------------------------------

    def look(self, path: str) -> state.State:
        return state.look(path)

    def real(self, path: str) -> str:
        return os.path.realpath(path)

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(path)

    def names(self, directory: str) -> list[str]:
        try:
            return os.listdir(directory)
        except OSError:
            return []

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def properties(self, unit: str, names: str) -> Completed:
        return self.run(["systemctl", "show", "-p", names, "--", unit])

    # -- kernel --------------------------------------------------------------------------------------------------

    def sysctl_path(self, key: str) -> str:
        """`net.ipv4.ip_forward`, or `net/ipv4/conf/eth0.1/forwarding` where a name holds a dot (sysctl.d(5))."""
        slash, dot = key.find("/"), key.find(".")
        if dot >= 0 and (slash < 0 or dot < slash):
            key = key.translate(str.maketrans("./", "/."))
        return os.path.join(self.sysctl_dir, key)

    def sysctl(self, key: str) -> str | None:
        """The live value; None where the kernel has no such key."""
        try:
            return " ".join(Path(self.sysctl_path(key)).read_text().split())
        except OSError:
            return None

    def sysctl_keys(self, pattern: str) -> list[str]:
        return [path[len(self.sysctl_dir) + 1 :] for path in sorted(glob.glob(self.sysctl_path(pattern)))]

    def set_sysctl(self, key: str, value: str) -> None:
        self.act(f"sysctl {key}")
        with open(self.sysctl_path(key), "w") as file:
            file.write(value)

    # -- account names -------------------------------------------------------------------------------------------

    def ids(self, owner: str, group: str) -> tuple[int, int]:
        """Raises KeyError with the name that the node does not know."""
        import grp
        import pwd

        uid = int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
        return uid, gid
