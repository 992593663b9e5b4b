"""Links to a section of a Chinese chapter lead to a heading that is there, and the hour calls it by its name."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.chapters import Chapter
from tests.notebooks.test_one_hour import LINK, anchor
from tests.notebooks.zh.english import Unit, units

PAGES = [unit for unit in units().values() if unit.built.suffix == ".md" and unit.built.exists()]


def sections(unit: Unit) -> list[tuple[str, list[str], str]]:
    """Return of each link to a section of a chapter its text, the headings of the chapter, and the anchor."""
    found = []
    for text, target, fragment in LINK.findall(unit.built.read_text("utf-8")):
        path = (unit.built.parent / target).resolve()
        if path.suffix == ".ipynb":
            found.append((text, re.findall(r"^##+ (.+)$", Chapter(path).prose, re.MULTILINE), fragment))
    return found


@pytest.mark.parametrize("unit", PAGES, ids=lambda unit: unit.key)
def test_a_link_to_a_section_leads_to_a_heading(unit: Unit) -> None:
    for text, headings, fragment in sections(unit):
        assert fragment in map(anchor, headings), (text, headings)


def test_the_hour_calls_each_section_of_a_chinese_chapter_by_its_name() -> None:
    found = sections(units()["one-hour.md"])
    assert len(found) > 20
    for text, headings, fragment in found:
        in_chinese = any(re.search("[\u4e00-\u9fff]", each) for each in headings)
        assert not in_chinese or fragment == anchor(text), (text, headings)
