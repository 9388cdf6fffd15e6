"""traefik_state: absent, and back. Last, since the standby serves nothing in between."""

from __future__ import annotations

from conftest import LB, Bed


def test_absent_leaves_nothing_of_ours_but_the_binary_and_present_comes_back(bed: Bed) -> None:
    bed.withdraw(
        "/etc/traefik",
        "/etc/systemd/system/traefik.service",
        "/etc/systemd/system/multi-user.target.wants/traefik.service",
        "/etc/sysctl.d/60-evenkeel-traefik.conf",
        "/usr/local/lib/evenkeel/traefik/ctl",
    )
    assert bed.on(LB, "ss -Hltnp").count("traefik") == 0
    bed.converge()
    assert bed.alive() == 200
    assert "changed=0" in bed.converge()
