# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to get from the configuration that a node runs to the one that is planned for it.

rolling: reload node by node, standbys first; at every moment one node holds each address.
two-step: an address changes to an instance that runs already; reload without it, then with it.
switch: the nodes do not understand each other until all have changed; node by node two would hold the addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any

from .conf import auth_digest

NONE, ROLLING, TWO_STEP, SWITCH = "none", "rolling", "two-step", "switch"
CLASSES = (NONE, ROLLING, TWO_STEP, SWITCH)

# What the nodes of an instance must share to accept each other's adverts, and how to call it.
SHARED: Mapping[str, str] = {
    "virtual_router_id": "the virtual router id",
    "version": "the VRRP version",
    "unicast": "unicast",
    "interface": "the interface",
    "anchor": "the anchor",
    "virtual_ipaddress": "what the adverts name beside the anchor",
    "auth_digest": "the authentication",
}
# What each node may change by itself.
OWN: Mapping[str, str] = {
    "priority": "the priority",
    "advert_interval": "the advert interval",
    "down_timer_adverts": "the number of adverts waited for",
    "unicast_src_ip": "the source address",
    "unicast_peers": "the list of peers",
    "nopreempt": "nopreempt",
    "preempt_delay": "the preempt delay",
    "sync_group": "the sync group",
    "addresses": "the list of addresses",
}

Reason = tuple[str, str]


def classify(planned_node: Mapping[str, Any], configured: Mapping[str, Any]) -> dict[str, Any]:
    """The class of the change, and a sentence for each reason, the gravest first.

    `configured` is what `vrrp_info` read on the node; a key that it lacks is not compared.
    """
    planned = {instance["name"]: _comparable(instance) for instance in planned_node["instances"]}
    return _classify(planned, configured)


def classify_texts(wanted: Mapping[str, Any], configured: Mapping[str, Any]) -> dict[str, Any]:
    """The same for two configurations that were read, as a node has them before a reload."""
    return _classify({instance["name"]: instance for instance in wanted["instances"]}, configured)


def _classify(planned: Mapping[str, Any], configured: Mapping[str, Any]) -> dict[str, Any]:
    running = {instance["name"]: instance for instance in configured.get("instances") or []}
    reasons = [*_changes(planned, running), *_moves(planned, running)]
    reasons.sort(key=lambda reason: -CLASSES.index(reason[0]))
    return {"class": reasons[0][0] if reasons else NONE, "reasons": [sentence for _kind, sentence in reasons]}


def _comparable(instance: Mapping[str, Any]) -> dict[str, Any]:
    """A planned instance in the words of `configured`."""
    vips = [*instance["virtual_ipaddress"], *instance["virtual_ipaddress_excluded"]]
    return {
        **instance,
        "anchor": vips[0]["address"],
        "virtual_ipaddress": [vip["address"] for vip in instance["virtual_ipaddress"]],
        "addresses": [vip["address"] for vip in vips],
        "auth_digest": auth_digest(instance["auth_pass"]),
    }


def _changes(planned: Mapping[str, Any], running: Mapping[str, Any]) -> Iterator[Reason]:
    for name, new in planned.items():
        if name not in running:
            yield ROLLING, f"{name}: the instance is new"
            continue
        old = running[name]
        for kind, words in ((SWITCH, SHARED), (ROLLING, OWN)):
            for key, called in words.items():
                if key not in old or _same(key, old[key], new[key]):
                    continue
                # Under version 2 adverts of another interval are dropped; version 3 learns it from the MASTER.
                deaf = key == "advert_interval" and new["version"] == 2
                yield SWITCH if deaf else kind, f"{name}: {called} changes{_from_to(key, old[key], new[key])}"
    for name in running:
        if name not in planned:
            yield ROLLING, f"{name}: the instance goes"


def _moves(planned: Mapping[str, Any], running: Mapping[str, Any]) -> Iterator[Reason]:
    home = {_host(address): name for name, old in running.items() for address in old.get("addresses") or []}
    for name, new in planned.items():
        for address in new["addresses"]:
            before = home.get(_host(address), name)
            if before != name:
                # A standby hears nobody in an instance that only it runs, and would take the address beside its holder.
                yield TWO_STEP if name in running else SWITCH, f"{name}: {address} comes from the instance {before}"


def _same(key: str, old: Any, new: Any) -> bool:
    """Addresses and peers have no order, an address one spelling; nothing, zero, false and no delay are the same.

    The first advertised address is the anchor, which is compared by itself.
    """
    if key in ("addresses", "unicast_peers"):
        return _interfaces(old) == _interfaces(new)
    if key == "anchor":
        return _interfaces([old] if old else []) == _interfaces([new])
    if key == "virtual_ipaddress":
        return _interfaces(old[1:]) == _interfaces(new[1:])
    return bool((old or None) == (new or None))


def _interfaces(addresses: Sequence[str]) -> set[Any]:
    return {_interface(address) for address in addresses or []}


def _interface(address: str) -> Any:
    """One spelling; what a person wrote and no address is stays as it is."""
    try:
        return ip_interface(address)
    except ValueError:
        return address


def _host(address: str) -> Any:
    parsed = _interface(address)
    return getattr(parsed, "ip", parsed)


def _from_to(key: str, old: Any, new: Any) -> str:
    if key == "auth_digest":
        return ""
    if isinstance(new, list):
        added = [item for item in new if _interface(item) not in _interfaces(old)]
        gone = [item for item in old or [] if _interface(item) not in _interfaces(new)]
        parts = [f"{', '.join(added)} comes"] if added else []
        parts += [f"{', '.join(gone)} goes"] if gone else []
        return f": {' and '.join(parts)}"
    return f" from {_word(old)} to {_word(new)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
