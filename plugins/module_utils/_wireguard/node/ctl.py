# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own tool, run by its units and by commit: /usr/local/lib/evenkeel/wireguard/ctl VERB.

up              bring up what belongs on this node now
down            take every tunnel down
reload          bring what runs to the files; only a tunnel that changed in more than its peers, MTU and mark is started anew
watch           keep each identity where its virtual IP is
start NAME      of the tunnel's unit
stop NAME       of the tunnel's unit
sync NAME       of wg-quick, when the interface is there: key, peers, routes
check NAME      have wg's own parser read a file
verify          prove that what runs is what the files say
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from ipaddress import ip_interface
from typing import Callable

from ..._node import verbs
from ..._node.files import write
from ..._node.verbs import Trouble
from .device import NFT, RUN, TABLE, Device, devices, node, run, succeeds
from .watch import skews, watch

# No interface has this name, so that a file is read and nothing is changed.
NOWHERE = "evenkeel-none"


def up() -> None:
    """All at once, so that one that waits for a name server keeps none of the others down; `watch` tries it again."""
    _load_filter()
    known = devices()
    try:
        _each(known, Device.take_over)
    finally:
        missing = [one.unit for one in known if one.wanted() and not one.exists()]
        if missing:
            run("systemctl", "restart", *missing)


def down() -> None:
    # Also one that is only being started.
    run("systemctl", "stop", "evenkeel-wireguard@*.service")
    # Those that did not come up are no longer anybody's trouble.
    succeeds("systemctl", "reset-failed", "evenkeel-wireguard@*.service")
    if succeeds("nft", "list", "table", "inet", TABLE):
        run("nft", "delete", "table", "inet", TABLE)


def reload() -> None:
    """One tunnel's trouble does not keep the others from their files."""
    _load_filter()
    _each({one.name: one for one in (*_running(), *devices())}.values(), _bring)


def _each(found: Iterable[Device], act: Callable[[Device], object]) -> None:
    """For all of them, whatever the trouble with one; all of it is told."""
    problems: list[str] = []
    for device in found:
        try:
            act(device)
        except (Trouble, OSError) as trouble:
            problems.append(f"{device.name}: {trouble}")
    if problems:
        raise Trouble("; ".join(problems))


def _bring(device: Device) -> None:
    known = device.name in node()["interfaces"]
    if known:
        device.take_over()
    if not known or not device.wanted():
        device.leave()
    elif not device.carries() or device.stale():
        run("systemctl", "restart", device.unit)
    else:
        before = {peer.key for peer in device.peers()}
        device.sync()
        device.call(but=before)


def _running() -> list[Device]:
    """What we started, also what is no longer in the configuration; and what is there however it came."""
    started = {path.stem for path in RUN.glob("*.conf")} | {one.name for one in devices() if one.exists()}
    return devices(sorted(started)) if started else []


def _load_filter() -> None:
    if NFT.exists():
        run("nft", "-f", str(NFT))


def check(device: Device) -> None:
    """wg reads a file before it looks for the interface, so its parser can be asked without one."""
    text = run("wg-quick", "strip", str(device.conf))
    scratch = RUN / f"{device.name}.check"
    write(scratch, text)
    try:
        run("wg", "setconf", NOWHERE, str(scratch))
    except Trouble as trouble:
        if "Unable to modify interface" not in str(trouble):
            raise
    finally:
        scratch.unlink(missing_ok=True)


def verify() -> list[str]:
    problems = []
    for device in devices():
        wanted = device.wanted()
        if wanted != device.up():
            problems.append(
                f"{device.name} is {'not up' if wanted else 'up, and its VIP is elsewhere'}: journalctl -u {device.unit}"
            )
        elif wanted:
            problems += [f"{device.name} {one}" for one in _differences(device)]
    if NFT.exists() and not succeeds("nft", "list", "table", "inet", TABLE):
        problems.append(f"the nftables table inet {TABLE} is not loaded: nft -f {NFT}")
    return problems


def _differences(device: Device) -> list[str]:
    text = device.conf.read_text(encoding="utf-8")
    found = []
    wanted = set(re.findall(r"(?m)^PublicKey\s*=\s*(\S+)", text))
    runs = {peer.key for peer in device.peers()}
    if wanted != runs:
        found.append(f"runs {len(runs)} peers, {len(runs - wanted)} of them not in its file, which has {len(wanted)}")
    own = device.public_key()
    if not device.runs_its_key():
        found.append(f"does not run the key of {device.key}")
    if device.settings["public_key"] not in ("", own):
        found.append(f"has another key in {device.key} than its peers were told")
    if run("wg", "show", device.name, "listen-port").strip() != str(device.settings["port"]):
        found.append(f"does not listen on {device.settings['port']}")
    there = json.loads(run("ip", "-j", "address", "show", "dev", device.name))[0]["addr_info"]
    has = {f"{one['local']}/{one['prefixlen']}" for one in there}
    found += [f"lacks its address {one}" for one in device.settings["addresses"] if str(ip_interface(one)) not in has]
    return found


def _sync(device: Device) -> None:
    """From wg-quick: the interface is there, and whoever had a session with its predecessor is to hear of it."""
    device.sync()
    device.call()


def _verified() -> list[str]:
    problems = verify()
    for name, seconds in skews().items():
        sys.stderr.write(f"warning: the clock of {name} differs by {seconds} s from this node's\n")
    return problems


def _watched() -> None:
    watch()
    # Another configuration, and maybe another version of this program; the tunnels are none of its children.
    again = sys.orig_argv[1:] if hasattr(sys, "orig_argv") else ["-SEB", *sys.argv]
    os.execv(sys.executable, [sys.executable, *again])


def main(argv: Sequence[str]) -> int:
    def of(act: Callable[[Device], object]) -> Callable[[str], None]:
        def named(name: str) -> None:
            act(devices([name])[0])

        return named

    known: verbs.Verbs = {
        "up": up,
        "down": down,
        "reload": reload,
        "watch": _watched,
        "start NAME": of(Device.start),
        "stop NAME": of(Device.stop),
        "sync NAME": of(_sync),
        "check NAME": of(check),
        "verify": _verified,
    }
    return verbs.call(argv, known, __doc__, "wireguard")
