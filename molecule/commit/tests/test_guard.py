"""A set on trial: it stays if somebody confirms over a new connection in time, and goes back otherwise, whatever breaks."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CERTIFICATE, CONFIG, DROP_IN, ROOT, SYSCTL, Answer, Node, Proxy
from crash import Crash

from lab import faults
from tests.site import PATIENCE, wait_for

MARKER, RESULT = "/var/lib/evenkeel/guard.json", "/run/evenkeel/commit/*/result"
NOBODY = "nobody confirmed in time"
LATE = "guard: the confirmation comes too late."
# Every process that came in over ssh, with all that it started.
SESSION = """
import os, signal
def stat(pid):
    text = open(f"/proc/{pid}/stat").read()
    return text[text.index("(") + 1:text.rindex(")")], int(text[text.rindex(")") + 2:].split()[1])
def of_session(pid):
    while pid > 1:
        if open(f"/proc/{pid}/cmdline").read().startswith(("sshd: keel", "sshd-session: keel")):
            return True
        pid = stat(pid)[1]
    return False
pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
found = []
for pid in pids:
    try:
        if of_session(pid):
            found.append(pid)
    except OSError:
        pass
for pid in found:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
print(len(found))
"""


class Trial:
    """What was in force before, and the wait until it is again."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.before = self.now()

    def now(self) -> str:
        return self.node.sh(
            f"sha256sum {CONFIG} {CERTIFICATE} {SYSCTL} {DROP_IN}; stat -c '%n %a %U %G' {CONFIG} {CERTIFICATE};"
            " sysctl -n net.ipv4.ip_nonlocal_bind; systemctl show -P Environment -P NeedDaemonReload haproxy"
        )

    def told(self, pattern: str) -> dict[str, Any]:
        """The one file of ours with this name; empty if there is none yet."""
        found: dict[str, Any] = json.loads(self.node.sh(f"cat {pattern} 2>/dev/null || echo '{{}}'"))
        return found

    def left(self) -> dict[str, Any]:
        """The result of work whose caller is gone, as soon as it is there."""
        wait_for(lambda: bool(self.told(RESULT)))
        found: dict[str, Any] = self.told(RESULT)["result"]
        return found

    def wait(self) -> None:
        """Until everything is as it was, byte for byte, and the daemon runs it: not before the guard's seconds are over."""
        wait_for(
            lambda: bool(self.told(MARKER).get("fell_back")),
            or_say=lambda: f"marker {self.told(MARKER)}, result {self.told(RESULT)}",
        )
        told = self.told(MARKER)
        assert told["fell_back"] >= told["until"] or told["why"] != NOBODY, told
        assert self.now() == self.before
        assert self.node.says("one")
        assert self.node.leftovers() + self.node.temporary() == []


@pytest.fixture
def trial(node: Node) -> Iterator[Trial]:
    yield Trial(node)
    node.sh(f"systemctl stop evenkeel-guard 2>/dev/null || true; rm -rf {MARKER} /run/evenkeel/commit /run/at-*")


def confirm(node: Node, word: str = "two", **more: Any) -> Answer:
    return node.commit(state="confirm", run_id=f"run-{word}", **more)


