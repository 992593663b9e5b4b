"""The path of one hour: its links lead to sections that exist, and its minutes are those of the words and cells."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.chapters import every_chapter
from tests.notebooks.stored import NOTEBOOKS

PAGE = (NOTEBOOKS / "one-hour.md").read_text(encoding="utf-8")
STOPS = re.findall(r"^\| \[([\dA]\d)\]\((\S+\.ipynb)\) \| (.+) \| (\d+) \|$", PAGE, re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)#([^)\s]+)\)")
CHAPTERS = {chapter.number: chapter for chapter in every_chapter()}


def anchor(heading: str) -> str:
    """The id that JupyterLab gives to a heading."""
    return re.sub(r"[`*]", "", heading).replace(" ", "-")


@pytest.mark.parametrize("number, target, sections, minutes", STOPS, ids=[stop[0] for stop in STOPS])
def test_a_stop_leads_to_sections_that_exist(number: str, target: str, sections: str, minutes: str) -> None:
    chapter = CHAPTERS[number]
    assert target == chapter.path.name
    links = LINK.findall(sections)
    assert links and LINK.sub("", sections).strip(" ·") == ""
    headings = re.findall(r"^## (.+)$", chapter.prose, re.MULTILINE)
    for heading, page, fragment in links:
        assert page == target and heading in headings and fragment == anchor(heading), (heading, headings)
    needed = sum(chapter.section_minutes(heading) for heading, *_ in links)
    assert abs(needed - int(minutes)) <= 1


def test_the_path_is_an_hour_at_most() -> None:
    total = re.search(r"^\| \| together \| (\d+) \|$", PAGE, re.MULTILINE)
    assert total and int(total[1]) == sum(int(minutes) for *_, minutes in STOPS)
    exact = sum(
        CHAPTERS[number].section_minutes(heading)
        for number, _, sections, _ in STOPS
        for heading, *_ in LINK.findall(sections)
    )
    assert 40 <= exact <= 60 and int(total[1]) <= 60


def test_every_row_is_a_stop_and_they_are_in_the_order_of_reading() -> None:
    assert len(STOPS) == PAGE.count("\n| [") >= 8
    assert [number for number, *_ in STOPS] == sorted({number for number, *_ in STOPS})
