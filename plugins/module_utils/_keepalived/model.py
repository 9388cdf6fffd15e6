# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one node's plan to what the templates of the keepalived role print, so that they hold no logic."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._cluster.inventory import CLUSTER_DEFAULT
from .._cluster.plan import plan as plan_cluster
from .._cluster.tracking import CHECK
from .._cluster.variables import KEYS, plan_options
from .._core.findings import CoreError, Finding
from .._core.register import Rules
from .._core.role import Draft, Role
from .._core.spec import slips
from .conf import CHECK_HTTP, FAULT_VALUE, auth_digest, quote

RUN = "/run/evenkeel"
STATE = "/var/lib/evenkeel/track"
SCHEMA = 1
BARE_ARGUMENT = re.compile(r"[^\s\"'#!{}]+\Z")
DROP_IN = """\
# Managed by evenkeel.lb (role keepalived): change the inventory, not this file.
# keepalived reads the file: 0 while this unit runs, {fault} (FAULT) while it does not. As root (+), and a write that
# fails must not stop the unit (-).
[Service]
ExecStartPost=-+/bin/sh -c 'echo 0 > {path}'
ExecStopPost=-+/bin/sh -c 'echo {fault} > {path}'
"""
# Where keepalived multicasts by itself, and so where the filter and a joining node (node/join.py) expect adverts.
GROUPS = ("224.0.0.18", "ff02::12")
rule = Rules("keepalived")
HOST = rule.define("A23-host", "A host is among the nodes of its cluster.")
COMMAND = rule.define("K1", "Every version of keepalived reads a command as the same words.")
GROUP = rule.define("K2", "Adverts go to the group that the filter and a joining node expect.")
SENDER = rule.define("K3", "Adverts come in on the interface that the filter expects.")
HOOKS = ("notify_master", "notify_backup", "notify_fault", "notify_stop")


def of(role: Role) -> dict[str, Any]:
    """What the role is given on its host: the cluster is planned first, by every node alike."""
    nodes: list[dict[str, Any]] = [{"name": node, "vars": role.inventory(node)} for node in role.nodes]
    cluster = (nodes[0]["vars"] or {}).get("evenkeel_cluster") if nodes else None
    planned = plan_cluster(cluster or CLUSTER_DEFAULT, nodes, plan_options(role.options))
    return prepare(planned, role.host, role.given, role.options, role.names)


def prepare(
    plan: Mapping[str, Any],
    node: str,
    variables: Mapping[str, Any],
    options: Mapping[str, Any],
    names: Iterable[str] = (),
) -> dict[str, Any]:
    """The model of one node, or what is wrong with the plan or with the variables that the plan does not read.

    `variables` and `options` (of argument_specs) are the role's, `names` all of the host that look like them.
    """
    found = []
    if plan["nodes"] and node not in plan["nodes"]:
        what = "This host is not among the nodes of its cluster."
        found.append(HOST.finding("evenkeel_nodes", what, ", ".join(plan["nodes"]), f"Add {node} to evenkeel_nodes."))
    own = {name: option for name, option in options.items() if name not in KEYS}
    draft = Draft.of({name: variables.get(name) for name in own}, own, (), [*slips(names, options), *found])
    conformed = draft.model
    draft.findings += _multicast(plan["nodes"].get(node, {}).get("instances") or [], conformed)
    verdict = draft.verdict()
    errors, warnings = [*plan["errors"], *verdict["errors"]], [*plan["warnings"], *verdict["warnings"]]
    if errors:
        return {"errors": errors, "warnings": warnings}
    try:
        return {"errors": [], "warnings": warnings, **build(plan, node, conformed)}
    except CoreError as error:
        return {"errors": [finding.as_dict() for finding in error.findings], "warnings": warnings}