def test_what_is_confirmed_in_time_stays(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    done = node.commit(**proxy.arguments("two", certificate=1, guard=20))
    assert (done.failed, done.changed, done.stage, done.apply, done.validated) == (
        False,
        True,
        "commit",
        "reload",
        "namespace",
    )
    assert (done.guard["run_id"], done.guard["services"], done.guard["seconds"]) == ("run-two", ["haproxy"], 20)
    assert done.diffs()[CONFIG][1].count('"two"') == 1
    said = confirm(node)
    assert (said.failed, said.changed, said.guard) == (False, True, {})
    assert [one["service"] for one in said.services] == ["haproxy"]
    before = node.everything()
    time.sleep(21)
    assert node.everything() == before and node.says("two")
    assert node.sh(f"ls {MARKER} /run/evenkeel/commit/* 2>/dev/null || true") == ""
    assert node.sh("systemctl is-active evenkeel-guard || true").strip() == "inactive"
    assert confirm(node).changed is False


def test_what_nobody_confirms_goes_back(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    done = node.commit(**proxy.arguments("two", certificate=1, guard=12))
    assert done.changed and node.says("two")
    # What waits for the deadline is not to be killed either.
    node.sh("systemctl kill -s KILL evenkeel-guard")
    trial.wait()
    late = confirm(node)
    assert late.failed and late.msg.startswith(LATE)
    assert "haproxy of run run-two put itself back at " in late.msg and "because nobody confirmed in time" in late.msg
    again = node.commit(**proxy.arguments("two", certificate=1))
    assert again.failed and "this run fell back here" in again.msg
    told = node.commit(**proxy.arguments("one"))
    assert (told.failed, told.changed, told.fell_back["run_id"]) == (False, False, "run-two")
    assert "put itself back at" in told.output
    assert node.commit(**proxy.arguments("one")).fell_back == {}


def test_a_door_that_was_locked_opens_again(trial: Trial) -> None:
    """Who is in already stays in, and learns nothing: the trap of a shared connection."""
    node = trial.node
    door = {
        "service": "door",
        "run_id": "run-door",
        "files": [{"path": "/etc/ssh/sshd_config.d/door.conf", "content": "DenyUsers keel\n"}],
        "validate": [["sshd", "-t"]],
        "unit": "ssh.service",
        "guard": 25,
    }
    assert not node.commit(**door).failed
    # Over the old connection everything looks well.
    assert node.commit(service="haproxy-is-not-touched", run_id="run-door").changed is False
    locked = confirm(node, "door")
    assert "UNREACHABLE" in locked.output and "Permission denied" in locked.output
    trial.wait()
    late = confirm(node, "door")
    assert late.failed and late.msg.startswith(LATE)
    assert node.sh("ls /etc/ssh/sshd_config.d") == "" or "door" not in node.sh("ls /etc/ssh/sshd_config.d")


def test_the_connection_that_made_the_change_confirms_nothing(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    assert not node.ansible("-m", "ansible.builtin.ping").returncode
    assert not node.commit(**proxy.arguments("two", guard=300)).failed
    # As it would be without our action, which closes Ansible's shared connection.
    script = (
        "import sys; sys.path.insert(0, '/usr/local/lib/evenkeel'); from evenkeel_commit import confirm, host;"
        "print(confirm.confirm(host.Host(), 'run-two', '').error.message())"
    )
    same = node.ansible("-m", "ansible.builtin.command", "-a", f"/usr/bin/python3 -c {shlex.quote(script)}")
    assert "the confirmation came over a connection that is older than the change" in same.stdout, same.stdout
    assert "the connection of sshd" in same.stdout
    assert node.sh(f"test -e {MARKER} && echo there").strip() == "there"
    assert confirm(node).changed and node.says("two")


def test_through_a_jump_host(trial: Trial, proxy: Proxy, tmp_path: Path) -> None:
    node = trial.node
    jump = f"ssh -F {node.lab.state}/ssh_config -W %h:%p web-1"
    common = f"-o UserKnownHostsFile={node.lab.state}/known_hosts -o IdentitiesOnly=yes -o ProxyCommand='{jump}'"
    options = ["-e", json.dumps({"ansible_ssh_common_args": common})]
    env = {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(tmp_path)}
    since = node.sh("date +%s").strip()
    assert not node.commit(*options, env=env, **proxy.arguments("two", guard=300)).failed
    said = node.commit(*options, env=env, state="confirm", run_id="run-two")
    assert said.changed, said.output
    came = node.sh(
        f"journalctl -q -u ssh --since=@{since} -o cat | grep -c 'Accepted .* from {node.lab.address('web-1')} '"
    )
    assert came.strip() == "2"
    assert node.says("two")


@pytest.mark.parametrize("act", ["validate", "reload", "verify"])
def test_a_session_that_is_killed_takes_nothing_with_it(trial: Trial, proxy: Proxy, act: str) -> None:
    node = trial.node

    def here(name: str) -> str:
        return f"test $EVENKEEL_APPLY = none || touch /run/at-{name}; sleep 8" if name == act else "true"

    arguments = proxy.arguments("two", certificate=1, guard=3)
    arguments["validate"] = [["haproxy", "-c", "-f", CONFIG], ["sh", "-c", f"EVENKEEL_APPLY=; {here('validate')}"]]
    arguments["apply"]["reload"] = ["sh", "-c", f"EVENKEEL_APPLY=; {here('reload')}; systemctl reload haproxy"]
    arguments["verify"]["command"] = [["sh", "-c", here("verify")]]
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(node.commit(**arguments)))
    thread.start()
    node.until(f"test -e /run/at-{act}")
    assert int(node.lab.run(node.name, ["python3", "-c", SESSION])) >= 3
    thread.join()
    assert "UNREACHABLE" in answers[0].output
    # The work goes on to its end, and the trial to its deadline.
    assert not trial.left().get("error"), trial.left()
    trial.wait()
    late = confirm(node)
    assert late.failed and late.msg.startswith(LATE)
    assert (
        "The commit of haproxy (run run-two) went on after its connection was lost: it came into force." in late.output
    )


def test_work_that_is_killed_at_any_act_goes_back(trial: Trial, proxy: Proxy, crash: Crash) -> None:
    """With no controller left that could say so."""
    node = trial.node
    request = proxy.arguments("two", certificate=1, guard=1)
    acts: list[str] = crash.run(request)["acts"]
    trial.wait()
    node.sh(f"rm {MARKER}")
    wanted = [
        f"rename {CONFIG}",
        "systemctl reload haproxy.service",
        "rename /var/lib/evenkeel/services/haproxy/manifest.json",
    ]
    for at in [*(acts.index(act) + 1 for act in wanted), len(acts)]:
        assert crash.run(request, at) == {}
        trial.wait()
        node.sh(f"rm {MARKER}")


def test_a_marker_without_its_unit_is_seen_to_by_the_next_call(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    assert node.commit(**proxy.arguments("two", guard=300)).changed
    node.sh("systemctl stop evenkeel-guard")
    done = node.commit(**proxy.arguments("one"))
    assert (done.failed, done.changed) == (False, False)
    assert done.fell_back["why"] == "what waited for its confirmation was gone"
    assert node.says("one")


@pytest.mark.parametrize("when", ["on trial", "under way"])
def test_a_host_that_restarts_before_anybody_confirms_boots_what_it_had(
    trial: Trial, proxy: Proxy, crash: Crash, when: str
) -> None:
    node = trial.node
    request = proxy.arguments("two", certificate=1, guard=300)
    if when == "on trial":
        assert node.commit(**request).changed
    else:
        assert crash.run(request, 10**6)["changed"]
        crash.run(proxy.arguments("newer", certificate=0, guard=300, run_id="run-two"), 40)
    faults.power_cycle(node.lab, node.name)
    node.until("systemctl is-active -q haproxy")
    trial.wait()
    late = confirm(node)
    assert late.failed and late.msg.startswith(LATE)
    assert "because the node restarted before anybody confirmed" in late.msg
    assert node.sh("systemctl --failed --plain --no-legend | grep -c evenkeel || true").strip() == "0"


def test_a_host_that_restarts_starts_again_what_the_run_took_away(trial: Trial) -> None:
    node = trial.node
    gone = node.commit(
        service="haproxy", unit="haproxy.service", unit_state="stopped", enabled=False, run_id="run-gone", guard=300
    )
    assert gone.changed and gone.apply == "stop"
    faults.power_cycle(node.lab, node.name)
    node.until("systemctl is-active -q haproxy")
    trial.wait()
    assert node.sh("systemctl is-enabled haproxy").strip() == "enabled"


def test_a_host_that_restarts_does_not_start_what_the_run_brought(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    assert not node.commit(service="haproxy", unit="haproxy.service", unit_state="stopped", enabled=False).failed
    assert node.commit(**proxy.arguments("two", guard=300)).changed
    assert node.sh("systemctl is-active haproxy").strip() == "active"
    faults.power_cycle(node.lab, node.name)
    node.sh("systemctl is-system-running --wait || true")
    assert node.sh("systemctl is-active haproxy || true; systemctl is-enabled haproxy || true").split() == [
        "inactive",
        "disabled",
    ]
    assert node.sh(f"ls {CERTIFICATE} {SYSCTL} {DROP_IN} 2>/dev/null || true") == ""


def test_a_daemon_that_is_started_again_does_not_end_the_trial(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    assert node.commit(**proxy.arguments("two", guard=300)).changed
    node.sh(
        "systemctl kill -s KILL --kill-whom=all haproxy; sleep 1; systemctl daemon-reload; "
        "until systemctl is-active -q haproxy; do sleep 0.1; done",
        timeout=PATIENCE,
    )
    assert node.says("two")
    assert confirm(node).changed and node.says("two")


def test_two_services_of_one_run(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    second = {"service": "second", "files": [{"path": "/etc/second/a.conf", "content": "one\n"}]}
    assert not node.commit(**second, run_id="run-before").failed
    second["files"] = [{"path": "/etc/second/a.conf", "content": "two\n"}]
    first = node.commit(**second, run_id="run-two", guard=300)
    both = node.commit(**proxy.arguments("two", certificate=1, guard=4))
    assert both.guard["services"] == ["haproxy", "second"]
    # One deadline, that of the last commit.
    assert both.guard["deadline"] < first.guard["deadline"]
    trial.wait()
    assert node.sh("cat /etc/second/a.conf") == "one\n"
    order = node.sh("ls -1tr --time-style=full-iso /var/lib/evenkeel/services/*/manifest.json").split()
    assert [path.split("/")[-2] for path in order if "haproxy" in path or "second" in path] == ["haproxy", "second"]
    assert confirm(node).failed
    node.commit(service="second")


def test_another_run_is_refused_meanwhile(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    assert node.commit(**proxy.arguments("two", guard=300)).changed
    before = node.everything()
    for arguments in (proxy.arguments("three"), {"service": "second"}, {"state": "rollback", "run_id": "run-one"}):
        refused = node.commit(**arguments)
        assert refused.failed and "another run is on trial here" in refused.msg
        assert "run run-two has haproxy on trial until 20" in refused.error["got"]
    looked = node.commit("--check", **proxy.arguments("three"))
    assert not looked.failed and looked.changed and "another run is on trial here" in looked.output
    assert node.everything() == before
    undone = node.commit(state="rollback", run_id="run-two")
    assert not undone.failed and undone.changed and node.says("one")
    assert node.sh(f"ls {MARKER} 2>/dev/null || true; systemctl is-active evenkeel-guard || true").split() == [
        "inactive"
    ]


def test_nothing_to_change_and_check_mode_put_nothing_on_trial(trial: Trial, proxy: Proxy) -> None:
    node = trial.node
    before = node.everything()
    quiet = node.commit(**proxy.arguments("one", guard=5))
    assert (quiet.failed, quiet.changed, quiet.guard) == (False, False, {})
    assert quiet.output.count("SSH: EXEC") == 1, quiet.output
    told = node.commit("--check", **proxy.arguments("two", guard=5))
    assert (told.changed, told.guard) == (True, {})
    refused = node.commit(**proxy.arguments("two", extra="    bindd :81\n", guard=5))
    assert refused.failed and refused.stage == "validate" and f"{CONFIG}:17: bindd :81" in refused.error["got"]
    assert node.everything() == before
    assert node.sh(f"ls {MARKER} /run/evenkeel/commit/* 2>/dev/null || true") == ""


def test_a_playbook_commits_and_confirms(trial: Trial, proxy: Proxy, tmp_path: Path) -> None:
    node = trial.node
    tasks = [
        {"name": "Change", "evenkeel.lb.commit": proxy.arguments("two", guard=300)},
        {"name": "Confirm", "evenkeel.lb.commit": {"state": "confirm", "run_id": "run-two"}},
    ]
    play = [{"name": "On trial", "hosts": node.name, "gather_facts": False, "become": True, "tasks": tasks}]
    book = tmp_path / "book.yml"
    book.write_text(json.dumps(play))
    command = ["ansible-playbook", "-i", str(node.lab.inventory), str(book)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "changed=2" in done.stdout, done.stdout + done.stderr
    assert node.says("two") and node.sh(f"ls {MARKER} 2>/dev/null || true") == ""
