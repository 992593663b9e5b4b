"""The journal loses nothing that was finished, and says what it skips."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regtools.campaigns.journal import JournalWarning, append, read_journal
from regtools.errors import RegtoolsError
from regtools.pull.records import PULL_COLUMNS, REQUEST_COLUMNS, Pull
from regtools.pull.timing import time_pull
from tests.conftest import examples
from tests.support.confs import leading_to
from tests.support.scripted import Server


@pytest.fixture
def pulled(server: Server) -> Pull:
    return time_pull(f"{server.host}/team/small:1", leading_to(server.host), place="near")


def test_what_was_written_is_read_back(pulled: Pull, tmp_path: Path) -> None:
    path = tmp_path / "pulls.jsonl"
    second = pulled.replace(run_id="second", ok=False, error_kind="http-404", served_by=None, requests=())
    append(path, pulled)
    append(path, second)
    pulls, requests = read_journal(path)
    assert list(pulls["run_id"]) == [pulled.run_id, "second"]
    assert list(pulls["ok"]) == [True, False]
    assert pulls["error_kind"].isna().tolist() == [True, False]
    assert pulls["total_s"].iloc[0] == pulled.total_s
    assert pulls["attempts"].iloc[0] == list(pulled.attempts)
    assert len(requests) == pulled.n_requests
    reused = requests[requests["reused"].fillna(False)]
    assert reused[["dns_s", "tcp_s", "tls_s"]].isna().all().all()
    assert pulls.attrs["skipped"] == []
    assert requests["samples"].dropna().map(len).between(1, 64).all()


def test_columns_and_dtypes_do_not_depend_on_the_rows(pulled: Pull, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    full = tmp_path / "full"
    append(full, pulled)
    for path in (empty, full):
        pulls, requests = read_journal(path)
        for frame, columns in ((pulls, PULL_COLUMNS), (requests, REQUEST_COLUMNS)):
            assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == columns
            assert list(frame.columns) == list(columns)
    assert pulled.to_frame().dtypes.equals(requests.dtypes)
    both = pd.concat([pulls, pulls])
    assert both.dtypes.equals(pulls.dtypes)


def test_every_line_names_its_format_and_its_row(pulled: Pull, tmp_path: Path) -> None:
    path = tmp_path / "pulls.jsonl"
    append(path, pulled)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["format"] for row in rows} == {1}
    assert [row["row"] for row in rows] == ["request"] * pulled.n_requests + ["pull"]
    assert all(row["kind"] == "blob" for row in rows if "samples" in row)


def test_a_torn_last_line_is_skipped_and_damages_nothing_after_it(pulled: Pull, tmp_path: Path) -> None:
    path = tmp_path / "pulls.jsonl"
    append(path, pulled)
    whole = path.stat().st_size
    append(path, pulled.replace(run_id="torn", requests=()))
    os.truncate(path, path.stat().st_size - 20)
    assert path.stat().st_size > whole
    append(path, pulled.replace(run_id="after", requests=()))
    with pytest.warns(JournalWarning, match=f"line {pulled.n_requests + 2}: not JSON"):
        pulls, requests = read_journal(path)
    assert list(pulls["run_id"]) == [pulled.run_id, "after"]
    assert len(requests) == pulled.n_requests
    assert pulls.attrs["skipped"] == [(pulled.n_requests + 2, "not JSON; torn, or damaged")]


@settings(max_examples=examples(long=2_000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_journal_cut_anywhere_keeps_every_finished_pull(
    pulled: Pull, tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "cut"
    path.unlink(missing_ok=True)
    ends = []
    for number in range(3):
        rows = tuple(each.replace(run_id=f"r{number}") for each in pulled.requests[:2])
        append(path, pulled.replace(run_id=f"r{number}", requests=rows))
        ends.append(path.stat().st_size)
    at = data.draw(st.integers(0, ends[-1]))
    os.truncate(path, at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JournalWarning)
        pulls, requests = read_journal(path)
    finished = [f"r{number}" for number, end in enumerate(ends) if at >= end - 1]  # only the newline may lack
    assert list(pulls["run_id"]) == finished
    assert set(requests["run_id"]) == set(finished)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "neither a pull nor a request"),
        (b'{"row":["pull"],"format":1,"run_id":"x"}', "neither a pull nor a request"),
        (b'{"row":"pull","format":1,"run_id":"x"} {}', "not JSON"),
        (b'{"row":"pull","format":2,"run_id":"x"}', "format 2"),
        (b'{"row":"pull","format":1}', "run_id"),
        (b'{"row":"pull","format":1,"run_id":"x","total_s":"1"}', "total_s"),
        (b'{"row":"pull","format":1,"run_id":"x","ok":1}', "ok"),
        (b'{"row":"pull","format":1,"run_id":"x","n_layers":1e99}', "n_layers"),
        (b'{"row":"pull","format":1,"run_id":"x","total_s":1' + b"0" * 400 + b"}", "total_s"),
        (b'{"row":"pull","format":1,"run_id":"x","place":{}}', "place"),
        (b'{"row":"pull","format":1,"run_id":"x","place":7}', "place"),
        (b'{"row":"pull","format":1,"run_id":"x","started_at":"soon"}', "started_at"),
        (b'{"row":"pull","format":1,"run_id":"x","started_at":"9999-01-01"}', "started_at"),
        (b'{"row":"pull","format":1,"run_id":"x","started_at":"2026-W01-1"}', "started_at"),
        (b'{"row":"request","format":1,"run_id":"x","seq":0}', "never finished"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_damaged_line_is_told_by_number(tmp_path: Path, line: bytes, why: str) -> None:
    path = tmp_path / "pulls.jsonl"
    path.write_bytes(b"\n" + line + b"\n")
    with pytest.warns(JournalWarning, match="line 2") as told:
        pulls, requests = read_journal(path)
    assert why in str(told[0].message)
    assert (len(pulls), len(requests)) == (0, 0)


def test_a_journal_that_is_not_there_or_not_writable_is_an_error(pulled: Pull, tmp_path: Path) -> None:
    with pytest.raises(RegtoolsError, match="file-missing"):
        read_journal(tmp_path / "none")
    with pytest.raises(RegtoolsError, match="file-unreadable"):
        read_journal(tmp_path)
    with pytest.raises(RegtoolsError, match="file-unwritable"):
        append(tmp_path / "no" / "folder", pulled)


def test_a_pull_shows_itself(pulled: Pull) -> None:
    text, html = str(pulled), pulled._repr_html_()
    for part in (pulled.reference, pulled.digest, "3 layers", "every digest verified"):
        assert part is not None
        assert part in text
        assert part in html
    assert "<style" not in html
    assert "<script>" not in pulled.replace(reference="<script>")._repr_html_()
    assert json.loads(json.dumps(pulled.to_dict()))["requests"][0]["kind"] == "ping"
