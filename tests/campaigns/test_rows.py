"""Nothing that is no row gets into a journal or out of it: what is written can be read, what is foreign is counted."""

from __future__ import annotations

import json
import math
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from regtools.analysis.measurements import prepared
from regtools.campaigns.job import Job, checked_rows, lost_row
from regtools.campaigns.journal import JournalWarning, Past, append_rows, locked, read_journal, read_probes
from regtools.campaigns.rows import COLUMNS, NEEDED, checked_row
from regtools.errors import RegtoolsError
from tests.conftest import examples
from tests.support.confs import leading_to
from tests.support.nested import nested

JOB = Job(key="c/1/1", image="a.test/x", place="near", conf=leading_to("127.0.0.1:1"))
PULL = lost_row(JOB, "connect")
PER_FILE = settings(
    max_examples=examples(long=5_000), suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(st.characters(exclude_categories=()), max_size=8)
numbers = st.one_of(
    st.floats(), st.integers(), st.sampled_from([2**63, -(2**63), -(2**63) - 1, 10**400, math.nan, True])
)
plain = nested(st.one_of(st.none(), st.booleans(), numbers, texts), texts, depth=3)
foreign = st.one_of(plain, st.binary(max_size=4), st.sets(st.integers(), max_size=2), st.just(object()))
moments = st.sampled_from(
    ["2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05+01:00", "2026-13-01T00:00:00Z", "now"]
)
fitting = {
    "string": texts,
    "Int64": st.integers(),
    "float64": st.one_of(st.floats(), st.integers()),
    "boolean": st.booleans(),
    "object": st.lists(st.one_of(texts, st.lists(numbers, max_size=3)), max_size=3),
    "datetime64[ns, UTC]": moments,
}


@st.composite
def rows(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Rows whose cells mostly fit, sometimes almost, and sometimes are anything."""
    row: dict[str, Any] = {"row": kind}
    for name, dtype in COLUMNS[kind].items():
        cell = draw(st.one_of(fitting[dtype], fitting[dtype], st.none()))
        row[name] = cell
    for name in draw(st.lists(st.sampled_from([*COLUMNS[kind], "row", "job", "more"]), max_size=2)):
        row[name] = draw(foreign)
    for name in draw(st.lists(st.sampled_from(list(COLUMNS[kind])), max_size=1)):
        del row[name]
    return row


@PER_FILE
@given(st.data(), st.sampled_from(["pull", "request", "probe", "vantage"]))
def test_what_passes_the_door_is_written_and_read_without_damage(
    tmp_path: Path, data: st.DataObject, kind: str
) -> None:
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    row = data.draw(rows(kind))
    try:
        append_rows(path, [row])
    except RegtoolsError as error:
        assert error.kind == "bad-row"
        assert not path.exists()
        return
    if kind == "request":
        append_rows(path, [PULL | {"run_id": row["run_id"]}])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pulls, requests = read_journal(path)
        read_probes(path)
    assert (len(pulls), len(requests)) == {"pull": (1, 0), "request": (1, 1)}.get(kind, (0, 0))
    if len(pulls) and row.get("error_kind") != "resources":
        assert len(prepared(pulls)) == 1  # what is read can be compared


@PER_FILE
@given(st.lists(st.one_of(st.binary(max_size=30), plain, rows("pull"), rows("request")), max_size=4))
@example([b"\xff\xfe", b'{"row":"pull"', 10**400])
@example([PULL | {"total_s": math.inf}, PULL | {"total_s": math.nan}, PULL | {"place": "\ud800"}])
@example([{"row": "campaign", "seed": []}, PULL | {"bytes_fetched": 2**63}, PULL | {"run_id": ["x"]}])
def test_whatever_a_file_holds_is_a_row_or_is_counted_as_damage(tmp_path: Path, lines: list[Any]) -> None:
    path = tmp_path / "j"
    data = []
    for line in lines:
        try:
            stamped = {"format": 1, **line} if isinstance(line, dict) else line
            data.append(line if isinstance(line, bytes) else json.dumps(stamped).encode())
        except (TypeError, ValueError):
            data.append(repr(line).encode("utf-8", "surrogateescape" if isinstance(line, str) else "replace"))
    data = [each.replace(b"\n", b"") for each in data]
    path.write_bytes(b"".join(each + b"\n" for each in data))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", JournalWarning)
        pulls, requests = read_journal(path)
    if len(pulls):
        prepared(pulls)
    known = sum(b'"probe"' in each or b'"vantage"' in each or b'"campaign"' in each for each in data)
    filled = sum(bool(each.strip()) for each in data)
    read = len(pulls) + len(requests) + len(pulls.attrs["skipped"])
    assert filled - known <= read <= filled
    Past.read(str(path))


# A table also takes the parts of 1677 and 2262 that nanoseconds since 1970 reach.
EDGES = [
    "now", "today", "", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T24:00:00Z", "2026-01-02T03:04:60Z",
    "2026-02-29T00:00:00Z", "2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05+23:59", "2026-01-02T03:04:05-99:99",
    "1676-12-31T23:59:59Z", "1678-01-01T00:00:00Z", "2261-12-31T23:59:59.999999Z", "2263-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z",
]  # fmt: skip
cells = st.one_of(
    numbers.filter(lambda each: abs(each) < math.inf), texts.map(lambda each: each.encode("ascii", "replace").decode()),
    st.none(), st.booleans(), st.just([]), moments, st.sampled_from(EDGES),
)  # fmt: skip


@PER_FILE
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["run_id", "total_s", "total_s", *COLUMNS["pull"]]), cells, max_size=2
        ),
        max_size=4,
    )
)
@example([{"total_s": False}, {"total_s": -1}, {"total_s": None}])
@example([{"run_id": 1}, {"run_id": None}])
def test_a_file_is_checked_by_the_same_rules_as_each_of_its_rows(
    tmp_path: Path, changes: list[dict[str, Any]]
) -> None:
    """A table checks whole columns; what is wrong in one row must not hide what is wrong in another."""
    told = {}
    for number, each in enumerate(changes, 1):
        try:
            checked_row(PULL | each, complete=False)
        except RegtoolsError as error:
            told[number] = error.message
    (tmp_path / "j").write_text("".join(json.dumps({"format": 1, **PULL, **each}) + "\n" for each in changes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JournalWarning)
        pulls, _ = read_journal(tmp_path / "j")
    assert dict(pulls.attrs["skipped"]) == told
    assert len(pulls) + len(told) == len(changes)
    if len(pulls):
        prepared(pulls)


@pytest.mark.parametrize(
    "cell",
    [[], "1", math.nan, math.inf, 10**400, {1}, 2**63, b"x", object(), -1],
    ids=lambda each: repr(each)[:9],
)
@pytest.mark.parametrize("name", ["total_s", "n_layers", "run_id", "ok", "started_at"])
def test_a_cell_that_does_not_fit_is_named(name: str, cell: Any) -> None:
    if (name, cell) in (("run_id", "1"), ("total_s", 2**63), ("n_layers", -1)):
        assert checked_row(PULL | {name: cell})[name] == cell
        return
    with pytest.raises(RegtoolsError, match=rf"a wrong type in {name} \["):
        checked_row(PULL | {name: cell})


@pytest.mark.parametrize("name", sorted(NEEDED["pull"]))
def test_a_cell_that_every_pull_fills_must_be_there(name: str) -> None:
    assert name in PULL
    for row in (PULL | {name: None}, {key: value for key, value in PULL.items() if key != name}):
        with pytest.raises(RegtoolsError, match=name):
            checked_row(row)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "no rows"),
        ([], "no rows"),
        ({1}, "no rows"),
        ([PULL, PULL], "not the rows of one pull"),
        ([{"row": "campaign"}, PULL], "not the rows of one pull"),
        ([{"row": "request"}], "a wrong type in run_id"),
        ([PULL | {"job": "c/1/2"}], "rows of another job: job"),
        ([PULL | {"place": "far"}], "rows of another job: place"),
        ([PULL | {"attempts": [1]}], "a wrong type in attempts"),
    ],
)
def test_only_the_rows_of_a_job_are_taken_from_its_worker(found: object, why: str) -> None:
    with pytest.raises(RegtoolsError, match=why):
        checked_rows(found, JOB)
    assert checked_rows([PULL | {"secret": {1}}], JOB) == [PULL]


def test_a_journal_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe", tmp_path):
        with pytest.raises(RegtoolsError, match="a journal must be a regular file") as caught:
            read_journal(path)
        assert caught.value.kind == "file-unreadable"
        with pytest.raises(RegtoolsError, match="a journal must be a regular file") as caught:
            append_rows(path, [PULL])
        assert caught.value.kind == "file-unwritable"
        with pytest.raises(RegtoolsError, match="file-unwritable"), locked(str(path)):
            pass
