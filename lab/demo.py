# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make lab` shows: site.yml run as a person runs it, who holds the VIPs, and who answers behind them."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter

from lab import addresses, hosts, observer
from lab.hosts import Lab
from lab.shell import LabError, say

REQUESTS = 9


def demo(lab: Lab) -> None:
    """Bring the lab up, run site.yml, show the VIPs answering from every web server."""
    hosts.up(lab)
    inventory = _inventory(lab)
    say(f"\n$ ansible-playbook site.yml -i {inventory}")
    if _ansible("site.yml", inventory):
        raise LabError("site.yml failed; its last lines say where. The lab's hosts are up: mend and run this again.")
    say("")
    holders = {vip: _holder(lab, vip) for vip in (lab.vip, lab.vip6)}
    for vip, holder in holders.items():
        say(f"{vip} is held by {holder}")
    say("")
    for vip in (lab.vip, lab.vip6):
        _show_requests(lab, vip)
    _show_next(lab, inventory, holders[lab.vip])


def _inventory(lab: Lab) -> str:
    """The default lab is what inventories/lab says; any other has its own copy."""
    default = (lab.name, lab.subnet, lab.subnet6) == (
        addresses.DEFAULT_NAME,
        addresses.DEFAULT_SUBNET,
        addresses.DEFAULT_SUBNET6,
    )
    return os.path.relpath(hosts.DEFAULT_INVENTORY if default else lab.inventory, hosts.ROOT)


def _ansible(playbook: str, inventory: str) -> int:
    environment = {
        **os.environ,
        "PATH": f"{hosts.ROOT}/.venv/bin:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(hosts.ROOT / "ansible.cfg"),
    }
    return subprocess.run(
        ["ansible-playbook", playbook, "-i", inventory], cwd=hosts.ROOT, env=environment, check=False
    ).returncode


def _holder(lab: Lab, vip: str, seconds: float = 10) -> str:
    """The one balancer whose kernel has the address. The first one is given time to take it: it waits before it does."""
    balancers = [host for host in lab.hosts if host.startswith("lb-")]
    deadline = time.monotonic() + seconds
    while True:
        holders = [host for host in balancers if vip in observer.held_by(lab, host)]
        if holders == balancers[:1]:
            return holders[0]
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if len(holders) != 1:
        raise LabError(
            f"{vip} is held by {' and '.join(holders) or 'nobody'}.\n"
            f"  See: lab/lab exec --name {lab.name} lb-1 -- journalctl -u keepalived -u haproxy"
        )
    return holders[0]


def _show_requests(lab: Lab, vip: str) -> None:
    url = f"http://[{vip}]/" if ":" in vip else f"http://{vip}/"
    # A failed request prints curl's own word on it and does not end the others.
    script = f'for i in $(seq {REQUESTS}); do curl -sS -g --max-time 5 "$1" 2>&1 || true; done'
    answers = lab.run("client", ["sh", "-c", script, "sh", url]).splitlines()
    say(f"client: {REQUESTS} requests to {url}")
    for number, answer in enumerate(answers, 1):
        say(f"  {number} {answer}")
    webs = {host for host in lab.hosts if host.startswith("web-")}
    silent = webs - set(answers)
    if set(answers) - webs or silent:
        raise LabError(f"{url}: {dict(Counter(answers))}; no answer from {', '.join(sorted(silent)) or 'no one else'}.")


def _show_next(lab: Lab, inventory: str, holder: str) -> None:
    named = "" if lab.name == addresses.DEFAULT_NAME else f" --name {lab.name}"
    make = "" if lab.name == addresses.DEFAULT_NAME else f" LAB={lab.name}"
    steps = (
        ("", ". .venv/bin/activate"),
        ("who takes over from whom, and why", f"ansible-playbook playbooks/plan.yml -i {inventory}"),
        ("again: nothing to do", f"ansible-playbook site.yml -i {inventory}"),
        ("in a second terminal: who holds the VIPs", f"lab/lab watch{named}"),
        ("kill haproxy on the holder for good ...", f"lab/lab fault{named} crash {holder} haproxy"),
        ("... the VIP answers all the same", f"lab/lab exec{named} client -- curl -s http://{lab.vip}/"),
        ("... and put it back", f"lab/lab fault{named} restore {holder} haproxy"),
        ("a balancer, as its user reaches it", f"ssh -F .lab/{lab.name}/ssh_config {holder}"),
        ("remove the hosts", f"make lab-down{make}"),
    )
    width = max(len(command) for _, command in steps)
    say("\nWorth trying next:")
    for why, command in steps:
        say(f"  {command:{width}}  # {why}" if why else f"  {command}")
