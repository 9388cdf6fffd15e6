"""The report on clusters: what is wrong, what is only said, and how the table looks."""

from __future__ import annotations

import copy

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter.status import status
from ansible_collections.evenkeel.lb.plugins.module_utils._report.status import WIDTH, Seen, lines, report, shortened

VIP, VIP6 = "198.51.100.28", "2001:db8::28"
RUN, NEWER = "20261121T150000Z-123456", "20261121T160000Z-654321"
ADDRESSES = {"lb-1": "198.51.100.11", "lb-2": "198.51.100.12", "lb-3": "198.51.100.13"}


def live(node, held=(), **extra):
    peers = [address for name, address in ADDRESSES.items() if name != node]
    configured = {
        "name": "public", "interface": "eth0", "unicast_src_ip": ADDRESSES[node], "unicast_peers": peers,
        "anchor": f"{VIP}/24", "addresses": [f"{VIP}/24", f"{VIP6}/64"], "priority": 250,
    }  # fmt: skip
    return {
        "running": True,
        "held": list(held),
        "drain": [],
        "instances": [
            {
                "name": "public",
                "state": "MASTER" if held else "BACKUP",
                "priority": 250,
                "held": list(held),
                "reasons": [],
            }
        ],
        "configured": {"router_id": node, "instances": [configured]},
        "units": {"keepalived.service": "active", "haproxy.service": "active"},
        "problem": "",
        "in_force": True,
        "lease": None,
        "joining": False,
        **extra,
    }


def service(name, content, run=RUN, at="2026-11-21T15:00:00Z", **extra):
    return {
        "service": name, "unit": f"{name}.service", "generation": 3, "run_id": run, "committed_at": at, "drift": [],
        "files": [{"path": f"/etc/{name}/{name}.cfg", "kind": "file", "sha256": "0", "content": content}],
        **extra,
    }  # fmt: skip


def committed(node, *services, **extra):
    return {
        "services": list(services)
        or [service("haproxy", "maxconn 1\n"), service("keepalived", f"src {ADDRESSES[node]}\n")],
        "interrupted": [],
        "busy": "",
        "guard": None,
        "fell_back": None,
        **extra,
    }


def proxy(usable=3, certificates=(), servers=(), running=True, reason=""):
    return {
        "running": running, "reason": reason, "version": "2.6.12" if running else "", "certificates": list(certificates),
        "backends": [{"name": "app", "servers_usable": usable, "servers_total": 3}] if running else [],
        "servers": list(servers),
    }  # fmt: skip


def seen(node, held=(), **extra):
    return Seen(**{"live": live(node, held), "committed": committed(node), "proxy": proxy(), **extra})


def problems(first=None, second=None, left_out=()):
    nodes = {"lb-1": first or seen("lb-1", [VIP, VIP6]), "lb-2": second or seen("lb-2")}
    found = report({"edge": nodes}, {"edge": left_out})
    assert found["ok"] == (not found["problems"])
    return [f"{one['node'] or one['cluster']}: {one['what']}" for one in found["problems"]]


def notes(first=None, second=None):
    nodes = {"lb-1": first or seen("lb-1", [VIP, VIP6]), "lb-2": second or seen("lb-2")}
    return [f"{one['node'] or one['cluster']}: {one['what']}" for one in report({"edge": nodes}, {})["notes"]]


def test_a_healthy_pair_has_neither_problems_nor_notes():
    assert problems() == []
    assert notes() == []


def test_a_healthy_pair_in_the_table():
    found = report({"edge": {"lb-1": seen("lb-1", [VIP, VIP6]), "lb-2": seen("lb-2")}}, {})
    assert lines(found) == [
        "node  instance  state   prio  holds             service     unit    gen  run               drift  backends  drain  cert",
        "lb-1  public    MASTER  250   198.51.100.28 +1  haproxy     active  3    20261121T150000Z  -      1/1       -      -",
        "                                                keepalived  active  3    20261121T150000Z  -",
        "lb-2  public    BACKUP  250   -                 haproxy     active  3    20261121T150000Z  -      1/1       -      -",
        "                                                keepalived  active  3    20261121T150000Z  -",
        "",
        "all is well",
    ]


def test_a_dead_node():
    assert problems(second=Seen()) == ["lb-2: can't be reached."]
    row = lines(report({"edge": {"lb-1": seen("lb-1", [VIP, VIP6]), "lb-2": Seen()}}, {}))[3]
    assert row.split() == ["lb-2", "-", "silent", "-", "-", "-"]


