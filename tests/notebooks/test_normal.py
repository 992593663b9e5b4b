"""The normaliser: chapters are stored in their normal form, and mess comes out clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks.normal import normalise
from tests.notebooks.stored import CHAPTERS, code_cells

SCRIPT = Path(__file__).with_name("normal.py")


def normal(*arguments: object, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120)


def messy() -> nbformat.NotebookNode:
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# 07 · A title", id="d36f7a8c"),
            new_code_cell(
                "print(1)\n",
                id="0a1b2c3d-0000-4000-8000-0123456789ab",
                execution_count=41,
                metadata={
                    "execution": {"iopub.execute_input": "2026-01-01T00:00:00Z"},
                    "tags": ["raises-exception"],
                },
                outputs=[
                    new_output("stream", name="stdout", text="1"),
                    new_output("stream", name="stdout", text="\n"),
                    new_output(
                        "error",
                        ename="KeyError",
                        evalue="'x'",
                        traceback=["File /home/user/x.py", "KeyError: 'x'"],
                    ),
                ],
            ),
            new_code_cell(
                "2",
                id="a-name-of-its-own",
                execution_count=99,
                outputs=[new_output("execute_result", {"text/plain": "2"}, execution_count=99)],
            ),
            new_code_cell("3", id="ffffffff", execution_count=None),
        ]
    )
    notebook.metadata = {"kernelspec": {"name": "mine", "display_name": "Mine"}, "toc": {}}
    return notebook


def test_mess_comes_out_clean() -> None:
    clean = nbformat.reads(normalise(messy()), as_version=4)
    assert [cell.id for cell in clean.cells] == [
        "chapter-07-a-title",
        "chapter-07-a-title-code",
        "a-name-of-its-own",
        "chapter-07-a-title-code-2",
    ]
    code = [cell for cell in clean.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert code[0].metadata == {"tags": ["raises-exception"]} and code[1].metadata == {}
    assert code[0].outputs[0].text == "1\n" and len(code[0].outputs) == 2
    assert code[0].outputs[1].traceback == ["\x1b[31mKeyError\x1b[39m: 'x'"]
    assert code[1].outputs[0].execution_count == 2
    assert clean.metadata.kernelspec.name == "python3"
    assert set(clean.metadata) == {"kernelspec", "language_info"}


def test_normalising_twice_changes_nothing() -> None:
    once = normalise(messy())
    assert normalise(nbformat.reads(once, as_version=4)) == once


def test_ids_stay_when_cells_move() -> None:
    notebook = nbformat.reads(normalise(messy()), as_version=4)
    named = {cell.source: cell.id for cell in notebook.cells}
    notebook.cells.reverse()
    assert {c.source: c.id for c in nbformat.reads(normalise(notebook), as_version=4).cells} == named


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapters_are_stored_in_their_normal_form(path: Path) -> None:
    checked = normal("--check", path)
    assert checked.returncode == 0, f"run `make notebooks`\n{checked.stdout}"


def test_check_says_what_differs_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "messy.ipynb"
    nbformat.write(messy(), path)
    before = path.read_bytes()
    checked = normal("--check", tmp_path)
    assert checked.returncode == 1
    assert '"execution_count": 41' in checked.stdout and '"toc"' in checked.stdout
    assert path.read_bytes() == before


def test_execute_runs_what_it_can_and_keeps_the_output_of_what_it_cannot(tmp_path: Path) -> None:
    path = tmp_path / "some.ipynb"
    kept = new_output("stream", name="stdout", text="from podman\n")
    cells = [
        new_code_cell("x = 20", id="one"),
        new_code_cell("no_such_name()", id="two", metadata={"tags": ["needs-podman"]}, outputs=[kept]),
        new_code_cell("x + 1", id="three"),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    done = normal("--execute", path, environ={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "cell two keeps its stored output: needs podman" in done.stderr
    one, two, three = code_cells(path)
    assert (one.execution_count, two.execution_count, three.execution_count) == (1, 2, 3)
    assert two.outputs[0].text == "from podman\n" and three.outputs[0].data["text/plain"] == "21"


def test_execute_stops_at_an_error_that_nobody_announced(tmp_path: Path) -> None:
    path = tmp_path / "some.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0", id="one")]), path)
    before = path.read_bytes()
    done = normal("--execute", path)
    assert done.returncode != 0 and "ZeroDivisionError" in done.stderr
    assert path.read_bytes() == before


def test_a_path_without_notebooks_is_an_error(tmp_path: Path) -> None:
    assert "no notebooks in" in normal("--check", tmp_path).stderr
