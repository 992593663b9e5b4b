"""Grading: one line for any object, right for the right reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import RegtoolsError, TomlError
from regtools.notebook.answers import KINDS, Rule
from regtools.notebook.exercises import Exercise, Wrong, grade, load_exercises
from regtools.notebook.lesson import check
from tests.cli.test_boundary import HOSTILE, controls
from tests.conftest import examples
from tests.support.nested import nested


def exercise(kind: str, expected: object, *wrong: Wrong) -> Exercise:
    asks = ("echo", "a = 1") if kind == "machine" else ()
    return Exercise("99-1", Rule(kind, asks=asks), expected, "it is so", repr(expected), ("look",), wrong)


class Hostile:
    """Raises whatever one does to it."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparing")

    def __hash__(self) -> int:
        raise RuntimeError("no hashing")

    def __repr__(self) -> str:
        raise RuntimeError("no showing")

    def __bool__(self) -> bool:
        raise RuntimeError("no asking")


class HostileText(str):
    """Text that claims to equal everything."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def split(self, *args: Any, **more: Any) -> list[str]:
        raise RuntimeError("no splitting")


class HostileList(list[object]):
    def __iter__(self) -> Any:
        raise RuntimeError("no walking")


ITSELF: list[object] = []
ITSELF.append(ITSELF)

STRANGE = [
    Hostile(),
    HostileText("x"),
    HostileList([1]),
    ITSELF,
    np.array([1, 2]),
    np.float64(1.5),
    pd.DataFrame({"a": [1]}),
    pd.NA,
    float("nan"),
    object(),
    type,
    print,
    b"bytes",
    {1: Hostile()},
    [Hostile()],
    {"deep": [[[...]]]},
    2**5000,
    "\ud800",
    "a\nb",
    date(2024, 5, 1),
    NotImplemented,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", STRANGE, ids=lambda answer: type(answer).__name__)
def test_strange_answers_get_one_line(kind: str, answer: object) -> None:
    expected = ["docker.io"] if kind == "value" else "a = 1"
    told = grade(exercise(kind, expected, Wrong("b = 2", "no")), answer)
    assert told.startswith("not yet: ") and "\n" not in told
    assert told == grade(exercise(kind, expected, Wrong("b = 2", "no")), answer)
    assert "0x" not in told


@pytest.mark.parametrize("answer", [..., None])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_given_is_not_attempted(kind: str, answer: object) -> None:
    assert grade(exercise(kind, "x"), answer) == "not attempted yet"


@settings(max_examples=examples(long=10_000))
@given(nested(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), depth=7))
def test_any_plain_answer_gets_one_line(answer: object) -> None:
    for kind in KINDS:
        told = grade(exercise(kind, "never = 'this'"), answer)
        assert "\n" not in told and told.startswith(("not yet: ", "not attempted yet"))


QUOTED = [
    HOSTILE,
    f"podman {HOSTILE}",
    f"podman pull --{HOSTILE} x",
    f"podman pull quay.io/{HOSTILE}",
    f"quay.io/{HOSTILE}",
    f"{HOSTILE} = 1",
    f"location = {HOSTILE}",
    f"'{HOSTILE}' = 1",
    f"[{HOSTILE}]\n{HOSTILE}",
    {HOSTILE: HOSTILE},
    [HOSTILE, f"podman pull {HOSTILE}"],
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", QUOTED, ids=range(len(QUOTED)))
def test_a_reply_quotes_no_control_character(kind: str, answer: object) -> None:
    for expected in ("podman pull x", "quay.io/x", "a = 1"):  # a command's reply was raw
        assert not controls(grade(exercise(kind, expected), answer))


def test_what_the_machine_says_is_escaped() -> None:
    rule = Rule("machine", asks=("sh", "-c", "printf '\\033]0;x\\a' >&2; exit 1"))
    assert grade(Exercise("00-0", rule, None, "so", "", ()), "x").endswith(r"\x1b]0;x\x07")


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_answer_gets_a_short_reply(kind: str) -> None:
    for answer in ("x" * 19_000, "podman " + "x" * 19_000, "x" * 200_000, "podman --" + "x " * 100_000):
        told = grade(exercise(kind, "podman pull x"), answer)
        assert told.startswith("not yet: ") and len(told) <= 1001


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("1e999999999999", "this number is too large to be compared"),  # was: no end
        ("-1E+00999999999", "this number is too large to be compared"),
        ("1e-999999999999", "that is another answer; open a hint"),
    ],
)
def test_a_number_of_any_exponent_is_read_at_once(answer: str, told: str) -> None:
    assert grade(exercise("number", 7), answer) == f"not yet: {told}"


VALUES = [
    (2, 2, True),
    (2, True, False),
    (1, True, False),
    (2, 2.0, False),
    (2, "2", False),
    (["a", "b"], ("a", "b"), True),
    (["a", "b"], ["b", "a"], False),
    ({"a": 1}, {"a": 1}, True),
    ({"a": [True]}, {"a": [1]}, False),
    ("a", "A", False),
]


@pytest.mark.parametrize("expected, answer, right", VALUES)
def test_values_are_compared_with_their_types(expected: object, answer: object, right: bool) -> None:
    assert grade(exercise("value", expected), answer).startswith("correct, because it is so") == right


@pytest.mark.parametrize("answer", ["aliases", " Aliases ", "ALIASES"])
def test_words_are_compared_without_case_and_blanks(answer: str) -> None:
    assert grade(exercise("word", "aliases"), answer) == "correct, because it is so"


def test_toml_is_compared_by_what_it_means() -> None:
    same = exercise(
        "toml", "[a]\nb = 1", Wrong("a = nothing", "a value is without quotes"), Wrong("c = 1", "not c")
    )
    assert grade(same, "a.b = 1  # a comment") == "correct, because it is so"
    assert grade(same, "a = {b = 1}") == "correct, because it is so"
    assert grade(same, "c   =   1") == "not yet: not c"
    assert grade(same, "a = docker.io") == "not yet: a value is without quotes"
    assert grade(
        same, "insecure = docker.io"
    ) == "not yet: line 1, column 12: insecure is true or false, " + ("in lower case and without quotes")
    assert grade(same, "x =") == "not yet: line 1, column 4: no value after `=`"
    assert grade(same, "a.b = 1.0").startswith("not yet: this is good TOML, but it says something else")
    assert grade(same, {"a": {"b": 1}}) == "not yet: the answer is TOML as text in quotes, not a dictionary"


def test_an_answer_of_another_type_is_told_so() -> None:
    assert (
        grade(exercise("value", ["a"]), "a") == "not yet: the answer is a list, and this is text; open a hint"
    )


def test_check_prints_one_line_and_never_raises(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("06-1", "06-9", "", None, 6, Hostile(), [], {}):
        for answer in (2, Hostile(), ...):
            assert check(name, answer) is None  # type: ignore[arg-type, func-returns-value]
            printed = capsys.readouterr()
            assert printed.out.count("\n") == 1 and not printed.err
    check("06-9", 1)
    assert capsys.readouterr().out.startswith("not yet: there is no such exercise; there are 06-1, ")


def test_check_tells_when_the_exercises_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("regtools.notebook.exercises.notebooks_dir", lambda: tmp_path)
    check("06-1", 2)
    assert capsys.readouterr().out.startswith("not yet: the exercises cannot be read: ")


GOOD = 'kind = "value"\nexpected = 1\nbecause = "b"\nsolution = "1"\nhints = ["h"]\nwrong = [{answer = 2, reply = "r"}]\n'


def test_a_file_of_exercises_is_read(tmp_path: Path) -> None:
    path = tmp_path / "exercises.toml"
    path.write_text(f"[07-1]\n{GOOD}")
    assert load_exercises(path) == {
        "07-1": Exercise("07-1", Rule("value"), 1, "b", "1", ("h",), (Wrong(2, "r"),))
    }


@pytest.mark.parametrize(
    "text, told",
    [
        ("[07-1]\n" + GOOD.replace("because", "why"), "because, why"),
        ("[07-1]\n" + GOOD.replace('"value"', '"guess"'), "kind"),
        ("07-1 = 5", "because, expected"),
        (
            "[07-1]\n" + GOOD.replace('"value"', '"toml"').replace("= 1\n", "= 'a ='\n"),
            "expects what is refused",
        ),
    ],
)
def test_an_incomplete_exercise_is_an_error(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "exercises.toml"
    path.write_text(text)
    with pytest.raises(RegtoolsError, match=told) as caught:
        load_exercises(path)
    assert caught.value.kind == "bad-exercise" and caught.value.file == "exercises.toml"


def test_broken_toml_among_the_exercises_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "exercises.toml"
    path.write_text("[07-1\n")
    with pytest.raises(TomlError):
        load_exercises(path)


# -- answers that are a registries.conf ------------------------------------------------------------------

MIRRORED = '[[registry]]\nlocation = "quay.io"\n[[registry.mirror]]\nlocation = "near.mirror.example"\n'
ONLY_THERE = '[[registry]]\nprefix = "quay.io"\nlocation = "near.mirror.example"\n'


def conf_exercise(*wrong: Wrong) -> Exercise:
    rule = Rule("conf", ("quay.io/a",))
    return Exercise("99-2", rule, MIRRORED, "it is so", repr(MIRRORED), ("look",), wrong)


@pytest.mark.parametrize(
    "answer",
    [
        MIRRORED,
        '[[registry]]\nprefix = "quay.io"\nlocation = "quay.io"\nmirror = [{location="near.mirror.example"}]',
        'short-name-mode = "enforcing"\n' + MIRRORED + '[[registry]]\nlocation = "docker.io"\n',
    ],
    ids=["as expected", "written otherwise", "with what does not matter"],
)
def test_a_configuration_is_right_when_the_names_lead_to_the_same_places(answer: str) -> None:
    assert grade(conf_exercise(), answer) == "correct, because it is so"


def test_a_known_wrong_configuration_gets_its_reply_however_it_is_written() -> None:
    known = conf_exercise(
        Wrong(ONLY_THERE, "the origin is gone"),
        Wrong('[[registry]]\nlocation = "https://quay.io"\n', "no scheme"),
        Wrong("[[registry]]\nlocation = quay.io\n", "quotes"),
    )
    other = '[[registry]]\nlocation = "near.mirror.example"  # moved\nprefix = "quay.io"\n'
    assert grade(known, other) == "not yet: the origin is gone"
    assert grade(known, '[[registry]]\nlocation = "http://a.example"') == "not yet: no scheme"
    assert grade(known, "[[registry]]\ninsecure = true\nlocation = a.example") == "not yet: quotes"


@pytest.mark.parametrize(
    "answer, told",
    [
        ("[[registry]]\nlocation = quay.io", "podman refuses this file: line 2: this value needs quotes"),
        ('[registries.search]\nregistries = ["quay.io"]', "podman refuses this file: line 1: this is"),
        (ONLY_THERE, "for quay.io/a podman would now try near.mirror.example/a:latest; that is not"),
        (
            MIRRORED + "insecure = true",
            "for quay.io/a podman would now try near.mirror.example/a:latest (inse",
        ),
        (MIRRORED + "registry-mirrors = []", "the places are right, but something has no effect: line 5: "),
        ("insecure-registries = []", "podman accepts this file, but line 1: "),
    ],
)
def test_any_other_configuration_is_told_what_podman_does_with_it(answer: str, told: str) -> None:
    assert grade(conf_exercise(), answer).startswith(f"not yet: {told}")


def test_a_configuration_is_text() -> None:
    said = grade(conf_exercise(), ["quay.io"])
    assert said == "not yet: the answer is a registries.conf as text in quotes, not a list"


def test_exercises_about_configurations_say_which_names_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "exercises.toml"
    path.write_text(
        '[99-1]\nkind = "conf"\nexpected = ""\nbecause = "b"\nsolution = "s"\nhints = []\nwrong = []\n'
    )
    with pytest.raises(RegtoolsError, match=r"not complete .*names"):
        load_exercises(path)
    path.write_text(path.read_text() + 'names = ["quay.io/a"]\n')
    assert load_exercises(path)["99-1"].rule.names == ("quay.io/a",)
