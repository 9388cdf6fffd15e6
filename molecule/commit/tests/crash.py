"""Runs the engine on a host with a Host that dies at its k-th act. Production code has no such thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conftest import ROOT, Node

PLACE = "/root/crash"
DRIVER = """
import json, os, signal, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from evenkeel_commit import engine, model
from evenkeel_commit.host import Host


class Dying(Host):
    at, count, pid, acts = 0, 0, os.getpid(), []

    def act(self, name):
        if os.getpid() != self.pid:
            return  # the validating child
        Dying.count += 1
        self.acts.append(name)
        if self.count == self.at:
            os.kill(self.pid, signal.SIGKILL)


def main(request, at):
    Dying.at = at
    contents = [one["content"].encode() for one in request["files"]]
    result = engine.commit(Dying(), model.parse(request, contents))
    return {**result.as_dict(), "acts": Dying.acts}


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        request = json.load(file)
    print(json.dumps(main(request, int(sys.argv[2]))))
"""


class Crash:
    """The engine on a host, called without ansible."""

    def __init__(self, node: Node) -> None:
        self.node = node
        for source in sorted((ROOT / "plugins/module_utils/_commit").glob("*.py")):
            self.node.put(f"{PLACE}/evenkeel_commit/{source.name}", Path(source).read_text())
        self.node.put(f"{PLACE}/driver.py", DRIVER)

    def run(self, request: dict[str, Any], at: int = 0, wrapper: str = "") -> dict[str, Any]:
        """The result; empty if it died."""
        self.node.put(f"{PLACE}/request.json", json.dumps(request))
        output = self.node.sh(f"{wrapper} python3 {PLACE}/driver.py {PLACE}/request.json {at} || test $? = 137", 120)
        return dict(json.loads(output.splitlines()[-1])) if output.strip() else {}
