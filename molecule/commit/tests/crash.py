"""Runs the engine on a host with a Host that dies at its k-th act. Production code has no such thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.hosts import Lab

ROOT = Path(__file__).resolve().parents[3]

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
    print(json.dumps(main(json.load(sys.stdin), int(sys.argv[1]))))
"""


UNPACK = """
import json, pathlib, sys
for name, text in json.load(sys.stdin).items():
    path = pathlib.Path(sys.argv[1], name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
"""


class Crash:
    """The engine on a host, called without ansible."""

    def __init__(self, lab: Lab, host: str) -> None:
        self.lab, self.host = lab, host
        sources = (ROOT / "plugins/module_utils/_commit").glob("*.py")
        files = {f"evenkeel_commit/{source.name}": source.read_text() for source in sources}
        lab.run(host, ["python3", "-c", UNPACK, PLACE], stdin=json.dumps({**files, "driver.py": DRIVER}))

    def run(self, request: dict[str, Any], at: int = 0, wrapper: str = "") -> dict[str, Any]:
        """The result; empty if it died."""
        script = f"{wrapper} python3 {PLACE}/driver.py {at} || test $? = 137"
        output = self.lab.run(self.host, ["sh", "-ec", script], stdin=json.dumps(request), timeout=300)
        return dict(json.loads(output.splitlines()[-1])) if output.strip() else {}
