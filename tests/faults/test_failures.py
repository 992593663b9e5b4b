"""The table of failures: every kind has a row, what it says of podman is what podman does, and each cure cures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from regtools.pull.engines import log
from regtools.pull.failures import FAILURES, cause_of
from regtools.pull.http import transport
from regtools.pull.http.transport import Limits
from tests.faults.places import CASES

FAST = Limits(backoff_s=0.001, retries=1)
ROOT = Path(__file__).parents[2]
OTHER = "Ym9iOm90aGVy"  # bob:other


def kinds() -> set[str]:
    """Every kind that a pull may fail with: of the faults, of libcurl's numbers, of podman's messages, of our own code."""
    found = {kind for case in CASES for kind in (case.alone, case.row, case.beside) if kind}
    found |= {trouble.kind for trouble in transport._TROUBLES.values()} - {"stopped"}
    found |= {kind for _, kind in log._KINDS} - {"http"}
    for path in (ROOT / "regtools" / "pull").rglob("*.py"):
        found |= set(
            re.findall(r'(?:return|Trouble\(|kind =|kind ==) "([a-z]+(?:-[a-z]+)+)", f?"', path.read_text())
        )
    return found | {"blocked", "credentials", "disk", "file-unreadable", "unforeseen", "http-502", "http-418"}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_of_failure_has_a_row(kind: str) -> None:
    assert kind == "unforeseen" or cause_of(kind) is not FAILURES["unforeseen"]


@pytest.mark.parametrize("kind", FAILURES)
def test_a_row_is_whole_and_plain(kind: str) -> None:
    row = FAILURES[kind]
    assert all(text and text == text.strip() and not text.endswith(".") for text in row)
    if row.see.endswith(".ipynb"):
        assert (ROOT / "notebooks" / row.see).exists()
    else:
        assert re.fullmatch(r"[a-z.-]+\(\d\)", row.see)


def test_the_table_is_not_loaded_before_something_fails() -> None:
    code = (
        "import sys, regtools.cli.time; from tests.support.scripted import Server; from tests.support import images;"
        "from tests.support.confs import leading_to; from regtools.pull.timing import time_pull\n"
        "with Server() as server:\n"
        "    server.script.put('team/small', '1', images.image(1000, seed=1))\n"
        "    print(time_pull(f'{server.host}/team/small:1', leading_to(server.host)), file=sys.stderr)\n"
        "print('regtools.pull.failures' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
