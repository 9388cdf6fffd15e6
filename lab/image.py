# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host images: a tag per digest of what they are built from, so that a stale one is never used."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab import engine
from lab.engine import docker
from lab.shell import LabError, run, run_long, say, succeeds

INPUTS = Path(__file__).resolve().parent / "image"
RELEASES = ("bookworm", "trixie")
KINDS = ("host", "web", "client")
LABEL = "evenkeel.lab.image"
REPOSITORY = "evenkeel-lab"


def kind_of(host: str) -> str:
    """The image a host of the lab runs: told by its name (web-1, client; anything else is a plain host)."""
    stem = host.split("-", maxsplit=1)[0]
    return stem if stem in KINDS else "host"


def digest(release: str, inputs: Path = INPUTS) -> str:
    """Twelve hex digits over the release and every file the images are built from: name, executable bit, content."""
    state = hashlib.sha256(release.encode())
    for path in sorted(path for path in inputs.rglob("*") if path.is_file()):
        content = path.read_bytes()
        head = f"{path.relative_to(inputs)}\0{os.access(path, os.X_OK)}\0{len(content)}\0"
        state.update(head.encode() + content)
    return state.hexdigest()[:12]


def tag(release: str, kind: str, inputs: Path = INPUTS) -> str:
    return f"{REPOSITORY}:{release}-{kind}-{digest(release, inputs)}"


def ensure(release: str, *, fresh: bool = False) -> None:
    """All images of a release exist; `fresh` builds them again, with today's package lists."""
    if release not in RELEASES:
        raise LabError(f"--release {release}: the lab knows {' and '.join(RELEASES)}.")
    wanted = {kind: tag(release, kind) for kind in KINDS}
    missing = [kind for kind, name in wanted.items() if fresh or not _exists(name)]
    if not missing:
        return
    plain = base(release)
    cache = ["--no-cache"] if fresh and "host" in missing else []
    for kind in missing:
        run_long(
            f"Building the {kind} image of {release}",
            [
                "docker",
                "build",
                *cache,
                *proxies(),
                "--network",
                "host",
                "--build-arg",
                f"BASE={plain}",
                "--label",
                f"{LABEL}={release}",
                "--target",
                kind,
                "--tag",
                wanted[kind],
                str(INPUTS),
            ],
        )
        cache = []
    _forget_older(release, set(wanted.values()))


def cmdline(release: str) -> str:
    """What a host's systemd has to read as the kernel's command line: that of Debian 13 refuses cgroup v1 unless told."""
    if release == "bookworm" or engine.is_cgroup2():
        return ""
    return "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"


def remove_all() -> None:
    """Remove every image the lab made, save those that containers still use."""
    names = docker("image", "ls", "--filter", f"label={LABEL}", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")
    found = [line.split() for line in names.splitlines()]
    for name, identity in sorted(found, key=lambda item: item[0].startswith(f"{REPOSITORY}-base")):
        _remove(identity if "<none>" in name else name)


def _exists(name: str) -> bool:
    return succeeds(["docker", "image", "inspect", name])


def _remove(name: str) -> None:
    if succeeds(["docker", "image", "rm", name]):
        say(f"- Removed image {name}")
    elif _exists(name):
        say(f"- Image {name} stays: it is in use")


def _forget_older(release: str, current: set[str]) -> None:
    names = docker("image", "ls", "--filter", f"label={LABEL}={release}", "--format", "{{.Repository}}:{{.Tag}}")
    for name in names.split():
        if name.startswith(f"{REPOSITORY}:{release}-") and name not in current:
            _remove(name)


def proxies() -> Iterator[str]:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if os.environ.get(name):
            yield from ("--build-arg", name)


def base(release: str) -> str:
    """A plain Debian: one that is here, else a registry's, else one made by debootstrap."""
    own = f"{REPOSITORY}-base:{release}"
    for name in (own, f"debian:{release}"):
        if _exists(name):
            return name
    try:
        run_long(f"Pulling debian:{release}", ["docker", "pull", f"debian:{release}"], first_output_within=15)
        # A name of our own, so that purge can tell our pull from somebody else's.
        run(["docker", "build", "--label", f"{LABEL}={release}", "--tag", own, "-"], stdin=f"FROM debian:{release}\n")
        run(["docker", "image", "rm", f"debian:{release}"])
    except LabError as error:
        say(f"  not from a registry: {str(error).splitlines()[-1].strip()[:100]}")
        _bootstrap(release, own)
    return own


def _bootstrap(release: str, name: str) -> None:
    if os.geteuid() != 0:
        raise LabError(
            f"No registry answers, and only root may make a Debian with debootstrap.\n"
            f"  Remedy: run `lab/lab image` once as root, or give this engine an image debian:{release}."
        )
    if not shutil.which("debootstrap"):
        engine.install("debootstrap")
    mirrors = _mirrors()
    # Not /tmp, which may forbid programs and devices.
    with tempfile.TemporaryDirectory(prefix="evenkeel-base-", dir="/var/tmp") as folder:
        root = Path(folder) / "root"
        run_long(
            f"Making a Debian {release} with debootstrap",
            ["debootstrap", "--variant=minbase", release, str(root), *mirrors.get("", [])[:1]],
        )
        suites = [f"deb {uris[0]} {release}{suffix} main\n" for suffix, uris in mirrors.items()]
        if suites:
            (root / "etc/apt/sources.list").write_text("".join(suites))
        tar = subprocess.Popen(
            ["tar", "-C", str(root), "--numeric-owner", "--one-file-system", "-c", "."], stdout=subprocess.PIPE
        )
        try:
            run_long(
                "Importing it",
                ["docker", "import", "--change", f"LABEL {LABEL}={release}", "-", name],
                stdin=tar.stdout,
            )
        finally:
            tar.wait()


def _mirrors() -> dict[str, list[str]]:
    """The mirrors this machine itself uses, by what follows the release in a suite's name ('', -updates, -security)."""
    if not shutil.which("apt-get"):
        return {}
    listing = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", "Origin: Debian"]
    )
    found: dict[str, list[str]] = {}
    for line in listing.splitlines():
        uri, _, codename = line.partition(" ")
        _, dash, suffix = codename.partition("-")
        if dash + suffix in ("", "-updates", "-security"):
            found.setdefault(dash + suffix, []).append(uri)
    return found
