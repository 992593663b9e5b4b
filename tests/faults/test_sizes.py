"""Whatever its size, what is read from outside needs little memory, and the message says what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pandas as pd
import pytest

from regtools.analysis.compare import compare
from regtools.analysis.measurements import read_measurements
from regtools.errors import RegtoolsError
from regtools.pull.http.logins import find_login
from regtools.pull.recorder import peak_kb
from tests.conftest import ROOT
from tests.support.logins import Home

# Commands, one after the other, in a process that may have 2 GB; after each, its status stands on both streams.
COMMANDS = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000,) * 2)
from regtools.cli import main
for words in json.loads(sys.argv[1]):
    ends = f"\\0{main(words)}\\0"
    print(ends, end="", flush=True)
    print(ends, end="", file=sys.stderr, flush=True)
"""


def limited(
    *commands: Sequence[str], stdin: IO[bytes] | None = None, said: str = "", cwd: Path = ROOT
) -> list[tuple[int, str, str]]:
    """Return the status, the output and the messages of each command."""
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        capture_output=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        timeout=120,
        **({"stdin": stdin} if stdin else {"input": said}),
    )
    assert done.returncode == 0, done
    out, err = (stream.split("\0") for stream in (done.stdout, done.stderr))
    return list(zip(map(int, out[1::2]), out[:-1:2], err[:-1:2], strict=True))


@pytest.mark.parametrize(
    "words",
    [
        ["compare"],  # was: all memory, as with advise
        ["advise"],
        ["check"],
        ["convert"],
        ["toml2json"],
        ["explain", "quay.io/a", "--conf"],
        ["bench", "127.0.0.1:1/a", "--rounds", "1", "--journal"],
    ],
)
def test_a_device_without_end_is_refused(words: list[str]) -> None:
    for status, out, err in limited([*words, "/dev/full"], [*words, "/dev/zero"]):
        assert status == 1, err
        assert "error" in out + err
        assert "fault of regtools" not in err


@pytest.mark.parametrize(
    ("file", "commands"),
    [
        ("cache.toml", [f"cache {verb} ." for verb in ("init", "up", "down", "status", "logs")]),
        ("secrets.env", ["cache init . --username me --password-stdin"]),
        ("password", ["cache init hub --username me --password-file password"]),
        ("mine/.regtools.json", ["lab mine --copy-only"]),
    ],
)
def test_a_file_of_ours_that_is_a_device_is_refused(file: str, commands: list[str], tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).symlink_to("/dev/zero")  # was: all memory
    for status, _, err in limited(*(each.split() for each in commands), said="pw\n", cwd=tmp_path):
        assert status == 1, err
        assert "memory" not in err and "fault of regtools" not in err


def test_a_password_without_end_is_none(tmp_path: Path) -> None:
    command = ["cache", "init", str(tmp_path / "hub"), "--username", "me", "--password-stdin"]
    with Path("/dev/zero").open("rb") as endless:
        [(status, _, err)] = limited(command, stdin=endless)
    assert (status, "control character" in err) == (1, True), err
    assert not (tmp_path / "hub").exists()


def test_a_journal_of_one_endless_line_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "a.jsonl"
    with journal.open("wb") as file:
        file.write(b'{"row": "')
        file.truncate(3_000_000_000)  # sparse; was: all memory
    for status, _, err in limited(["compare", str(journal)], ["advise", str(journal)]):
        assert status == 1
        assert "which no row has" in " ".join(err.split())


@pytest.mark.parametrize(
    "line", [b"x\n", *(pytest.param(each, marks=pytest.mark.long) for each in (b"[]\n", b'{"row": 1}\n'))]
)
def test_a_journal_of_lines_that_are_no_rows_is_refused(line: bytes, tmp_path: Path) -> None:
    journal = tmp_path / "a.jsonl"
    journal.write_bytes(b'{"row": 1}\n' + line * 4_000_000)  # was: remembered each
    [(status, _, err)] = limited(["compare", str(journal)])
    assert status == 1
    assert "more than 100,000 of its lines cannot be read as rows" in " ".join(err.split())


HEAD = "place,round,seconds,ok,bytes_fetched\n"


@pytest.mark.parametrize(
    ("heads", "size", "told"),
    [
        ((HEAD, "PAR1"), 3_000_000_000, "a table may have"),  # was: all memory
        pytest.param(
            ("place",), 1_000_000_000, "no memory left", marks=pytest.mark.long
        ),  # was: a fault of regtools
    ],
)
def test_a_table_without_end_is_refused(heads: tuple[str, ...], size: int, told: str, tmp_path: Path) -> None:
    tables = [tmp_path / f"{number}.csv" for number in range(len(heads))]
    for table, head in zip(tables, heads, strict=True):
        with table.open("w") as file:
            file.write(head)
            file.truncate(size)  # sparse
    for status, _, err in limited(*(["compare", str(table)] for table in tables)):
        assert (status, told in err) == (1, True), err


@pytest.mark.parametrize("cell", ["9" * 4300, "9" * 5000, "1e400", "-1", "x" * 100_000])
@pytest.mark.parametrize("column", range(5))
def test_a_cell_of_any_size_is_told_in_a_line_or_compared(cell: str, column: int, tmp_path: Path) -> None:
    row = ["a", "1", "1.5", "true", "7"]
    row[column] = cell
    table = tmp_path / "a.csv"
    table.write_text(f"{HEAD}{','.join(row)}\nb,1,2.5,true,{10**30}\n")
    try:
        str(compare(read_measurements([table])[0]))
    except RegtoolsError as error:
        assert error.kind == "bad-table"
        assert len(str(error)) < 400
    table.write_text(",".join([cell] * 100) + "\n")
    with pytest.raises(RegtoolsError) as caught:
        read_measurements([table])
    assert len(str(caught.value)) < 600


def test_a_pull_that_our_limits_ended_does_not_count_against_its_place(tmp_path: Path) -> None:
    rows = [(place, number, 1.0 + number / 10, True, None) for place in "ab" for number in range(10)]
    rows += [("a", number, 0.1, False, "resources") for number in range(10, 15)]
    pulls = pd.DataFrame(rows, columns=["place", "round", "seconds", "ok", "error_kind"])
    found = compare(pulls)
    assert list(found.places()["success"]) == [1.0, 1.0]
    assert "5 pulls failed for want of memory or open files" in str(found)
    with pytest.raises(RegtoolsError, match="raise its limits"):
        compare(pulls[20:])


def test_a_credential_helper_may_print_without_end(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.program("loud", "exec yes x")  # was: all memory, until the half minute was over
    home.auth({}, credHelpers={"reg.example": "loud"})
    before = peak_kb() or 0
    with pytest.raises(RegtoolsError, match="its answer is longer than 1048576 bytes"):
        find_login(home.conf("reg.example"), "reg.example/app:1")
    assert (peak_kb() or 0) - before < 20_000


def test_a_credential_helper_may_end_without_reading_its_input(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.program("deaf", 'exec 0<&-; echo \'{"Username":"ann","Secret":"pw"}\'')
    home.auth({}, credHelpers={"reg.example": "deaf"})
    login = find_login(home.conf("reg.example"), "reg.example/app:1")
    assert login is not None and login.user == "ann"
