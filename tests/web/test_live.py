"""The chapters that run in a browser, in JupyterLite in real Chromium. ``make web-test`` builds and runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks.stored import NOTEBOOKS, read
from tests.web.comparing import differences
from tests.web.driving import BUILT, drive
from tests.web.test_quick import LIVE

pytestmark = BUILT


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "by cell"])
def test_live_chapters_show_their_stored_outputs(base: str, at_once: bool, tmp_path: Path) -> None:
    chapters = [path.relative_to(NOTEBOOKS).as_posix() for path in LIVE]
    told = drive(base, tmp_path, live=[{"chapter": name, "all": at_once} for name in chapters])
    assert told["outside"] == []
    found = []
    for path in LIVE:
        ran = told["live"][f"{path.name} {'at once' if at_once else 'by cell'}"]
        outputs = {cell["id"]: cell.get("outputs") for cell in ran["cells"] if cell["cell_type"] == "code"}
        found += [f"{path.stem[:2]} {each}" for each in differences(read(path), outputs)]
    assert not found, "\n".join(found)
