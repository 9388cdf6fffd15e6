"""nginx_state: absent, and back. Last, since lb-1 serves nothing in between."""

from __future__ import annotations

from conftest import LB, Bed

from tests.faults import Pair


def test_absent_puts_back_what_was_there_before_and_present_comes_back(bed: Bed, pair: Pair) -> None:
    bed.withdraw(
        "/etc/nginx/certs",
        "/etc/nginx/evenkeel",
        "/etc/sysctl.d/60-evenkeel-nginx.conf",
        "/etc/systemd/system/nginx.service.d/20-evenkeel.conf",
        "/usr/local/lib/evenkeel/nginx",
    )
    # The package's own configuration, unchanged.
    assert bed.on(LB, "dpkg --verify nginx-common") == ""
    # Its clients are served by the other node.
    pair.steady("lb-2")
    bed.converge(features=False)
    pair.steady("lb-1")
