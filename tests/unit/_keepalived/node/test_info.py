# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from what systemd, the kernel and the daemon say: states, reasons of a FAULT, what is in force."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.conf import auth_digest, configured
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node import ctl, join, live
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.files import Files
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.history import history
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.node.info import info
from ansible_collections.evenkeel.lb.plugins.modules import vrrp_info

CONF = """
track_file crash_app {
    file /run/evenkeel/crash.app
}
track_file drain {
    file /var/lib/evenkeel/track/drain
}
track_file join {
    file /var/lib/evenkeel/track/join
}
vrrp_script app_alive {
    script "/usr/local/lib/evenkeel/check_http 127.0.0.1 1 /alive 0.5"
}
vrrp_sync_group both {
    group {
        public
        other
    }
}
vrrp_instance public {
    interface eth0
    virtual_router_id 55
    priority 150
    version 3
    advert_int 0.2
    unicast_peer {
        192.0.2.12
    }
    virtual_ipaddress {
        192.0.2.28/24
    }
    virtual_ipaddress_excluded {
        2001:db8:0::28/64
    }
    track_file {
        crash_app
        drain
        join
    }
}
vrrp_instance other {
    interface eth0
    virtual_router_id 56
    virtual_ipaddress {
        192.0.2.29/24
    }
}
"""
LINKS = [
    {
        "ifname": "eth0",
        "flags": ["BROADCAST", "UP", "LOWER_UP"],
        "addr_info": [{"local": "192.0.2.11"}, {"local": "192.0.2.28"}, {"local": "2001:db8::28"}],
    }
]


