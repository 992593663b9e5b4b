"""What TOML values become in JSON, and what is refused because JSON has no form for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools import RegtoolsError, TomlError, toml_to_json
from regtools.toml.reader import read
from regtools.toml.to_json import Options, convert
from tests.support.nested import nested


def line(source: str | bytes, **options: object) -> str:
    return toml_to_json(source, compact=True, **options).removesuffix("\n")


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("", "{}"),
        ("b = 1\na = 2", '{"b":1,"a":2}'),
        ('a."b.c" = 1', '{"a":{"b.c":1}}'),
        ('"" = 1', '{"":1}'),
        ('a = "中"', '{"a":"中"}'),
        (r'a = "\u0000\u001f\u007f\u0085\u2028"', r'{"a":"\u0000\u001f\u007f\u0085\u2028"}'),
        ("a = [1, 'x', true]", '{"a":[1,"x",true]}'),
        ("a = 9007199254740993", '{"a":9007199254740993}'),
        ("a = -9223372036854775808", '{"a":-9223372036854775808}'),
        ("a = [1.0, 1000.0, -0.0, 1e22, 3.14]", '{"a":[1.0,1000.0,-0.0,1e+22,3.14]}'),
        ("a = 1979-05-27T07:32:00Z", '{"a":"1979-05-27T07:32:00Z"}'),
        ("a = 1979-05-27t07:32:00-00:00", '{"a":"1979-05-27T07:32:00Z"}'),
        ("a = 1979-05-27 07:32:00-07:00", '{"a":"1979-05-27T07:32:00-07:00"}'),
        ("a = 1979-05-27T07:32:00", '{"a":"1979-05-27T07:32:00"}'),
        ("a = 1979-05-27", '{"a":"1979-05-27"}'),
        ("a = 07:32:00", '{"a":"07:32:00"}'),
        ("a = [07:32:00.1, 07:32:00.1234]", '{"a":["07:32:00.100","07:32:00.123400"]}'),
        ("[[r]]\n[[r]]\nx = 1", '{"r":[{},{"x":1}]}'),
        ("A = 1\na = 2", '{"A":1,"a":2}'),
    ],
)
def test_a_value_keeps_what_toml_said(toml: str, expected: str) -> None:
    assert line(toml) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, '{\n  "b": [\n    "中"\n  ],\n  "a": 1\n}\n'),
        ({"indent": None}, '{"b": ["中"], "a": 1}\n'),
        ({"indent": 1}, '{\n "b": [\n  "中"\n ],\n "a": 1\n}\n'),
        ({"compact": True, "sort_keys": True}, '{"a":1,"b":["中"]}\n'),
        ({"compact": True, "ascii": True}, '{"b":["\\u4e2d"],"a":1}\n'),
    ],
)
def test_layout_is_the_callers_choice(options: dict[str, object], expected: str) -> None:
    assert toml_to_json('b = ["中"]\na = 1', **options) == expected


@pytest.mark.parametrize(
    ("toml", "options", "expected"),
    [
        ("a = 9007199254740993", {"bigint": "string"}, '{"a":"9007199254740993"}'),
        ("a = 9007199254740992", {"bigint": "string"}, '{"a":9007199254740992}'),
        ("a = [inf, -inf, nan]", {"nonfinite": "string"}, '{"a":["inf","-inf","nan"]}'),
        ("a = [inf, {b = nan}]", {"nonfinite": "null"}, '{"a":[null,{"b":null}]}'),
        ("a = 18446744073709551616", {"wide_integers": True}, '{"a":18446744073709551616}'),
        ("a = 0x" + "f" * 3000, {"wide_integers": True}, f'{{"a":{16**3000 - 1}}}'),
    ],
)
def test_what_json_has_no_exact_form_for_is_the_callers_choice(
    toml: str, options: dict[str, object], expected: str
) -> None:
    assert line(toml, **options) == expected


@pytest.mark.parametrize(
    ("toml", "options", "code"),
    [
        ("a = 9007199254740993", {"bigint": "error"}, "integer-range"),
        ("a = 9223372036854775808", {}, "integer-range"),
        ("a = " + "9" * 5000, {"wide_integers": True}, "integer-range"),
        ("a = 0x" + "f" * 5000, {"wide_integers": True}, "integer-range"),
        ("a = 1e400", {"nonfinite": "null"}, "float-range"),
        ("a = [[nan]]", {}, "nonfinite"),
        ("a = 1", {"max_bytes": 4}, "too-large"),
        ("a = '中文'", {"max_bytes": 10}, "too-large"),
        ("a = '\ud800'", {}, "not-utf8"),
    ],
)
def test_what_cannot_be_shown_is_refused(toml: str, options: dict[str, object], code: str) -> None:
    with pytest.raises(TomlError) as caught:
        toml_to_json(toml, **options)
    assert caught.value.code == code


@pytest.mark.parametrize("option", [{"bigint": "x"}, {"nonfinite": "x"}, {"toml": "2.0"}])
def test_an_unknown_choice_names_the_known_ones(option: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        toml_to_json("a = 1", **option)


def test_a_source_of_another_type_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="not int"):
        toml_to_json(1)  # type: ignore[arg-type]


def test_tagged_shows_what_type_toml_saw() -> None:
    toml = "a = [1, 1.5, inf, true, 'x', 1979-05-27, 07:32:00, 1979-05-27T07:32:00, 1979-05-27T07:32:00Z]"
    types = [(v["type"], v["value"]) for v in json.loads(toml_to_json(toml, tagged=True))["a"]]
    assert types == [
        ("integer", "1"),
        ("float", "1.5"),
        ("float", "inf"),
        ("bool", "true"),
        ("string", "x"),
        ("date-local", "1979-05-27"),
        ("time-local", "07:32:00"),
        ("datetime-local", "1979-05-27T07:32:00"),
        ("datetime", "1979-05-27T07:32:00Z"),
    ]


def test_a_file_is_a_path_and_names_itself(tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    file.write_text("a = b")
    with pytest.raises(TomlError) as caught:
        toml_to_json(file)
    assert caught.value.file == str(file)


def test_a_missing_file_and_a_folder_are_errors_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(RegtoolsError) as caught:
        toml_to_json(tmp_path / "none")
    assert caught.value.kind == "file-missing"
    with pytest.raises(RegtoolsError) as caught:
        toml_to_json(tmp_path)
    assert caught.value.kind == "file-unreadable"


def test_notes_tell_of_a_dropped_mark_and_of_cut_digits() -> None:
    _, notes = convert("\ufeffa = 1979-05-27T07:32:00.1234567Z\nb = '07:32:00.1234567'", Options())
    assert [(note.code, note.where.line, note.where.column) for note in notes] == [
        ("bom", 1, 1),
        ("precision-lost", 1, 5),
    ]


values = nested(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    st.text(),
    most=4,
)


def written(value: object) -> str:
    """Write a value as TOML, with JSON's string escapes, which TOML shares."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)} = {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_json_has_the_values_that_were_written(data: dict[str, object]) -> None:
    toml = "".join(f"{written(key)} = {written(value)}\n" for key, value in data.items())
    assert json.loads(toml_to_json(toml)) == data
    assert list(read(toml).data) == list(data)
