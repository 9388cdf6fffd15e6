"""The page that a changing run leaves: its figures are those of the text report, its holders those that the kernels had."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.hosts import Lab
from lab.observer import Observer
from tests.faults import Pair
from tests.site import Site, on_reload

# What a moment is late where it is noted, by a busy machine too: the journal's, the observer's. The steps themselves, and
# what a wrong clock would make of them, take seconds.
LATE = 0.5


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(lab, tmp_path_factory.mktemp("site"), "playbooks/propagate.yml")


class Page:
    """A report as a browser has it. It is also XML once its elements without an end have one."""

    def __init__(self, text: str) -> None:
        self.text = text
        body = re.sub(r"<(meta\b[^>]*)>", r"<\1/>", text.removeprefix("<!DOCTYPE html>"))
        self.root = ElementTree.fromstring(body)

    def tables(self) -> dict[str, list[list[str]]]:
        """Rows of each table by its caption."""
        return {
            self.words(table.find("caption")): [[self.words(cell) for cell in row] for row in table.findall("tbody/tr")]
            for table in self.root.iter("table")
        }

    def seconds(self, caption: str) -> list[tuple[float, float]]:
        """From and to of each row, in seconds of the day."""
        rows = [self.tables()[caption][number][2:4] for number in range(len(self.tables()[caption]))]
        return [(clock(begin), clock(end)) for begin, end in rows]

    def titles(self, kind: str) -> list[str]:
        """What the picture says of its shapes of a class."""
        return [
            found.findtext("{*}title", "")
            for found in self.root.iter()
            if found.get("class") == kind and "}" in found.tag
        ]

    @staticmethod
    def words(found: Any) -> str:
        return " ".join("".join(found.itertext()).split())


def clock(text: str) -> float:
    hours, minutes, seconds = text.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


@pytest.mark.alone
def test_a_page_tells_what_the_text_tells_and_when_it_was(
    site: Site, lab: Lab, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Oslo")
    site.set(
        keepalived_advert_interval=0.3,
        evenkeel_drain="always",
        evenkeel_close_seconds=1,
        evenkeel_report=str(tmp_path / "pages"),
        evenkeel_probe={"from": "client", "targets": [{"name": "web", "address": lab.vip}]},
    )
    pair.steady("lb-1")
    with Observer(lab, ("lb-1", "lb-2")) as observer:
        output = site.run()
        record = observer.record

    (path,) = (tmp_path / "pages").iterdir()
    assert f"\nReport: {path}\n" in output
    page = Page(path.read_text())
    assert not re.search(r"""(?:src|href|action)=|url\(|@import""", page.text)
    assert set(re.findall(r"\w+://[^\"'<\s]+", page.text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert re.search(r"\+0[12]:00 \((CET|CEST)\)", page.text)

    # The figures.
    told = re.search(r"^Clients: ([\d,]+) requests, ([\d,]+) lost", output, re.M)
    assert told
    sent, lost = (int(number.replace(",", "")) for number in told.groups())
    tables = page.tables()
    kinds = {row[0]: [int(cell.replace(",", "")) for cell in row[1:3]] for row in tables["Requests"]}
    assert [sum(figures) for figures in zip(*kinds.values(), strict=True)] == [sent, lost]
    assert kinds["kept connections"][0] > kinds["new connections"][0] > 100
    intervals = tables.get("Intervals of 0.1 s in which requests were lost", [])
    assert sum(int(row[2]) for row in intervals) == lost
    assert len(page.titles("lost")) == len(intervals)
    for line in re.findall(r"^  answered by .*$", output, re.M):
        assert line.strip() in page.words(page.root)

    # What changed, and where the VIPs are.
    assert tables["In the order of the change"] == [["lb-2", "keepalived reload"], ["lb-1", "keepalived reload"]]
    assert "+ advert_int 0.3" in page.words(page.root)
    assert {vip: holder for vip, _instance, holder in tables["At the end, as the nodes' kernels have it"]} == {
        lab.vip: "lb-1",
        lab.vip6: "lb-1",
    }

    # Who held them when: the same as the kernels', which nobody asked.
    assert [row[1] for row in tables["Who held the VIPs"]] == ["lb-1", "lb-2", "lb-1"]
    moved = [begin for begin, _end in page.seconds("Who held the VIPs")[1:]]
    came = [event.time for event in record.events if event.address == lab.vip and event.what == "add"][-2:]
    assert moved[1] - moved[0] == pytest.approx(came[1] - came[0], abs=LATE)
    assert len(page.titles("holder")) == 3

    # What the run did, on each node one after the other.
    did = [(row[0], row[1]) for row in tables["What the run did"] if row[0] not in ("begin", "prove")]
    assert did == [("commit", "lb-2"), ("confirm", "lb-2")] + [
        (step, "lb-1") for step in ("tell", "drain", "commit", "confirm", "tell", "undrain")
    ]
    drained, undrained = (
        span
        for row, span in zip(tables["What the run did"], page.seconds("What the run did"), strict=True)
        if row[0] in ("drain", "undrain")
    )
    assert drained[0] <= moved[0] <= drained[1] and undrained[0] <= moved[1] <= undrained[1]

    # The steps say what they wait for, and for how long.
    assert "lb-1: gives its VIPs to its peers; that may take up to 30 s." in output
    assert "lb-1: kept clients of lb-1 are told to close, and have 1 s to come back once more." in output


@pytest.mark.goes_on
def test_a_run_that_went_back_says_so_on_its_page(site: Site, lab: Lab, tmp_path: Path) -> None:
    site.unset("evenkeel_drain")
    site.set(haproxy_global={"maxconn": 4001}, evenkeel_report=str(tmp_path / "pages"))
    with on_reload(lab, "lb-1", "/bin/false"):
        site.run(expect=None)
    (path,) = (tmp_path / "pages").iterdir()
    page = Page(path.read_text())
    first, second = page.tables()["In the order of the change"]
    assert first == ["lb-2", "put back"]
    assert second[0] == "lb-1" and second[1].startswith("put back") and "haproxy" in second[1]
    did = [(row[0], row[1]) for row in page.tables()["What the run did"] if row[0] in ("commit", "restore")]
    assert did == [("commit", "lb-2"), ("commit", "lb-1"), ("restore", "lb-1"), ("restore", "lb-2")]


@pytest.mark.full
def test_without_drawsvg_the_run_says_what_is_missing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As good as not installed: Python finds this one first.
    (tmp_path / "drawsvg.py").write_text("raise ImportError('no drawsvg here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    site.set(keepalived_garp_master_refresh=30, evenkeel_report=str(tmp_path / "pages"))
    output = site.run()
    (path,) = (tmp_path / "pages").iterdir()
    lacking = (
        "The page has no picture: the Python library drawsvg is missing on this controller. Found: no drawsvg here."
    )
    assert f"Report: {path}\n{lacking} Install it beside Ansible: " in output
    page = Page(path.read_text())
    assert lacking in page.words(page.root) and "<svg" not in page.text
    assert [row[1] for row in page.tables()["Who held the VIPs"]] == ["lb-1"]


@pytest.mark.full
def test_a_page_that_cannot_be_written_fails_no_run(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    site.set(keepalived_garp_master_refresh=30, evenkeel_report=str(tmp_path / "file"))
    output = site.run()
    assert f"Report: not written. {tmp_path / 'file'}: " in output


@pytest.mark.full
def test_pages_go_home_where_nobody_says_otherwise_and_none_is_written_without_a_change(site: Site) -> None:
    site.set(keepalived_garp_master_refresh=30, evenkeel_report=None)
    told = re.search(r"^Report: (.*)$", site.run(), re.M)
    assert told
    path = Path(told[1])
    path.unlink()
    assert path.parent == Path.home() / ".evenkeel/reports"
    assert "Report:" not in site.run()


@pytest.mark.full
def test_none_is_written_where_none_is_wanted(site: Site) -> None:
    site.set(keepalived_garp_master_refresh=30, evenkeel_report="")
    output = site.run()
    assert "Cluster edge" in output and "Report:" not in output
