"""Whatever its size, what is read from outside needs little memory, and the message says what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    assert "which no row has" in done.stderr


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
