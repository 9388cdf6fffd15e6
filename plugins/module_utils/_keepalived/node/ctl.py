# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own tool, run by its units and by commit: /usr/local/lib/evenkeel/vrrp/ctl VERB.

seed            make the track files that keepalived is about to read; never lets keepalived fail
part            before a reload: a standby that is about to leave its peers' language waits for them like a new node
derive          bring the drain value into step with who wishes what
join            wait for the peers of a new node
check FILE      refuse what keepalived's own check lets pass
verify          prove that the configuration is in force and that nothing of ours keeps an instance in FAULT
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..._node import verbs
from ..change import SWITCH, classify_texts
from ..conf import configured, refusals
from . import live as looking
from .files import Files
from .join import join

TABLE = "evenkeel_vrrp"


def check(text: str, files: Files) -> list[str]:
    """Every refusal; an empty file is one, and so is a source address that this node does not have."""
    if not text.strip():
        return ["the file is empty: keepalived would accept it and give up every VIP."]
    found = refusals(text)
    if found:
        return found
    own = {address for link in looking.show_interfaces(files.run).values() for address in link.addresses}
    return [
        f"vrrp_instance {instance['name']}: unicast_src_ip {instance['unicast_src_ip']} is no address of this node, "
        f"which has {', '.join(sorted(own)) or 'none'}: set keepalived_address."
        for instance in configured(text)["instances"]
        if instance["unicast_src_ip"] and looking.bare(instance["unicast_src_ip"]) not in own
    ]


def verify(files: Files) -> list[str]:
    """What is not as it should be after a reload or a start; commit asks again until its patience ends.

    The exit code of a reload proves nothing, so the daemon is asked.
    """
    live = looking.look(files)
    if not live.running:
        return ["keepalived does not run: journalctl -u keepalived"]
    problems = []
    if live.in_force is False:
        problems.append("keepalived still runs an older configuration than its file")
    if live.report is not None:
        problems += _differences(live)
    if files.facts().get("filter") and files.run(["nft", "list", "table", "inet", TABLE]).returncode:
        problems.append(f"the nftables table inet {TABLE} is not loaded: nft -f /etc/evenkeel/vrrp.nft")
    problems += [
        f"{entry['name']} is in state {entry['state']}: {'; '.join(entry['reasons'])}"
        for entry in looking.instances(files, live)
        if entry["state"] in ("INIT", "unknown") or (entry["state"] == "FAULT" and not _foreign(entry["reasons"]))
    ]
    return problems


def part(files: Files) -> bool:
    """Before a reload: whether this node, which holds nothing, now waits until its peers have made the same change.

    With another virtual router, version or anchor it would no longer hear the holder, and take every VIP beside it.
    """
    live = looking.look(files, report=False)
    if not live.running or live.in_force is not False:
        return False
    if any(looking.bare(address) in live.addresses for one in live.conf["instances"] for address in one["addresses"]):
        return False
    wanted = configured((files.root / looking.CONF).read_text(encoding="utf-8"))
    if classify_texts(wanted, live.conf)["class"] != SWITCH:
        return False
    files.parted.write_text("", encoding="ascii")
    files.wait_to_join()
    return True


def _foreign(reasons: Sequence[str]) -> bool:
    """Whether a FAULT has a cause that this configuration did not bring about: a dead daemon, a dead link, a wait."""
    return any(not reason.startswith(("keepalived says no reason", "one of its scripts")) for reason in reasons)


def _differences(live: looking.Live) -> list[str]:
    """Where the daemon's own report differs from the configuration: the child that speaks VRRP has to have read it too."""
    reported = {entry["data"]["iname"]: entry["data"] for entry in live.report or []}
    problems = []
    for instance in live.conf["instances"]:
        data = reported.pop(instance["name"], None)
        if data is None:
            problems.append(f"keepalived does not run the instance {instance['name']}")
            continue
        shown = {looking.bare(line.split()[0]) for line in [*data.get("vips", []), *data.get("evips", [])]}
        wanted = {looking.bare(address) for address in instance["addresses"]}
        for what, got, want in (
            ("priority", data.get("base_priority"), instance["priority"]),
            ("virtual router", data.get("vrid"), instance["virtual_router_id"]),
            ("advert interval", data.get("adver_int"), instance["advert_interval"]),
            ("addresses", sorted(shown), sorted(wanted)),
        ):
            if got is not None and got != want:
                problems.append(f"keepalived runs {instance['name']} with {what} {got} instead of {want}")
    problems += [f"keepalived still runs the instance {name}" for name in reported]
    return problems


def main(argv: Sequence[str]) -> int:
    files = Files()

    def derive() -> None:
        with files.locked():
            files.derive()

    def parted() -> None:
        part(files)

    def checked(path: str) -> list[str]:
        return [f"{path}: {line}" for line in check(Path(path).read_text(encoding="utf-8"), files)]

    known: verbs.Verbs = {
        "seed": files.seed,
        "part": parted,
        "derive": derive,
        "join": lambda: join(files, files.facts()),
        "check FILE": checked,
        "verify": lambda: verify(files),
    }
    return verbs.call(argv, known, __doc__, "keepalived")
