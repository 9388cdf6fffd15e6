# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How clusters are: one report from what `vrrp_info`, `commit_info`, `haproxy_info` and `wireguard_info` said on each node, and its table.

A problem is what somebody has to do something about; a note is what somebody has done, or may want to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import Any

from .._commit.lease import moment, read_lease
from .._rollout.live import Cluster
from .drift import KINDS
from .per_node import Mask, differences

Answer = Mapping[str, Any]

CERTIFICATE_DAYS = 14
# Peers of a tunnel who speak shake hands every two minutes; after three WireGuard drops a session.
HANDSHAKE_SECONDS = 180
# Beyond so many, paths are counted.
PATHS = 3


@dataclass(frozen=True)
class Seen:
    """What one node said. None where it did not; `failed` are the modules that could not look, with their reason."""

    live: Answer | None = None
    committed: Answer | None = None
    proxy: Answer | None = None
    tunnels: Answer | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
    own: Sequence[str] = ()

    @property
    def reachable(self) -> bool:
        return any((self.live, self.committed, self.proxy, self.tunnels, self.failed))


def report(
    clusters: Mapping[str, Mapping[str, Seen]],
    left_out: Mapping[str, Sequence[str]],
    certificate_days: int = CERTIFICATE_DAYS,
) -> dict[str, Any]:
    """Everything, as plain data. `clusters` has the nodes of each in order of preference, without those `left_out`."""
    found: dict[str, Any] = {"ok": True, "problems": [], "notes": [], "clusters": []}
    for name, nodes in clusters.items():
        seen = Cluster({node: one.live for node, one in nodes.items()})
        behind = {node: dict(_behind(node, nodes)) for node in nodes}
        found["clusters"].append(
            {
                "cluster": name,
                "vips": [{"address": address, **vip} for address, vip in seen.vips.items()],
                "nodes": [_node(node, one, behind[node]) for node, one in nodes.items()],
            }
        )
        found["problems"] += [
            {"cluster": name, "node": node, "what": what}
            for node, one in nodes.items()
            for what in _problems(one, behind[node], certificate_days)
        ]
        if left_out.get(name):
            text = f"{', '.join(left_out[name])} not in this run: holders of VIPs were not counted"
            found["notes"].append({"cluster": name, "node": "", "what": f"{text}, and no node was compared with them."})
        else:
            found["problems"] += [{"cluster": name, "node": "", "what": what} for what in _homeless(seen)]
        found["notes"] += [
            {"cluster": name, "node": node, "what": what} for node, one in nodes.items() for what in _notes(one)
        ]
        found["notes"] += [{"cluster": name, "node": "", "what": what} for what in _servers(nodes)]
    found["ok"] = not found["problems"]
    return found


def said(one: Mapping[str, str], several: bool) -> str:
    """A problem or a note as a line; with the cluster's name where there are several."""
    where = one["node"] or one["cluster"]
    return f"{one['cluster']}: {where}: {one['what']}" if several and one["node"] else f"{where}: {one['what']}"


# -- one node ---------------------------------------------------------------------------------------------------------


def _node(name: str, seen: Seen, behind: Mapping[str, str]) -> dict[str, Any]:
    live, committed, proxy = seen.live or {}, seen.committed or {}, seen.proxy or {}
    backends = proxy.get("backends") or []
    return {
        "node": name,
        "reachable": seen.reachable,
        "instances": [
            {key: instance.get(key) for key in ("name", "state", "priority", "held", "reasons")}
            for instance in live.get("instances") or []
        ],
        "services": list(_services(seen, behind)),
        "haproxy": {
            "running": proxy["running"],
            "reason": proxy["reason"],
            "version": proxy["version"],
            "backends": {"up": sum(backend["servers_usable"] > 0 for backend in backends), "total": len(backends)},
            "servers": {
                "usable": sum(backend["servers_usable"] for backend in backends),
                "total": sum(backend["servers_total"] for backend in backends),
            },
            "certificates": [
                {key: one.get(key) for key in ("path", "names", "not_after", "days_left")}
                for one in proxy.get("certificates") or []
            ],
        }
        if seen.proxy and (seen.proxy["running"] or _expects_proxy(seen))
        else None,
        "tunnels": [
            {key: tunnel[key] for key in ("name", "follows", "wanted", "up", "peers")}
            for tunnel in (seen.tunnels or {}).get("interfaces") or []
        ],
        "drain": live.get("drain") or [],
        "lease": live.get("lease"),
        "guard": committed.get("guard"),
        "fell_back": committed.get("fell_back"),
        "busy": committed.get("busy") or "",
    }


