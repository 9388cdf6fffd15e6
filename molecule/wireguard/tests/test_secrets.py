# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private and preshared keys are seen nowhere but in their files: not in what ansible prints at -vvv, not in a log, not in a left-over."""

from __future__ import annotations

import base64
import os
import zlib

from conftest import NODES, Site

from tests.leaks import PLACES, leaks, left_here

# Under a canary's own name in a message; 32 bytes each, clamped as private keys are.
CANARIES = {
    name: base64.b64encode(b"@" + f"canary-{name}".ljust(30, "-").encode() + b"@").decode()
    for name in ("private", "preshared")
}
SECRET = "canary-secret-of-a-mesh-8c1f"


def left_on(site: Site, host: str) -> bytes:
    """All logs of the host, what its processes were called with, and every file where something could be left but the keys' own."""
    script = (
        "{ journalctl --all -o export -q; cat /var/log/*.log; ps axww -o args; "
        f"find {PLACES} -xdev -type f -size -2000k ! -path '/run/evenkeel/wireguard/*.conf' -exec cat {{}} +; }} 2>/dev/null | base64 -w 0"
    )
    return base64.b64decode(site.sh(host, script))


def test_no_key_is_seen(site: Site) -> None:
    peer = {"name": "office", "public_key": base64.b64encode(b"\1" * 32).decode(), "allowed_ips": ["192.0.2.236/32"]}
    mesh = {
        "name": "mesh",
        "addresses": ["192.0.2.{{ 224 + vpn }}/28", "2001:db8:9::{{ vpn }}/64"],
        "hosts": ["web-1", "web-2"],
        "preshared_secret": SECRET,
        "peers": [{**peer, "preshared_key": CANARIES["preshared"]}],
    }
    vault = {"name": "vault", "addresses": ["192.0.2.209/29"], "port": 51830, "private_key": CANARIES["private"]}
    secrets = {**CANARIES, "secret": SECRET}
    secrets |= {f"made on {host}": site.sh(host, "cat /etc/wireguard/mesh.key").strip() for host in ("web-1", "web-2")}
    secrets["shared"] = site.sh(NODES[0], "cat /etc/wireguard/wg0.key").strip()

    # The search finds what is planted: in a log, and packed in a file.
    packed = base64.b64encode(zlib.compress(SECRET.encode() * 2)).decode()
    site.sh("web-1", f"logger -t planted {CANARIES['private']}; journalctl --sync; echo {packed} > /tmp/planted")
    assert leaks(left_on(site, "web-1"), secrets) == {"private", "secret"}
    site.sh(
        "web-1",
        "rm /tmp/planted; journalctl -q --rotate; journalctl -q --vacuum-time=1s; rm -f /var/log/journal/*/*@*.journal",
    )
    assert leaks(left_on(site, "web-1"), secrets) == set()

    loud = {"ANSIBLE_VERBOSITY": "3"}
    said = []
    try:
        for options, interfaces, expect in (
            (["--check", "--diff"], [mesh, vault], 0),
            (["--diff"], [mesh, vault], 0),
            (["--diff"], [mesh, vault], 0),
            # Refused by wg's own parser, which quotes the line; and a service that does not come up, which is put back.
            (["--diff"], [{**mesh, "options": ["Nonsense = 1"]}, vault], 2),
            (["--diff"], [{**mesh, "post_up": ["false"], "port": 51999}, vault], 2),
        ):
            said.append(
                site.mesh("--limit", "web-1", *options, expect=expect, env=loud, wireguard_interfaces=interfaces)
            )
        assert leaks("\n".join(said).encode(), secrets) == set()
        assert leaks(left_on(site, "web-1"), secrets) == set()
        assert leaks(left_here(), secrets) == set()
        # They are where they belong, for nobody but root.
        found = site.sh(
            "web-1",
            f"grep -rlE '{CANARIES['private']}|{CANARIES['preshared']}' /etc /run/evenkeel /var/lib/evenkeel | xargs stat -c '%a %U'",
        )
        assert set(found.splitlines()) == {"600 root"}
    finally:
        site.mesh("--limit", "web-1")


def test_no_key_is_made_while_a_node_is_silent_that_may_have_it(site: Site) -> None:
    """G5: another one would cut off every member."""
    first, second = NODES
    site.sh(second, "mv /etc/wireguard/wg0.key /root/")
    site.sh(first, "systemctl stop ssh.service ssh.socket")
    alone = {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none -o ConnectTimeout=5"}
    try:
        said = " ".join(site.play("site.yml", expect=2, env=alone, evenkeel_allow=["dead"]).split())
        assert (
            "wireguard_interfaces wg0: No node that answers has the private key, and one that does not answer may have it. "
            f"Found: no answer of {first}. Run again when it answers, take it out of evenkeel_nodes if it is gone for good, "
            "or set private_key from a vault. [G5]"
        ) in said
        assert site.sh(second, "ls /etc/wireguard").split() == ["wg0.conf"]
    finally:
        site.sh(first, "systemctl start ssh.service")
        site.sh(second, "mv /root/wg0.key /etc/wireguard/")
    assert "changed=0" in site.play("site.yml")


def test_an_identity_travels_wrapped(site: Site) -> None:
    """A node that lost its key is given it again, and nothing on the way can be read."""
    key = site.sh(NODES[0], "cat /etc/wireguard/wg0.key").strip()
    site.sh(NODES[1], "rm /etc/wireguard/wg0.key")
    said = site.play("site.yml", env={"ANSIBLE_VERBOSITY": "3", "ANSIBLE_LOG_PATH": os.devnull})
    assert site.sh(NODES[1], "cat /etc/wireguard/wg0.key").strip() == key
    assert "BEGIN CMS" in said
    assert leaks(said.encode(), {"shared": key}) == set()
    for host in NODES:
        assert leaks(left_on(site, host), {"shared": key}) == set()
