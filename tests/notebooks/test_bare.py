"""Run All, as a reader without the programs sees it: every chapter runs to its end and shows stored results."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from regtools.notebook.doctor import PARTS
from regtools.notebook.needs import needed
from tests.notebooks.measured import mask
from tests.notebooks.normal import _merged, _output
from tests.notebooks.stored import CHAPTERS, code_cells, read, tags

PROGRAMS = {part.tag: part.programs for part in PARTS if part.programs}
WITH_NEEDS = [path for path in CHAPTERS if any(needed(cell.source) for cell in code_cells(path))]


def run_all(path: Path, programs: Path) -> list[tuple[NotebookNode, NotebookNode]]:
    """Run a chapter as *Run All* does; return each code cell as stored and as run."""
    chapter = read(path)
    stored = [copy.deepcopy(cell) for cell in chapter.cells if cell.cell_type == "code"]
    client = NotebookClient(
        chapter, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute(env={**os.environ, "PATH": str(programs)})
    return list(zip(stored, [cell for cell in chapter.cells if cell.cell_type == "code"], strict=True))


def shown(cell: NotebookNode) -> list[Any]:
    """Outputs as nbval compares them: no pictures, in their normal form; what is measured, without its numbers."""
    outputs = [_output(copy.deepcopy(each), 0) for each in _merged(cell.outputs)]
    outputs = [each for each in outputs if "image/png" not in each.get("data", {})]
    return [_masked(each) for each in outputs] if "measured" in tags(cell) else outputs


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(each) for key, each in value.items()}
    return mask(value) if isinstance(value, str) else value


def check(path: Path, programs: Path) -> None:
    for stored, run in run_all(path, programs):
        gone = [tag for tag in needed(stored.source) if not find(tag, programs)]
        if not gone:
            assert shown(run) == shown(stored), stored.id
            continue
        first, text = run.outputs[0], stored_text(stored)
        head, _, rest = first.text.partition("\n")
        assert " not here; stored result of " in head, stored.id
        assert rest == text or len(run.outputs) > 1, stored.id


def find(tag: str, programs: Path) -> bool:
    return any((programs / name).exists() for name in PROGRAMS[tag])


def stored_text(cell: NotebookNode) -> str:
    texts = {"stream": lambda each: each.text, "error": lambda each: f"{each.ename}: {each.evalue}\n"}
    return "".join(texts.get(each.output_type, lambda _: "")(each) for each in cell.outputs)


@pytest.mark.parametrize("path", WITH_NEEDS, ids=lambda path: path.stem)
def test_on_a_bare_path_run_all_reaches_the_end(path: Path, tmp_path: Path) -> None:
    check(path, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("hidden", PROGRAMS)
def test_with_one_program_hidden_run_all_reaches_the_end(hidden: str, tmp_path: Path) -> None:
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            link = tmp_path / program.name
            if program.name not in PROGRAMS[hidden] and not link.is_symlink():
                link.symlink_to(program)
    assert shutil.which(PROGRAMS[hidden][0], path=str(tmp_path)) is None
    for path in WITH_NEEDS:
        if any(hidden in needed(cell.source) for cell in code_cells(path)):
            check(path, tmp_path)
