"""Chapter 00: what it says a missing program looks like is what a reader sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from regtools.notebook.needs import transform
from tests.notebooks.stored import NOTEBOOKS, code_cells, prose

CHAPTER = NOTEBOOKS / "00-start-here.ipynb"


def test_the_replay_that_the_text_shows_is_what_a_reader_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shown,) = re.findall(r"^```text\n(.+?)^```", prose(CHAPTER), re.MULTILINE | re.DOTALL)
    (cell,) = (each for each in code_cells(CHAPTER) if each.id == "podman-here")
    monkeypatch.setenv("PATH", str(tmp_path))
    exec("".join(transform(cell.source.splitlines(keepends=True))))
    seen = capsys.readouterr().out
    assert [re.sub(r"\d+", "N", text) for text in (shown, seen)] == [re.sub(r"\d+", "N", seen)] * 2
