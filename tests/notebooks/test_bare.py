"""Run All, as a reader without the programs sees it: every chapter runs to its end and shows stored results."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from regtools.notebook.doctor import PARTS, part
from regtools.notebook.needs import needed
from tests.notebooks.measured import mask
from tests.notebooks.normal import _merged, _output
from tests.notebooks.stored import CHAPTERS, code_cells, read, tags

PROGRAMS = {part.tag: part.programs for part in PARTS if part.programs}
PACKAGES = {"dask": ("dask", "distributed")}  # of the other packages, the kernel itself needs some
WITH_NEEDS = [path for path in CHAPTERS if any(needed(cell.source) for cell in code_cells(path))]


# Takes packages away from a kernel: they cannot be found, as if they were not installed.
HIDING = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {hidden!r} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


def run_all(path: Path, programs: Path) -> list[tuple[NotebookNode, NotebookNode]]:
    """Run a chapter as *Run All* does; return each code cell as stored and as run."""
    chapter = read(path)
    stored = [copy.deepcopy(cell) for cell in chapter.cells if cell.cell_type == "code"]
    client = NotebookClient(
        chapter, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    # Where the folder has a sitecustomize.py, the kernel runs it first.
    client.execute(env={**os.environ, "PATH": str(programs), "PYTHONPATH": str(programs)})
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


def check(path: Path, programs: Path, hidden: str | None = None) -> None:
    """Run a chapter where only these programs are; ``hidden`` is the part that was taken away, if only one was."""
    replays = 0
    for stored, run in run_all(path, programs):
        gone = [tag for tag in needed(stored.source) if tag == hidden or not find(tag, programs)]
        if not gone:
            assert shown(run) == shown(stored), stored.id
            continue
        replays += 1
        first, text = run.outputs[0], stored_text(stored)
        head, _, rest = first.text.partition("\n")
        assert " not here; stored result of " in head, stored.id
        assert rest == text or len(run.outputs) > 1, stored.id
    assert replays


def find(tag: str, programs: Path) -> bool:
    return (
        any((programs / name).exists() for name in PROGRAMS[tag])
        if tag in PROGRAMS
        else bool(part(tag).find())
    )


def stored_text(cell: NotebookNode) -> str:
    texts = {"stream": lambda each: each.text, "error": lambda each: f"{each.ename}: {each.evalue}\n"}
    return "".join(texts.get(each.output_type, lambda _: "")(each) for each in cell.outputs)


@pytest.mark.parametrize("path", WITH_NEEDS, ids=lambda path: path.stem)
def test_on_a_bare_path_run_all_reaches_the_end(path: Path, tmp_path: Path) -> None:
    check(path, tmp_path)


def without(hidden: str, folder: Path) -> None:
    """Fill a folder with all programs of this machine but those of one part, and hide its packages."""
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            link = folder / program.name
            if program.name not in PROGRAMS.get(hidden, ()) and not link.is_symlink():
                link.symlink_to(program)
    if hidden in PACKAGES:
        (folder / "sitecustomize.py").write_text(HIDING.format(hidden=PACKAGES[hidden]), encoding="utf-8")
    assert not any(shutil.which(name, path=str(folder)) for name in PROGRAMS.get(hidden, ()))


@pytest.mark.long
@pytest.mark.parametrize("hidden", [*PROGRAMS, *PACKAGES])
def test_with_one_part_hidden_run_all_reaches_the_end(hidden: str, tmp_path: Path) -> None:
    chapters = [p for p in WITH_NEEDS if any(hidden in needed(cell.source) for cell in code_cells(p))]
    if hidden in PACKAGES and not chapters:
        pytest.skip(f"no cell begins with %%needs {hidden}")
    assert chapters
    without(hidden, tmp_path)
    for path in chapters:
        check(path, tmp_path, hidden)


@pytest.mark.parametrize("hidden", PACKAGES)
def test_a_hidden_package_is_not_found_by_a_kernel(hidden: str, tmp_path: Path) -> None:
    without(hidden, tmp_path)
    names = [hidden, *PACKAGES[hidden], "numpy"]
    code = "import sys, importlib.util as u; from regtools.notebook.doctor import part\n"
    code += f"print([u.find_spec(name) is None for name in {names!r}], part({hidden!r}).find())"
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{[True] * (len(names) - 1) + [False]} None\n"
