"""haproxy_state: absent, and back. Last, since nothing is served in between."""

from __future__ import annotations

from conftest import LB, Bed


def test_absent_puts_back_what_was_there_before_and_present_comes_back(bed: Bed) -> None:
    output = bed.converge(haproxy_state="absent")
    assert "changed=1" in output
    assert bed.on(LB, "systemctl is-active haproxy || :; systemctl is-enabled haproxy || :").split() == [
        "inactive",
        "disabled",
    ]
    # The package's own configuration, unchanged; nothing of ours.
    assert bed.on(LB, "dpkg --verify haproxy") == ""
    left = bed.on(
        LB,
        "ls -d /etc/haproxy/certs /etc/haproxy/maps /etc/haproxy/drain.acl /etc/sysctl.d/60-evenkeel-haproxy.conf "
        "/etc/systemd/system/haproxy.service.d /usr/local/lib/evenkeel/haproxy 2>/dev/null || :",
    )
    assert left == ""
    assert bed.on(LB, "sysctl -n net.ipv4.ip_nonlocal_bind").strip() == "0"
    assert "changed=0" in bed.converge(haproxy_state="absent")
    bed.converge()
    assert bed.get().status == 200
