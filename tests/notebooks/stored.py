"""The stored chapters, as the tests of this folder see them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nbformat import NotebookNode, v4

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
# The Chinese chapters are built from these, and tested where that is done (tests/notebooks/zh/).
CHAPTERS = [
    path
    for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
    if not {".ipynb_checkpoints", "zh"} & set(path.relative_to(NOTEBOOKS).parts)
]


def read(path: Path) -> NotebookNode:
    """Read a chapter, without the check of its format, which takes most of the time: test_normal makes it once."""
    return v4.reads(path.read_text(encoding="utf-8"))


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


@cache
def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))