def build(plan: Mapping[str, Any], node: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the templates print for `node`. `settings` are the variables that the plan does not read."""
    planned = plan["nodes"][node]
    grouped = {name for group in plan.get("sync_groups") or [] for name in group["instances"]}
    services = list(planned.get("services") or [])
    return {
        "router_id": settings["keepalived_router_id"] or planned["router_id"],
        "email": _email(settings["keepalived_email"] or {}),
        "global_options": settings["keepalived_global_options"],
        "script_user": settings["keepalived_script_user"],
        "garp_master_refresh": settings["keepalived_garp_master_refresh"],
        "garp_lower_prio_repeat": settings["keepalived_garp_lower_prio_repeat"],
        "services": services,
        "drop_ins": [_drop_in(service) for service in services],
        "track_files": _track_files(services),
        "scripts": _service_scripts(services) + [_user_script(script) for script in planned.get("scripts") or []],
        "sync_groups": [
            {**group, "options": list(group.get("options") or [])} for group in plan.get("sync_groups") or []
        ],
        "instances": [_instance(instance, services, instance["name"] in grouped) for instance in planned["instances"]],
        "unicast_filter": settings["keepalived_unicast_filter"],
        "filter": _filter(planned["instances"]),
        "facts": _facts(planned, services, settings["keepalived_unicast_filter"]),
        "secrets": sorted(
            {str(instance["auth_pass"]) for instance in planned["instances"] if instance.get("auth_pass")}
        ),
    }


def _multicast(instances: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Raw lines with which a node would not hear its peers: the filter admits one group, on the instance's interface."""
    loud = [(index, instance) for index, instance in enumerate(instances) if not instance["unicast"]]
    if not loud:
        return
    for index, line in enumerate(settings["keepalived_global_options"] or []):
        keyword, group = (*line.split(), "", "")[:2]
        if keyword in ("vrrp_mcast_group4", "vrrp_mcast_group6") and group not in GROUPS:
            yield _other_group(f"keepalived_global_options[{index}]", line)
    for position, instance in loud:
        for index, line in enumerate(instance.get("options") or []):
            path = f"keepalived_instances[{position}].options[{index}]"
            keyword, group = (*line.split(), "", "")[:2]
            if keyword == "mcast_dst_ip" and group not in GROUPS:
                yield _other_group(path, line)
            based = any(other.split()[:1] == ["vmac_xmit_base"] for other in instance["options"])
            if keyword == "use_vmac" and not based and settings["keepalived_unicast_filter"]:
                yield SENDER.finding(
                    path,
                    f"{instance['name']} would get its adverts on an interface of its own, where the filter drops them:"
                    " every node would be MASTER.",
                    repr(line),
                    "Add vmac_xmit_base to these options, or set keepalived_unicast_filter: false.",
                )


def _other_group(path: str, line: str) -> Finding:
    return GROUP.finding(
        path,
        "The filter lets in, and a joining node listens for, adverts to the usual group alone.",
        repr(line),
        "Remove this line.",
        " and ".join(GROUPS),
    )


def _email(email: Mapping[str, Any]) -> dict[str, Any]:
    if not email:
        return {}
    port = f" {email['smtp_port']}" if email.get("smtp_port") else ""
    return {
        "to": [quote(address) for address in email["to"]],
        "from": quote(email["from"]) if email.get("from") else "",
        "smtp_server": f"{email['smtp_server']}{port}",
        "smtp_helo_name": email.get("smtp_helo_name") or "",
        "smtp_connect_timeout": email["smtp_connect_timeout"],
        "alert": _switch(email["alert"]),
        "no_faults": email["no_faults"],
    }


def _drop_in(service: Mapping[str, Any]) -> dict[str, str]:
    """How the unit of a tracked service says that it runs: part of keepalived's set, beside the unit."""
    return {
        "path": f"/etc/systemd/system/{service['unit']}.d/10-evenkeel-track.conf",
        "content": DROP_IN.format(path=f"{RUN}/crash.{service['name']}", fault=FAULT_VALUE),
    }


def _switch(value: Any) -> str:
    return "true" if value else "false"


def _track_files(services: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Crash of each service, drain, join: the order in which they appear in every instance."""
    crashes = [
        {
            "name": f"crash_{service['name']}",
            "file": f"{RUN}/crash.{service['name']}",
            "init": FAULT_VALUE,
            "why": f"0 while {service['unit']} runs, {FAULT_VALUE} (FAULT) while not; its own drop-in writes it.",
        }
        for service in services
    ]
    return [
        *crashes,
        {
            "name": "drain",
            "file": f"{STATE}/drain",
            "init": 0,
            "why": "Below 0 while the node is drained; the module drain writes it.",
        },
        {
            "name": "join",
            "file": f"{STATE}/join",
            "init": FAULT_VALUE,
            "why": "A node that is new or has booted stays in FAULT until it has heard its peers; then 0.",
        },
    ]


def _service_scripts(services: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    scripts = []
    for service in services:
        if service.get("alive"):
            why = "Answers while the process does: without a weight, so a hang is FAULT."
            scripts.append(_check(f"{service['name']}_alive", service["alive"], why))
        if service.get("ready"):
            why = "All its critical backends are lost: as little as makes a peer that has them take over."
            script = _check(f"{service['name']}_ready", service["ready"], why)
            scripts.append({**script, "weight": service["ready"]["weight"]})
    return scripts


def _check(name: str, target: Mapping[str, Any], why: str) -> dict[str, Any]:
    pace = {**CHECK, **target}
    command = f"{CHECK_HTTP} {target['host']} {target['port']} {target['path']} {pace['answer_within']}"
    return {
        "name": name,
        "why": why,
        "script": _command(name, command),
        "interval": pace["interval"],
        "timeout": pace["timeout"],
        "fall": pace["fall"],
        "rise": pace["rise"],
        "weight": None,
    }


def _user_script(script: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": script["name"],
        "why": "",
        "script": _command(f"keepalived_scripts: {script['name']}", script["command"]),
        "interval": script.get("interval") or 1,
        "timeout": script.get("timeout"),
        "fall": script.get("fall"),
        "rise": script.get("rise"),
        "weight": script.get("weight") or None,
    }


def _command(where: str, command: str) -> str:
    """A command as both keepalived 2.2 and 2.3 read it: one pair of double quotes, arguments in single ones.

    They disagree on backslashes, on apostrophes and on double quotes within, so the first two are refused. Braces are
    written in octal, since the parser looks for blocks in quoted text too.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CoreError([_bad_command(where, command, f"Its quotes do not match: {error}.")]) from None
    if any("'" in word or "\\" in word for word in words):
        raise CoreError([_bad_command(where, command, "keepalived 2.2 and 2.3 disagree on ' and \\ in an argument.")])
    line = " ".join(word if BARE_ARGUMENT.match(word) else f"'{word}'" for word in words)
    return '"' + line.replace('"', '\\"').replace("{", "\\173").replace("}", "\\175") + '"'


def _bad_command(where: str, command: str, what: str) -> Finding:
    return COMMAND.finding(where, what, repr(command), "Put the command into a script, and name that.")


def _instance(instance: Mapping[str, Any], services: Iterable[Mapping[str, Any]], grouped: bool) -> dict[str, Any]:
    tracked = [service for service in services if service["name"] in (instance.get("track") or [])]
    weighing = instance.get("track_ready", instance.get("track") or [])
    checks = [
        f"{service['name']}_{kind}"
        for service in tracked
        for kind in ("alive", "ready")
        if service.get(kind) and (kind == "alive" or service["name"] in weighing)
    ]
    version = int(instance["version"])
    return {
        "name": instance["name"],
        "state": instance["initial_state"],
        "interface": instance["interface"],
        "virtual_router_id": instance["virtual_router_id"],
        "version": version,
        "priority": instance["priority"],
        # Version 2 carries whole seconds.
        "advert_interval": int(instance["advert_interval"]) if version == 2 else instance["advert_interval"],
        "down_timer_adverts": instance.get("down_timer_adverts") or 3,
        "preempt_delay": instance.get("preempt_delay"),
        "nopreempt": bool(instance.get("nopreempt")),
        "auth_pass": quote(instance["auth_pass"]) if instance.get("auth_pass") else "",
        "unicast": bool(instance["unicast"]),
        "unicast_src_ip": instance.get("unicast_src_ip") or "",
        "unicast_peers": list(instance.get("unicast_peers") or []) if instance["unicast"] else [],
        "virtual_ipaddress": [_address(entry) for entry in instance["virtual_ipaddress"]],
        "virtual_ipaddress_excluded": [_address(entry) for entry in instance.get("virtual_ipaddress_excluded") or []],
        "track_file": [f"crash_{service['name']}" for service in tracked] + ["drain", "join"],
        "track_script": checks + [_weighted(script) for script in instance.get("track_scripts") or []],
        "track_interface": [_weighted(interface) for interface in instance.get("track_interfaces") or []],
        "garp_master_refresh": instance.get("garp_master_refresh"),
        "smtp_alert": "" if instance.get("smtp_alert") is None else _switch(instance["smtp_alert"]),
        "hooks": [
            {"on": hook, "run": _command(f"keepalived_instances: {instance['name']}: {hook}", instance[hook])}
            for hook in HOOKS
            if instance.get(hook)
        ],
        "options": list(instance.get("options") or []),
        "grouped": grouped,
    }


def _address(entry: Mapping[str, Any]) -> str:
    words = [str(entry["address"])]
    for key, word in (("broadcast", "brd"), ("dev", "dev"), ("label", "label")):
        if entry.get(key):
            words += [word, str(entry[key])]
    return " ".join(words)


def _weighted(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']} weight {entry['weight']}" if entry.get("weight") else str(entry["name"])


def _filter(instances: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Who may send adverts: the peers of unicast instances, and on which interfaces multicast is expected."""
    peers = sorted(
        {str(peer) for instance in instances if instance["unicast"] for peer in instance.get("unicast_peers") or []}
    )
    return {
        "peers4": [peer for peer in peers if ":" not in peer],
        "peers6": [peer for peer in peers if ":" in peer],
        "multicast": sorted({str(instance["interface"]) for instance in instances if not instance["unicast"]}),
    }


def _facts(planned: Mapping[str, Any], services: Iterable[Mapping[str, Any]], filtered: bool) -> dict[str, Any]:
    """What the node's own tool needs to know: /etc/evenkeel/vrrp.json."""
    return {
        "schema": SCHEMA,
        "drain_value": planned["drain_value"],
        "filter": filtered,
        "services": {service["name"]: service["unit"] for service in services},
        "instances": [
            {
                "name": instance["name"],
                "virtual_router_id": instance["virtual_router_id"],
                "version": instance["version"],
                "auth_digest": auth_digest(instance["auth_pass"]),
                "interface": instance["interface"],
                "advert_interval": instance["advert_interval"],
                "source": instance.get("unicast_src_ip") or "",
                "peers": list(instance.get("unicast_peers") or []) if instance["unicast"] else [],
                "anchor": str(instance["virtual_ipaddress"][0]["address"]),
                "addresses": [
                    {"address": str(entry["address"]), "dev": entry.get("dev") or instance["interface"]}
                    for entry in [*instance["virtual_ipaddress"], *instance["virtual_ipaddress_excluded"]]
                ],
            }
            for instance in planned["instances"]
        ],
    }
