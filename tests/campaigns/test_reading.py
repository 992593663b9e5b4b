"""Journals read in bulk, several as one, and as Parquet."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from regtools import RegtoolsError, read_journal, time_pull
from regtools.analysis.measurements import read_measurements
from regtools.campaigns.journal import JournalWarning, append, read_probes, write_parquet
from regtools.pull import frames as columns
from regtools.pull.records import PULL_COLUMNS, REQUEST_COLUMNS, Pull
from tests.support.confs import leading_to
from tests.support.scripted import Server


@pytest.fixture
def pulled(server: Server) -> Pull:
    return time_pull(f"{server.host}/team/small:1", leading_to(server.host), place="near")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(columns, "_NEAR", 3)
    monkeypatch.setattr(columns, "_BATCH", 7)
    yield


def test_several_journals_are_read_as_one_and_a_pull_counts_once(pulled: Pull, tmp_path: Path) -> None:
    other = pulled.replace(run_id="other", requests=())
    append(tmp_path / "a", pulled)
    append(tmp_path / "b", pulled)
    append(tmp_path / "b", other)
    with (tmp_path / "b").open("ab") as file:
        file.write(b"torn")
    with pytest.warns(JournalWarning, match="not JSON"):
        pulls, requests = read_journal([tmp_path / "a", tmp_path / "b"])
    assert list(pulls["run_id"]) == [pulled.run_id, "other"]
    assert len(requests) == pulled.n_requests
    line = pulled.n_requests + 3
    assert pulls.attrs["skipped"] == [(f"{tmp_path / 'b'}:{line}", "not JSON; torn, or damaged")]
    assert {name: str(dtype) for name, dtype in pulls.dtypes.items()} == PULL_COLUMNS
    empty, none = read_journal([])
    assert (list(empty.columns), list(none.columns)) == (list(PULL_COLUMNS), list(REQUEST_COLUMNS))


@pytest.mark.usefixtures("small_batches")
def test_batches_leave_no_trace(pulled: Pull, tmp_path: Path) -> None:
    path = tmp_path / "j"
    for number in range(20):
        append(path, pulled.replace(run_id=f"r{number}", requests=(), round=number or None))
    lines = path.read_bytes().splitlines()
    lines[3] = json.dumps({**json.loads(lines[3]), "workers": "four", "ok": 1}).encode()
    lines[17] = json.dumps({**json.loads(lines[17]), "run_id": None}).encode()
    path.write_bytes(b"\n".join(lines))
    with pytest.warns(JournalWarning):
        pulls, _ = read_journal(path)
    assert list(pulls["run_id"]) == [f"r{number}" for number in range(20) if number not in (3, 17)]
    assert pulls["round"].isna().sum() == 1
    assert pulls.attrs["skipped"] == [(4, "a wrong type in workers, ok"), (18, "a wrong type in run_id")]
    assert {name: str(dtype) for name, dtype in pulls.dtypes.items()} == PULL_COLUMNS


def test_records_of_before_the_later_columns_are_read(pulled: Pull, tmp_path: Path) -> None:
    row = {"format": 1, "row": "pull", **pulled.row()}
    del row["start_s"], row["store_s"]
    (tmp_path / "j").write_text(json.dumps(row) + "\n")
    pulls, _ = read_journal(tmp_path / "j")
    assert pulls["store_s"].isna().all()
    assert len(read_probes(tmp_path / "j")) == 0


@pytest.mark.usefixtures("small_batches")
def test_older_and_newer_records_stand_in_one_journal(pulled: Pull, tmp_path: Path) -> None:
    rows = [{"format": 1, "row": "pull", **pulled.row(), "run_id": f"r{number}"} for number in range(10)]
    rows[0]["attempts"] = ["a", ["b"]]
    for number in (4, 5):  # in the middle of a batch
        del rows[number]["store_s"], rows[number]["digest"]
    (tmp_path / "j").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pulls, _ = read_journal(tmp_path / "j")
    assert list(pulls["run_id"]) == [f"r{number}" for number in range(10)]
    assert list(pulls["digest"].isna()) == [number in (4, 5) for number in range(10)]
    assert pulls["attempts"].iloc[0] == ["a", ["b"]]
    assert {name: str(dtype) for name, dtype in pulls.dtypes.items()} == PULL_COLUMNS


def test_parquet_gives_back_what_it_was_given(pulled: Pull, tmp_path: Path) -> None:
    append(tmp_path / "j", pulled)
    append(tmp_path / "j", pulled.replace(run_id="failed", ok=False, digest=None, requests=()))
    pulls, requests = read_journal(tmp_path / "j")
    if find_spec("pyarrow") is None:
        with pytest.raises(RegtoolsError, match=r"podman-regtools\[parquet\]") as caught:
            write_parquet(tmp_path / "pulls.parquet", pulls, requests)
        assert caught.value.kind == "extra-missing"
        return
    write_parquet(tmp_path / "pulls.parquet", pulls, requests)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, asked = read_journal(tmp_path / "pulls.parquet")
    pd.testing.assert_frame_equal(again, pulls)
    pd.testing.assert_frame_equal(asked, requests)
    with pytest.raises(RegtoolsError, match="file-missing"):
        read_journal(tmp_path / "none.parquet")
    with pytest.raises(RegtoolsError, match="must end in"):
        write_parquet(tmp_path / "pulls", pulls)
    (tmp_path / "bad.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(RegtoolsError, match="file-unreadable"):
        read_journal(tmp_path / "bad.parquet")


STRANGE = {
    "text": "x", "control": "\x1b[31m", "negative": -5, "float": 1.5, "infinite": float("inf"), "list": ["a"],
    "numbers": [1, 2], "object": {"a": 1}, "bytes": b"\xff\x00", "yes": True, "moment": datetime(2020, 1, 1), "decimal": Decimal("1.5"),
    "date": date(2020, 1, 1), "span": timedelta(1),
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("changed", ["a.parquet", "a.requests.parquet"])
def test_a_parquet_file_passes_the_same_check_as_a_journal(changed: str, kind: str, tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns_of = PULL_COLUMNS if changed == "a.parquet" else REQUEST_COLUMNS
    given = ("run_id", "total_s", "ok", "place")
    names = list({dtype: name for name, dtype in columns_of.items() if name not in given}.values())
    ids = ["good", *names]  # one row with an odd cell for one column of each dtype
    usual = {"run_id": ids, "total_s": [1.5] * len(ids), "ok": [True] * len(ids), "place": ["a"] * len(ids)}
    odd = {name: [STRANGE[kind] if each == name else None for each in ids] for name in names}
    for file, cells in {"a.parquet": usual, "a.requests.parquet": {"run_id": ids}}.items():
        parquet.write_table(arrow.table(cells | (odd if file == changed else {})), tmp_path / file)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        pulls, requests = read_journal(tmp_path / "a.parquet")  # was: one of ten exceptions of Python
    found = pulls if changed == "a.parquet" else requests
    assert {each: str(dtype) for each, dtype in found.dtypes.items()} == columns_of
    skipped = {ids[number - 1]: why for number, why in pulls.attrs["skipped"]}
    assert skipped
    assert all(name in why for name, why in skipped.items())
    assert list(found["run_id"]) == [name for name in ids if name not in skipped]


def test_an_odd_row_of_a_parquet_file_leaves_the_others_as_they_are(pulled: Pull, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    append(tmp_path / "j", pulled)
    append(tmp_path / "j", pulled.replace(run_id="odd", place="far"))
    pulls, requests = read_journal(tmp_path / "j")
    write_parquet(tmp_path / "a.parquet", pulls.assign(total_s=[pulls["total_s"].iloc[0], -1.0]), requests)
    with pytest.warns(JournalWarning, match="skipped row 2: a wrong type in total_s"):
        again, asked = read_journal(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(again, pulls[:1])
    pd.testing.assert_frame_equal(asked, requests[requests["run_id"] == pulled.run_id])


def test_a_damaged_parquet_file_is_told(pulled: Pull, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    append(tmp_path / "j", pulled)
    write_parquet(tmp_path / "a.parquet", read_journal(tmp_path / "j")[0])
    whole = (tmp_path / "a.parquet").read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[:4],
        whole[:-8] + whole[:8],
        b"PAR1" + bytes(99) + b"PAR1",
    ):
        (tmp_path / "a.parquet").write_bytes(damaged)
        for read in (read_journal, lambda path: read_measurements([path])):
            with pytest.raises(RegtoolsError, match="cannot be read"):
                read(tmp_path / "a.parquet")
