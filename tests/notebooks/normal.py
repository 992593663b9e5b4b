"""The one normal form of a stored notebook, so that a difference in git is a difference in content.

    python tests/notebooks/normal.py [--execute | --check] PATH...

A PATH is a notebook, or a folder whose notebooks are meant. ``--execute`` runs each from the top first;
``--check`` writes nothing, says what differs and ends with 1 if anything does.

Normal are: sorted keys, indent 1, cell ids that a person can read and that stay when cells move, execution counts
1…n, no times, one kernelspec and language_info, no metadata but a cell's tags, the alt text of its figure, and where
the results of cells with ``%%needs`` are from, one block per stream, errors without a traceback (it would carry
paths of the machine it ran on), and of a widget its text, HTML or picture alone. A replay of such a result is refused: it is no result.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import platform
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script by `make notebooks`
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # a second, as in tests/conftest.py

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from regtools.notebook.doctor import part
from regtools.notebook.needs import is_replay, missing, needed

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# The version is that of the oldest Python supported: JupyterLab shows it nowhere, nbformat wants one.
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.11",
}
WIDGET = "application/vnd.jupyter.widget-view+json"  # names an object of the kernel that is gone
KEPT = ("alt", "tags")  # of a cell: what its figure shows in words, and how it is treated
READABLE_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MACHINE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def normalise(notebook: NotebookNode) -> str:
    """Give the text of the notebook's normal form; ``notebook`` is changed on the way."""
    notebook.metadata = NotebookNode(_kept(notebook.metadata))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _name_cells(notebook.cells)
    count = 0
    for cell in notebook.cells:
        cell.metadata = NotebookNode({key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)})
        cell.pop("attachments", None)
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").split("\n"))
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [_output(output, count) for output in _merged(cell.outputs)]
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def before_saving(model: dict[str, Any], **_: object) -> None:
    """Take out of a notebook that JupyterLab saves what only this machine has: the exact version of its Python.

    A hook of Jupyter's contents manager (`make author`). Outputs and ids are left alone, so that what the author
    sees is what is saved; `make notebooks` brings the rest into its normal form.
    """
    if model["type"] == "notebook":
        model["content"]["metadata"] = _kept(model["content"]["metadata"])


def _kept(metadata: dict[str, Any]) -> dict[str, Any]:
    """Give the metadata of the normal form: the same for all, but for where stored results are from."""
    ours = {"regtools": metadata["regtools"]} if "regtools" in metadata else {}
    return {"kernelspec": KERNEL, "language_info": LANGUAGE, **ours}


def execute(notebook: NotebookNode, folder: Path) -> list[str]:
    """Run the notebook from the top; give a line for each cell that kept its stored output instead."""
    client = _Client(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    before = _results(notebook)
    client.execute()
    tags = sorted({tag for cell in notebook.cells for tag in needed(cell.source) if part(tag).find()})
    versions = {tag: part(tag).asked_version() for tag in tags}
    known = notebook.metadata.get("regtools", {}).get("versions", {})
    if versions and (_results(notebook) != before or not versions.items() <= known.items()):
        notebook.metadata["regtools"] = {
            "on": [_system(), date.today().isoformat()],
            "versions": known | versions,
        }
    return client.kept


def _results(notebook: NotebookNode) -> str:
    """Give the normal outputs of the cells with ``%%needs``, to see whether they have changed."""
    cells = [copy.deepcopy(cell) for cell in notebook.cells if needed(cell.source)]
    return repr([[_output(output, 0) for output in _merged(cell.outputs)] for cell in cells])


def _system() -> str:
    release = platform.freedesktop_os_release()
    return f"{release['ID'].capitalize()} {release.get('VERSION_ID', '')}".rstrip()


class _Client(NotebookClient):
    """Runs what this machine can run; a cell whose real part is missing keeps the output it has."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.kept: list[str] = []

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, *args: object, **options: object):
        gone = missing(cell.source)
        if gone:
            self.kept.append(
                f"cell {cell.get('id', cell_index)} keeps its stored output: needs {', '.join(gone)}"
            )
            return cell
        return await super().async_execute_cell(cell, cell_index, *args, **options)


def _name_cells(cells: list[NotebookNode]) -> None:
    """Keep each readable id; name the others after the heading they stand under."""
    taken = {cell.get("id") for cell in cells if _is_readable(cell.get("id", ""))}
    seen: set[str] = set()
    section = "top"
    for cell in cells:
        heading = re.match(r"#+\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            section = _slug(heading[1])
        name = cell.get("id", "")
        if not _is_readable(name) or name in seen:
            stem = section if heading else f"{section}-{cell.cell_type}"
            name = next(each for each in _numbered(stem) if each not in taken and each not in seen)
        cell["id"] = name
        seen.add(name)


def _is_readable(name: str) -> bool:
    return bool(READABLE_ID.fullmatch(name)) and not MACHINE_ID.fullmatch(name) and len(name) <= 64


def _slug(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower())
    slug = "-".join(words)[:40].strip("-")
    return slug if slug[:1].isalpha() else f"chapter-{slug}".strip("-")


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _output(output: NotebookNode, count: int) -> NotebookNode:
    if is_replay(output):
        raise SystemExit("a replay is no result: run this chapter where its programs are installed")
    output.get("data", {}).pop(WIDGET, None)
    if "metadata" in output:
        output.metadata = {}
    if output.output_type == "execute_result":
        output.execution_count = count
    if output.output_type == "error":
        output.evalue = COLOUR.sub("", output.evalue)
        output.traceback = [f"\x1b[31m{output.ename}\x1b[39m: {output.evalue}"]
    return output


def find_notebooks(paths: list[Path]) -> list[Path]:
    """Give the notebooks meant by ``paths``; a folder stands for all that authors write in it.

    JupyterLab's own copies are left out, and the Chinese chapters, which are built.
    """
    found = [
        each
        for path in paths
        for each in (sorted(path.rglob("*.ipynb")) if path.is_dir() else [path])
        if not path.is_dir() or not {".ipynb_checkpoints", "zh"} & set(each.relative_to(path).parts)
    ]
    if not found:
        raise SystemExit(f"no notebooks in {', '.join(map(str, paths))}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Normalise the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description="Store notebooks in their one normal form.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--execute", action="store_true", help="run each notebook from the top first")
    what.add_argument("--check", action="store_true", help="write nothing; say what differs")
    options = parser.parse_args(argv)
    different = 0
    for path in find_notebooks(options.paths):
        before = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(before, as_version=4)
        if options.execute:
            for line in execute(notebook, path.parent):
                print(f"{path}: {line}", file=sys.stderr)
        after = normalise(notebook)
        if after == before:
            continue
        different += 1
        if options.check:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), str(path), "its normal form", lineterm="", n=1
            )
            print("\n".join(list(lines)[:200]))
        else:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(f"{path}: stored in its normal form")
    return 1 if options.check and different else 0


if __name__ == "__main__":
    raise SystemExit(main())
