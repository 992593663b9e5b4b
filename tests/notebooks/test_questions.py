"""The learners' questions are well formed, and each cell that is said to answer one exists."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import tomli

from tests.conftest import ROOT
from tests.notebooks.stored import NOTEBOOKS, read

QUESTIONS: list[dict[str, Any]] = tomli.loads(
    (ROOT / "tests" / "notebooks" / "questions.toml").read_text("utf-8")
)["question"]
KEYS = {"id", "topic", "asked", "answer"}
# Questions that the second edition does not answer in full yet, or that no reader has scored; this only shrinks.
UNSCORED = set(json.loads((ROOT / "tests" / "notebooks" / "question_exceptions.json").read_text("utf-8")))


def test_there_are_forty_different_questions() -> None:
    assert len({each["id"] for each in QUESTIONS}) == len({each["asked"] for each in QUESTIONS}) == 40
    assert len(QUESTIONS) == 40


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: str(each["id"]))
def test_a_question_has_its_answer_and_its_score(question: dict[str, Any]) -> None:
    editions = {name: question[name] for name in ("first", "second") if name in question}
    assert "first" in editions
    assert set(question) - {"thread"} == KEYS | set(editions)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", question["id"])
    assert all(isinstance(question[key], str) and question[key].strip() for key in KEYS)
    assert re.match(r"https://github\.com/[^/]+/[^/]+/(issues|pull)/\d+$", question.get("thread", "")) or (
        "thread" not in question
    )
    for edition in editions.values():
        assert edition["score"] in ("full", "partly", "none")
        assert set(edition) == {"score", "cells"} | ({"missing"} if edition["score"] != "full" else set())
        assert edition["cells"] or edition["score"] == "none"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: str(each["id"]))
def test_the_cells_that_answer_exist(question: dict[str, Any]) -> None:
    if "second" not in question:
        pytest.skip("scored against the first edition only, whose cells have gone")
    for where in question["second"]["cells"]:
        chapter, _, cell = where.partition("#")
        assert cell in {each["id"] for each in read(NOTEBOOKS / f"{chapter}.ipynb").cells}, where


def test_every_question_is_scored_against_the_second_edition() -> None:
    scored = {each["id"] for each in QUESTIONS if "second" in each}
    asked = {each["id"] for each in QUESTIONS}
    assert asked - scored <= UNSCORED, "add a table `second`"
    assert asked >= UNSCORED, "question_exceptions.json names questions that are not asked"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: str(each["id"]))
def test_the_second_edition_answers_in_full(question: dict[str, Any]) -> None:
    if question["id"] in UNSCORED:
        pytest.skip("not answered in full by the second edition yet")
    assert question["second"]["score"] == "full", question["second"]["missing"]
