"""What a commit does to a host with a real daemon: all of it, or nothing."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from conftest import CERTIFICATE, CONFIG, DROP_IN, MAP, SYSCTL, Node, Proxy, traffic
from crash import Crash

from lab.hosts import Lab


def test_a_set_comes_into_force_and_then_nothing_is_left_to_do(node: Node, proxy: Proxy) -> None:
    done = node.commit(**proxy.arguments("two", certificate=1))
    assert (done.failed, done.changed, done.stage, done.apply, done.validated) == (
        False,
        True,
        "commit",
        "reload",
        "namespace",
    )
    assert node.says("two")
    assert node.sh("sysctl -n net.ipv4.ip_nonlocal_bind; systemctl show -P Environment haproxy").split()[-1] == "SET=1"
    before = node.everything()
    again = node.commit(**proxy.arguments("two", certificate=1))
    assert (again.changed, again.stage, again.apply, again.diff) == (False, "compare", "none", [])
    assert node.everything() == before
    assert node.leftovers() + node.temporary() == []


def test_the_diff_shows_a_certificate_as_its_fingerprint(node: Node, proxy: Proxy) -> None:
    done = node.commit("--check", "--diff", **proxy.arguments("one", certificate=1))
    before, after = done.diffs()[CERTIFICATE]
    assert "certificate SHA-256 " in before and "certificate SHA-256 " in after and before != after
    assert "PRIVATE" not in done.output and "MII" not in done.output
    assert done.diffs()["sysctl net.ipv4.ip_nonlocal_bind"] == ("0\n", "1\n")


def test_check_mode_tells_the_same_and_changes_no_byte(node: Node, proxy: Proxy) -> None:
    arguments = proxy.arguments("checked", certificate=1)
    before = node.everything()
    told = node.commit("--check", **arguments)
    assert node.everything() == before
    assert (told.changed, told.apply, told.validated) == (True, "reload", "namespace")
    done = node.commit(**arguments)
    assert (done.apply, done.diff, done.validated) == (told.apply, told.diff, told.validated)


def test_a_refused_candidate_leaves_every_byte_and_every_process(node: Node, proxy: Proxy) -> None:
    before = node.everything()
    done = node.commit(**proxy.arguments("two", extra="    bindd :81\n", certificate=1))
    assert done.failed and done.stage == "validate" and done.rolled_back is False
    assert done.error["where"] == f"{CONFIG}:17"
    assert "unknown keyword 'bindd'" in done.error["got"]
    assert f"{CONFIG}:17: bindd :81" in done.error["got"]
    assert done.error["what"].endswith("(exit code 1); nothing was changed.")
    assert node.everything() == before


def test_without_a_namespace_the_candidate_is_swapped_in_and_put_back(node: Node, crash: Crash, proxy: Proxy) -> None:
    """A root without CAP_SYS_ADMIN may not make mount namespaces."""
    bounded = "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin"
    look = f"sha256sum {CONFIG} {CERTIFICATE} {SYSCTL} {DROP_IN}; systemctl show -p MainPID haproxy"
    before = node.sh(look)
    refused = crash.run(proxy.arguments("two", extra="    bindd :81\n", certificate=1), wrapper=bounded)
    assert (refused["stage"], refused["validated"]) == ("validate", "swap")
    assert "the old set was put back" in refused["error"]["what"]
    assert node.sh(look) == before
    # Never where a daemon watches: it would read the candidate.
    watched = crash.run(
        {**proxy.arguments("two"), "apply": {"sysctl": [SYSCTL], "watched": [CONFIG]}, "check": True}, wrapper=bounded
    )
    assert (watched["changed"], watched["validated"]) == (True, "none")
    done = crash.run(proxy.arguments("two"), wrapper=bounded)
    assert (done["changed"], done["validated"]) == (True, "swap")
    assert node.says("two")


def test_an_address_that_somebody_holds_is_refused_before_the_daemon_tries_it(node: Node, proxy: Proxy) -> None:
    """HAProxy stops serving for two seconds while it retries a bind; traffic must not see that."""
    arguments = proxy.arguments("two", extra="    bind 0.0.0.0:9999\n")
    arguments["verify"]["listen"].append("0.0.0.0:9999")
    with taken(node, 9999), traffic(node) as client:
        before = node.everything()
        done = node.commit(**arguments)
        assert done.failed and done.stage == "validate"
        assert done.error["where"] == "listen 0.0.0.0:9999"
        assert "python3 (process " in done.error["got"]
        assert node.everything() == before
    assert client.sent > 50 and client.bad == []


def test_a_reload_that_fails_after_a_good_check_is_put_back(node: Node, proxy: Proxy) -> None:
    """The certificate, the drop-in and the kernel value of the set go back with it."""
    before = node.sh(f"sha256sum {CONFIG} {CERTIFICATE} {SYSCTL} {DROP_IN}; sysctl net.ipv4.ip_nonlocal_bind")
    arguments = proxy.arguments("two", extra="    bind 0.0.0.0:9999\n", certificate=1)
    arguments["verify"]["command"] = [["sh", "-c", "test $EVENKEEL_APPLY = none || grep -q :270F /proc/net/tcp6"]]
    # haproxy tries to bind for two seconds before it says so.
    arguments["verify"]["timeout"] = 6
    with taken(node, 9999):
        done = node.commit(**arguments)
    assert done.failed and (done.stage, done.rolled_back, done.validated) == ("verify", True, "namespace")
    assert "cannot bind socket (Address already in use) for [0.0.0.0:9999]" in done.error["got"]
    assert done.error["what"] == "the new set is not in force. The old set was put back."
    assert node.sh(f"sha256sum {CONFIG} {CERTIFICATE} {SYSCTL} {DROP_IN}; sysctl net.ipv4.ip_nonlocal_bind") == before
    assert node.sh("systemctl show -P Environment haproxy").strip().endswith("SET=0")
    assert node.says("one")
    assert node.leftovers() == []


def test_traffic_never_stops_while_a_failed_reload_is_put_back(lab: Lab) -> None:
    """nginx tries to bind for 2.5 s and serves on with its old workers; its reload returns 0 in any case."""
    node = Node(lab, "web-1")

    def arguments(word: str, port: int) -> dict[str, Any]:
        answers = f"exec 3<>/dev/tcp/127.0.0.1/{port}; ss -Hltnp sport = :{port} | grep -q nginx"
        server = f"server {{ listen 80; listen {port}; location / {{ return 200 {word}; }} }}\n"
        return {
            "service": "nginx",
            "files": [{"path": "/etc/nginx/conf.d/commit.conf", "content": server}],
            "validate": [["nginx", "-t"]],
            "unit": "nginx.service",
            "unit_state": "started",
            "verify": {"command": [["bash", "-c", answers]], "timeout": 3},
        }

    first = arguments("one", 8090)
    first["verify"] = {"listen": ["*:80", "*:8090"]}
    assert not node.commit(**first).failed
    with taken(node, 9999), traffic(node) as client:
        done = node.commit(**arguments("two", 9999))
        assert done.failed and (done.stage, done.rolled_back) == ("verify", True), done.output
        assert node.says("one")
    assert client.sent > 100 and client.bad == []


class taken:  # noqa: N801 - reads as a word
    """A process of somebody else that listens on a port."""

    def __init__(self, node: Node, port: int) -> None:
        self.node, self.port = node, port

    def __enter__(self) -> None:
        self.node.sh(f"systemd-run -q --unit taken-{self.port} python3 -m http.server {self.port} --bind 0.0.0.0")
        self.node.until(f"ss -Hltn | grep -q :{self.port}")

    def __exit__(self, *_: object) -> None:
        self.node.sh(f"systemctl stop taken-{self.port}")


def test_a_daemon_that_does_not_start_leaves_the_old_one_running(node: Node, proxy: Proxy) -> None:
    arguments = proxy.arguments("two", apply={"sysctl": [SYSCTL], "restart_when": [DROP_IN]})
    arguments["files"][3]["content"] = "[Service]\nExecStartPre=/bin/false\nRestart=no\n"
    done = node.commit(**arguments)
    assert done.failed and (done.stage, done.rolled_back) == ("apply", True)
    assert done.error["what"] == "`systemctl restart haproxy.service` failed. The old set was put back."
    assert node.says("one")


def test_a_broken_service_can_be_mended(node: Node, proxy: Proxy) -> None:
    """Somebody broke it: the unit is down and its file is not the one that we wrote."""
    node.sh(f"systemctl stop haproxy; echo nonsense >> {CONFIG}; systemctl start haproxy || true")
    done = node.commit(**proxy.arguments("two", on_drift="overwrite"))
    assert (done.failed, done.apply) == (False, "start")
    assert node.says("two")


def test_what_did_not_hold_before_is_no_reason_to_refuse(node: Node, proxy: Proxy) -> None:
    arguments = proxy.arguments("two")
    arguments["verify"]["command"] = [["test", "-e", "/run/there"]]
    node.sh("touch /run/there")
    assert not node.commit(**arguments).failed
    node.sh("rm /run/there")
    third = proxy.arguments("three")
    third["verify"]["command"] = [["test", "-e", "/run/there"]]
    done = node.commit(**third)
    assert not done.failed and node.says("three")
    assert "command test -e /run/there did not hold before either." in done.output


def test_a_removed_entry_removes_its_file_and_brings_back_what_was_there(node: Node, proxy: Proxy) -> None:
    node.put("/etc/haproxy/theirs.txt", "a person's\n")
    more = proxy.arguments("two", on_drift="overwrite")
    more["files"] += [{"path": MAP, "content": "a b\n"}, {"path": "/etc/haproxy/theirs.txt", "content": "ours\n"}]
    more["absent"] = ["/etc/haproxy/errors/400.http"]
    assert not node.commit(**more).failed
    assert node.sh(f"cat {MAP} /etc/haproxy/theirs.txt; test ! -e /etc/haproxy/errors/400.http") == "a b\nours\n"
    done = node.commit(**proxy.arguments("two"))
    assert not done.failed
    assert node.sh(f"cat /etc/haproxy/theirs.txt; test ! -e {MAP}; test ! -e /etc/haproxy/maps") == "a person's\n"
    assert "HTTP/1.0 400" in node.sh("cat /etc/haproxy/errors/400.http; rm /etc/haproxy/theirs.txt")


def test_a_file_edited_by_hand_stops_the_run_with_its_diff(node: Node, proxy: Proxy) -> None:
    node.sh(f"sed -i 's/client 50s/client 51s/' {CONFIG}")
    before = node.everything()
    done = node.commit(**proxy.arguments("two"))
    assert done.failed and done.stage == "drift"
    assert done.drift[0]["path"] == CONFIG and done.drift[0]["kind"] == "changed"
    assert "-    timeout client 50s\n+    timeout client 51s" in done.msg
    assert node.everything() == before
    kept = node.commit(**proxy.arguments("two", on_drift="overwrite"))
    assert not kept.failed and node.says("two")
    generation = kept.generation - 1
    store = "/var/lib/evenkeel/services/haproxy"
    assert '"kind": "by hand"' in node.sh(f"cat {store}/generations/{generation}.json")
    assert "timeout client 51s" in node.sh(f"cat {store}/blobs/*")


def test_a_file_that_was_there_before_is_drift_and_a_packaged_one_is_not(node: Node) -> None:
    node.sh("mkdir -p /etc/foreign; echo mine > /etc/foreign/a.conf")
    arguments = {"service": "foreign", "files": [{"path": "/etc/foreign/a.conf", "content": "theirs\n"}]}
    done = node.commit(**arguments)
    assert done.failed and done.drift[0]["kind"] == "foreign"
    assert "was there before our first commit" in done.msg and "-theirs\n+mine" in done.msg
    assert not node.commit(**arguments, on_drift="overwrite").failed
    assert not node.commit(service="foreign").failed
    assert node.sh("cat /etc/foreign/a.conf") == "mine\n"
    packaged = "/etc/haproxy/errors/503.http"
    shipped = node.sh(f"cat {packaged}")
    assert not node.commit(service="foreign", files=[{"path": packaged, "content": "HTTP/1.0 503 ours\n"}]).failed
    assert not node.commit(service="foreign").failed
    assert node.sh(f"cat {packaged}") == shipped


def test_a_path_of_another_service_is_refused(node: Node) -> None:
    before = node.everything()
    done = node.commit(service="nginx", files=[{"path": CONFIG, "content": "x\n"}])
    assert done.failed
    assert done.error["what"] == "this path belongs to the service haproxy." and done.error["where"] == CONFIG
    assert node.everything() == before


@pytest.mark.parametrize("full", ["target", "store"])
def test_a_full_disk_leaves_the_old_set(node: Node, full: str) -> None:
    place = {"target": "/etc/small", "store": "/var/lib/evenkeel/services/small"}[full]
    node.sh(f"mkdir -p {place} /etc/small; mountpoint -q {place} || mount -t tmpfs -o size=64k none {place}")
    try:
        files = [{"path": f"/etc/small/{name}.conf", "content": "old\n"} for name in "abc"]
        assert not node.commit(service="small", files=files).failed
        big = [{**one, "content": f"{number}\n" * 12000} for number, one in enumerate(files)]
        done = node.commit(service="small", files=big)
        assert done.failed and "No space left on device" in done.msg
        assert node.sh("cat /etc/small/*.conf") == "old\n" * 3
        assert node.leftovers() == []
        assert not node.commit(service="small", files=files).changed
        # With a disk filled to the last byte, the old set still comes back: by links, which need no room.
        if full == "target":
            node.sh("head -c 60000 /dev/zero > /etc/small/filler || true; cat /dev/zero >> /etc/small/filler || true")
            node.sh("truncate -s -12288 /etc/small/filler")
            small = [{**one, "content": "new\n"} for one in files]
            done = node.commit(service="small", files=small, verify={"command": [["false"]], "timeout": 1})
            assert done.failed and done.rolled_back is True
            assert node.sh("cat /etc/small/*.conf") == "old\n" * 3
    finally:
        node.sh(f"umount {place}; rm -rf {place} /var/lib/evenkeel/services/small /etc/small")


def test_two_runs_at_once_do_not_interleave(node: Node, proxy: Proxy) -> None:
    words = ["left", "right"]
    answers: dict[str, Any] = {}

    def run(number: int) -> None:
        answers[words[number]] = node.commit(**proxy.arguments(words[number], certificate=number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(one.failed for one in answers.values()), [one.output for one in answers.values()]
    last = max(answers, key=lambda word: answers[word].generation)
    assert abs(answers["left"].generation - answers["right"].generation) == 1
    assert node.says(last)
    assert node.sh(f"cat {SYSCTL}").strip() == f"net.ipv4.ip_nonlocal_bind = {words.index(last)}"


def test_a_run_that_waits_too_long_names_the_holder(node: Node, proxy: Proxy) -> None:
    lock = "/var/lib/evenkeel/lock"
    node.sh(f"systemd-run -q --unit holder flock {lock} sh -c 'echo someone, pid 1 > {lock}; sleep 600'")
    node.until(f"grep -q someone {lock}")
    try:
        done = node.commit(**proxy.arguments("two", lock_timeout=1))
    finally:
        node.sh("systemctl stop holder")
    assert done.failed and "did for 1 s" in done.msg and "someone, pid 1" in done.msg
    assert node.says("one")


def test_a_run_is_undone_over_two_services_in_reverse(node: Node, proxy: Proxy) -> None:
    node.sh("rm -rf /etc/second")
    other = {"service": "second", "files": [{"path": "/etc/second/a.conf", "content": "one\n"}]}
    assert not node.commit(**other, run_id="run-before").failed
    other["files"] = [{"path": "/etc/second/a.conf", "content": "two\n"}]
    assert not node.commit(**other, run_id="run-x").failed
    assert not node.commit(**proxy.arguments("two", certificate=1)).failed
    assert not node.commit(**proxy.arguments("three", certificate=1, run_id="run-x")).failed
    done = node.commit(state="rollback", run_id="run-x")
    assert not done.failed, done.output
    assert [one["service"] for one in done.services] == ["haproxy", "second"]
    assert node.says("two") and node.sh("cat /etc/second/a.conf") == "one\n"
    again = node.commit(state="rollback", run_id="run-x")
    assert (again.failed, again.changed, again.services) == (False, False, [])
    refused = node.commit(state="rollback", run_id="run-one")
    assert refused.failed and "another run committed haproxy after this one." in refused.msg
    node.commit(service="second")
    assert node.sh("ls /etc | grep -c second || true").strip() == "0"


def test_absent_takes_everything_away_and_generation_0_comes_back(node: Node, proxy: Proxy) -> None:
    before = "sha256sum /etc/haproxy/haproxy.cfg; ls -A /etc/haproxy /etc/systemd/system /etc/sysctl.d"
    node.commit(service="haproxy", unit="haproxy.service", unit_state="stopped", enabled=False)
    shipped = node.sh("md5sum /etc/haproxy/haproxy.cfg").split()[0]
    assert shipped in node.sh("dpkg-query -W -f='${Conffiles}' haproxy")
    clean = node.sh(before)
    assert "evenkeel" not in clean
    assert not node.commit(**proxy.arguments("one", certificate=1)).failed
    assert node.sh("systemctl is-active haproxy; systemctl is-enabled haproxy").split() == ["active", "enabled"]
    done = node.commit(service="haproxy", unit="haproxy.service", unit_state="stopped", enabled=False)
    assert (done.failed, done.apply) == (False, "stop")
    assert node.sh(before) == clean
    state = node.sh("systemctl show -P ActiveState -P UnitFileState haproxy; sysctl -n net.ipv4.ip_nonlocal_bind")
    assert state.split() == ["inactive", "disabled", "0"]
    assert not node.commit(service="haproxy", unit="haproxy.service", unit_state="stopped", enabled=False).changed
    # First of all commits: rolled back, the unit is as it was before us.
    assert not node.commit(**proxy.arguments("one")).failed
    assert not node.commit(state="rollback", run_id="run-one").failed
    assert node.sh(before) == clean


def test_an_empty_render_is_refused(node: Node, proxy: Proxy) -> None:
    arguments = proxy.arguments("two")
    arguments["files"][0]["content"] = "\n \n"
    done = node.commit(**arguments)
    assert done.failed and done.error["where"] == CONFIG and "the render is empty" in done.msg


def test_a_commit_costs_one_remote_call_and_a_quiet_one_little_time(node: Node, proxy: Proxy) -> None:
    done = node.commit(**proxy.arguments("one"))
    assert not done.changed
    assert done.output.count("SSH: EXEC") == 1, done.output


def test_a_newer_schema_is_refused(node: Node, proxy: Proxy) -> None:
    node.sh("echo 99 > /var/lib/evenkeel/schema")
    try:
        done = node.commit(**proxy.arguments("two"))
    finally:
        node.sh("echo 1 > /var/lib/evenkeel/schema")
    assert done.failed and "written by a newer evenkeel.lb" in done.msg
    assert node.says("one")


def test_src_and_remote_src_and_any_byte(node: Node, tmp_path: Any) -> None:
    source = tmp_path / "blob"
    source.write_bytes(bytes(range(256)))
    node.put("/root/there", "from the node\n")
    files = [{"path": "/etc/blob/a", "src": str(source)}, {"path": "/etc/blob/b", "remote_src": "/root/there"}]
    assert not node.commit(service="blob", files=files).failed
    assert (
        node.sh("sha256sum < /etc/blob/a; cat /etc/blob/b").split()[0] == hashlib.sha256(bytes(range(256))).hexdigest()
    )
    node.commit(service="blob")
