"""Every exercise of every chapter, answered as a reader would: rightly, and in each known wrong way."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regtools.notebook.exercises import Exercise, Wrong, grade, load_exercises
from regtools.notebook.lesson import check
from tests.notebooks.spellings import spellings
from tests.notebooks.stored import CHAPTERS, code_cells, prose

EXERCISES = load_exercises()
IN_CHAPTERS = {
    match[1]: (path, cell)
    for path in CHAPTERS
    for cell in code_cells(path)
    if (match := re.search(r'^check\("(.+)", answer\)$', cell.source, re.MULTILINE))
}
WRONG = [(exercise, known) for exercise in EXERCISES.values() for known in exercise.wrong]

# Every way of spelling is the same for all wrong answers of an exercise, so make test takes its first one.
SPELT = [
    pytest.param(exercise, known, marks=[pytest.mark.long] if number else [], id=f"{exercise.name}-{number}")
    for exercise in EXERCISES.values()
    for number, known in enumerate(exercise.wrong)
]

each_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda exercise: exercise.name)


def answered(name: str, answer: str, capsys: pytest.CaptureFixture[str], **names: Any) -> str:
    """Run the chapter's own cell with ``answer`` in place of the three dots; give what it prints."""
    source = IN_CHAPTERS[name][1].source
    assert source.startswith("answer = ...\n")
    exec(source.replace("...", answer, 1), {"check": check, **names})
    return capsys.readouterr().out


def test_chapters_and_data_name_the_same_exercises() -> None:
    assert list(IN_CHAPTERS) == list(EXERCISES)
    for path in CHAPTERS:
        mine = [name for name, (where, _) in IN_CHAPTERS.items() if where == path]
        assert len(mine) >= 3, path.stem
        assert mine == [f"{path.stem[:2]}-{n}" for n in range(1, len(mine) + 1)]


@each_exercise
def test_the_stored_cell_is_not_attempted(exercise: Exercise) -> None:
    (output,) = IN_CHAPTERS[exercise.name][1].outputs
    assert output.text == "not attempted yet\n"


@each_exercise
def test_the_solution_is_correct(exercise: Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    if exercise.rule.asks:  # the machine has the answer, and the notebook's ! asks it
        assert exercise.solution == f"!{shlex.join(exercise.rule.asks)}"
        if shutil.which(exercise.rule.asks[0]) is None:
            pytest.skip(f"{exercise.rule.asks[0]} is not installed on this machine")
        said = subprocess.run(exercise.rule.asks, capture_output=True, text=True, check=True).stdout
        right = answered(exercise.name, "said", capsys, said=said.splitlines())
        assert right == f"correct, because {exercise.because}\n"
        return
    assert answered(exercise.name, exercise.solution, capsys) == f"correct, because {exercise.because}\n"


@pytest.mark.parametrize(
    "exercise, known", WRONG, ids=[f"{e.name}-{i}" for e in EXERCISES.values() for i in range(len(e.wrong))]
)
def test_each_known_wrong_answer_gets_its_reply(
    exercise: Exercise, known: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    given = answered(exercise.name, "given", capsys, given=known.answer)
    assert given == f"not yet: {known.reply}\n"
    assert given.count("\n") == 1


@each_exercise
def test_ten_spellings_of_the_right_answer_are_taken(exercise: Exercise) -> None:
    if exercise.rule.asks:
        pytest.skip("only the machine knows the answer; tests/notebook/test_kinds.py spells such answers")
    taken = spellings(exercise.rule, exercise.expected)
    assert len(taken) >= 10
    for answer in [
        *taken,
        *exercise.accept,
        *(s for a in exercise.accept for s in spellings(exercise.rule, a)),
    ]:
        assert grade(exercise, answer) == f"correct, because {' '.join(exercise.because.split())}", repr(
            answer
        )


@pytest.mark.parametrize("exercise, known", SPELT)
def test_a_wrong_answer_is_refused_however_it_is_spelt(exercise: Exercise, known: Wrong) -> None:
    by = replace(exercise.rule, kind=exercise.rule.by, by="word") if exercise.rule.asks else exercise.rule
    for answer in spellings(by, known.answer):
        assert grade(exercise, answer) == f"not yet: {' '.join(known.reply.split())}", repr(answer)


@each_exercise
def test_people_are_known_to_be_wrong_in_more_than_one_way(exercise: Exercise) -> None:
    assert len(exercise.wrong) >= (1 if exercise.rule.asks else 2)
    assert len({known.reply for known in exercise.wrong} | {exercise.because}) >= 2


@each_exercise
def test_the_chapter_asks_and_leaves_hints_to_hint(exercise: Exercise) -> None:
    path: Path = IN_CHAPTERS[exercise.name][0]
    text = prose(path)
    _, found, rest = text.partition(f"**Exercise {exercise.name}.** ")
    assert found
    question = rest.split("**Exercise ")[0].split("\n## ")[0]
    assert exercise.hints
    assert "<details>" not in question, "hint() and solution() show them"
