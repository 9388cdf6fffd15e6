"""Which run a rollback undoes, where, and what stands against it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.lb.plugins.filter.undo import undo as undo_filter
from ansible_collections.evenkeel.lb.plugins.module_utils._rollout.undo import together, undo

FIRST, SECOND, THIRD = "20261121T140000Z-1", "20261121T150000Z-2", "20261121T160000Z-3"


def service(name, *runs, by_hand=False):
    """Runs from the oldest to the newest."""
    generations = [
        {"generation": at, "kind": "commit", "run_id": run, "committed_at": f"2026-11-21T{at:02}:00:00Z"}
        for at, run in enumerate(runs, start=1)
    ]
    if by_hand:
        generations.append({"generation": 9, "kind": "by hand", "run_id": "", "committed_at": "2026-11-21T23:00:00Z"})
    return {"service": name, "generations": generations[::-1]}


def committed(*services):
    return {"services": list(services)}


def pair(*runs, second=None):
    return {
        "lb-1": committed(service("haproxy", *runs)),
        "lb-2": committed(service("haproxy", *(runs if second is None else second))),
    }


def test_the_newest_run_of_all_nodes():
    found = undo(pair(FIRST, SECOND))
    assert found == {"run": SECOND, "nodes": ["lb-1", "lb-2"], "first": [], "done": "", "problem": ""}


def test_only_nodes_that_made_it():
    assert undo(pair(FIRST, SECOND, second=[FIRST]))["nodes"] == ["lb-1"]


def test_what_a_person_wrote_is_no_run():
    assert undo({"lb-1": committed(service("haproxy", FIRST, SECOND, by_hand=True))})["run"] == SECOND


def test_one_that_was_undone_on_some_nodes_only_is_finished():
    found = undo(pair(FIRST, SECOND, second=[FIRST, SECOND, f"rollback of {SECOND}"]))
    assert (found["run"], found["nodes"]) == (SECOND, ["lb-1"])


def test_twice_is_once_and_names_the_run_before():
    found = undo(pair(FIRST, SECOND, f"rollback of {SECOND}"))
    assert found["nodes"] == []
    assert found["done"] == (
        f"Run {SECOND} is in force nowhere: it was undone, or others came after it. To go further back: -e evenkeel_run={FIRST}."
    )


def test_one_that_was_made_again_can_be_undone_again():
    assert undo(pair(FIRST, SECOND, f"rollback of {SECOND}", SECOND))["nodes"] == ["lb-1", "lb-2"]


def test_a_named_run_by_how_its_name_begins():
    assert undo(pair(FIRST, SECOND, THIRD), "20261121T150000Z")["run"] == SECOND
    assert undo(pair(FIRST, SECOND, THIRD), THIRD)["run"] == THIRD


@pytest.mark.parametrize(
    ("nodes", "wanted", "problem"),
    [
        (pair(FIRST, SECOND), "ci-1", f"No node has made this run. Found: ci-1. Accepted: one of {SECOND}, {FIRST}."),
        (pair(FIRST, SECOND), "2026", f"Several runs begin so. Found: 2026. Accepted: one of {SECOND}, {FIRST}."),
        (
            pair(FIRST, ""),
            "",
            "The last commit belongs to no run that has a name. Name the run to undo with -e evenkeel_run=RUN.",
        ),
        ({"lb-1": committed()}, "", "Nothing was ever committed here, so there is nothing to undo."),
        ({"lb-1": committed()}, "x", "No node has made this run. Found: x. Accepted: one of none at all."),
    ],
)
def test_what_can_t_be_undone(nodes, wanted, problem):
    assert undo(nodes, wanted)["problem"] == problem


def test_a_run_before_which_there_was_nothing():
    assert undo(pair(FIRST))["first"] == ["haproxy on lb-1", "haproxy on lb-2"]
    # One that came after and was undone does not stand before it.
    assert undo(pair(FIRST, SECOND, f"rollback of {SECOND}"), FIRST)["first"] == ["haproxy on lb-1", "haproxy on lb-2"]
    # Nor does its own undoing, which left nothing, when it was made again.
    assert undo(pair(FIRST, f"rollback of {FIRST}", FIRST))["first"] == ["haproxy on lb-1", "haproxy on lb-2"]
    assert undo(pair(FIRST, SECOND, f"rollback of {SECOND}", THIRD))["first"] == []
    assert undo(pair(FIRST, f"rollback of {FIRST}"), f"rollback of {FIRST}")["first"] == []


def test_going_further_back_names_no_run_that_was_undone():
    found = undo(pair(FIRST, SECOND, THIRD, f"rollback of {THIRD}", f"rollback of {SECOND}"))
    assert (found["run"], found["nodes"]) == (SECOND, [])
    assert found["done"].endswith(f"To go further back: -e evenkeel_run={FIRST}.")


def test_the_filter_puts_standbys_first():
    vip = {"held": ["198.51.100.28"]}
    hostvars = {
        "lb-1": {"__evenkeel_live": vip, "__evenkeel_committed": committed(service("haproxy", FIRST, SECOND))},
        "lb-2": {"__evenkeel_live": {"held": []}, "__evenkeel_committed": committed(service("haproxy", FIRST, SECOND))},
        "lb-3": {"__evenkeel_live": {"unreachable": True}},
    }
    found = undo_filter(["lb-1", "lb-2", "lb-3"], hostvars)
    assert found["turns"] == {"lb-2": 1, "lb-1": 2}
    with pytest.raises(AnsibleFilterError, match="the input must be a list of nodes, not str"):
        undo_filter("lb-1", hostvars)  # type: ignore[arg-type]


# -- what the nodes must change together ------------------------------------------------------------------------------

CONF = """
vrrp_instance public {{
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    unicast_peer {{
        198.51.100.12
    }}
    virtual_ipaddress {{
        198.51.100.28/24
    }}
}}
"""


def diff(before, after, path="/etc/keepalived/keepalived.conf"):
    return [{"before_header": f"{path} (in force)", "after_header": path, "before": before, "after": after}]


def test_a_change_of_a_node_s_own_is_made_node_by_node():
    assert together(diff(CONF.format(vrid=55, priority=250), CONF.format(vrid=55, priority=240))) == []
    assert together(diff("a", "b", "/etc/haproxy/haproxy.cfg")) == []
    assert together([]) == []


def test_a_change_of_what_nodes_share_is_not():
    reasons = together(diff(CONF.format(vrid=56, priority=250), CONF.format(vrid=55, priority=250)))
    assert len(reasons) == 1 and reasons[0].startswith("public: the virtual router id changes")
    same = CONF.format(vrid=55, priority=250)
    assert together(diff(same, same + "(only masked values differ)\n")) == ["the authentication changes"]


def test_a_file_that_is_new_goes_or_can_t_be_read_is_left_to_commit():
    assert together(diff("", CONF.format(vrid=55, priority=250))) == []
    assert together(diff("vrrp_instance {", "vrrp_instance {")) == []
