"""Whatever its size, what is read from outside needs little memory, and the message says what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from regtools.analysis.compare import compare
from regtools.analysis.measurements import read_measurements
from regtools.errors import RegtoolsError
from regtools.pull.http.logins import find_login
from regtools.pull.recorder import peak_kb
from tests.support.logins import Home

MEMORY = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000,) * 2); "
MAIN = MEMORY + "import sys; from regtools.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero"])
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
def test_a_device_without_end_is_refused(words: list[str], device: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words, device], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done
    assert "error" in done.stdout + done.stderr
    assert "fault of regtools" not in done.stderr


@pytest.mark.parametrize(
    ("file", "words"),
    [
        *(("cache.toml", ["cache", verb, "."]) for verb in ("init", "up", "down", "status", "logs")),
        ("secrets.env", ["cache", "init", ".", "--username", "me", "--password-stdin"]),
        ("password", ["cache", "init", "hub", "--username", "me", "--password-file", "password"]),
        ("mine/.regtools.json", ["lab", "mine", "--copy-only"]),
    ],
)
def test_a_file_of_ours_that_is_a_device_is_refused(file: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).symlink_to("/dev/zero")  # was: all memory
    env = os.environ | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", MAIN, *words]
    done = subprocess.run(
        command, capture_output=True, input="pw\n", text=True, timeout=60, cwd=tmp_path, env=env
    )
    assert done.returncode == 1, done
    assert "memory" not in done.stderr and "fault of regtools" not in done.stderr


def test_a_password_without_end_is_none(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAIN, "cache", "init", str(tmp_path / "hub")]
    with Path("/dev/zero").open("rb") as endless:
        done = subprocess.run(
            [*command, "--username", "me", "--password-stdin"], stdin=endless, capture_output=True, timeout=60
        )
    assert (done.returncode, b"control character" in done.stderr) == (1, True), done
    assert not (tmp_path / "hub").exists()


@pytest.mark.parametrize("command", ["compare", "advise"])
def test_a_journal_of_one_endless_line_is_refused(command: str, tmp_path: Path) -> None:
    journal = tmp_path / "a.jsonl"
    with journal.open("wb") as file:
        file.write(b'{"row": "')
        file.truncate(3_000_000_000)  # sparse; was: all memory
    done = subprocess.run(
        [sys.executable, "-c", MAIN, command, str(journal)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "which no row has" in " ".join(done.stderr.split())


@pytest.mark.parametrize("line", [b"x\n", b"[]\n", b'{"row": 1}\n'])
def test_a_journal_of_lines_that_are_no_rows_is_refused(line: bytes, tmp_path: Path) -> None:
    journal = tmp_path / "a.jsonl"
    journal.write_bytes(b'{"row": 1}\n' + line * 4_000_000)  # was: remembered each
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "compare", str(journal)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "more than 100,000 of its lines cannot be read as rows" in " ".join(done.stderr.split())


HEAD = "place,round,seconds,ok,bytes_fetched\n"


@pytest.mark.parametrize(
    ("head", "size", "told"),
    [
        (HEAD, 3_000_000_000, "a table may have"),  # was: all memory
        ("PAR1", 3_000_000_000, "a table may have"),
        pytest.param(
            "place", 1_000_000_000, "no memory left", marks=pytest.mark.long
        ),  # was: a fault of regtools
    ],
)
def test_a_table_without_end_is_refused(head: str, size: int, told: str, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    with table.open("w") as file:
        file.write(head)
        file.truncate(size)  # sparse
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "compare", str(table)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, told in done.stderr) == (1, True), done


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
