"""``regtools compare``: tables, verdicts, charts and data."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from regtools.campaigns.journal import append
from tests.analysis.test_charts import pull
from tests.support.command import regtools
from tests.support.synthetic import campaign


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return regtools("compare", *arguments)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "pulls.jsonl"
    for number in range(1, 13):
        for place, total in (("near", 1.0), ("far", 2.0 + number / 20)):
            made = pull(place, total, ok=(place, number) != ("far", 3))
            append(path, made.replace(run_id=f"{place}-{number}", round=number, cache_state="cold"))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "stopwatch.csv"
    frame = campaign({"near": 1.0, "far": 2.0}).rename(columns={"total_s": "seconds"})
    frame[["place", "round", "seconds", "ok"]].to_csv(path, index=False)
    return path


def test_a_journal_becomes_a_table_and_verdicts(journal: Path) -> None:
    done = run(journal)
    assert (done.returncode, done.stderr) == (0, "")
    assert "24 pulls (1 failed) of 2 places in 12 rounds" in done.stdout
    assert "builtin, cold cache" in done.stdout
    assert re.search(r"^near is 2\.\d× faster than far \(2\.\d", done.stdout, re.MULTILINE)
    assert re.search(r"^far +11 of 12 +65–99 ", done.stdout, re.MULTILINE)


def test_a_table_from_elsewhere_will_do(table: Path, tmp_path: Path) -> None:
    done = run(table)
    assert done.returncode == 0, done.stderr
    assert "near is " in done.stdout
    other = tmp_path / "deutsch.csv"
    other.write_text(table.read_text().replace(",", ";"), encoding="utf-8-sig")
    assert run(other).stdout == done.stdout


def test_several_files_are_campaigns_of_their_own(table: Path, journal: Path) -> None:
    done = run(table, journal, "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["format"] == 1
    assert data["measured"]["rounds"] == 32
    assert {row["cache_state"] for row in data["pairs"]} == {"unknown", "cold"}
    assert all(row["differs"] for row in data["pairs"])
    again = json.loads(run(table, table, "--json").stdout)
    assert again["pairs"][0]["rounds"] == 20  # the same name twice is the same campaign
    assert [each["code"] for each in again["cautions"]] == ["repeated"]


def test_a_baseline_and_a_column_are_options(table: Path) -> None:
    assert "near is 2." in run(table, "--baseline", "near").stdout
    done = run(table, "--by", "planet")
    assert done.returncode == 1
    assert "[bad-table]" in done.stderr


def test_the_places_are_rows_of_a_csv_file_and_of_a_markdown_table(journal: Path) -> None:
    rows = list(csv.DictReader(run(journal, "--format", "csv").stdout.splitlines()))
    assert [(row["place"], row["n_ok"]) for row in rows] == [("far", "11"), ("near", "12")]
    text = run(journal, "--format", "markdown").stdout
    assert text.startswith("**near is the fastest: ")
    assert "| place | done | of all % | median s |" in text
    assert run(journal, "--format", "csv", "--json").returncode == 2


class Outside(HTMLParser):
    """Collects what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.images = 0
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.images += tag == "img"
        named = dict(attrs)
        assert tag != "img" or named["alt"]
        if tag == "img":
            picture = ElementTree.fromstring(b64decode(named["src"].partition(",")[2]))
            assert picture.tag.endswith("}svg")
        self.found += [tag] if tag in ("script", "link", "iframe", "object", "style") else []
        self.found += [
            value
            for name, value in attrs
            if name in ("src", "href") and not value.startswith("data:image/svg+xml;base64,")
        ]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_file_that_needs_nothing_else(journal: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    done = run(journal, "--report", target)
    assert done.returncode == 0, done.stderr
    text = target.read_text("utf-8")
    page = Outside()
    page.feed(text)
    assert (page.found, page.images, page.open) == ([], 3, [])
    for words in (
        "near is 2.",
        "near is the fastest: ",
        "Method",
        "width=device-width, initial-scale=1",
        "Hodges–Lehmann",
        "2026-01-01",
        "bootstrap's seed",
    ):
        assert words.replace("'", "&#x27;") in text
    assert str(journal) not in text
    assert text.count("<table") == len(re.findall(r'<div style="overflow-x:auto[^>]*><table', text)) == 2


def test_a_report_of_a_bare_table_leaves_out_what_it_cannot_draw(table: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert run(table, "--report", target).returncode == 0
    text = target.read_text("utf-8")
    assert text.count("<img ") == 2
    assert "no chart “Where the time went”" in text


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_chart_is_written_on_request(table: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"chart.{suffix}"
    assert run(table, "--plot", target).returncode == 0
    assert target.stat().st_size > 2000


def test_what_cannot_be_written_is_an_error_without_a_traceback(table: Path, tmp_path: Path) -> None:
    for option in ("--plot", "--report"):
        done = run(table, option, tmp_path / "none" / "file.png")
        assert done.returncode == 1
        assert "[file-unwritable]" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing.csv", None, "[file-missing]"),
        ("empty.csv", b"", "there are no pulls to compare"),
        ("columns.csv", b"mirror,time\na,1\n", "no column ok, place, round, seconds; it has mirror, time"),
        ("words.csv", b"place,round,seconds,ok\na,1,quick,true\n", "row 1: seconds is 'quick'"),
        ("bytes.csv", bytes(range(256)) * 9, "[bad-table]"),
        ("ragged.csv", b"place,round,seconds,ok\na,1,1,true,5,6\n,,\n1,2,3,4,5,6,7,8\n", "[bad-table]"),
        ("torn.parquet", b"PAR1 and nothing", "[bad-table]"),
    ],
)
def test_bad_input_is_told_in_plain_words(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = run(path)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_torn_lines_of_a_journal_are_told_and_the_rest_compared(journal: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(journal.read_bytes() + b'{"row": "pull", "fo')
    done = run(torn)
    assert done.returncode == 0
    assert "line 25: not JSON" in done.stderr
    assert "24 pulls" in done.stdout


def test_no_files_are_wrong_usage() -> None:
    assert run().returncode == 2


@pytest.mark.parametrize("text", ["place,round,seconds\na,1,2\n", "place,round,seconds,ok\na,1,soon,true\n"])
def test_a_table_with_something_wrong_in_it_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    done = run(path)
    assert done.returncode == 1
    assert done.stderr.startswith((f"{path}: error: ", f"{path}: error:\n"))
