"""doctor() speaks of every program and package that some cell needs, and a cell says which programs it needs."""

from __future__ import annotations

import ast
import re
import sys

import pytest
import tomli
from nbformat import NotebookNode

from regtools.notebook.doctor import PARTS, doctor, part
from regtools.notebook.needs import LINE, needed
from tests.conftest import ROOT
from tests.notebooks.stored import CHAPTERS, code_cells

PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CELLS = [(path.stem, cell) for path in CHAPTERS for cell in code_cells(path)]
# Packages that are installed and used together with one that doctor() names.
TOGETHER = {"dask": "distributed", "ipykernel": "jupyterlab", "IPython": "jupyterlab"}
BY_PROGRAM = {program: each.tag for each in PARTS for program in each.programs}


def required(*extras: str) -> set[str]:
    """The packages that an installation with these extras has."""
    wanted = [
        *PROJECT["dependencies"],
        *(line for extra in extras for line in PROJECT["optional-dependencies"][extra]),
    ]
    return {re.split(r"[\s<>=!;\[]", line)[0] for line in wanted}


def body(cell: NotebookNode) -> str:
    source = str(cell.source)
    return source.partition("\n")[2] if source.startswith(LINE) else source


def imported(cell: NotebookNode) -> set[str]:
    """The packages that a cell imports, without the standard library and our own."""
    lines = body(cell).splitlines()
    if lines[:1] and lines[0].startswith("%%"):
        return set()
    tree = ast.parse("\n".join(line for line in lines if not line.lstrip().startswith(("%", "!"))))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"regtools"}


def typed(cell: NotebookNode) -> set[str]:
    """The programs that a cell types into a shell."""
    lines = body(cell).splitlines()
    shell = lines[1:] if lines[:1] and lines[0].startswith("%%terminal") else []
    shell += [line.strip().removeprefix("!") for line in lines if line.strip().startswith("!")]
    words = (re.split(r"[|;&]+|\$\(", line) for line in shell if not line.startswith("#"))
    return {command.split()[0] for line in words for command in line if command.split()}


def test_what_cells_need_is_a_part_that_doctor_names() -> None:
    tags = {tag for _, cell in CELLS for tag in needed(cell.source)}
    assert {"podman", "skopeo", "registry", "redis"} <= tags
    told = str(doctor())
    for tag in tags:
        assert part(tag).name in told and part(tag).enables in told


def test_what_cells_import_is_always_there_or_a_part_that_doctor_names() -> None:
    packages = {name for _, cell in CELLS for name in imported(cell)}
    assert {"pandas", "matplotlib"} <= packages
    assert {TOGETHER.get(name, name) for name in packages} <= required() | {each.package for each in PARTS}


def test_every_package_of_the_readers_desk_is_named_by_doctor() -> None:
    """What `make lab` installs beyond the library itself: a reader may lack it, and some cell needs it."""
    told = {each.package for each in PARTS}
    extra = required("lab", "fleet") - required() - {"jupyterlab-language-pack-zh-CN"}  # words of menus alone
    assert {"dask", "tornado", "jupyterlab"} <= extra
    assert {TOGETHER.get(name, name) for name in extra} <= told, "add a Part to regtools/notebook/doctor.py"


@pytest.mark.parametrize("stem, cell", CELLS, ids=[f"{stem[:2]}-{cell.id}" for stem, cell in CELLS])
def test_a_cell_says_which_programs_it_types(stem: str, cell: NotebookNode) -> None:
    tags = {BY_PROGRAM[program] for program in typed(cell) if program in BY_PROGRAM}
    assert tags <= set(needed(cell.source))


def test_a_program_is_found_wherever_it_is_typed() -> None:
    cell = NotebookNode(
        source="%%needs podman\n%%terminal\n# docker\npodman ps | grep x; skopeo inspect $(crun --version)\n"
    )
    assert typed(cell) == {"podman", "grep", "skopeo", "crun"}
    assert typed(NotebookNode(source="x = 1\nlines = 2\n!buildah images")) == {"buildah"}
    assert imported(
        NotebookNode(source="import os, dask.distributed\nfrom numpy import x\n%load_ext regtools")
    ) == {*("dask", "numpy")}
