"""The comparison itself: it must fail where a stored output is wrong, and treat real parts as promised."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode, write
from nbformat.v4 import new_code_cell

from regtools.notebook.needs import needed
from tests.notebooks.stored import CHAPTERS, NOTEBOOKS, code_cells, read

OPTIONS = (
    *("-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "-p", "tests.notebooks.real_parts"),
    *("--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "-rs", "-q"),
)
TAGGED = {path: [cell for cell in code_cells(path) if needed(cell.source)] for path in CHAPTERS}


def compare(
    root: Path, *paths: Path, path: str | None = None, workers: str = "0", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the comparison as `make notebooks-test` does."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "REGTOOLS_"))
    }
    environ |= more
    if path is not None:
        environ["PATH"] = path
    command = [
        sys.executable,
        "-m",
        "pytest",
        *OPTIONS,
        "-n",
        workers,
        "--dist",
        "loadfile",
        *map(str, paths),
    ]
    return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=300)


def change_four_outputs(notebook: NotebookNode) -> None:
    """Change one stored output of each kind, each in a cell of its own that needs no real part."""
    wanted = ["stream", "error", "text/html", "missing"]
    for cell in notebook.cells:
        if cell.cell_type != "code" or not cell.outputs or needed(cell.source):
            continue
        (output,) = cell.outputs
        if "stream" in wanted and output.output_type == "stream":
            output.text += "x"
            wanted.remove("stream")
        elif "error" in wanted and output.output_type == "error":
            output.evalue = output.evalue.replace("1:12", "1:13")
            wanted.remove("error")
        elif "text/html" in wanted and "text/html" in output.get("data", {}):
            output.data["text/html"] = output.data["text/html"].replace("quay.io", "quay.example")
            wanted.remove("text/html")
        elif "missing" in wanted:
            cell.outputs = []
            wanted.remove("missing")
    assert not wanted


def test_make_runs_the_same_comparison(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8").replace("\\\n\t", "")
    for option in OPTIONS:
        assert option in (os.devnull, ".") or option in makefile


@pytest.fixture(scope="module")
def told(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is told of changed.ipynb, and of chapter 06 where podman answers differently.

    The stand-in for podman is earlier on the path, so no cell of changed.ipynb asks podman.
    """
    folder = tmp_path_factory.mktemp("told")
    chapter = read(NOTEBOOKS / "00-start-here.ipynb")
    chapter.cells = [cell for cell in chapter.cells if not needed(cell.source)]
    change_four_outputs(chapter)
    chapter.cells.append(new_code_cell("%%needs podmann\npass", id="no-part", execution_count=1))
    write(chapter, folder / "changed.ipynb")
    stand_in = folder / "podman"
    stand_in.write_text("#!/bin/sh\necho '[docker.io]'\n", encoding="utf-8")
    stand_in.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    done = compare(root, folder / "changed.ipynb", NOTEBOOKS / "06-toml-to-json.ipynb", path=path)
    assert done.returncode == 1, done.stdout
    return done.stdout


def failed(told: str, chapter: str) -> int:
    """Count the cells that failed; of a notebook that is not in the checkout no name is told."""
    return len(re.findall(rf"^_+ {chapter}::Cell \d+ _+$", told, re.MULTILINE))


def test_a_changed_output_fails(told: str) -> None:
    assert failed(told, "") == 4, told


@pytest.mark.needs("podman")
def test_a_real_part_that_says_something_else_fails(told: str) -> None:
    assert failed(told, "notebooks/06-toml-to-json.ipynb") == 2, told


def test_a_word_that_names_no_part_fails(told: str) -> None:
    assert re.search(r"\b6 failed, \d+ passed, 1 error", told), told
    assert "no external program has the tag 'podmann'" in told


def test_without_the_programs_their_cells_are_skipped(root: Path, tmp_path: Path) -> None:
    path = NOTEBOOKS / "06-toml-to-json.ipynb"
    done = compare(root, path, path=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert re.search(rf"\b{len(TAGGED[path])} skipped", done.stdout), done.stdout
    assert "needs podman, not installed on this machine" in done.stdout


def test_where_real_parts_are_required_a_missing_one_is_a_failure(root: Path, tmp_path: Path) -> None:
    done = compare(root, NOTEBOOKS / "00-start-here.ipynb", path=str(tmp_path), REGTOOLS_REAL="required")
    assert done.returncode == 1
    assert "REGTOOLS_REAL=required, but this cell needs podman" in done.stdout
    assert re.search(rf"\b{len(TAGGED[NOTEBOOKS / '00-start-here.ipynb'])} (failed|error)", done.stdout), (
        done.stdout
    )
