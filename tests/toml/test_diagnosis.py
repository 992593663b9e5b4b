"""Every row of the catalogue of TOML mistakes, as files: the mistake, and beside it what we say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regtools.errors import TomlError
from regtools.toml.to_json import toml_to_json

FOLDER = Path(__file__).parent / "diagnostics"
CASES = sorted(FOLDER.glob("*.toml"))

# The catalogue's codes; each needs a case.
CATALOGUE = {
    *("unclosed-string", "missing-opening-quote", "doubled-quote", "unquoted-value", "colon-for-equals"),
    *("curly-quote", "wide-punctuation", "odd-space", "utf16", "not-utf8", "lone-cr", "wrong-boolean"),
    *("duplicate-key", "duplicate-table", "table-vs-array", "mirror-before-registry", "unclosed-array"),
    *("missing-comma", "unclosed-header", "spaced-header", "missing-value", "missing-equals"),
    *("two-on-a-line", "bad-escape", "foreign-comment", "unquoted-key", "append-operator"),
    *("toml11-newline-in-inline-table", "toml11-comment-in-inline-table", "toml11-escape-e"),
    *("toml11-trailing-comma-in-inline-table", "toml11-escape-x", "toml11-time-without-seconds"),
    *("toml11-datetime-without-seconds", "integer-range", "float-range", "nonfinite", "too-deep"),
}


def refuse(case: Path) -> TomlError:
    dialect = "1.0" if case.stem.startswith("toml11") else "1.1"
    with pytest.raises(TomlError) as caught:
        toml_to_json(case.read_bytes(), toml=dialect, file=case.name)
    return caught.value


def test_each_code_of_the_catalogue_has_a_case() -> None:
    assert {json.loads(case.with_suffix(".json").read_text())["code"] for case in CASES} >= CATALOGUE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_mistake_is_named_in_text(case: Path) -> None:
    assert str(refuse(case)) + "\n" == case.with_suffix(".txt").read_text("utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_mistake_is_named_in_data(case: Path) -> None:
    assert refuse(case).to_dict() == json.loads(case.with_suffix(".json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_place_is_inside_the_text_and_repeats_its_line(case: Path) -> None:
    error = refuse(case)
    if error.code == "utf16":
        return
    text = case.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert error.offset == sum(len(line) + 1 for line in lines[: error.line - 1]) + error.column - 1
    if error.code != "not-utf8":
        assert lines[error.line - 1].rstrip("\r") == error.source_line.rstrip("\r")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_cause_is_kept_where_tomli_raised(case: Path) -> None:
    error = refuse(case)
    ours = ("utf16", "too-deep", "integer-range", "float-range", "nonfinite")
    assert error.__cause__ is not None or error.code in ours or error.code.startswith("toml11")


def test_what_is_fine_is_not_reported() -> None:
    crlf_tabs_and_mark = b'\xef\xbb\xbf[[registry]]\r\n\tlocation = "a.example"\r\n'
    assert json.loads(toml_to_json(crlf_tabs_and_mark)) == {"registry": [{"location": "a.example"}]}
