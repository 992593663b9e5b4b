"""The step of the wheel's build that adds completion scripts, manual pages and the notebooks to read.

The build backend loads it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

APART = ("web",)  # folders of notebooks/ that only the checkout needs


class PagesHook(BuildHookInterface[Any]):
    """Writes the pages into a folder and names them, and the notebooks, as data of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the pages to what the build packs."""
        sys.path.insert(0, self.root)  # the backend knows this file only
        pages = import_module("regtools.cli.formats.pages").pages()
        folder = Path(mkdtemp(prefix="regtools-pages-"))
        for number, (place, text) in enumerate(pages.items()):
            written = folder / str(number)
            written.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(written)] = place
        if version == "standard":  # an editable installation reads the checkout's own
            for path in Path(self.root, "notebooks").iterdir():
                if path.name not in APART and not path.name.startswith("."):
                    build_data["force_include"][str(path)] = f"regtools/_share/notebooks/{path.name}"