def test_a_vip_without_one_holder():
    assert problems(first=seen("lb-1")) == [
        f"edge: {VIP} (public) is held by nobody.",
        f"edge: {VIP6} (public) is held by nobody.",
    ]
    assert problems(second=seen("lb-2", [VIP])) == [f"edge: {VIP} (public) is held by lb-1 and lb-2."]
    assert problems(first=seen("lb-1"), second=Seen())[1:] == [
        f"edge: {VIP} (public) is held by nobody; lb-2 did not answer.",
        f"edge: {VIP6} (public) is held by nobody; lb-2 did not answer.",
    ]


def test_holders_are_not_counted_where_a_limit_leaves_nodes_out():
    found = report({"edge": {"lb-2": seen("lb-2")}}, {"edge": ["lb-1"]})
    assert found["problems"] == []
    assert [one["what"] for one in found["notes"]] == [
        "lb-1 not in this run: holders of VIPs were not counted, and no node was compared with them."
    ]


def test_fault_with_its_reason_and_a_configuration_that_is_not_in_force():
    fault = live("lb-2", in_force=False)
    fault["instances"][0].update(state="FAULT", reasons=["haproxy does not run"])
    assert problems(second=seen("lb-2", live=fault)) == [
        "lb-2: public is in FAULT: haproxy does not run.",
        "lb-2: keepalived runs another configuration than its file has.",
    ]


def test_a_service_that_does_not_run_is_named_once():
    stopped = service("haproxy", "maxconn 1\n")
    stopped["drift"] = [
        {
            "path": "haproxy.service",
            "kind": "unit",
            "since": 3,
            "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-active, enabled\n+failed, enabled",
        }
    ]
    here = seen(
        "lb-2",
        live=live("lb-2", units={"keepalived.service": "active", "haproxy.service": "failed"}),
        committed=committed("lb-2", stopped, service("keepalived", "src 198.51.100.12\n")),
        proxy=proxy(running=False, reason="haproxy.service is failed."),
    )
    assert problems(second=here) == ["lb-2: haproxy.service is failed, enabled; it was committed as active, enabled."]
    assert "failed, enabled" in lines(report({"edge": {"lb-2": here}}, {"edge": ["lb-1"]}))[1]


def test_a_frozen_haproxy_and_a_unit_that_nobody_committed():
    frozen = seen("lb-2", proxy=proxy(running=False, reason="It did not answer within 5 s."))
    assert problems(second=frozen) == ["lb-2: haproxy does not answer. It did not answer within 5 s."]
    foreign = seen("lb-2", live=live("lb-2", units={"keepalived.service": "active", "nginx.service": "failed"}))
    assert problems(second=foreign) == ["lb-2: nginx.service is failed."]


def test_drift_is_counted_beyond_three_paths():
    edited = committed("lb-1")
    edited["services"][0]["drift"] = [
        {"path": f"/etc/haproxy/{name}", "kind": "changed", "since": 3, "diff": ""} for name in "abcde"
    ]
    here = seen("lb-1", [VIP, VIP6], committed=edited)
    assert problems(first=here) == [
        "lb-1: /etc/haproxy/a was changed by hand; /etc/haproxy/b was changed by hand; /etc/haproxy/c was changed by hand and 2 more "
        "since generation 3; see evenkeel.lb.drift."
    ]
    assert lines(report({"edge": {"lb-1": here}}, {}))[1].split()[10] == "5"


def test_a_commit_that_was_cut_off_and_a_set_that_put_itself_back():
    report_of = {
        "run_id": NEWER,
        "services": ["haproxy"],
        "at": "2026-11-21T16:00:09Z",
        "why": "nobody confirmed in time",
    }
    here = seen("lb-2", committed=committed("lb-2", interrupted=["keepalived"], fell_back=report_of))
    assert problems(second=here) == [
        "lb-2: a commit of keepalived was cut off; the next run undoes it.",
        f"lb-2: haproxy of run {NEWER} put itself back at 2026-11-21T16:00:09Z because nobody confirmed in time.",
    ]


def test_a_backend_that_answers_by_itself_lacks_nothing():
    redirects = {"name": "moved", "servers_usable": 0, "servers_total": 0}
    assert problems(second=seen("lb-2", proxy={**proxy(), "backends": [redirects]})) == []


def test_a_backend_whose_servers_are_down_and_certificates():
    old = {"path": "a.pem", "days_left": -1, "not_after": "2026-11-20T00:00:00Z"}
    soon = {"path": "b.pem", "days_left": 13, "not_after": "2026-12-04T00:00:00Z"}
    good = {"path": "c.pem", "days_left": 14, "not_after": "2026-12-05T00:00:00Z"}
    here = seen("lb-2", proxy=proxy(0, [old, soon, good]))
    assert problems(second=here) == [
        "lb-2: backend app has no usable server (0 of 3).",
        "lb-2: a.pem has ended (2026-11-20T00:00:00Z).",
        "lb-2: b.pem ends in 13 days (2026-12-04T00:00:00Z).",
    ]


