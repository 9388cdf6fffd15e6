"""haproxy_state: absent, and back. Last, since nothing is served in between."""

from __future__ import annotations

from conftest import LB, Bed


def test_absent_puts_back_what_was_there_before_and_present_comes_back(bed: Bed) -> None:
    bed.withdraw(
        "/etc/haproxy/certs",
        "/etc/haproxy/maps",
        "/etc/haproxy/drain.acl",
        "/etc/sysctl.d/60-evenkeel-haproxy.conf",
        "/etc/systemd/system/haproxy.service.d",
        "/usr/local/lib/evenkeel/haproxy",
    )
    # The package's own configuration, unchanged.
    assert bed.on(LB, "dpkg --verify haproxy") == ""
    assert bed.on(LB, "sysctl -n net.ipv4.ip_nonlocal_bind").strip() == "0"
    bed.converge()
    assert bed.get().status == 200
