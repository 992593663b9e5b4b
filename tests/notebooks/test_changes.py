"""The page on what changes from release to release is made from the table of releases."""

from __future__ import annotations

import re

import pytest

from regtools.registries.reading.releases import Release, release
from tests.notebooks.changes import PAGE, STEPS, WORDS, page, rows


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.notebooks.changes --write"


def test_every_fact_has_words() -> None:
    assert list(WORDS) == list(Release._fields[2:])


@pytest.mark.parametrize(("old", "new"), STEPS)
def test_each_step_has_a_row_for_each_difference(old: str, new: str) -> None:
    one, other = release(old), release(new)
    differing = [fact for fact in WORDS if getattr(one, fact) != getattr(other, fact) and WORDS[fact]]
    assert len(rows(one, other)) == len(differing) > 0
    assert all(re.fullmatch(r"\| [A-Z`].*\. (\(from \S+ on\) )?\| .+\. \|", row) for row in rows(one, other))


def test_what_is_new_in_6_1_is_not_told_of_6_0() -> None:
    text = " ".join(rows(release("5"), release("6.0")))
    assert "namespace-proxy" not in text and "layer that a mirror" not in text
    assert len(rows(release("6.0"), release("6.1"))) == 2
