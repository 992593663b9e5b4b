"""The chapters with each release of podman, on a machine with hostile drop-ins: every cell that asks podman."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from regtools.notebook.needs import needed
from tests.notebooks.podmans import DIFFERENT
from tests.notebooks.stored import CHAPTERS, NOTEBOOKS, code_cells
from tests.notebooks.test_nbval import OPTIONS
from tests.support.hostile import hostile_machine
from tests.support.podman import RELEASES

ASKING = [
    path for path in CHAPTERS if any({"podman", "skopeo"} & {*needed(c.source)} for c in code_cells(path))
]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("path", ASKING, ids=lambda path: path.stem)
@pytest.mark.long
def test_a_chapter_shows_the_same_with_each_podman(
    path: Path, release: str, root: Path, tmp_path: Path
) -> None:
    start, environ = hostile_machine(release, tmp_path)
    environ |= {"REGTOOLS_PODMAN": release}
    command = [
        *start,
        sys.executable,
        "-m",
        "pytest",
        *OPTIONS,
        "-n0",
        "-p",
        "tests.notebooks.podmans",
        str(path),
    ]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=600)
    print("\n".join(re.findall(r"^SKIPPED.+", done.stdout, re.MULTILINE)))
    assert done.returncode == 0, done.stdout


def test_the_table_of_differences_names_cells_that_ask_podman() -> None:
    for chapter, cell in DIFFERENT:
        (found,) = (each for each in code_cells(NOTEBOOKS / f"{chapter}.ipynb") if each.id == cell)
        assert "podman" in needed(found.source)
