"""traefik_state: absent, and back. Last, since the standby serves nothing in between."""

from __future__ import annotations

from conftest import LB, Bed


def test_absent_leaves_nothing_of_ours_but_the_binary_and_present_comes_back(bed: Bed) -> None:
    assert "changed=1" in bed.converge(traefik_state="absent")
    assert bed.on(LB, "systemctl is-active traefik || :").strip() in ("inactive", "failed")
    left = bed.on(
        LB,
        "ls -d /etc/traefik /etc/systemd/system/traefik.service /etc/sysctl.d/60-evenkeel-traefik.conf"
        " /usr/local/lib/evenkeel/traefik/ctl /etc/systemd/system/multi-user.target.wants/traefik.service 2>/dev/null || :",
    )
    assert left == ""
    assert bed.on(LB, "ss -Hltnp").count("traefik") == 0
    assert "changed=0" in bed.converge(traefik_state="absent")
    bed.converge()
    assert bed.alive() == 200
    assert "changed=0" in bed.converge()
