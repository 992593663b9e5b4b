"""check, hint, solution and progress: a line each, the same at every run from the top, and no error for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import regtools.notebook as notebook
from regtools.notebook import check, hint, lesson, progress, solution
from regtools.notebook.exercises import load_exercises

ANSWERS = {
    "06-1": "2",
    "06-2": "'aliases'",
    "06-3": "'x'",
    "06-4": "'y'",
    "07-1": "'z'",
    "07-2": "6",
    "08-1": "1",
}
BOOK = "\n".join(
    f'[{name}]\nkind = "value"\nexpected = {answer}\nbecause = "so"\nsolution = "{answer}"\n'
    'hints = ["one", "two"]\nwrong = []\n'
    for name, answer in ANSWERS.items()
)


@pytest.fixture(autouse=True)
def new_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel that has checked nothing yet, beside a book of three chapters."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "exercises.toml").write_text(BOOK)
    monkeypatch.setattr("regtools.notebook.exercises.notebooks_dir", lambda: tmp_path / "book")
    monkeypatch.setattr(lesson, "_GRADES", {})
    monkeypatch.setattr(lesson, "_SHOWN", {})


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert not err
    return out


def test_each_call_of_hint_shows_the_next_one(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = load_exercises()["06-1"].hints
    for number, text in ((1, first), (2, second), (2, second)):
        hint("06-1")
        assert printed(capsys) == f"hint {number} of 2: {text}\n"
    hint("06-2")  # each exercise has a count of its own
    assert printed(capsys).startswith("hint 1 of ")


def test_the_solution_can_be_run_and_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("06-1", "06-3"):
        solution(name)
        source, _, because = printed(capsys).partition("\n\nIt is right because ")
        names: dict[str, Any] = {}
        exec(source, names)
        check(name, names["answer"])
        assert printed(capsys) == f"correct, because {because.removesuffix('.' + chr(10))}\n"


def test_progress_tells_what_was_answered_in_this_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    progress()
    assert printed(capsys) == "no exercise was checked in this kernel yet\n"
    check("06-1", 2)
    check("06-2", "registry")
    check("06-3")
    printed(capsys)
    progress()
    line = "chapter 06: 1 of 4 correct; not yet: 06-2; not attempted yet: 06-3, 06-4\n"
    assert printed(capsys) == line
    check("07-2", 6)
    check("06-2", "aliases")
    printed(capsys)
    progress()
    assert [each.partition(";")[0] for each in printed(capsys).splitlines()] == [
        "chapter 06: 2 of 4 correct",
        "chapter 07: 1 of 2 correct",
    ]
    progress("08")
    assert printed(capsys).startswith("chapter 08: 0 of 1 correct; not attempted yet: 08-1")
    progress("99")
    assert printed(capsys).startswith("there is no such chapter; there are 06, 07, 08")


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no showing")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparing")

    def __hash__(self) -> int:
        raise RuntimeError("no hashing")


@pytest.mark.parametrize("name", ["06-9", "", None, 6, [], {}, Hostile(), "\ud800"])
@pytest.mark.parametrize("call", [check, hint, solution])
def test_a_wrong_name_gets_the_names_there_are(
    call: Any, name: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(name) is None
    told = printed(capsys)
    assert told.startswith("not yet: there is no such exercise; there are 0") and told.count("\n") == 1
    assert "06-1" in told and ("07-1" in told) == (name != "06-9" if isinstance(name, str) else True)


def test_nothing_is_raised_where_the_exercises_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("regtools.notebook.exercises.notebooks_dir", lambda: tmp_path)
    for call in (lambda: hint("06-1"), lambda: solution("06-1"), progress, lambda: progress(Hostile())):  # type: ignore[arg-type]
        call()
        assert printed(capsys).startswith("not yet: the exercises cannot be read: ")


def test_progress_takes_anything(capsys: pytest.CaptureFixture[str]) -> None:
    for chapter in (6, Hostile(), [], ""):
        progress(chapter)  # type: ignore[arg-type]
        assert printed(capsys).startswith("there is no such chapter; there are 06, 07, 08")


def test_chapters_import_all_four() -> None:
    assert {"check", "hint", "solution", "progress"} <= set(notebook.__all__)