def _services(seen: Seen, behind: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What was committed; without that, the units that keepalived knows of."""
    units = (seen.live or {}).get("units") or {}
    committed = (seen.committed or {}).get("services") or []
    for one in committed:
        changed = [drift for drift in one["drift"] if drift["kind"] == "unit"]
        yield {
            **{key: one[key] for key in ("service", "unit", "generation", "run_id", "committed_at")},
            "unit_state": _found(changed[0])
            if changed
            else units.get(one["unit"], "as committed" if one["unit"] else ""),
            "drift": [{key: drift[key] for key in ("path", "kind", "since")} for drift in one["drift"]],
            "behind": behind.get(one["service"], ""),
        }
    for unit in sorted(units.keys() - {one["unit"] for one in committed}):
        yield {
            "service": unit.partition(".")[0], "unit": unit, "generation": None, "run_id": "", "committed_at": "",
            "unit_state": units[unit], "drift": [], "behind": "",
        }  # fmt: skip


def _expects_proxy(seen: Seen) -> bool:
    return any(one["unit"] == "haproxy.service" for one in _services(seen, {}))


def _found(unit: Mapping[str, str]) -> str:
    """What a drifted unit is: the last line of its diff."""
    return str(unit["diff"].splitlines()[-1].lstrip("+"))


# -- what is wrong ----------------------------------------------------------------------------------------------------


def _problems(seen: Seen, behind: Mapping[str, str], certificate_days: int) -> Iterator[str]:
    if not seen.reachable:
        yield "can't be reached."
    for module, reason in seen.failed.items():
        yield f"{module} could not look. {reason}"
    yield from _of_vrrp(seen.live or {})
    yield from _of_commits(seen.committed or {})
    known = {one["unit"] for one in (seen.committed or {}).get("services") or []}
    for unit, state in ((seen.live or {}).get("units") or {}).items():
        if unit not in known and state != "active":
            yield f"{unit} is {state}."
    yield from behind.values()
    yield from _of_proxy(seen, certificate_days)
    yield from _of_tunnels(seen.tunnels or {})


def _of_vrrp(live: Answer) -> Iterator[str]:
    for instance in live.get("instances") or []:
        if instance["state"] == "FAULT":
            yield f"{instance['name']} is in FAULT: {', '.join(instance['reasons']) or 'no reason is known'}."
    if live.get("problem"):
        yield f"keepalived: {live['problem']}"
    if live.get("in_force") is False:
        yield "keepalived runs another configuration than its file has."


def _of_commits(committed: Answer) -> Iterator[str]:
    for service in committed.get("services") or []:
        paths = [f"{drift['path']} {KINDS[drift['kind']]}" for drift in service["drift"] if drift["kind"] != "unit"]
        if paths:
            more = f" and {len(paths) - PATHS} more" if len(paths) > PATHS else ""
            since = f"since generation {service['generation']}"
            yield f"{'; '.join(paths[:PATHS])}{more} {since}; see evenkeel.lb.drift."
        for drift in service["drift"]:
            if drift["kind"] == "unit":
                yield f"{service['unit']} is {_found(drift)}; it was committed as {_wanted(drift)}."
    if not committed.get("busy"):
        for service in committed.get("interrupted") or []:
            yield f"a commit of {service} was cut off; the next run undoes it."
    back = committed.get("fell_back")
    if back:
        yield f"{', '.join(back['services'])} of run {back['run_id']} put itself back at {back['at']} because {back['why']}."


def _wanted(unit: Mapping[str, str]) -> str:
    return str(unit["diff"].splitlines()[-2].lstrip("-"))


def _of_proxy(seen: Seen, certificate_days: int) -> Iterator[str]:
    proxy = seen.proxy
    if not proxy:
        return
    stopped = any(
        one["unit"] == "haproxy.service" and not one["unit_state"].startswith(("active", "as committed"))
        for one in _services(seen, {})
    )
    if not proxy["running"] and _expects_proxy(seen) and not stopped:
        yield f"haproxy does not answer. {proxy['reason']}"
    for backend in proxy["backends"]:
        # A backend that answers by itself (http-request return, redirect) has no servers.
        if backend["servers_total"] and not backend["servers_usable"]:
            yield f"backend {backend['name']} has no usable server (0 of {backend['servers_total']})."
    for one in proxy["certificates"]:
        if one["days_left"] < 0:
            yield f"{one['path']} has ended ({one['not_after']})."
        elif one["days_left"] < certificate_days:
            yield f"{one['path']} ends in {one['days_left']} days ({one['not_after']})."


def _of_tunnels(tunnels: Answer) -> Iterator[str]:
    for problem in tunnels.get("problems") or []:
        yield f"{problem}."
    for address, seconds in (tunnels.get("clocks") or {}).items():
        yield f"its clock differs from that of {address} by {abs(seconds):g} s: members may not believe a take-over for so long."


def _homeless(seen: Cluster) -> Iterator[str]:
    """VIPs without exactly one holder."""
    for address, vip in seen.vips.items():
        if len(vip["holders"]) != 1:
            unknown = f"; {', '.join(seen.dead)} did not answer" if seen.dead else ""
            yield f"{address} ({vip['instance']}) is held by {' and '.join(vip['holders']) or 'nobody'}{unknown}."


# -- who is behind ----------------------------------------------------------------------------------------------------


def _behind(node: str, nodes: Mapping[str, Seen]) -> Iterator[tuple[str, str]]:
    """Services that a newer run committed on another node, with another content that is not a node's own.

    Neither tells alone: a run leaves out a node that it would not change, and nodes may differ by the inventory's wish.
    """
    committed = {
        name: {one["service"]: one for one in seen.committed["services"]}
        for name, seen in nodes.items()
        if seen.committed
    }
    if node not in committed:
        return
    mask = Mask.of({"nodes": {name: _planned(name, seen.live or {}) for name, seen in nodes.items()}})
    for service in sorted({one for services in committed.values() for one in services}):
        first, newest = max(
            ((name, services[service]) for name, services in committed.items() if service in services),
            key=lambda pair: str(pair[1]["committed_at"]),
        )
        here = committed[node].get(service)
        if here is None:
            yield service, f"is behind: {service} was never committed here; {first} has run {_run(newest)}."
        elif here["run_id"] != newest["run_id"]:
            theirs, ours = (_texts(one, nodes[node].own) for one in (newest, here))
            if any(differences(mask, theirs, ours, (first, node))):
                yield service, f"is behind: {service} is of run {_run(here)}, on {first} of run {_run(newest)}."


def _run(service: Mapping[str, Any]) -> str:
    return service["run_id"] or f"(no name, {service['committed_at']})"


def _texts(service: Mapping[str, Any], own: Sequence[str]) -> dict[str, str]:
    return {
        file["path"]: file.get("content") or file["sha256"]
        for file in service["files"]
        if not any(fnmatchcase(file["path"], pattern) for pattern in own)
    }


def _planned(name: str, live: Answer) -> dict[str, Any]:
    """What the mask has to know of a node, as the plan would say it."""
    configured = live.get("configured") or {}
    instances = [
        {"interface": one.get("interface") or "", "unicast_src_ip": one.get("unicast_src_ip")}
        for one in configured.get("instances") or []
    ]
    return {"name": name, "router_id": configured.get("router_id"), "address": None, "instances": instances}


# -- what somebody may want to know -----------------------------------------------------------------------------------


def _notes(seen: Seen) -> Iterator[str]:
    live, committed = seen.live or {}, seen.committed or {}
    for drain in live.get("drain") or []:
        until = f", until {moment(drain['expires'])}" if drain.get("expires") else ""
        why = f": {drain['reason']}" if drain.get("reason") else ""
        yield f"drained by {drain['owner']} since {moment(drain['since'])}{until}{why}."
    if live.get("joining"):
        yield "is new and waits to hear its peers."
    if live.get("lease"):
        yield f"held by {read_lease(live['lease'])}."
    if committed.get("guard"):
        guard = committed["guard"]
        yield f"run {guard['run_id']} has {', '.join(guard['services'])} on trial until {guard['deadline']}."
    if committed.get("busy"):
        yield f"a commit is under way: {committed['busy']}."


def _servers(nodes: Mapping[str, Seen]) -> Iterator[str]:
    """Servers that get no requests, each once, with the nodes that say so."""
    found: dict[str, list[str]] = {}
    for node, seen in nodes.items():
        for server in (seen.proxy or {}).get("servers") or []:
            if not server["usable"]:
                text = f"{server['backend']}/{server['name']} gets no requests ({server['status']})"
                found.setdefault(text, []).append(node)
    for text, where in found.items():
        yield f"{text}, {'on every node' if len(where) == len(nodes) else 'on ' + ', '.join(where)}."


# -- the table --------------------------------------------------------------------------------------------------------

WIDTH = 119
GAP = "  "
# Where a table gets too wide, columns without a word go, then cells are cut in this order, down to these widths.
FLEXIBLE = {"unit": 8, "holds": 12, "drain": 8, "instance": 8, "run": 16, "node": 8, "service": 8}
NOTHING = "-"
# A row that is a line of its own.
TITLE = "title"


def lines(found: Mapping[str, Any]) -> list[str]:
    """The report for people: the table, then problems and notes."""
    several = len(found["clusters"]) > 1
    rows: list[dict[str, str]] = []
    for cluster in found["clusters"]:
        rows += [{TITLE: f"{cluster['cluster']}:"}] if several else []
        rows += _rows(cluster)
    text = table(rows)
    for title in ("problems", "notes"):
        if found[title]:
            text += ["", f"{title}:", *(f"- {said(one, several)}" for one in found[title])]
    return [*text, "", "all is well" if found["ok"] else f"{len(found['problems'])} to see to"]


def _rows(cluster: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """One row per instance, service or tunnel of a node, whichever it has most of; what is the node's own in its first."""
    for node in cluster["nodes"]:
        proxy = node["haproxy"] or {}
        certificates = [one["days_left"] for one in proxy.get("certificates") or []]
        first = {
            "node": node["node"],
            "backends": "{up}/{total}".format(**proxy["backends"]) if proxy.get("running") else NOTHING,
            "drain": ", ".join(drain["owner"] for drain in node["drain"]) or NOTHING,
            "cert": f"{min(certificates)} d" if certificates else NOTHING,
        }
        instances = [_instance(one) for one in node["instances"]]
        if not instances:
            instances = [{"instance": NOTHING, "state": NOTHING if node["reachable"] else "silent"}]
        services = [_service(one) for one in node["services"]]
        tunnels = [_tunnel(one) for one in node["tunnels"]]
        nothing: dict[str, str] = {}
        for cells in zip_longest([first], instances, services, tunnels, fillvalue=nothing):
            yield {name: cell for each in cells for name, cell in each.items()}


def _instance(one: Mapping[str, Any]) -> dict[str, str]:
    held = one["held"]
    more = f" +{len(held) - 1}" if len(held) > 1 else ""
    return {
        "instance": one["name"],
        "state": one["state"],
        "prio": NOTHING if one["priority"] is None else str(one["priority"]),
        "holds": held[0] + more if held else NOTHING,
    }


def _service(one: Mapping[str, Any]) -> dict[str, str]:
    paths = sum(drift["kind"] != "unit" for drift in one["drift"])
    marks = [f"{paths}" if paths else "", "behind" if one["behind"] else ""]
    return {
        "service": one["service"],
        "unit": one["unit_state"] or NOTHING,
        "gen": NOTHING if one["generation"] is None else str(one["generation"]),
        "run": shortened(one["run_id"]) or NOTHING,
        "drift": ", ".join(filter(None, marks)) or NOTHING,
    }


def _tunnel(one: Mapping[str, Any]) -> dict[str, str]:
    """With how many of its peers it has a session; `-` where it waits for its VIP."""
    ages = [peer["handshake_seconds"] for peer in one["peers"]]
    speaking = sum(age is not None and age < HANDSHAKE_SECONDS for age in ages)
    state = f"{speaking}/{len(ages)}" if one["up"] else "down" if one["wanted"] else NOTHING
    return {"tunnel": f"{one['name']} {state}"}


def shortened(run_id: str) -> str:
    """A run's name without what only makes it unique; the playbook rollback takes it so."""
    words = run_id.split(" ")
    stamp, dash, tail = words[-1].partition("-")
    if dash and tail.isdigit() and stamp.endswith("Z"):
        words[-1] = stamp
    return f"undid {words[-1]}" if words[0] == "rollback" else " ".join(words)


COLUMNS = (
    "node", "instance", "state", "prio", "holds", "service", "unit", "gen", "run", "drift", "backends", "drain", "cert", "tunnel",
)  # fmt: skip


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Aligned columns, at most `WIDTH` wide as long as cutting cells allows it."""
    named = [name for name in COLUMNS if any(name in row for row in rows)]
    widths = {name: max([len(name), *(len(row.get(name, "")) for row in rows)]) for name in named}

    def excess() -> int:
        return sum(widths.values()) + len(GAP) * (len(widths) - 1) - WIDTH

    for name in named:
        if excess() > 0 and all(row.get(name, NOTHING) == NOTHING for row in rows):
            del widths[name]
    for name, least in FLEXIBLE.items():
        if name in widths:
            widths[name] -= max(0, min(excess(), widths[name] - least))
    return [row.get(TITLE) or _line(row, widths) for row in ({name: name for name in COLUMNS}, *rows)]


def _line(row: Mapping[str, str], widths: Mapping[str, int]) -> str:
    cells: Iterable[str] = (
        (text if len(text) <= width else f"{text[: width - 1]}~").ljust(width)
        for name, width in widths.items()
        for text in (row.get(name, ""),)
    )
    return GAP.join(cells).rstrip()
