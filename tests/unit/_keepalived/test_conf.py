# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived.conf read and written: syntax, meaning, refusals, and what the role prints."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._core.findings import CoreError
from ansible_collections.evenkeel.lb.plugins.module_utils._core.spec import conform_dict
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived import conf
from ansible_collections.evenkeel.lb.plugins.module_utils._keepalived.model import build, prepare
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import ROLES, specification
from hypothesis import given
from hypothesis import strategies as st

from tests.unit._cluster.plan_data import plan

# The configuration of reference seed 3, as a person wrote it.
SEED = """
vrrp_script chk_haproxy {
    script 'killall -0 haproxy' # faster than pidof
    interval 2
}

vrrp_instance VI_1 {
  state MASTER
  interface eth0
  virtual_router_id 55
  priority 150
  advert_int 1
  unicast_src_ip 192.0.2.11
  unicast_peer {
    192.0.2.12
  }
  authentication {
    auth_type PASS
    auth_pass s3cret
  }
  virtual_ipaddress {
    192.0.2.28/24 dev eth0
  }
  track_script {
    chk_haproxy
  }
}
"""


# --- syntax -------------------------------------------------------------------------------------------------------------


def test_a_configuration_is_directives_with_bodies() -> None:
    (script, instance) = conf.parse(SEED)
    assert script.words == ("vrrp_script", "chk_haproxy")
    assert script.get("script") == "killall -0 haproxy"
    assert instance.lines("unicast_peer") == [("192.0.2.12",)]
    assert instance.line == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b # c", ("a", "b")),
        ("a b!c", ("a", "b")),
        ('a "b # c" d', ("a", "b # c", "d")),
        ("a 'b \"c\"'", ("a", 'b "c"')),
        (r'a "b \"c\""', ("a", 'b "c"')),
        ('a ""', ("a", "")),
        ("   a\tb  ", ("a", "b")),
        ('a "{ b }"', ("a", "{ b }")),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert [directive.words for directive in conf.parse(text)] == [words]


@pytest.mark.parametrize("text", ["a {\n b\n}", "a\n{\n b\n}", "a { b }", "a {\n b }"])
def test_where_a_brace_stands_does_not_matter(text: str) -> None:
    assert conf.parse(text) == (conf.Directive(("a",), (conf.Directive(("b",)),)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {\n b", "line 1: the block 'a' is never closed."),
        ("a\n}", "line 2: a closing brace without an open block."),
        ("{\n}", "line 1: a block needs a name before its brace."),
        ('a "b', 'line 1: the quote " is never closed.'),
    ],
)
def test_what_is_no_configuration(text: str, message: str) -> None:
    with pytest.raises(conf.ConfError) as error:
        conf.parse(text)
    assert str(error.value) == message


word = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=0, max_size=12)
line = st.lists(word, min_size=1, max_size=4).map(tuple)
directives = st.recursive(
    line.map(conf.Directive),
    lambda inner: st.builds(lambda words, body: conf.Directive(words, tuple(body)), line, st.lists(inner, max_size=3)),
    max_leaves=12,
)


@given(st.lists(directives, max_size=4))
def test_what_is_rendered_is_read_back(tree: list[conf.Directive]) -> None:
    assert conf.parse(conf.render(tree)) == tuple(tree)


# --- meaning ------------------------------------------------------------------------------------------------------------


def test_an_ordinary_configuration_in_the_words_of_the_plan() -> None:
    found = conf.configured(SEED)
    (instance,) = found["instances"]
    assert found["scripts"] == [{"name": "chk_haproxy", "script": "killall -0 haproxy", "weight": 0}]
    assert instance == {
        "name": "VI_1",
        "virtual_router_id": 55,
        "version": 2,
        "interface": "eth0",
        "state": "MASTER",
        "priority": 150,
        "advert_interval": 1.0,
        "down_timer_adverts": 3,
        "unicast": True,
        "unicast_src_ip": "192.0.2.11",
        "unicast_peers": ["192.0.2.12"],
        "anchor": "192.0.2.28/24",
        "virtual_ipaddress": ["192.0.2.28/24"],
        "virtual_ipaddress_excluded": [],
        "addresses": ["192.0.2.28/24"],
        "nopreempt": False,
        "preempt_delay": None,
        "auth_digest": conf.auth_digest("s3cret"),
        "track_files": [],
        "track_scripts": ["chk_haproxy"],
        "track_interfaces": [],
        "sync_group": None,
    }


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("vrrp_instance a {\n state MASTER\n}", "priority", 255),
        ("vrrp_instance a {\n}", "priority", 100),
        ("vrrp_instance a {\n priority many\n}", "priority", 100),
        ("vrrp_instance a {\n virtual_ipaddress {\n 2001:db8::1/64\n }\n}", "version", 3),
        ("global_defs {\n vrrp_version 3\n}\nvrrp_instance a {\n}", "version", 3),
        ("global_defs {\n vrrp_version 3\n}\nvrrp_instance a {\n version 2\n}", "version", 2),
        ("vrrp_instance a {\n}", "unicast", False),
        ("vrrp_instance a {\n}", "anchor", None),
        ("vrrp_instance a {\n}\nvrrp_sync_group g {\n group {\n a\n b\n }\n}", "sync_group", "g"),
    ],
)
def test_what_keepalived_takes_for_granted(text: str, key: str, value: object) -> None:
    assert conf.configured(text)["instances"][0][key] == value


def test_a_password_is_never_returned() -> None:
    assert "s3cret" not in repr(conf.configured(SEED))
    assert len(conf.auth_digest("s3cret") or "") == 4
    assert conf.auth_digest("") is None