def test_a_module_that_could_not_look():
    here = seen("lb-2", committed=None, failed={"commit_info": "the schema is newer."})
    assert problems(second=here) == ["lb-2: commit_info could not look. the schema is newer."]


def tunnel(up=True, wanted=True, ages=()):
    peers = [{"name": "anna", "public_key": "k", "endpoint": "", "handshake_seconds": age} for age in ages]
    return {"name": "wg0", "unit": "u", "follows": "public", "wanted": wanted, "up": up, "peers": peers}


def tunnels(*interfaces, problems=(), clocks=None):
    return {"interfaces": list(interfaces), "problems": list(problems), "clocks": clocks or {}}


def test_tunnels_have_a_column_where_there_are_any():
    holder = seen("lb-1", [VIP, VIP6], tunnels=tunnels(tunnel(ages=[7, 179, 180, None])))
    standby = seen("lb-2", tunnels=tunnels(tunnel(up=False, wanted=False)))
    assert problems(holder, standby) == []
    found = report({"edge": {"lb-1": holder, "lb-2": standby}}, {})
    table = lines(found)
    assert table[0].split()[-1] == "tunnel"
    assert [row.split()[-2:] for row in (table[1], table[3])] == [["wg0", "2/4"], ["wg0", "-"]]
    assert max(map(len, table)) <= WIDTH
    assert found["clusters"][0]["nodes"][0]["tunnels"][0]["peers"][0]["handshake_seconds"] == 7


def test_a_tunnel_that_is_down_and_clocks_that_differ():
    said = "wg0 is not up: journalctl -u evenkeel-wireguard@wg0.service"
    down = tunnels(tunnel(up=False), problems=[said], clocks={"198.51.100.12": -7.2})
    assert problems(seen("lb-1", [VIP, VIP6], tunnels=down)) == [
        f"lb-1: {said}.",
        "lb-1: its clock differs from that of 198.51.100.12 by 7.2 s: members may not believe a take-over for so long.",
    ]
    assert "wg0 down" in lines(report({"edge": {"lb-1": seen("lb-1", tunnels=down)}}, {}))[1]


# -- behind: a newer run elsewhere, and another content ---------------------------------------------------------------


def newer(content, run=NEWER):
    return committed(
        "lb-1",
        service("haproxy", content, run, "2026-11-21T16:00:00Z"),
        service("keepalived", "src 198.51.100.11\n"),
    )


def test_a_node_that_is_behind():
    ahead = seen("lb-1", [VIP, VIP6], committed=newer("maxconn 2\n"))
    assert problems(first=ahead) == [f"lb-2: is behind: haproxy is of run {RUN}, on lb-1 of run {NEWER}."]
    assert "behind" in lines(report({"edge": {"lb-1": ahead, "lb-2": seen("lb-2")}}, {}))[3]


def test_one_that_a_newer_run_would_not_have_changed_is_not():
    assert problems(first=seen("lb-1", [VIP, VIP6], committed=newer("maxconn 1\n"))) == []


def test_nor_one_that_differs_by_the_inventory_s_wish():
    assert problems(first=seen("lb-1", [VIP, VIP6], committed=newer("maxconn 2\n", RUN))) == []


def test_nor_one_whose_difference_is_declared_its_own():
    ahead = seen("lb-1", [VIP, VIP6], committed=newer("maxconn 2\n"))
    assert problems(first=ahead, second=seen("lb-2", own=["/etc/haproxy/*"])) == []


def test_one_that_was_undone_elsewhere_or_never_had_the_service():
    undone = seen("lb-1", [VIP, VIP6], committed=newer("maxconn 0\n", f"rollback of {RUN}"))
    assert problems(first=undone) == [f"lb-2: is behind: haproxy is of run {RUN}, on lb-1 of run rollback of {RUN}."]
    bare = seen("lb-2", committed=committed("lb-2", service("keepalived", "src 198.51.100.12\n")))
    assert problems(second=bare) == [f"lb-2: is behind: haproxy was never committed here; lb-1 has run {RUN}."]


# -- notes ------------------------------------------------------------------------------------------------------------


