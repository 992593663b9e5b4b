"""The step of the wheel's build that adds chapters, completion and manual pages; the backend loads it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CHAPTERS = "notebooks"
LEFT_OUT = (".ipynb_checkpoints", "source")  # editors' copies, and what the Chinese chapters are built from


class PagesHook(BuildHookInterface[Any]):
    """Names the chapters, writes the pages into a folder, and names them as data of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the pages to what the build packs."""
        sys.path.insert(0, self.root)  # the backend knows this file only
        pages = import_module("regtools.cli.formats.pages").pages()
        folder = Path(mkdtemp(prefix="regtools-pages-"))
        for number, (place, text) in enumerate(pages.items()):
            written = folder / str(number)
            written.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(written)] = place
        if version == "standard":  # an editable installation reads the checkout
            build_data["force_include"] |= _chapters(Path(self.root))


def _chapters(root: Path) -> dict[str, str]:
    """Return the files of the chapters, each with its place in the wheel."""
    return {
        str(path): f"regtools/_share/{path.relative_to(root).as_posix()}"
        for path in sorted((root / CHAPTERS).rglob("*"))
        if path.is_file() and not set(LEFT_OUT) & set(path.relative_to(root).parts)
    }
