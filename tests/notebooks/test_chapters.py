"""Every chapter keeps the rules of chapters.py, and each rule finds what it is for."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from regtools.notebook.answers import Rule
from regtools.notebook.exercises import Exercise
from tests.notebooks import chapters
from tests.notebooks.chapters import RULES, Chapter, allowed, every_chapter, faults, shrunk

HEAD = "# 06 · What?\n\n*Chapter 06 · about {} minutes · needs nothing*"


@pytest.mark.parametrize("chapter", every_chapter(), ids=lambda chapter: chapter.path.stem)
def test_a_chapter_keeps_every_rule(chapter: Chapter) -> None:
    spared = allowed().get(chapter.path.stem, {})
    more = [
        f"{rule}: {fault}"
        for rule, lines in faults(chapter).items()
        if rule != "phrases" and len(lines) > spared.get(rule, 0)  # tests/test_english.py counts phrases
        for fault in lines
    ]
    assert not more, "\n".join(more)


def test_exceptions_only_shrink() -> None:
    table = allowed()
    assert set(table) <= {chapter.path.stem for chapter in every_chapter()}
    assert {rule for each in table.values() for rule in each} <= set(RULES) - {"phrases"}
    for stem, left in shrunk().items():
        assert all(count <= table[stem][rule] for rule, count in left.items())


def test_the_chapters_are_in_the_order_of_reading() -> None:
    numbers = [chapter.number for chapter in every_chapter()]
    assert numbers[:2] == ["00", "01"] and numbers[-1] == "A5" and numbers == sorted(numbers)


# -- each rule finds what it is for ------------------------------------------------------------------------


@dataclass(frozen=True)
class Made(Chapter):
    """A chapter of given cells and exercises."""

    given: tuple[Any, ...] = ()
    asked: tuple[Exercise, ...] = ()

    @property
    def cells(self) -> list[Any]:  # type: ignore[override]
        return list(self.given)

    @property
    def code(self) -> list[Any]:  # type: ignore[override]
        return [cell for cell in self.given if cell.cell_type == "code"]

    @property
    def exercises(self) -> list[Exercise]:
        return list(self.asked)


def chapter_of(*cells: Any, exercises: Sequence[Exercise] = (), stem: str = "06-toml-to-json") -> Chapter:
    return Made(Path(f"{stem}.ipynb"), cells, tuple(exercises))


def prose(text: str) -> Any:
    return new_markdown_cell(text)


def shows(text: str, **metadata: Any) -> Any:
    return new_code_cell(
        "x", id="cell", metadata=metadata, outputs=[new_output("stream", name="stdout", text=text)]
    )


def draws(size: int, **metadata: Any) -> Any:
    data = {"image/png": base64.b64encode(b"x" * size).decode()}
    return new_code_cell("x", id="cell", metadata=metadata, outputs=[new_output("display_data", data)])


def exercise(kind: str = "word", expected: object = "yes", verb: str = "") -> Exercise:
    return Exercise("06-1", Rule(kind), expected, "so", "x", ("h",), verb=verb)


GOALS = prose("**You will be able to**\n\n- **count** things;\n- **write** a file;\n")

FOUND = [
    (
        "sizes",
        chapter_of(prose("word " * 900), *[shows("1")] * 40),
        "900 words of prose, wanted are 1200 to 1800",
    ),
    ("sizes", chapter_of(prose("word " * 1300), *[shows("1")] * 60), "61 cells, wanted are 35 to 60"),
    ("lines", chapter_of(new_code_cell("x\n" * 16, id="cell")), "cell: 16 lines of code"),
    (
        "minutes",
        chapter_of(prose(HEAD.format(20) + " word" * 2790)),
        "the head line says 20 minutes, words and cells say 14",
    ),
    ("terms", chapter_of(prose("The candidate wins.")), "“candidate” is introduced in chapter 08"),
    ("terms", chapter_of(prose("Two Candidates.")), "“candidate” is introduced in chapter 08"),
    ("truths", chapter_of(shows("True\n")), "cell shows only True"),
    ("truths", chapter_of(shows("(True, False)")), "cell shows only (True, False)"),
    ("gaps", chapter_of(shows("far is …× faster than near (…–…)")), "cell shows an ellipsis"),
    ("gaps", chapter_of(shows("near … s")), "cell shows an ellipsis"),
    ("gaps", chapter_of(shows("seconds: ...\n")), "cell shows an ellipsis"),
    ("verbs", chapter_of(GOALS, exercises=[exercise(verb="count")]), "no exercise tests “write”"),
    ("verbs", chapter_of(GOALS, exercises=[exercise(verb="sing")]), "no exercise tests “count”"),
    ("made", chapter_of(exercises=[exercise("toml", "a = 1")]), "1 exercises, wanted are at least 3"),
    ("made", chapter_of(exercises=[exercise()] * 4), "0 of 4 exercises make a file or a command"),
    ("letters", chapter_of(exercises=[exercise(expected="b")]), "06-1 asks for a letter"),
    ("alts", chapter_of(prose("![short](a.svg)")), "a.svg: its alt text is too short"),
    ("alts", chapter_of(draws(10)), "cell: its metadata has no alt text"),
    ("figures", chapter_of(draws(61_000)), "cell: a figure of 61 kB"),
    ("phrases", chapter_of(prose("It leads\nnowhere.")), "“leads nowhere”: write cannot be resolved"),
]
FINE = [
    ("sizes", chapter_of(prose("word " * 900), *[shows("1")] * 20, stem="A1-comparing-mirrors")),
    (
        "sizes",
        chapter_of(prose("word " * 1300 + "<details>" + "word " * 900 + "</details>"), *[shows("1")] * 40),
    ),
    ("lines", chapter_of(new_code_cell("%%needs podman\n" + "x\n" * 15, id="cell"))),
    ("minutes", chapter_of(prose(HEAD.format(15) + " word" * 2790))),
    (
        "terms",
        chapter_of(prose("The [candidate](08-short-names.ipynb) wins.\n\n`candidate`\n\n| candidate |")),
    ),
    ("terms", chapter_of(prose("A candidate: see the [glossary](glossary.md).\n\n## Next\n\nCandidates."))),
    ("terms", chapter_of(prose("The candidate wins."), stem="08-short-names")),
    ("truths", chapter_of(shows("True: 3 of 4"), shows("Truefalse"))),
    ("gaps", chapter_of(shows("sha256:12ab… 3 s\n# Parts older than this go …\n# … once"))),
    ("verbs", chapter_of(GOALS, exercises=[exercise(verb="count"), exercise(verb="write")])),
    ("made", chapter_of(exercises=[exercise("toml", "a = 1"), exercise(), exercise()])),
    ("letters", chapter_of(exercises=[exercise(expected="rkt"), exercise("number", 3)])),
    ("alts", chapter_of(draws(10, alt="Two curves: near is done after one second, far after three."))),
    ("figures", chapter_of(draws(59_000))),
]


@pytest.mark.parametrize("rule, chapter, told", FOUND)
def test_a_rule_finds(rule: str, chapter: Chapter, told: str) -> None:
    assert any(fault.startswith(told) for fault in RULES[rule](chapter)), list(RULES[rule](chapter))


@pytest.mark.parametrize("rule, chapter", FINE)
def test_a_rule_leaves_alone(rule: str, chapter: Chapter) -> None:
    assert list(RULES[rule](chapter)) == []


def test_every_rule_is_tried() -> None:
    assert {rule for rule, *_ in FOUND} == set(RULES)


def test_the_table_has_a_line_for_each_chapter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["chapters", "--faults"])
    chapters.main()
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:3] == ["chapter", "words", "cells"]
    assert all(f"\n{chapter.path.stem} " in out for chapter in every_chapter())


def test_the_minutes_of_sections_add_up_to_those_of_the_chapter() -> None:
    chapter = chapter_of(
        prose("# 06 · What?"),
        prose("## One\n\n" + "word " * 200),
        shows("1"),
        prose("## Two"),
        shows("2"),
        shows("3"),
    )
    assert round(chapter.section_minutes("One"), 2) == 1.25 + round(2 / 200, 2)
    assert chapter.section_minutes("Two") == 0.5 + 2 / 200
    assert chapter.section_minutes("Three") == 0
