"""The normaliser: chapters are stored in their normal form, and mess comes out clean."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks.normal import before_saving, main, normalise
from tests.notebooks.stored import CHAPTERS, code_cells
from tests.notebooks.test_nbval import compare

Normal = Callable[..., tuple[int, str]]


@pytest.fixture
def normal(capsys: pytest.CaptureFixture[str]) -> Normal:
    """Call the normaliser as `make notebooks` does; return its exit status and all that it printed."""

    def call(*arguments: object) -> tuple[int, str]:
        status = main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return status, out + err

    return call


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
                    "alt": "what the figure shows",
                    "collapsed": False,
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
    assert (
        code[0].metadata == {"tags": ["raises-exception"], "alt": "what the figure shows"}
        and code[1].metadata == {}
    )
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
def test_chapters_are_stored_in_their_normal_form(path: Path, normal: Normal) -> None:
    status, said = normal("--check", path)
    assert status == 0, f"run `make notebooks`\n{said}"


def test_check_says_what_differs_and_writes_nothing(tmp_path: Path, normal: Normal) -> None:
    path = tmp_path / "messy.ipynb"
    nbformat.write(messy(), path)
    before = path.read_bytes()
    status, said = normal("--check", tmp_path)
    assert status == 1
    assert '"execution_count": 41' in said and '"toc"' in said
    assert path.read_bytes() == before


def test_execute_runs_what_it_can_and_keeps_the_output_of_what_it_cannot(
    tmp_path: Path, normal: Normal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.ipynb"
    kept = new_output("stream", name="stdout", text="from podman\n")
    cells = [
        new_code_cell("x = 20", id="one"),
        new_code_cell("%%needs podman\nno_such_name()", id="two", outputs=[kept]),
        new_code_cell("x + 1", id="three"),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    monkeypatch.setenv("PATH", str(tmp_path))
    status, said = normal("--execute", path)
    assert status == 0
    assert "cell two keeps its stored output: needs podman" in said
    one, two, three = code_cells(path)
    assert (one.execution_count, two.execution_count, three.execution_count) == (1, 2, 3)
    assert two.outputs[0].text == "from podman\n" and three.outputs[0].data["text/plain"] == "21"


def test_of_a_widget_its_text_and_html_alone_are_stored_and_compared(
    tmp_path: Path, normal: Normal, root: Path
) -> None:
    path = tmp_path / "some.ipynb"
    source = "from regtools.notebook.explorer import explorer\nexplorer()"
    nbformat.write(new_notebook(cells=[new_code_cell(source, id="one")]), path)
    assert normal("--execute", path)[0] == 0
    ((output,),) = (cell.outputs for cell in code_cells(path))
    assert set(output.data) == {"text/plain", "text/html"}
    assert "widget" not in path.read_text("utf-8").replace("ipywidgets", "")
    html = output.data["text/html"].replace("scheme-not-allowed", "scheme-allowed")
    changed = new_output("execute_result", {**output.data, "text/html": html}, execution_count=2)
    notebook = nbformat.read(path, 4)
    notebook.cells.append(new_code_cell(source, id="two", execution_count=2, outputs=[changed]))
    nbformat.write(notebook, path)
    said = compare(root, path).stdout
    assert re.search(r"\b1 failed, 1 passed\b", said) and "::Cell 1 _" in said


def test_execute_stops_at_an_error_that_nobody_announced(tmp_path: Path) -> None:
    path = tmp_path / "some.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0", id="one")]), path)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        main(["--execute", str(path)])
    assert path.read_bytes() == before


def test_a_path_without_notebooks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no notebooks in"):
        main(["--check", str(tmp_path)])


def test_it_runs_as_a_script(tmp_path: Path, root: Path) -> None:
    nbformat.write(messy(), tmp_path / "messy.ipynb")
    command = [sys.executable, "tests/notebooks/normal.py", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert main(["--check", str(tmp_path)]) == 0


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_saving_in_jupyterlab_changes_nothing(path: Path) -> None:
    """JupyterLab writes its exact Python version and forgets nothing else; the hook of `make author` undoes it."""
    before = path.read_text("utf-8")
    notebook = nbformat.reads(before, as_version=4)
    notebook.metadata.language_info.version = "3.11.7"
    model = {"type": "notebook", "content": notebook}
    before_saving(model, path="x.ipynb", contents_manager=None)
    assert nbformat.writes(nbformat.from_dict(notebook)) + "\n" == before
