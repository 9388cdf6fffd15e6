"""nginx_state: absent, and back. Last, since lb-1 serves nothing in between."""

from __future__ import annotations

from conftest import LB, Bed

from tests.faults import Pair


def test_absent_puts_back_what_was_there_before_and_present_comes_back(bed: Bed, pair: Pair) -> None:
    output = bed.converge(features=False, nginx_state="absent")
    assert "changed=1" in output
    assert bed.on(LB, "systemctl is-active nginx || :; systemctl is-enabled nginx || :").split() == [
        "inactive",
        "disabled",
    ]
    # The package's own configuration, unchanged; nothing of ours.
    assert bed.on(LB, "dpkg --verify nginx-common") == ""
    left = bed.on(
        LB,
        "ls -d /etc/nginx/certs /etc/nginx/evenkeel /etc/sysctl.d/60-evenkeel-nginx.conf "
        "/etc/systemd/system/nginx.service.d/20-evenkeel.conf /usr/local/lib/evenkeel/nginx 2>/dev/null || :",
    )
    assert left == ""
    # Its clients are served by the other node.
    pair.steady("lb-2")
    assert "changed=0" in bed.converge(features=False, nginx_state="absent")
    bed.converge(features=False)
    pair.steady("lb-1")
