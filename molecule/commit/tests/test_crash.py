"""Killed with -9 at every act, and the host's plug pulled there: the old set or the new one, and nothing runs a mix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import CERTIFICATE, CONFIG, DROP_IN, MAP, OWN_HOST, SYSCTL, Node, Proxy
from crash import Crash

from lab import faults
from lab.hosts import Lab
from tests.suite.turns import MACHINE

# Written at every start and reload of the daemon by a drop-in of the test's own: what it is about to read.
WITNESS = "/root/witness.log"
WITNESS_DROP_IN = """[Service]
ExecStartPre=/root/witness
ExecReload=
ExecReload=/root/witness
ExecReload=/bin/kill -USR2 $MAINPID
"""
SET = f"cat {CONFIG} {CERTIFICATE} {SYSCTL} {DROP_IN} {MAP} 2>/dev/null | sha256sum | cut -c1-64"
WITNESS_SCRIPT = f"""#!/bin/sh
echo "$({SET}) ${{SET:-unset}}" >> {WITNESS}
"""
QUESTIONS = f"""
timeout 120 sh -c 'until systemctl is-active -q haproxy; do sleep 0.1; done'
echo "set=$({SET})"
echo "leftovers=$(find /etc -name '*evenkeel-new' -o -name '*evenkeel-old' | tr '\\n' ' ')"
echo "journals=$(ls /var/lib/evenkeel/services/*/journal.json 2>/dev/null | tr '\\n' ' ')"
echo "directory=$(test -d {MAP.rsplit("/", 1)[0]} && echo 1 || echo 0)"
echo "sysctl=$(sysctl -n net.ipv4.ip_nonlocal_bind)"
systemctl show -p ActiveState,NeedDaemonReload haproxy
echo "witness=$(tr '\\n' ';' < {WITNESS} 2>/dev/null || true)"
"""


class Pair:
    """Two sets that differ in every kind of path, and a host on which one of them is in force."""

    def __init__(self, node: Node, proxy: Proxy) -> None:
        self.node, self.crash = node, Crash(node.lab, node.name)
        self.requests = {"one": self.request(proxy, "one", 0), "two": self.request(proxy, "two", 1)}
        node.put("/root/witness", WITNESS_SCRIPT)
        node.put("/etc/systemd/system/haproxy.service.d/99-witness.conf", WITNESS_DROP_IN)
        node.sh("chmod 0755 /root/witness; systemctl daemon-reload")
        self.digests: dict[str, str] = {}
        for word in ("two", "one"):
            assert self.crash.run(self.requests[word])["changed"]
            self.digests[node.sh(SET).strip()] = word
        self.reset()

    @staticmethod
    def request(proxy: Proxy, word: str, number: int) -> dict[str, Any]:
        """`one` has no map; `two` has one, in a directory of its own, and another drop-in: the daemon is restarted."""
        request = proxy.arguments(word, certificate=number, on_drift="overwrite")
        request["apply"]["restart_when"] = [DROP_IN]
        request["verify"]["timeout"] = 20
        if number:
            request["files"].append({"path": MAP, "content": "a b\n"})
        return request

    def reset(self) -> None:
        """The set `one` is in force, and nothing has been seen yet."""
        answer = self.crash.run(self.requests["one"])
        assert "error" not in answer, answer
        self.node.sh(f"rm -f {WITNESS}")

    def acts(self) -> list[str]:
        """Everything that committing `two` over `one` does to the host, in order."""
        acts: list[str] = self.crash.run(self.requests["two"])["acts"]
        self.reset()
        return acts

    def check(self, where: str, before: str = "") -> str:
        """Which set the host is left with; asserts that it is one, and that nothing ever read a mix."""
        node = self.node
        # One call for all questions: where it is asked after every act, calls are what takes the time.
        answers = dict(line.split("=", 1) for line in node.sh(before + QUESTIONS).splitlines())
        found = self.digests.get(answers["set"], "a mix")
        assert found in ("one", "two"), f"{where}: a mix lies on disk"
        number = {"one": "0", "two": "1"}[found]
        assert (answers["leftovers"], answers["journals"]) == ("", ""), where
        assert (answers["directory"], answers["sysctl"]) == (number, number), where
        assert (answers["ActiveState"], answers["NeedDaemonReload"]) == ("active", "no"), where
        for read in filter(None, answers["witness"].split(";")):
            digest, environment = read.split()
            word = self.digests.get(digest, "a mix")
            assert word != "a mix", f"{where}: the daemon read a mix"
            assert environment == {"one": "0", "two": "1"}[word], f"{where}: files and drop-in were not of one set"
        assert node.says(found), where
        return found


@pytest.fixture(scope="module")
def pair(lab: Lab, proxy: Proxy) -> Iterator[Pair]:
    node = Node(lab, OWN_HOST)
    yield Pair(node, proxy)
    node.sh("rm -f /etc/systemd/system/haproxy.service.d/99-witness.conf; systemctl daemon-reload")


def test_killed_at_every_act_and_recovered_by_the_service(pair: Pair) -> None:
    acts = pair.acts()
    ends = []
    for at, act in enumerate(acts, 1):
        MACHINE.let_pass()
        assert pair.crash.run(pair.requests["two"], at) == {}, act
        ends.append(pair.check(f"killed before {act}", "systemctl start evenkeel-recover.service\n"))
        if ends[-1] == "two":
            pair.reset()
    # Up to the moment of commit everything is undone, from then on nothing is.
    moment = next(at for at, act in enumerate(acts) if act == "rename /var/lib/evenkeel/services/haproxy/manifest.json")
    assert ends == ["one"] * (moment + 1) + ["two"] * (len(acts) - moment - 1)
    print(f"{len(acts)} acts, the moment of commit is the {moment + 1}th")


def test_the_plug_pulled_at_every_rename_and_every_word_with_systemd(pair: Pair, lab: Lab) -> None:
    acts = pair.acts()
    live = [
        at
        for at, act in enumerate(acts, 1)
        if act.startswith(("rename /etc/haproxy", "rename /etc/sysctl", "rename /etc/systemd", "systemctl", "sysctl"))
        or act.endswith("manifest.json")
    ]
    after = next(at for at, act in enumerate(acts, 1) if act.endswith("manifest.json") and act.startswith("rename")) + 1
    for at in [*live, after]:
        MACHINE.let_pass()
        assert pair.crash.run(pair.requests["two"], at) == {}
        faults.power_cycle(lab, pair.node.name)
        found = pair.check(f"plug pulled before {acts[at - 1]}")
        assert found == ("two" if at == after else "one")
        if found == "two":
            pair.reset()


def test_a_daemon_that_dies_between_a_crash_and_the_next_run_does_not_start_from_a_mix(pair: Pair) -> None:
    at = pair.acts().index(f"rename {CERTIFICATE}") + 1
    pair.reset()
    assert pair.crash.run(pair.requests["two"], at) == {}
    pair.node.sh("systemctl kill -s KILL --kill-whom=all haproxy; sleep 1")
    assert pair.check("daemon died") == "one"


def test_the_next_commit_undoes_first_and_says_so(pair: Pair) -> None:
    acts = pair.acts()
    at = next(at for at, act in enumerate(acts, 1) if act == "systemctl restart haproxy.service") + 1
    assert pair.crash.run(pair.requests["two"], at) == {}
    assert pair.node.says("two")
    told = pair.node.commit("--check", **pair.requests["one"])
    assert "is under way or was cut off; the next run undoes it." in told.output and told.changed
    done = pair.node.commit(**pair.requests["one"])
    assert not done.failed and done.changed
    assert "A commit of haproxy (run run-two) was cut off half-way; it was undone." in done.output
    assert pair.check("next commit") == "one"


def test_an_edit_made_after_the_crash_is_kept(pair: Pair) -> None:
    acts = pair.acts()
    at = acts.index("systemctl restart haproxy.service") + 1
    assert pair.crash.run(pair.requests["two"], at) == {}
    pair.node.sh(f"echo '# a person was here' >> {CONFIG}")
    assert pair.node.commit(state="recover").changed
    assert pair.check("edited") == "one"
    assert "# a person was here" in pair.node.sh("cat /var/lib/evenkeel/services/haproxy/blobs/*")
