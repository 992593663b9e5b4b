"""The glossary: every word of the chapters' own tables, in order, with a chapter that really shows it."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.stored import CHAPTERS, NOTEBOOKS, prose, read

PAGE = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^- \*\*(?P<word>[^*]+)\*\*: (?P<meaning>.+\.) \((?P<links>\[[\dA]\d\]\(.+\))\)$")
ENTRIES = [ENTRY.match(line) for line in PAGE.splitlines() if line.startswith("- ")]
WRITTEN = {path.stem[:2]: path for path in CHAPTERS}


def words_of(chapter: str) -> list[str]:
    """The words of a chapter's table ``## Words``."""
    table = chapter.partition("\n## Words\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", table, re.MULTILINE)
    return [word.removeprefix("to ") for row in rows for word in row.split(", ")]


def shown_in(number: str) -> str:
    """All that a reader of the chapter sees of words, in small letters: prose, code and output."""
    cells = read(WRITTEN[number]).cells
    return " ".join(f"{cell.source} {cell.get('outputs', '')}" for cell in cells).casefold()


def test_every_line_is_an_entry_and_they_are_sorted() -> None:
    assert len(ENTRIES) > 60 and all(ENTRIES)
    words = [entry["word"].casefold() for entry in ENTRIES if entry]
    assert words == sorted(set(words))


@pytest.mark.parametrize("path", WRITTEN.values(), ids=lambda path: path.stem)
def test_the_words_of_every_chapter_are_here(path) -> None:
    mine = words_of(prose(path))
    assert mine
    here = {entry["word"].casefold() for entry in ENTRIES if entry}
    assert not [word for word in mine if word.casefold() not in here], "add them to notebooks/glossary.md"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry and entry["word"])
def test_the_chapter_named_shows_the_word(entry: re.Match[str]) -> None:
    links = re.findall(r"\[([\dA]\d)\]\((.+?)\.ipynb\)", entry["links"])
    assert links and len(links) == entry["links"].count("[")
    for number, stem in links:
        assert stem.rpartition("/")[2].startswith(f"{number}-")
        if number in WRITTEN:
            assert NOTEBOOKS / f"{stem}.ipynb" == WRITTEN[number]
            assert entry["word"].casefold() in shown_in(number), f"chapter {number} never says it"
    # A meaning is one or two plain sentences, not a lesson.
    assert len(entry["meaning"].split()) <= 40


def test_chapters_lead_to_the_glossary() -> None:
    leading = [
        path.stem for path in WRITTEN.values() if re.search(r"\]\((\.\./)?glossary\.md\)", prose(path))
    ]
    assert {"04-what-a-pull-does", "05-image-names", "A5-many-vantage-points"} <= set(leading)
    assert "](00-start-here.ipynb)" in PAGE
