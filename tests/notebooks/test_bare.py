"""Run All, as a reader without the programs sees it: every chapter runs to its end and shows stored results."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from regtools.notebook.doctor import PARTS
from regtools.notebook.needs import needed
from tests.conftest import absent
from tests.notebooks.measured import mask
from tests.notebooks.normal import _merged, _output
from tests.notebooks.stored import CHAPTERS, code_cells, read, tags

PROGRAMS = {part.tag: part.programs for part in PARTS if part.programs}
PACKAGES = {"dask": ("dask", "distributed")}  # of the other packages, the kernel itself needs some
ABSENT = {part.tag for part in PARTS if not part.find()}
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


Run = list[tuple[NotebookNode, NotebookNode]]


def run_all(path: Path, kernel: str, environ: dict[str, str]) -> Run:
    """Run a chapter as *Run All* does; return each code cell as stored and as run."""
    chapter = read(path)
    stored = [copy.deepcopy(cell) for cell in chapter.cells if cell.cell_type == "code"]
    with tempfile.TemporaryDirectory() as folder:
        # Not by ports: they are chosen before a kernel starts, and a test beside it may take one meanwhile.
        sockets = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})
        client = NotebookClient(
            chapter,
            timeout=120,
            kernel_name=kernel,
            resources={"metadata": {"path": str(path.parent)}},
            config=sockets,
        )
        # In any thread, with a loop that ends.
        asyncio.run(client.async_execute(env={**os.environ, **environ}))
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


def check(path: Path, gone: set[str], kernel: str = "python3", **environ: str) -> None:
    """Run a chapter where these parts are gone, and look at what it shows."""
    look(run_all(path, kernel, environ), gone)


def look(done: Run, gone: set[str]) -> None:
    """Where these parts are gone, each of their cells shows its stored result, the others their own."""
    replays = 0
    for stored, run in done:
        if not gone.intersection(needed(stored.source)):
            assert shown(run) == shown(stored), stored.id
            continue
        replays += 1
        first, text = run.outputs[0], stored_text(stored)
        head, _, rest = first.text.partition("\n")
        assert " not here; stored result of " in head, stored.id
        assert rest == text or len(run.outputs) > 1, stored.id
    assert replays


def stored_text(cell: NotebookNode) -> str:
    texts = {"stream": lambda each: each.text, "error": lambda each: f"{each.ename}: {each.evalue}\n"}
    return "".join(texts.get(each.output_type, lambda _: "")(each) for each in cell.outputs)


# These measure many pulls, which takes longer than all the others together.
MEASURING = ("04", "11", "12", "13", "A5")
BARE = [
    pytest.param(path, marks=[pytest.mark.long] if path.stem[:2] in MEASURING else [], id=path.stem)
    for path in WITH_NEEDS
]


@pytest.mark.parametrize("path", BARE)
def test_on_a_bare_path_run_all_reaches_the_end(path: Path, tmp_path: Path) -> None:
    check(path, ABSENT | set(PROGRAMS), PATH=str(tmp_path))


def test_the_chapters_that_measure_need_what_the_others_need() -> None:
    measuring = [path for path in WITH_NEEDS if path.stem[:2] in MEASURING]
    others = [path for path in WITH_NEEDS if path not in measuring]
    assert len(measuring) == len(MEASURING)
    assert parts_of(measuring) & set(PROGRAMS) <= parts_of(others)


def parts_of(chapters: list[Path]) -> set[str]:
    return {tag for path in chapters for cell in code_cells(path) for tag in needed(cell.source)}


def kernel_without(hidden: str, folder: Path) -> None:
    """Describe a kernel that sees this machine without the programs of a part.

    A mount over their directories hides them: commands keep the paths that they have on a real machine.
    """
    names = [Path(place).resolve() / name for place in os.get_exec_path() for name in PROGRAMS[hidden]]
    script = [f"mount -t tmpfs tmpfs {folder}"]
    for number, place in enumerate(sorted({name.parent for name in names if name.exists()})):
        new = f"{folder}/{number}"
        script.append(f"mkdir -p {new}/up {new}/work")
        script += [
            f"mknod {new}/up/{name.name} c 0 0"
            for name in set(names)
            if name.parent == place and name.exists()
        ]
        script.append(
            f"mount -t overlay overlay -o lowerdir={place},upperdir={new}/up,workdir={new}/work {place}"
        )
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    argv = ["unshare", "--mount", "sh", "-e", "-c", "\n".join([*script, 'exec "$@"']), "sh"]
    try_it = 'test -z "$(command -v ' + " || command -v ".join(PROGRAMS[hidden]) + ')"'
    if subprocess.run([*argv, "sh", "-c", try_it], capture_output=True, check=False).returncode:
        absent("needs root, and a kernel that mounts one directory over another")
    described = folder.with_name("jupyter") / "kernels" / "hidden" / "kernel.json"
    described.parent.mkdir(parents=True)
    described.write_text(
        json.dumps({"argv": [*argv, *kernel], "display_name": f"without {hidden}", "language": "python"}),
        encoding="utf-8",
    )


@pytest.mark.long
@pytest.mark.parametrize("hidden", [*PROGRAMS, *PACKAGES])
def test_with_one_part_hidden_run_all_reaches_the_end(
    hidden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapters = [p for p in WITH_NEEDS if any(hidden in needed(cell.source) for cell in code_cells(p))]
    if hidden in PACKAGES and not chapters:
        pytest.skip(f"no cell begins with %%needs {hidden}")
    assert chapters
    if hidden in PROGRAMS:
        (tmp_path / "cover").mkdir()
        kernel_without(hidden, tmp_path / "cover")
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    for path in chapters:
        if hidden in PROGRAMS:
            check(path, ABSENT | {hidden}, "hidden")
        else:
            check(path, ABSENT | {hidden}, PYTHONPATH=str(without(hidden, tmp_path)))


def without(package: str, folder: Path) -> Path:
    """Return a folder whose sitecustomize, which a kernel runs first, hides a package."""
    (folder / "sitecustomize.py").write_text(HIDING.format(hidden=PACKAGES[package]), encoding="utf-8")
    return folder


@pytest.mark.parametrize("hidden", PACKAGES)
def test_a_hidden_package_is_not_found_by_a_kernel(hidden: str, tmp_path: Path) -> None:
    names = [hidden, *PACKAGES[hidden], "numpy"]
    code = "import sys, importlib.util as u; from regtools.notebook.doctor import part\n"
    code += f"print([u.find_spec(name) is None for name in {names!r}], part({hidden!r}).find())"
    environ = {**os.environ, "PYTHONPATH": str(without(hidden, tmp_path))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{[True] * (len(names) - 1) + [False]} None\n"
