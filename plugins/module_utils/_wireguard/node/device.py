# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tunnel: its files, what the kernel says of it, and bringing the one to the other."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

from ..._node.files import write
from ..._node.verbs import Trouble

ETC, RUN = Path("/etc/wireguard"), Path("/run/evenkeel/wireguard")
NODE = Path("/etc/evenkeel/wireguard.json")
NFT = Path("/etc/evenkeel/wireguard.nft")
TABLE = "evenkeel_wireguard"
DISCARD = 9
MARK = re.compile(r"(?m)^FwMark\s*=")


def run(*argv: str, stdin: str | None = None) -> str:
    """A command's output; its failure is Trouble, with what it said."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(f"{argv[0]}: {error}") from None
    if done.returncode:
        raise Trouble(f"`{' '.join(argv)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def succeeds(*argv: str) -> bool:
    with contextlib.suppress(Trouble):
        run(*argv)
        return True
    return False


def node() -> dict[str, Any]:
    """What the role wrote down about this node."""
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads(NODE.read_text(encoding="utf-8")))
    return {"interfaces": {}}


def has_address(address: str) -> bool:
    """Whether the kernel has it; it is what decides, whatever keepalived may say."""
    return bool(run("ip", "-o", "address", "show", "to", address).strip())


@dataclass(frozen=True)
class Peer:
    """A peer as the running interface has it."""

    key: str
    endpoint: str
    handshake: int


@dataclass(frozen=True)
class Device:
    """A tunnel by its name; `settings` are the node's."""

    name: str
    settings: Mapping[str, Any]

    @property
    def conf(self) -> Path:
        return ETC / f"{self.name}.conf"

    @property
    def key(self) -> Path:
        return ETC / f"{self.name}.key"

    @property
    def started(self) -> Path:
        """The configuration that the interface was started with, by which it is also stopped."""
        return RUN / f"{self.name}.conf"

    @property
    def heard(self) -> Path:
        """Where the peers of an identity are, as its holder last said."""
        return RUN / f"{self.name}.endpoints"

    @property
    def unit(self) -> str:
        return f"evenkeel-wireguard@{self.name}.service"

    @property
    def follow(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self.settings.get("follow")
        return found

    def exists(self) -> bool:
        return Path("/sys/class/net", self.name).exists()

    def carries(self) -> bool:
        """Whether it is there and its link is up (IFF_UP); `watch` takes the link down before the rest."""
        with contextlib.suppress(OSError):
            return bool(int(Path("/sys/class/net", self.name, "flags").read_text(encoding="ascii"), 16) & 1)
        return False

    def state(self) -> str:
        """Its unit's ActiveState, as systemd calls it."""
        return run("systemctl", "show", "--property=ActiveState", "--value", self.unit).strip()

    def up(self) -> bool:
        """Whether it is there to stay: wg-quick makes the interface before it knows whether all goes well, and takes it away again."""
        return self.carries() and self.state() not in ("activating", "deactivating")

    def wanted(self) -> bool:
        """Whether it belongs on this node now."""
        return not self.follow or has_address(str(self.follow["address"]))

    # -- as it runs

    def peers(self) -> list[Peer]:
        rows = [line.split("\t") for line in run("wg", "show", self.name, "dump").splitlines()[1:]]
        return [Peer(row[0], "" if row[2] == "(none)" else row[2], int(row[4])) for row in rows]

    def public_key(self) -> str:
        return run("wg", "pubkey", stdin=self.key.read_text(encoding="ascii")).strip()

    def runs_its_key(self) -> bool:
        """False from wg-quick's start of it until the first sync: the key is in no file of wg-quick's."""
        return run("wg", "show", self.name, "public-key").strip() == self.public_key()

    # -- starting and stopping, by its unit

    def start(self) -> None:
        # Whoever made it before, by hand or by wg-quick's own unit, has it no longer.
        self.stop()
        write(self.started, self.conf.read_text(encoding="utf-8"))
        try:
            run("wg-quick", "up", str(self.started))
        except Trouble:
            self.started.unlink()
            raise

    def stop(self) -> None:
        if self.exists():
            run("wg-quick", "down", str(self.started if self.started.exists() else self.conf))
        self.started.unlink(missing_ok=True)

    def leave(self) -> None:
        """Not on this node, whoever brought it up."""
        run("systemctl", "stop", self.unit)
        self.stop()

    def take_over(self) -> None:
        """wg-quick's own unit would bring it up on every node, and again after each boot."""
        theirs = f"wg-quick@{self.name}.service"
        if succeeds("systemctl", "is-enabled", "--quiet", theirs) or succeeds(
            "systemctl", "is-active", "--quiet", theirs
        ):
            run("systemctl", "disable", "--now", theirs)

    def stale(self) -> bool:
        """Whether it was started with something that only another start changes."""
        try:
            text = self.started.read_text(encoding="utf-8")
        except FileNotFoundError:
            return True
        section = text.partition("[Peer]")[0].splitlines()
        had = [line for line in section if "=" in line and not line.startswith(("#", "MTU", "FwMark"))]
        return had != [line for line in self.settings["start"] if not line.startswith("#")]

    # -- peers, keys and routes of a running interface

    def sync(self) -> None:
        """Bring the running interface to its file. A file that can't be read changes nothing."""
        text = self.composed()
        moved = self._came_and_went(text)
        if moved is None:
            self._read("syncconf", text)
        else:
            come, gone = moved
            if gone:
                run("wg", "set", self.name, *(word for key in gone for word in ("peer", key, "remove")))
            if come:
                self._read("addconf", come)
        self._routes(text)
        if self.settings.get("mtu"):
            run("ip", "link", "set", "dev", self.name, "mtu", str(self.settings["mtu"]))
        if self.started.exists():
            write(self.started, self.conf.read_text(encoding="utf-8"))

    def _read(self, verb: str, text: str) -> None:
        """Have `wg` read a text. Keys are in it, so it is a file of root's, in memory, for as long as that takes."""
        scratch = RUN / f"{self.name}.sync"
        write(scratch, text)
        try:
            run("wg", verb, self.name, str(scratch))
        finally:
            scratch.unlink(missing_ok=True)

    def _came_and_went(self, composed: str) -> tuple[str, list[str]] | None:
        """The sections of new peers and the keys of those that left; None where anything else has changed, too.

        wireguard-go opens its socket anew at every syncconf, and what arrives meanwhile is lost: a ping of 1500 [ran].
        """
        if not self.started.exists() or not self.runs_its_key():
            return None
        head, wanted = peers_of(run("wg-quick", "strip", str(self.conf)))
        was_head, was = peers_of(run("wg-quick", "strip", str(self.started)))
        kept = wanted.keys() & was.keys()
        if head != was_head or any(wanted[key] != was[key] for key in kept):
            return None
        placed = peers_of(composed)[1]
        if {peer.key for peer in self.peers()} != was.keys() or any(placed[key] != wanted[key] for key in kept):
            return None
        return "".join(placed[key] for key in placed if key not in was), [key for key in was if key not in wanted]

    def composed(self) -> str:
        """What `wg` reads: the file without wg-quick's lines, with the private key, and with the peers where they were last seen."""
        text = run("wg-quick", "strip", str(self.conf))
        if "[Interface]" not in text:
            raise Trouble(
                f"{self.conf}: nothing is left of it without wg-quick's lines; the running peers stay as they are"
            )
        own = [f"PrivateKey = {self.key.read_text(encoding='ascii').strip()}"]
        # wg-quick marks the packets of a tunnel that has the default route, in no file; what is not named here is taken away.
        if not MARK.search(text):
            named = self.started.exists() and MARK.search(self.started.read_text(encoding="utf-8"))
            own.append(f"FwMark = {'off' if named else run('wg', 'show', self.name, 'fwmark').strip()}")
        text = text.replace("[Interface]", "\n".join(["[Interface]", *own]), 1)
        known = self.last_seen()
        if not known:
            return text
        now = {peer.key for peer in self.peers() if peer.endpoint}
        sections = re.split(r"(?m)^(?=\[Peer\])", text)
        for index, section in enumerate(sections):
            found = re.search(r"(?m)^PublicKey\s*=\s*(\S+)", section)
            if found and found[1] in known and found[1] not in now and "Endpoint" not in section:
                sections[index] = f"{section.rstrip()}\nEndpoint = {known[found[1]]}\n"
        return "".join(sections)

    def last_seen(self) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads(self.heard.read_text(encoding="utf-8"))) if self.follow else {}
        return {}

    def _routes(self, text: str) -> None:
        """wg-quick sets routes at a start; those of peers that come and go later are ours."""
        table = str(self.settings.get("table") or "auto")
        if table == "off":
            return
        own = [ip_interface(one).network for one in self.settings["addresses"]]
        allowed = [
            one.strip() for found in re.findall(r"(?m)^AllowedIPs\s*=\s*(.+)$", text) for one in found.split(",")
        ]
        wanted = {
            str(network)
            for network in (ip_network(one, strict=False) for one in [*allowed, *self.settings.get("routes", [])])
            # A default route is wg-quick's affair: it needs rules of its own.
            if network.prefixlen and not any(one.version == network.version and network.subnet_of(one) for one in own)  # type: ignore[arg-type]
        }
        where = "main" if table == "auto" else table
        for family in ("-4", "-6"):
            # A table of one's own is there from its first route on.
            if table != "auto" and not succeeds("ip", family, "route", "show", "table", where):
                listed = []
            else:
                listed = routes("dev", self.name, family=family, table=where)
            there = {
                str(ip_network(one["dst"]))
                for one in listed
                if one["dst"] != "default" and one.get("protocol") == "boot"
            }
            mine = {one for one in wanted if (":" in one) == (family == "-6")}
            for one in sorted(mine - there):
                for other in routes("exact", one, family=family, table=where) if table == "auto" else ():
                    if other.get("protocol") == "kernel":
                        raise Trouble(f"{one} is the network of {other['dev']}, and is not led into {self.name}")
                run("ip", family, "route", "replace", one, "dev", self.name, "table", where)
            for one in sorted(there - mine):
                run("ip", family, "route", "del", one, "dev", self.name, "table", where)

    # -- a new holder calls its members

    def call(self, but: Collection[str] = ()) -> None:
        """Send something to every peer whose place is known, but these: WireGuard then begins a session of its own accord.

        A member goes on sending into the session that it had with the old holder for 15 s; it is not asked to notice.
        """
        for address in self._first_addresses(but):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as out:
                out.sendto(b"", (address, DISCARD))

    def _first_addresses(self, but: Collection[str]) -> Iterator[str]:
        there = {peer.key for peer in self.peers() if peer.endpoint and peer.key not in but}
        for line in run("wg", "show", self.name, "allowed-ips").splitlines():
            key, dummy, networks = line.partition("\t")
            if key in there and networks.split() and networks.split()[0] != "(none)":
                yield str(ip_network(networks.split()[0])[0])

    def renew(self, since: float) -> None:
        """Begin anew with every peer that has had no session with this node since then: another node was the identity meanwhile."""
        there = self.peers()
        old = [peer for peer in there if peer.handshake < since]
        # A try that failed half-way has taken them away already.
        lost = peers_of(self.conf.read_text(encoding="utf-8"))[1].keys() - {peer.key for peer in there}
        if not old and not lost:
            return
        if old:
            run("wg", "set", self.name, *(word for peer in old for word in ("peer", peer.key, "remove")))
        self.sync()
        self.call()


def routes(*which: str, family: str, table: str) -> list[dict[str, Any]]:
    return list(json.loads(run("ip", "-j", family, "route", "show", *which, "table", table) or "[]"))


def peers_of(text: str) -> tuple[str, dict[str, str]]:
    """The first section of a file without wg-quick's lines, and those of its peers by their public keys."""
    head, *sections = re.split(r"(?m)^(?=\[Peer\])", text)
    found = {}
    for section in sections:
        key = re.search(r"(?m)^PublicKey\s*=\s*(\S+)", section)
        if key:
            found[key[1]] = section.rstrip() + "\n"
    return head.rstrip(), found


def devices(names: Sequence[str] = ()) -> list[Device]:
    """This node's tunnels, or those of these names."""
    known = node()["interfaces"]
    return [Device(name, known.get(name) or {"start": [], "addresses": []}) for name in names or known]
