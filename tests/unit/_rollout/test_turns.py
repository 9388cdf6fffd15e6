# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""turn.yml as ansible-playbook runs it: clusters of different sizes side by side, each node in its turn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.suite.steps import BIN, ROOT

# The first host of the inventory has the last turn, so that an order of hosts would show.
CLUSTERS = {"pair": {"a-1": 2, "a-2": 1}, "seven": {f"b-{number}": 8 - number for number in range(1, 8)}}
NOTE = """
- name: note | Take this turn
  block:
    - name: note | Say so
      ansible.builtin.import_tasks: "{{ playbooks }}/tasks/announce.yml"
      vars: {__evenkeel_step: note, __evenkeel_says: is at work}
    - name: note | Write it down
      ansible.builtin.shell: "echo {{ inventory_hostname }} >> {{ written }}"
    - name: note | Fail where this host is to
      ansible.builtin.fail:
      when: inventory_hostname in fails
  rescue:
    - name: note | Note the failure
      ansible.builtin.set_fact:
        __evenkeel_failed: it was to
  always:
    - name: note | Note when it ends
      ansible.builtin.import_tasks: "{{ playbooks }}/tasks/announce.yml"
      vars: {__evenkeel_step: done}
"""


def turns(tmp: Path, fails: list[str]) -> list[str]:
    """The hosts in the order in which they took their turns."""
    (tmp / "note.yml").write_text(NOTE)
    hosts: dict[str, Any] = {
        host: {
            "turn": turn,
            "evenkeel_nodes": list(cluster),
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }
        for cluster in CLUSTERS.values()
        for host, turn in cluster.items()
    }
    (tmp / "hosts.yml").write_text(yaml.safe_dump({"balancers": {"hosts": hosts}}, sort_keys=False))
    play = {
        "name": "Take turns",
        "hosts": "balancers",
        "gather_facts": False,
        "vars_files": [str(ROOT / "playbooks/vars/engine.yml")],
        "vars": {"fails": fails, "written": str(tmp / "written"), "playbooks": str(ROOT / "playbooks")},
        "tasks": [
            {
                "name": "Take turns",
                "ansible.builtin.include_tasks": str(ROOT / "playbooks/tasks/turn.yml"),
                "loop": "{{ __evenkeel_turns }}",
                "loop_control": {"loop_var": "__evenkeel_turn"},
                "vars": {
                    "__evenkeel_do": str(tmp / "note.yml"),
                    "__evenkeel_comes": "{{ turn == __evenkeel_turn and __evenkeel_failures | length == 0 }}",
                },
            },
            {
                "name": "Have every step of those that were at work, in order",
                "ansible.builtin.assert": {
                    "that": [
                        "__evenkeel_noted.steps | map(attribute='what') | list == ['note', 'done']",
                        "__evenkeel_noted.steps[0].at <= __evenkeel_noted.steps[1].at",
                    ]
                },
                "when": "__evenkeel_noted is defined",
            },
        ],
    }
    (tmp / "play.yml").write_text(yaml.safe_dump([play]))
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_FORKS": "2"}
    argv = [f"{BIN}/ansible-playbook", "-i", str(tmp / "hosts.yml"), str(tmp / "play.yml")]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nb-7: is at work\n" in done.stdout
    return (tmp / "written").read_text().split()


def test_each_node_has_its_turn_and_a_failure_stops_its_cluster_alone(tmp_path: Path) -> None:
    taken = turns(tmp_path, fails=["b-4"])
    assert [host for host in taken if host.startswith("a")] == ["a-2", "a-1"]
    assert [host for host in taken if host.startswith("b")] == ["b-7", "b-6", "b-5", "b-4"]
    # Side by side: the pair has its second turn before the seven have their third.
    assert taken.index("a-1") < taken.index("b-5")