class Node:
    """A node's files in a directory, and its commands' answers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.links = LINKS
        self.active = {"keepalived.service": "active", "app.service": "active"}
        self.calls: list[list[str]] = []
        self.files = Files(root, self.run)
        self.put("etc/keepalived/keepalived.conf", CONF)
        self.put("etc/evenkeel/vrrp.json", json.dumps({"drain_value": -82, "services": {"app": "app.service"}}))
        self.put("run/evenkeel/crash.app", "0\n")
        self.put("var/lib/evenkeel/track/join", "0\n")
        self.put("var/lib/evenkeel/track/drain", "0\n")
        (root / "proc/7/fd").mkdir(parents=True)
        self.memory(CONF)

    def put(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def memory(self, text: str) -> None:
        """What the daemon holds: a link whose target has the name of the memory file, somewhere else."""
        held = self.root / "memfd:" / "keepalived"
        held.mkdir(parents=True, exist_ok=True)
        self.held = text

    def run(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(argv))
        out = ""
        if argv[:2] == ["systemctl", "show"]:
            out = "\n\n".join(
                f"Id={name}\nActiveState={self.active.get(name, 'inactive')}\nMainPID={7 if 'keep' in name else 8}\n"
                f"ActiveEnterTimestamp=Sat 2026-11-21 12:10:21 UTC"
                for name in argv[argv.index("--") + 1 :]
            )
        elif argv[0] == "ip":
            out = json.dumps(self.links)
        elif argv[0].endswith("keepalived"):
            return subprocess.CompletedProcess(argv, 0, "", "Keepalived v2.2.7 (01/16,2022)\n")
        return subprocess.CompletedProcess(argv, 0, out, "")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(tmp_path)
    monkeypatch.setattr(live, "memory", lambda _process: made.held)
    return made


def look(node: Node, report: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    seen = live.look(node.files, node.root / "proc", report=False)
    seen.report = report
    return live.instances(node.files, seen)


def tracking(script: str) -> str:
    """The configuration with a script in the place of the track file `join`."""
    return CONF.replace("        join\n    }", f"    }}\n    track_script {{\n        {script}\n    }}")


def said(name: str, state: int, **data: Any) -> dict[str, Any]:
    return {"data": {"iname": name, "state": state, "effective_priority": 150, "last_transition": 1.5, **data}}


def test_the_daemons_word_goes_first(node: Node) -> None:
    found = look(node, [said("public", 2), said("other", 1)])
    assert found[0] == {
        "name": "public",
        "state": "MASTER",
        "priority": 150,
        "since": 1.5,
        "held": ["192.0.2.28", "2001:db8::28"],
        "reasons": [],
    }
    assert (found[1]["state"], found[1]["held"]) == ("BACKUP", [])


def test_without_a_report_kernel_and_trackers_imply_the_state(node: Node) -> None:
    assert [entry["state"] for entry in look(node)] == ["MASTER", "BACKUP"]
    node.links = [{**LINKS[0], "addr_info": []}]
    assert [entry["state"] for entry in look(node)] == ["BACKUP", "BACKUP"]
    node.put("run/evenkeel/crash.app", "-254\n")
    assert look(node)[0]["state"] == "FAULT"


def test_an_instance_that_the_daemon_does_not_know_is_unknown(node: Node) -> None:
    assert look(node, [said("public", 2)])[1]["state"] == "unknown"


def test_a_stopped_keepalived(node: Node) -> None:
    node.active["keepalived.service"] = "inactive"
    found = info(node.files)
    assert (found["running"], found["since"], found["in_force"]) == (False, "", None)
    assert [entry["state"] for entry in found["instances"]] == ["STOP", "STOP"]
    assert found["configured"]["instances"][0]["name"] == "public"


def test_no_keepalived_at_all(tmp_path: Path) -> None:
    files = Files(tmp_path, lambda argv: subprocess.CompletedProcess(argv, 127, "", "not found"))
    found = info(files)
    assert found["running"] is False
    assert (found["instances"], found["held"], found["version"], found["drain"], found["drain_value"]) == (
        [],
        [],
        "",
        [],
        None,
    )


def test_somebody_elses_broken_file_is_no_crash(node: Node) -> None:
    node.active["keepalived.service"] = "failed"
    node.put("etc/keepalived/keepalived.conf", "vrrp_instance a {\n")
    found = info(node.files)
    assert found["problem"] == "/etc/keepalived/keepalived.conf: line 1: the block 'vrrp_instance a' is never closed."
    assert found["instances"] == []


def test_the_configuration_in_force_is_that_of_the_daemon(node: Node) -> None:
    node.held = CONF.replace("priority 150", "priority 90")
    seen = live.look(node.files, node.root / "proc", report=False)
    assert seen.in_force is False
    assert seen.conf["instances"][0]["priority"] == 90


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda node: node.put("run/evenkeel/crash.app", "-254\n"),
            "app does not run (/run/evenkeel/crash.app holds -254)",
        ),
        (
            lambda node: node.put("var/lib/evenkeel/track/join", "-254\n"),
            "new here, and its peers have not been heard yet",
        ),
        (
            lambda node: node.put("var/lib/evenkeel/drain/operator", '{"value": -254}'),
            "drained, and nopreempt leaves no other way than FAULT",
        ),
        (lambda node: setattr(node, "links", [{**LINKS[0], "flags": ["UP"]}]), "the interface eth0 is down"),
        (lambda node: setattr(node, "links", []), "the interface eth0 does not exist"),
        (
            lambda node: setattr(node, "held", tracking("app_alive")),
            "app_alive: nobody answers http://127.0.0.1:1/alive",
        ),
        (
            lambda node: setattr(node, "held", tracking("mine") + "vrrp_script mine {\n script /bin/false\n}\n"),
            "one of its scripts fails (mine): journalctl -u keepalived",
        ),
        (lambda node: None, "keepalived says no reason that can be seen from outside: journalctl -u keepalived"),
    ],
)  # fmt: skip
def test_reasons_of_a_fault(node: Node, change: Any, reason: str) -> None:
    change(node)
    found = look(node, [said("public", 3), said("other", 1)])
    assert found[0]["reasons"] == [reason]
    assert found[1]["reasons"] == []


def test_a_joining_node_says_what_it_waits_for(node: Node) -> None:
    node.put("var/lib/evenkeel/track/join", "-254\n")
    node.put("run/evenkeel/joining", json.dumps({"public": "public: 192.0.2.28 answers (x)"}))
    assert look(node, [said("public", 3)])[0]["reasons"] == ["new here, public: 192.0.2.28 answers (x)"]


def test_a_member_of_a_sync_group_is_held_by_the_other(node: Node) -> None:
    node.put("run/evenkeel/crash.app", "-254\n")
    found = look(node, [said("public", 3), said("other", 3)])
    assert found[1]["reasons"] == ["the sync group both holds it together with public"]


def test_everything_that_is_promised_is_returned(node: Node) -> None:
    promised = yaml.safe_load(vrrp_info.RETURN)
    found = info(node.files, history_since=0.0, wait_for={})
    assert set(found) == set(promised)
    assert set(promised) - set(info(node.files)) == {"history", "missing", "waited_seconds"}
    assert set(found["instances"][0]) == set(promised["instances"]["contains"])
    assert set(found["configured"]) == set(promised["configured"]["contains"])
    assert found["units"] == {"keepalived.service": "active", "app.service": "active"}
    json.dumps(found)


def test_the_drained_are_named(node: Node) -> None:
    node.put("var/lib/evenkeel/drain/operator", json.dumps({"reason": "disk", "since": 5, "value": -82}))
    assert info(node.files)["drain"] == [
        {"owner": "operator", "reason": "disk", "since": 5.0, "expires": None, "value": -82}
    ]


def test_a_report_is_never_asked_for_in_the_shared_tmp(tmp_path: Path) -> None:
    for process in ("1", "7"):
        (tmp_path / process).mkdir()
        (tmp_path / process / "root").symlink_to("/")
    assert live.ask(tmp_path / "7", tmp_path / "1") is None


@pytest.mark.parametrize(
    ("answer", "expected"), [(b"HTTP/1.0 200 OK\r\n\r\n", True), (b"HTTP/1.0 503 No\r\n\r\n", False)]
)
def test_answers(answer: bytes, expected: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    assert live.answers("127.0.0.1", server.server_port, "/alive", timeout=2) is expected
    server.server_close()


# --- the node's own tool -------------------------------------------------------------------------------------------------


def report_of(text: str) -> list[dict[str, Any]]:
    """What a daemon that runs this configuration reports."""
    return [
        said(
            instance["name"], 1,
            base_priority=instance["priority"], vrid=instance["virtual_router_id"], adver_int=instance["advert_interval"],
            vips=[f"{address} dev eth0 scope global" for address in instance["virtual_ipaddress"]],
            evips=[f"{address} dev eth0 scope global" for address in instance["virtual_ipaddress_excluded"]],
        )
        for instance in configured(text)["instances"]
    ]  # fmt: skip


@pytest.fixture
def reported(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    report = report_of(CONF)
    monkeypatch.setattr(live, "ask", lambda _process, _init: report)
    return report


def test_verify_finds_nothing_wrong(node: Node, reported: list[dict[str, Any]]) -> None:
    assert ctl.verify(node.files) == []


def test_verify_tells_an_old_configuration(node: Node, reported: list[dict[str, Any]]) -> None:
    node.held = CONF.replace("priority 150", "priority 90")
    assert ctl.verify(node.files) == [
        "keepalived still runs an older configuration than its file",
        "keepalived runs public with priority 150 instead of 90",
    ]


@pytest.mark.parametrize(
    ("wanted", "joining", "missing"),
    [
        ({}, False, []),
        ({"able": True}, False, ["public is in FAULT"]),
        ({"able": True, "joining": True}, False, ["public is in FAULT"]),
        ({"able": True, "joining": True}, True, []),
        ({"held": ["192.0.2.28/24", "2001:db8:0::28"]}, False, []),
        ({"held": ["192.0.2.29"]}, False, ["192.0.2.29 is not here"]),
    ],
)
def test_what_is_waited_for(node: Node, wanted: dict[str, Any], joining: bool, missing: list[str]) -> None:
    found = look(node, [said("public", 3), said("other", 1)])
    assert live.missing(found, wanted, joining) == missing


def test_a_wait_ends_with_the_look_that_finds_it(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        node.put("run/evenkeel/crash.app", "0\n" if len(looks) == 3 else "-254\n")

    monkeypatch.setattr(time, "sleep", sleep)
    node.links = NOTHING_HELD
    node.put("run/evenkeel/crash.app", "-254\n")
    found = info(node.files, wait_for={"able": True})
    assert (len(looks), found["missing"], found["crash"]) == (3, [], {"app": 0})


def test_a_wait_ends_in_time_and_says_what_is_missing(node: Node) -> None:
    found = info(node.files, wait_for={"held": ["192.0.2.29"]}, wait_seconds=0.2)
    assert found["missing"] == ["192.0.2.29 is not here"]
    assert 0.2 <= found["waited_seconds"] < 10


OTHER_ROUTER = CONF.replace("virtual_router_id 55", "virtual_router_id 57")
NOTHING_HELD = [{"ifname": "eth0", "flags": ["UP", "LOWER_UP"], "addr_info": [{"local": "192.0.2.11"}]}]


@pytest.mark.parametrize(
    ("running", "written", "links", "parts"),
    [
        (CONF, OTHER_ROUTER, NOTHING_HELD, True),
        (OTHER_ROUTER, CONF, NOTHING_HELD, True),
        (CONF, CONF.replace("public", "web"), NOTHING_HELD, True),
        (CONF, OTHER_ROUTER, None, False),
        (CONF, CONF.replace("priority 150", "priority 90"), NOTHING_HELD, False),
        (CONF, CONF, NOTHING_HELD, False),
    ],
    ids=["standby", "and back", "an instance that only it runs", "holder", "a change that needs no wait", "no change"],
)
def test_a_standby_that_leaves_its_peers_language_waits(
    node: Node, running: str, written: str, links: Any, parts: bool
) -> None:
    node.links = links or node.links
    node.held = running
    node.put("etc/keepalived/keepalived.conf", written)
    assert ctl.part(node.files) is parts
    assert node.files.joining() is parts
    assert node.files.parted.exists() is parts
    node.files.joined()
    assert not node.files.parted.exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data.update(vrid=9), "keepalived runs public with virtual router 9 instead of 55"),
        (lambda data: data.update(adver_int=1.0), "keepalived runs public with advert interval 1.0 instead of 0.2"),
        (
            lambda data: data.update(evips=[]),
            "keepalived runs public with addresses ['192.0.2.28'] instead of ['192.0.2.28', '2001:db8::28']",
        ),
        (lambda data: data.update(iname="old"), "keepalived does not run the instance public"),
    ],
)  # fmt: skip
def test_verify_asks_the_process_that_speaks_vrrp(
    node: Node, reported: list[dict[str, Any]], change: Any, problem: str
) -> None:
    change(reported[0]["data"])
    assert problem in ctl.verify(node.files)


def test_verify_wants_the_table_where_there_is_a_filter(
    node: Node, reported: list[dict[str, Any]], monkeypatch: Any
) -> None:
    node.put("etc/evenkeel/vrrp.json", json.dumps({"filter": True}))
    failing = Files(
        node.root, lambda argv: subprocess.CompletedProcess(argv, 1, "", "") if argv[0] == "nft" else node.run(argv)
    )
    assert ctl.verify(failing) == ["the nftables table inet evenkeel_vrrp is not loaded: nft -f /etc/evenkeel/vrrp.nft"]


def test_verify_forgives_a_fault_that_the_configuration_did_not_bring(
    node: Node, reported: list[dict[str, Any]]
) -> None:
    reported[0]["data"]["state"] = 3
    assert ctl.verify(node.files) == [
        "public is in state FAULT: keepalived says no reason that can be seen from outside: journalctl -u keepalived"
    ]
    node.put("run/evenkeel/crash.app", "-254\n")
    assert ctl.verify(node.files) == []


def test_verify_of_a_dead_daemon(node: Node) -> None:
    node.active["keepalived.service"] = "failed"
    assert ctl.verify(node.files) == ["keepalived does not run: journalctl -u keepalived"]


def test_check_refuses_an_empty_file(node: Node) -> None:
    assert ctl.check(" \n", node.files) == ["the file is empty: keepalived would accept it and give up every VIP."]
    assert ctl.check("global_defs {\n}", node.files)[0].startswith("there is no vrrp_instance")
    assert ctl.check(CONF, node.files) == []


def test_check_refuses_a_source_that_is_elsewhere(node: Node) -> None:
    source = "    virtual_router_id 55\n    unicast_src_ip {}\n"
    assert ctl.check(CONF.replace("    virtual_router_id 55\n", source.format("192.0.2.11")), node.files) == []
    assert ctl.check(CONF.replace("    virtual_router_id 55\n", source.format("198.51.100.1")), node.files) == [
        "vrrp_instance public: unicast_src_ip 198.51.100.1 is no address of this node, "
        "which has 192.0.2.11, 192.0.2.28, 2001:db8::28: set keepalived_address."
    ]


def test_an_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["dance"]) == 2
    assert "seed" in capsys.readouterr().err


# --- joining -------------------------------------------------------------------------------------------------------------


VIP = socket.inet_aton("192.0.2.28")


def advert(vrid: int, priority: int, version: int = 3, password: str = "", more: tuple[str, ...] = ()) -> bytes:
    """An advert as it is on the wire; with a password as version 2 carries it."""
    kind = 1 if password else 0
    named = ("192.0.2.28", *more)
    head = struct.pack("!BBBBBBH", version << 4 | 1, vrid, priority, len(named), kind, 20, 0)
    return head + b"".join(map(socket.inet_aton, named)) + (password.encode().ljust(8, b"\0") if version == 2 else b"")


IPV4 = b"\x45" + bytes(19)


@pytest.mark.parametrize(
    ("packet", "v6", "heard"),
    [
        (IPV4 + advert(55, 100), False, join.Advert(3, 55, 100, (VIP,))),
        (b"\x46" + bytes(23) + advert(55, 0), False, join.Advert(3, 55, 0, (VIP,))),
        (IPV4 + advert(55, 100, 2, password="secret"), False, join.Advert(2, 55, 100, (VIP,), auth_digest("secret"))),
        (IPV4 + advert(55, 100, 2), False, join.Advert(2, 55, 100, (VIP,))),
        (advert(56, 254), True, join.Advert(3, 56, 254, (VIP,))),
        (b"\x45" + bytes(19) + b"\x32" + bytes(11), False, None),
        (b"", False, None),
        (advert(55, 1)[:5], True, None),
    ],
)
def test_hear(packet: bytes, v6: bool, heard: join.Advert | None) -> None:
    assert join.hear(packet, v6) == heard


def watch(**changed: Any) -> join.Watch:
    (made,) = join.watches(
        {
            "instances": [
                {
                    "name": "a",
                    "virtual_router_id": 55,
                    "version": 3,
                    "auth_digest": None,
                    "interface": "eth0",
                    "advert_interval": 0.2,
                    "anchor": "192.0.2.28/24",
                    "addresses": [
                        {"address": "192.0.2.28/24", "dev": "eth0"},
                        {"address": "2001:db8::28/64", "dev": "eth0"},
                    ],
                    "peers": ["192.0.2.12"],
                    **changed,
                }
            ]
        }
    )
    return made


@pytest.mark.parametrize(
    ("node", "packet", "understood"),
    [
        ({}, advert(55, 9), True),
        ({"virtual_router_id": 56}, advert(55, 9), False),
        ({"version": 2}, advert(55, 9), False),
        ({"version": 2}, advert(55, 9, 2), True),
        ({"anchor": "192.0.2.29/24"}, advert(55, 9), False),
        ({}, advert(55, 9, more=("192.0.2.29",)), False),
        ({"version": 2, "auth_digest": auth_digest("new")}, advert(55, 9, 2, password="old"), False),
        ({"version": 2, "auth_digest": auth_digest("new")}, advert(55, 9, 2, password="new"), True),
    ],
)
def test_only_an_advert_that_the_new_configuration_accepts_settles_it(
    node: dict[str, Any], packet: bytes, understood: bool
) -> None:
    one = watch(**node)
    join.Listener([one])._advert(IPV4 + packet, ("192.0.2.12", 0), False)
    assert one.settled is understood


def test_an_advert_of_a_peer_settles_it_and_a_farewell_or_a_stranger_does_not() -> None:
    one = watch()
    listener = join.Listener([one])
    packet = b"\x45" + bytes(19)
    listener._advert(packet + advert(55, 0), ("192.0.2.12", 0), False)
    listener._advert(packet + advert(55, 9), ("192.0.2.99", 0), False)
    listener._advert(packet + advert(54, 9), ("192.0.2.12", 0), False)
    assert not one.settled
    listener._advert(packet + advert(55, 9), ("192.0.2.12", 0), False)
    assert one.settled and one.heard == "192.0.2.12"


def test_a_node_that_parted_believes_a_holder_that_stays() -> None:
    one = watch()
    one.steady = 15
    for now in (100.0, 107.0, 107.2, 115.0, 122.0):
        one.hears("192.0.2.12", now)
        assert not one.settled
    for tenth in range(150):
        one.hears("192.0.2.12", 122 + tenth / 10)
    assert not one.settled
    one.hears("192.0.2.12", 137.0)
    assert one.settled


def test_nobody_there_is_believed_after_some_questions() -> None:
    one = watch()
    for _question in range(join.ASK_TIMES):
        one.ask_again()
        assert not one.settled
        one.asked += 1
    one.ask_again()
    assert one.alone


def test_an_answer_without_an_advert_goes_on_waiting() -> None:
    one = watch()
    listener = join.Listener([one])
    reply = (
        bytes(12)
        + b"\x08\x06"
        + bytes(6)
        + b"\x00\x02"
        + b"\x02\x42\x00\x00\x00\x01"
        + socket.inet_aton("192.0.2.28")
        + bytes(10)
    )
    listener._arp(reply, ())
    one.asked = join.ASK_TIMES
    assert one.waits_for() == (
        "a: 192.0.2.28 answers (02:42:00:00:00:01), but no advert of it has come that this node understands: "
        "do its peers list this node, and have they the same configuration?"
    )
    one.ask_again()
    assert not one.settled


def test_a_neighbour_advertisement_is_an_answer() -> None:
    six = watch()
    listener = join.Listener([six])
    listener._neighbour(
        struct.pack("!BBHI", 136, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8::28"), ("fe80::1",)
    )
    assert six.answered == "2001:db8::28 answers (fe80::1)"


def journal(*said: Any) -> str:
    """What journalctl prints of (microseconds, message)."""
    return "\n".join(
        json.dumps({"MESSAGE": message, "__REALTIME_TIMESTAMP": "9", "_SOURCE_REALTIME_TIMESTAMP": str(at)})
        for at, message in said
    )


def test_history_is_what_keepalived_said_of_its_states() -> None:
    asked: list[list[str]] = []

    def run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        asked.append(list(argv))
        text = journal(
            (2_000_000, "(public) Entering BACKUP STATE"),
            (1_500_000, "(public): entering FAULT state (tracked file join has status -254)"),
            (1_500_001, "(public) entering FAULT state"),
            (2_600_000, "(inner) Entering MASTER STATE"),
            (2_700_000, "(public) Changing effective priority from 250 to 168"),
            (2_750_000, "(public) received lower priority (168) advert from 192.0.2.11 - discarding"),
            (2_800_000, [255, 1]),
            (3_250_000, "(inner) sent 0 priority"),
        )
        return subprocess.CompletedProcess(argv, 0, f"{text}\nnot JSON\n", "")

    assert history(run, 1.25) == [
        {"at": 1.5, "instance": "public", "state": "FAULT"},
        {"at": 2.0, "instance": "public", "state": "BACKUP"},
        {"at": 2.6, "instance": "inner", "state": "MASTER"},
        {"at": 3.25, "instance": "inner", "state": "STOP"},
    ]
    assert "--since=@1.250000" in asked[0] and "--unit=keepalived.service" in asked[0]


def test_a_node_without_a_journal_has_no_history() -> None:
    assert history(lambda argv: subprocess.CompletedProcess(argv, 127, "", "no journalctl"), 1.0) == []
