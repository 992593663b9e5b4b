"""Exercises reply in Chinese where REGTOOLS_LANG asks for it: every reply has its row, and no row is idle."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

from regtools.notebook import answers, check, exercises, hint, lesson, progress, solution
from regtools.notebook.exercises import load_exercises
from regtools.notebook.language import is_chinese, replies

FOLDER = Path(answers.__file__).parent


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGTOOLS_LANG", "zh")
    monkeypatch.setattr(lesson, "_GRADES", {})
    monkeypatch.setattr(lesson, "_SHOWN", {})


@pytest.mark.parametrize(
    ("asked", "is_so"), [("zh", True), ("zh_CN.UTF-8", True), ("", False), ("en", False)]
)
def test_the_variable_decides(asked: str, is_so: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGTOOLS_LANG", asked)
    assert is_chinese() == is_so


def texts() -> set[str]:
    return {
        node.value
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def said() -> set[str]:
    """Every text that is handed to say(), and what _text() is told to expect."""
    return {
        node.args[at].value
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (at := {"say": 0, "_text": 1}.get(getattr(node.func, "id", ""))) is not None
        and isinstance(node.args[at], ast.Constant)
    }


def test_every_reply_has_a_row_and_every_row_a_reply() -> None:
    assert said() | set(answers.NAMES.values()) <= set(replies())
    assert set(replies()) <= texts()


@pytest.mark.parametrize("english", replies())
def test_a_reply_has_the_same_values_in_both_languages(english: str) -> None:
    names = [
        {name for _, name, *_ in string.Formatter().parse(text) if name}
        for text in (english, replies()[english])
    ]
    assert names[0] == names[1]


def test_no_reply_to_any_kind_of_answer_is_english(chinese: None) -> None:
    for known in load_exercises().values():
        for answer in (1.5, "x", "'", [], {}, {"a"}, object(), True, ["a", "b", "c"], "podman run x", "[a\n"):
            told = exercises.grade(known, answer)
            assert told.startswith(("还不对：", "正确：")), (known.name, told)
            assert "open a hint" not in told


def test_check_hint_solution_and_progress(chinese: None, capsys: pytest.CaptureFixture[str]) -> None:
    check("00-1", "Enter")
    check("00-2")
    check("00-3", "regtools doctor")
    hint("00-1")
    solution("00-1")
    progress()
    lines = capsys.readouterr().out.splitlines()
    known = load_exercises()["00-1"]
    assert lines[:2] == [f"还不对：{known.wrong[0].reply}", "尚未作答"]
    assert lines[2].startswith("正确：") and lines[3] == f"提示 1/2：{known.hints[0]}"
    assert lines[4:7] == ['answer = "Shift+Enter"', "", f"理由：{known.because}。"]
    assert lines[7] == "第 00 章：3 题答对 1 题；还不对：00-1；尚未作答：00-2"


def test_a_chapter_that_is_not_translated_replies_with_its_own_texts(chinese: None, tmp_path: Path) -> None:
    book = (
        '[01-1]\nkind = "value"\nexpected = 1\nbecause = "so"\nsolution = "1"\nhints = ["one"]\nwrong = []\n'
    )
    (tmp_path / "exercises.toml").write_text(book)
    known = load_exercises(tmp_path / "exercises.toml")["01-1"]
    assert exercises.grade(known, 1) == "正确：so"
    (tmp_path / "zh" / "exercises").mkdir(parents=True)
    table = '[01-1]\nbecause = "因为"\nhints = ["一"]\nreplies = []\n'
    (tmp_path / "zh" / "exercises" / "01.toml").write_text(table)
    known = load_exercises(tmp_path / "exercises.toml")["01-1"]
    assert (exercises.grade(known, 1), known.hints) == ("正确：因为", ("一",))
