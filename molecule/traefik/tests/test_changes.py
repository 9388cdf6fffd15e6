"""What a change costs, and what a wrong one does: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import LB, Bed
from features import webs

from tests.faults import Probe
from tests.proxies import clients_of, lost
from tests.site import flat, wait_for

ALL = {"name": "all", "rule": "PathPrefix(`/`)", "service": "app", "entry_points": ["file"]}


def sound(bed: Bed, **over: Any) -> dict[str, Any]:
    """One service from files, beside those found by label."""
    return {
        "traefik_entry_points": [
            {"name": "web", "bind": [f"{bed.lab.vip}:80", f"[{bed.lab.vip6}]:80"]},
            {"name": "file", "bind": [f"{bed.lab.address(LB)}:8000"], "default": False},
        ],
        "traefik_routers": [ALL],
        "traefik_backends": [{"name": "app", "check": {"http": "/health"}, "servers": webs(bed.lab)}],
        **over,
    }


@pytest.fixture(scope="module", autouse=True)
def laid_over(bed: Bed) -> Any:
    bed.converge(**sound(bed))
    wait_for(lambda: bed.statuses(1, "/") == ["200"])
    yield
    bed.converge()


def test_a_changed_service_is_hot_and_loses_nothing(bed: Bed, probe: Probe) -> None:
    before = bed.pid()
    backends = [{"name": "app", "servers": webs(bed.lab, 8080, "web-3")}]

    def change() -> None:
        bed.converge(**sound(bed, traefik_backends=backends))
        wait_for(lambda: set(bed.bodies(6, "/")) == {"web-3"})
        bed.converge(**sound(bed))
        wait_for(lambda: len(set(bed.bodies(9, "/"))) == 3)

    assert lost(clients_of(probe, bed.lab.address(LB), bed.port)(change)) == ""
    assert bed.pid() == before, "it was restarted"


def test_nothing_to_do_is_nothing(bed: Bed) -> None:
    before = bed.everything()
    assert "changed=0" in bed.converge(**sound(bed))
    assert bed.everything() == before


def test_check_mode_tries_the_candidate_and_changes_nothing(bed: Bed) -> None:
    before = bed.everything()
    said = flat(bed.converge("--check", "--diff", **sound(bed, traefik_routers=[{**ALL, "priority": 7}])))
    assert "changed=1" in said and "priority: 7" in said
    bad = sound(bed, traefik_routers=[{**ALL, "rule": "Odd(`/`)"}])
    assert "unsupported function: Odd" in bed.refusal("--check", **bad)
    assert bed.everything() == before


# What is wrong, and what is said of it: of all that is of one kind at once.
GARBAGE: list[tuple[str, dict[str, Any], list[str]]] = [
    ("router without a service, unknown key, bad type",
     {"traefik_routers": [{"name": "none", "rule": "PathPrefix(`/`)"}, {**ALL, "sevice": "app"}],
      "traefik_services": {"all": ALL}},
     ["traefik_routers[0]: The key service is missing", "Did you mean service?",
      "traefik_services: The value must be a list"]),
    ("unknown service, what Traefik cannot do, unknown settings",
     {"traefik_routers": [{**ALL, "service": "ap"}],
      "traefik_backends": [{"name": "app", "servers": [
          {"name": "web-1", "address": "198.51.100.21", "port": 8080, "maxconn": 5}]}],
      "traefik_middlewares": [{"name": "a", "type": "retry", "options": {"attempt": 1}}],
      "traefik_global": {"options": {"logs": {"level": "INFO"}}}},
     ["Did you mean app?", "inFlightReq", "Did you mean attempts?", "Did you mean log?"]),
    ("rule that Traefik cannot read", {"traefik_routers": [{**ALL, "rule": "Host(`a`"}]}, ["error while parsing rule"]),
    ("option that Traefik does not know",
     {"traefik_routers": [{**ALL, "options": {"sticky": True}}]}, ["field not found, node: sticky"]),
    ("static setting that Traefik does not know", {"traefik_global": {"options": {"api": {"insecur": True}}}},
     ["field not found, node: insecur"]),
    ("missing certificate file",
     {"traefik_certificates": [{"name": "a", "remote_src": "/nope.crt", "key_remote_src": "/nope.key"}]},
     ["the source on the node cannot be read"]),
]  # fmt: skip


@pytest.mark.parametrize(("over", "said"), [pytest.param(over, said, id=name) for name, over, said in GARBAGE])
def test_garbage_is_refused_and_the_daemon_is_left_alone(bed: Bed, over: dict[str, Any], said: list[str]) -> None:
    before = bed.everything()
    output = bed.refusal(**sound(bed, **over))
    assert [one for one in said if one not in output] == [], output
    assert bed.everything() == before
    assert bed.get().status == 200


def test_a_key_that_is_not_the_certificates_is_refused(bed: Bed) -> None:
    tls = bed.lab.state / "tls"
    pair = {"name": "a", "src": str(tls / "example.com.crt"), "key_src": str(tls / "www.example.com.key")}
    before = bed.everything()
    assert "certificate and key are no pair" in bed.refusal(**sound(bed, traefik_certificates=[pair]))
    assert bed.everything() == before


def test_duplicate_entry_points_are_refused(bed: Bed) -> None:
    points = sound(bed)["traefik_entry_points"]
    before = bed.everything()
    twice = [*points, {"name": "again", "bind": ["*:8000"]}]
    said = bed.refusal(**sound(bed, traefik_entry_points=twice))
    assert "Two entry points want the same address and port" in said
    assert bed.everything() == before


def test_a_taken_port_is_refused_before_the_daemon_is_touched(bed: Bed) -> None:
    points = [*sound(bed)["traefik_entry_points"], {"name": "taken", "bind": [f"{bed.lab.address(LB)}:22"]}]
    before = bed.everything()
    assert "another process holds this address" in bed.refusal(**sound(bed, traefik_entry_points=points))
    assert bed.everything() == before


def test_what_fails_on_load_only_is_rolled_back(bed: Bed) -> None:
    """An address that nobody has: names, references and the trial are right, but the daemon cannot listen there."""
    before = bed.files()
    points = [*sound(bed)["traefik_entry_points"], {"name": "away", "bind": ["192.0.2.250:8009"]}]
    over = sound(bed, traefik_entry_points=points, traefik_nonlocal_bind=False)
    # The VIP is not here, so that this alone would do; the other address is nowhere.
    said = bed.refusal(**over)
    assert "`systemctl restart traefik.service` failed. The old set was put back." in said, said
    wait_for(lambda: bed.statuses(1, "/") == ["200"])
    assert bed.files() == before


def test_a_file_that_a_person_changed_is_shown_and_left(bed: Bed) -> None:
    bed.on(LB, "echo '# by hand' >> /etc/traefik/dynamic/evenkeel.yml")
    said = bed.refusal(**sound(bed))
    assert "was changed by hand" in said and "# by hand" in said
    bed.converge(traefik_on_drift="overwrite", **sound(bed))
    assert "by hand" not in bed.on(LB, "cat /etc/traefik/dynamic/evenkeel.yml")


def test_a_binary_that_somebody_changed_is_put_back(bed: Bed) -> None:
    place = bed.on(LB, "ls /usr/local/lib/evenkeel/traefik/bin/*/traefik").strip()
    bed.on(LB, f"cp {place} {place}.new && echo >> {place}.new && mv {place}.new {place}")
    bed.converge(**sound(bed))
    bed.on(LB, f"cd $(dirname {place}) && sha256sum --check --status traefik.sha256")
    bed.on(LB, "systemctl restart traefik")
