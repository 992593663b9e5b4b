"""The caret stands under what it means, on a terminal and whatever the line holds."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.display import html_table, snippet, terminal_width, text_width, visible
from regtools.errors import Place, RegtoolsError, Related


@pytest.mark.parametrize(
    ("source", "column", "end", "caret_line"),
    [
        ("abc", 2, 3, "    |  ^"),
        ("abc", 2, None, "    |  ^"),
        ("abc", 4, 9, "    |    ^"),
        ("\tabc", 2, 4, "    | \t^^"),
        ("镜像 = x", 6, 7, "    |        ^"),
        ("a， b", 2, 3, "    |  ^^"),
        ("e\u0301 = x", 6, 7, "    |     ^"),
        ("a\x07 = x", 6, 7, "    |         ^"),
    ],
)
def test_the_caret_counts_columns_of_the_screen(
    source: str, column: int, end: int | None, caret_line: str
) -> None:
    assert snippet(source, 1, column, end)[1] == caret_line


def test_a_long_line_is_cut_around_the_caret() -> None:
    shown, carets = snippet("x" * 300 + "HERE" + "y" * 300, 7, 301, 305)
    assert shown[carets.index("^") :][:4] == "HERE"
    assert len(shown) <= 6 + 120
    assert shown.startswith("  7 | …")
    assert shown.endswith("…")


def test_control_characters_cannot_move_the_readers_cursor() -> None:
    assert visible("\x1b[2J\r\u202e") == "\\x1b[2J\\x0d\\u202e"


@given(
    st.text(st.characters(blacklist_characters="\n"), max_size=400),
    st.integers(-1, 500),
    st.integers(-1, 500),
)
def test_any_line_can_be_shown(source: str, column: int, end: int) -> None:
    lines = snippet(source, 1, column, end)
    assert len(lines) == 2
    assert "^" in lines[1]
    assert all(char == "\t" or unicodedata.category(char) not in ("Cc", "Cf") for char in "".join(lines))


def test_an_error_says_place_line_caret_second_place_and_hint() -> None:
    error = RegtoolsError(
        "this is set twice",
        kind="bad-alias",
        stage="load",
        where=Place("a.conf", 3, 1),
        source_line="b = 1",
        end_column=2,
        related=(Related(1, 1, "first set here", "b = 2"),),
        hint="keep one",
    )
    assert str(error) == (
        "a.conf:3:1: error: this is set twice [bad-alias]\n"
        "  3 | b = 1\n    | ^\n  1 | b = 2\n    | ^ first set here\n  hint: keep one"
    )
    assert (error.file, error.line, error.column) == ("a.conf", 3, 1)
    assert "\x1b[1;31merror:" in error.render(colour=True)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("quay.io/team/nginx:latest", "quay.io/team/nginx:latest"),
        (
            "far.mirror.example:5000/hub/nginx:latest",
            "far.mirror.example:5000/<wbr>hub/<wbr>nginx:latest",
        ),
        ("a/b far.mirror.example:5000/hub/nginx", "a/b far.mirror.example:5000/<wbr>hub/<wbr>nginx"),
        (
            "<b>/far.mirror.example:5000/hub/nginx",
            "&lt;b&gt;/<wbr>far.mirror.example:5000/<wbr>hub/<wbr>nginx",
        ),
        ("镜像" * 10 + "/nginx", "镜像" * 10 + "/<wbr>nginx"),
    ],
)
def test_a_long_name_of_a_table_may_break_after_a_slash(cell: str, shown: str) -> None:
    assert f">{shown}</td>" in html_table([(cell,)], heading=False)


def test_a_terminal_that_does_not_say_its_width_has_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    mine, theirs = os.openpty()
    assert os.get_terminal_size(theirs).columns == 0
    with os.fdopen(theirs, "w") as stream:
        assert (terminal_width(stream), text_width(stream)) == (80, 80)
    os.close(mine)