def test_what_somebody_did_is_a_note():
    lease = {"run_id": NEWER, "playbook": "propagate", "who": "keel@desk", "since": 0.0, "expires": 900.0}
    here = seen(
        "lb-2",
        live=live(
            "lb-2",
            drain=[
                {"owner": "operator", "reason": "new memory", "since": 0.0, "expires": None},
                {"owner": "run-1", "reason": "", "since": 0.0, "expires": 60.0},
            ],
            joining=True,
            lease=lease,
        ),
        committed=committed(
            "lb-2",
            guard={"run_id": NEWER, "services": ["haproxy"], "deadline": "2026-11-21T16:00:09Z"},
            busy="commit of haproxy",
            interrupted=["haproxy"],
        ),
    )
    assert problems(second=here) == []
    assert notes(second=here) == [
        "lb-2: drained by operator since 1970-01-01 00:00:00 UTC: new memory.",
        "lb-2: drained by run-1 since 1970-01-01 00:00:00 UTC, until 1970-01-01 00:01:00 UTC.",
        "lb-2: is new and waits to hear its peers.",
        f"lb-2: held by propagate by keel@desk, run {NEWER}, since 1970-01-01 00:00:00 UTC, until 1970-01-01 00:15:00 UTC at the latest.",
        f"lb-2: run {NEWER} has haproxy on trial until 2026-11-21T16:00:09Z.",
        "lb-2: a commit is under way: commit of haproxy.",
    ]


def test_a_server_without_requests_is_named_once_for_all_nodes():
    down = {"backend": "app", "name": "web-1", "usable": False, "status": "DOWN"}
    here = {node: seen(node, proxy=proxy(2, servers=[down])) for node in ("lb-1", "lb-2")}
    assert "edge: app/web-1 gets no requests (DOWN), on every node." in notes(here["lb-1"], here["lb-2"])
    assert "edge: app/web-1 gets no requests (DOWN), on lb-2." in notes(second=here["lb-2"])


# -- the table --------------------------------------------------------------------------------------------------------


def test_the_table_stays_narrow():
    here = {
        f"balancer-number-{at}.example.com": seen("lb-1", [VIP6.replace("28", "1234:5678:9abc:def0")]) for at in (1, 2)
    }
    found = report({"a-cluster-with-a-name": here, "b": here}, {})
    table = lines(found)[: lines(found).index("")]
    assert max(map(len, table)) <= WIDTH < 120
    assert table[1] == "a-cluster-with-a-name:"
    assert table[2].startswith("balancer-number") and "2001:db8::1~" in table[2]
    assert table[0].split()[-1] == "backends", "columns without a word go first"


def test_a_node_without_anything_has_a_row_too():
    bare = Seen(
        live=live("lb-1", running=False, instances=[], units={"keepalived.service": "inactive"}),
        committed={"services": []},
        proxy=proxy(running=False, reason="no haproxy here"),
    )
    found = report({"edge": {"lb-1": bare}}, {})
    assert [one["what"] for one in found["problems"] if one["node"]] == ["keepalived.service is inactive."]
    assert lines(found)[1].split() == ["lb-1", "-", "-", "keepalived", "inactive", "-", "-", "-", "-", "-", "-"]


@pytest.mark.parametrize(
    ("run", "short"),
    [
        (RUN, "20261121T150000Z"),
        (f"rollback of {RUN}", "undid 20261121T150000Z"),
        ("ci-4711", "ci-4711"),
        ("", ""),
    ],
)
def test_a_run_s_name_in_the_table(run, short):
    assert shortened(run) == short


# -- the filter -------------------------------------------------------------------------------------------------------


def test_the_filter_reads_what_the_plays_registered():
    nodes = {"evenkeel_cluster": "edge", "evenkeel_nodes": ["lb-1", "lb-2"]}
    hostvars = {
        "lb-2": {**nodes, "__evenkeel_live": {"unreachable": True}},
        "lb-1": {
            **nodes,
            "__evenkeel_live": live("lb-1", [VIP, VIP6]),
            "__evenkeel_committed": {"msg": "no room", "changed": False},
            "__evenkeel_proxy": {"skipped": True},
        },
        "alone": {"__evenkeel_live": live("lb-3", [VIP, VIP6])},
    }
    found = status(["lb-2", "lb-1", "alone"], copy.deepcopy(hostvars))
    assert [one["cluster"] for one in found["report"]["clusters"]] == ["edge", "default"]
    assert [one["node"] for one in found["report"]["clusters"][0]["nodes"]] == ["lb-1", "lb-2"]
    assert found["problems"] == ["edge: lb-1: commit_info could not look. no room", "edge: lb-2: can't be reached."]
    assert found["lines"][-1] == "2 to see to"


def test_an_input_that_is_no_list():
    with pytest.raises(AnsibleFilterError, match="the input must be a list of hosts, not str"):
        status("lb-1", {})  # type: ignore[arg-type]
