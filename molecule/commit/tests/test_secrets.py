"""Planted secrets are seen nowhere but in their files: not in what ansible prints at -vvv, not in a log, not in a left-over."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CONFIG, Answer, Node, Proxy

CANARIES = {
    "after a known word": "canary-one-6f1d2c",
    "in a secret file": "canary-two-93ab07",
    "named in secrets": "canary-three-5be8e1",
    "in an address": "canary-four-c40d77",
    "written by a person": "canary-five-0a9f3e",
}
TOKEN = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
# Where something may be left, on the node and on the controller.
PLACES = "/tmp /var/tmp /home/keel /root/.ansible /run/evenkeel /dev/shm"


def layers(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """The data, and what is packed in it: base64, zlib and zip, one inside the other, as Ansible's payloads are."""
    yield data
    if depth == 0:
        return
    for token in set(TOKEN.findall(data)):
        try:
            raw = base64.b64decode(token + b"=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            continue
        yield raw
        with contextlib.suppress(zlib.error):
            yield from layers(zlib.decompress(raw), depth - 1)
        if raw.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                for name in archive.namelist():
                    yield from layers(archive.read(name), depth - 1)


def leaks(data: bytes) -> set[str]:
    """Which canaries are in there, however packed."""
    return {where for layer in layers(data) for where, canary in CANARIES.items() if canary.encode() in layer}


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


def left_here() -> bytes:
    """What ansible may have left on the controller."""
    found = []
    # Other runs of ansible come and go there.
    for folder, _folders, files in os.walk(Path("~/.ansible/tmp").expanduser()):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                found.append(Path(folder, name).read_bytes())
    return b"".join(found)


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
        assert leaks(left_on(node)) == set(CANARIES) - {"written by a person"}
    node.sh(f"logger -t planted {CANARIES['written by a person']}; journalctl --sync")
    assert "written by a person" in leaks(left_on(node))
    forget(node)
    assert leaks(left_on(node)) == set()

    commit(lambda done: not done.failed and done.changed, **arguments(proxy, "first"))
    commit(lambda done: not done.failed and done.changed, options=["--check"], **arguments(proxy, "second"))
    commit(lambda done: not done.failed and done.changed, **arguments(proxy, "second"))
    commit(lambda done: not done.changed, **arguments(proxy, "second"))
    # On trial: what the units say of themselves while they work, and what lies about for them.
    look = (
        "cat /run/systemd/transient/evenkeel-* /proc/$PPID/cmdline /proc/$PPID/environ;"
        " find /run/evenkeel/commit -type f ! -name '*.py' -exec cat {} +"
    )
    trial = {**arguments(proxy, "trial"), "guard": 30 if pipelining == "pipelined" else 3}
    trial["verify"]["command"] = [["sh", "-c", f"test $EVENKEEL_APPLY = none || {{ {look}; }} > /run/seen"]]
    commit(lambda done: not done.failed and bool(done.guard), **trial)
    seen = base64.b64decode(node.sh("base64 -w 0 /run/seen; rm /run/seen"))
    assert b"recover\0work\0/run/evenkeel/commit/" in seen and b"fall-back" in seen
    assert leaks(seen) == set()
    if pipelining == "pipelined":
        commit(lambda done: done.changed, state="confirm", run_id="run-trial")
    else:
        node.sh("timeout 20 sh -c 'while systemctl is-active -q evenkeel-guard; do sleep 0.1; done'")
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
    assert leaks(output.encode()) == set(), json.dumps(sorted(leaks(output.encode())))
    assert leaks(left_on(node)) == set()
    assert leaks(left_here()) == set()
    # They are where they belong, for nobody but root.
    assert node.sh(
        f"grep -c {CANARIES['in a secret file']} /etc/haproxy/secret.txt; stat -c %a /etc/haproxy/secret.txt"
    ).split() == ["1", "600"]
    open_files = node.sh(
        "find /var/lib/evenkeel/services -type f ! -perm 600; find /var/lib/evenkeel/services -type d ! -perm 700"
    )
    assert open_files == ""
