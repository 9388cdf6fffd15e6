"""Planted secrets are seen nowhere but in their files: not in what ansible prints at -vvv, not in a log, not in a left-over."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import CONFIG, Answer, Node, Proxy

from tests.leaks import PLACES, leaks, left_here

CANARIES = {
    "after a known word": "canary-one-6f1d2c",
    "in a secret file": "canary-two-93ab07",
    "named in secrets": "canary-three-5be8e1",
    "in an address": "canary-four-c40d77",
    "written by a person": "canary-five-0a9f3e",
}


def left_on(node: Node) -> bytes:
    """All logs of the host, and every file where something could be left."""
    script = (
        "{ journalctl --all -o export -q; cat /var/log/*.log; "
        f"find {PLACES} -xdev -type f -size -2000k -exec cat {{}} +; }} 2>/dev/null | base64 -w 0"
    )
    return base64.b64decode(node.sh(script))


def forget(node: Node) -> None:
    """No logs and no left-overs on the node."""
    node.sh(
        "rm -rf /home/keel/.ansible; journalctl -q --rotate; journalctl -q --vacuum-time=1s; "
        "rm -f /var/log/journal/*/*@*.journal"
    )


def arguments(proxy: Proxy, word: str, extra: str = "") -> dict[str, Any]:
    """The proxy's set with every canary in it."""
    userlist = f"userlist people\n    user bob insecure-password {CANARIES['after a known word']}-{word}\n"
    header = f"    http-response set-header X-Word {CANARIES['named in secrets']}\n"
    request = proxy.arguments(word, extra=header + extra + userlist)
    request["files"].append(
        {
            "path": "/etc/haproxy/secret.txt",
            "content": f"{CANARIES['in a secret file']}-{word}\n",
            "secret": True,
            "mode": "0600",
        }
    )
    request["secrets"] = [CANARIES["named in secrets"]]
    request["verify"]["http"] = [{"url": f"http://admin:{CANARIES['in an address']}@127.0.0.1/"}]
    return request


@pytest.mark.parametrize("pipelining", ["pipelined", "copied"])
def test_no_secret_is_seen(node: Node, proxy: Proxy, pipelining: str) -> None:
    env = {"ANSIBLE_PIPELINING": str(pipelining == "pipelined"), "ANSIBLE_VERBOSITY": "3"}
    said: list[str] = []

    def commit(expect: Callable[[Answer], bool], **request: Any) -> None:
        answer = node.commit("--diff", *request.pop("options", ()), env=env, **request)
        assert expect(answer), answer.output
        said.append(answer.output)

    # The search works: it finds a payload that Ansible was told to leave there, packed as it is, and a line in the log.
    forget(node)
    if pipelining == "copied":
        kept = {**env, "ANSIBLE_KEEP_REMOTE_FILES": "1"}
        assert not node.commit(env=kept, **arguments(proxy, "planted")).failed
        assert leaks(left_on(node), CANARIES) == set(CANARIES) - {"written by a person"}
    node.sh(f"logger -t planted {CANARIES['written by a person']}; journalctl --sync")
    assert "written by a person" in leaks(left_on(node), CANARIES)
    forget(node)
    assert leaks(left_on(node), CANARIES) == set()

    commit(lambda done: not done.failed and done.changed, **arguments(proxy, "first"))
    commit(lambda done: not done.failed and done.changed, options=["--check"], **arguments(proxy, "second"))
    commit(lambda done: not done.failed and done.changed, **arguments(proxy, "second"))
    commit(lambda done: not done.changed, **arguments(proxy, "second"))
    # On trial: what the units say of themselves while they work, and what lies about for them.
    look = (
        "cat /run/systemd/transient/evenkeel-* /proc/$PPID/cmdline /proc/$PPID/environ;"
        " find /run/evenkeel/commit -type f ! -name '*.py' -exec cat {} +"
    )
    trial = {**arguments(proxy, "trial"), "guard": 300 if pipelining == "pipelined" else 3}
    trial["verify"]["command"] = [["sh", "-c", f"test $EVENKEEL_APPLY = none || {{ {look}; }} > /run/seen"]]
    commit(lambda done: not done.failed and bool(done.guard), **trial)
    seen = base64.b64decode(node.sh("base64 -w 0 /run/seen; rm /run/seen"))
    assert b"recover\0work\0/run/evenkeel/commit/" in seen and b"fall-back" in seen
    assert leaks(seen, CANARIES) == set()
    if pipelining == "pipelined":
        commit(lambda done: done.changed, state="confirm", run_id="run-trial")
    else:
        node.until("! systemctl is-active -q evenkeel-guard")
        commit(lambda done: done.failed and bool(done.fell_back), state="confirm", run_id="run-trial")
    # Refused, with a daemon that quotes the line.
    wrong = f"    bindd {CANARIES['named in secrets']} {CANARIES['after a known word']}-third\n"
    commit(lambda done: done.failed and done.stage == "validate", **arguments(proxy, "third", wrong))
    # Put back, after a check that says it aloud.
    failing = arguments(proxy, "third")
    failing["verify"]["command"] = [
        ["sh", "-c", f"test $EVENKEEL_APPLY = none || cat /etc/haproxy/secret.txt {CONFIG}; false"]
    ]
    failing["verify"]["timeout"] = 1
    commit(lambda done: done.failed and done.rolled_back, **failing)
    # Edited by hand.
    node.sh(f"echo '# password: {CANARIES['written by a person']}' >> {CONFIG}")
    commit(lambda done: done.failed and done.stage == "drift", **arguments(proxy, "third"))
    commit(lambda done: not done.failed, **{**arguments(proxy, "third"), "on_drift": "overwrite"})
    # An argument that is wrong.
    commit(lambda done: done.failed, **{**arguments(proxy, "third"), "unit": "haproxy"})
    commit(lambda done: not done.failed, state="rollback", run_id="run-third")

    node.sh("journalctl --sync")
    output = "\n".join(said)
    assert leaks(output.encode(), CANARIES) == set(), json.dumps(sorted(leaks(output.encode(), CANARIES)))
    assert leaks(left_on(node), CANARIES) == set()
    assert leaks(left_here(), CANARIES) == set()
    # They are where they belong, for nobody but root.
    assert node.sh(
        f"grep -c {CANARIES['in a secret file']} /etc/haproxy/secret.txt; stat -c %a /etc/haproxy/secret.txt"
    ).split() == ["1", "600"]
    open_files = node.sh(
        "find /var/lib/evenkeel/services -type f ! -perm 600; find /var/lib/evenkeel/services -type d ! -perm 700"
    )
    assert open_files == ""