def test_in_force() -> None:
    running = "# /etc/keepalived/keepalived.conf\n" + "\n".join(line.strip() for line in SEED.splitlines())
    assert conf.in_force(running, SEED) is True
    assert conf.in_force(running, SEED.replace("150", "151")) is False
    assert conf.in_force(running, SEED + "include other.conf\n") is None
    assert conf.in_force(running, SEED + "}") is False


@pytest.mark.parametrize(
    ("text", "refusals"),
    [
        (SEED, []),
        ("global_defs {\n}", ["there is no vrrp_instance: keepalived would start, and hold nothing."]),
        (
            "vrrp_instance a {\n unicast_peer {\n }\n}",
            [
                "line 1: vrrp_instance a: unicast_peer is empty: the node would hear nobody and take every VIP.",
                "line 1: vrrp_instance a: virtual_ipaddress is empty: no anchor.",
                "line 1: vrrp_instance a: virtual_router_id is missing.",
            ],
        ),
        ("a {", ["line 1: the block 'a' is never closed."]),
    ],
)
def test_refusals(text: str, refusals: list[str]) -> None:
    assert conf.refusals(text) == refusals


# --- what the role prints -----------------------------------------------------------------------------------------------

DEFAULTS = yaml.safe_load((ROLES / "keepalived" / "defaults" / "main.yml").read_text(encoding="utf-8"))
SETTINGS = conform_dict(DEFAULTS, specification("keepalived"), "", [])


def planned(**instance: object) -> dict[str, object]:
    variables = {
        "evenkeel_nodes": ["lb-1", "lb-2"],
        "keepalived_instances": [
            {
                "name": "public",
                "virtual_router_id": 55,
                "interface": "eth0",
                "virtual_addresses": ["198.51.100.28/24"],
                "track": ["haproxy"],
                **instance,
            }
        ],
    }
    nodes = [{"name": f"lb-{n}", "vars": {"ansible_host": f"198.51.100.1{n}", **variables}} for n in (1, 2)]
    found = plan("default", nodes)
    assert found["errors"] == []
    return found


def test_facts_of_the_node() -> None:
    facts = build(planned(), "lb-2", SETTINGS)["facts"]
    assert facts["services"] == {"haproxy": "haproxy.service"}
    assert facts["drain_value"] == planned()["nodes"]["lb-2"]["drain_value"]  # type: ignore[index]
    assert facts["instances"][0]["peers"] == ["198.51.100.11"]


def test_a_tracked_unit_says_whether_it_runs() -> None:
    (drop_in,) = build(planned(), "lb-1", SETTINGS)["drop_ins"]
    assert drop_in["path"] == "/etc/systemd/system/haproxy.service.d/10-evenkeel-track.conf"
    assert "ExecStartPost=-+/bin/sh -c 'echo 0 > /run/evenkeel/crash.haproxy'" in drop_in["content"]
    assert "ExecStopPost=-+/bin/sh -c 'echo -254 > /run/evenkeel/crash.haproxy'" in drop_in["content"]


def test_without_preemption_lost_backends_weigh_nothing() -> None:
    model = build(planned(nopreempt=True), "lb-1", SETTINGS)
    assert model["instances"][0]["track_script"] == ["haproxy_alive"]


def test_secrets_are_named_for_commit() -> None:
    model = build(planned(version=2, advert_interval=1, auth_pass="s3cret"), "lb-1", SETTINGS)
    assert model["secrets"] == ["s3cret"]
    assert model["instances"][0]["advert_interval"] == 1


@pytest.mark.parametrize(
    ("command", "rendered"),
    [
        ("/bin/a b", '"/bin/a b"'),
        ("/bin/a 'b c'", "\"/bin/a 'b c'\""),
        ('/bin/a "b {c}"', "\"/bin/a 'b \\173c\\175'\""),
        ("/bin/a '\"'", '"/bin/a \'\\"\'"'),
        ("/bin/a ''", "\"/bin/a ''\""),
    ],
)
def test_commands(command: str, rendered: str) -> None:
    model = build(planned(notify_master=command), "lb-1", SETTINGS)
    assert model["instances"][0]["hooks"] == [{"on": "notify_master", "run": rendered}]


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ('/bin/a "it\'s"', "keepalived 2.2 and 2.3 disagree on ' and \\ in an argument."),
        (r"/bin/a 'b\c'", "keepalived 2.2 and 2.3 disagree on ' and \\ in an argument."),
        ("/bin/a 'b", "Its quotes do not match: No closing quotation."),
    ],
)
def test_commands_that_cannot_be_written(command: str, what: str) -> None:
    with pytest.raises(CoreError) as error:
        build(planned(notify_master=command), "lb-1", SETTINGS)
    (finding,) = error.value.findings
    assert (finding.where, finding.what) == ("keepalived_instances: public: notify_master", what)
    assert finding.remedy == "Put the command into a script, and name that."


def prepared(node: str = "lb-1", names: tuple[str, ...] = (), plan: Any = None, **variables: object) -> dict[str, Any]:
    return prepare(plan or planned(), node, {**DEFAULTS, **variables}, specification("keepalived"), names)


def test_the_variables_that_the_plan_does_not_read_are_conformed() -> None:
    """Texts from a command line, a short form: the templates get what argument_specs says."""
    model = prepared(keepalived_garp_master_refresh="30", keepalived_unicast_filter="no")
    assert (model["garp_master_refresh"], model["unicast_filter"]) == (30, False)
    mail = {"smtp_server": "198.51.100.25", "to": ["ops@example.com"]}
    assert (prepared()["email"], prepared(keepalived_email=mail)["email"]["alert"]) == ({}, "true")
