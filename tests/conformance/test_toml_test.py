"""The public conformance data of TOML: every file, counted, so that an empty folder cannot pass."""

from __future__ import annotations

import json
import math
import os
from datetime import datetime
from pathlib import Path

import pytest
import tomli

from regtools.errors import TomlError
from regtools.toml.positions import locate
from regtools.toml.reader import read
from regtools.toml.to_json import toml_to_json
from tests.conftest import absent

COUNTS = {("valid", "1.0"): 210, ("valid", "1.1"): 220, ("invalid", "1.0"): 499, ("invalid", "1.1"): 492}


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("TOML_TEST_DIR", "")
    if not folder or not Path(folder, "files-toml-1.0.0").is_file():
        absent("needs TOML_TEST_DIR to name the folder of toml-test with its file lists")
    return Path(folder)


def listed(data: Path, kind: str, toml: str) -> list[Path]:
    names = (data / f"files-toml-{toml}.0").read_text().split("\n")
    files = [data / name for name in names if name.startswith(kind) and name.endswith(".toml")]
    assert len(files) == COUNTS[kind, toml]
    return files


@pytest.mark.parametrize("toml", ["1.0", "1.1"])
def test_every_valid_file_gives_the_expected_values(data: Path, toml: str) -> None:
    wrong = []
    for file in listed(data, "valid", toml):
        found = json.loads(toml_to_json(file, toml=toml, tagged=True))
        if not same(found, json.loads(file.with_suffix(".json").read_bytes())):
            wrong.append(file.name)
    assert wrong == []


@pytest.mark.parametrize("toml", ["1.0", "1.1"])
def test_every_invalid_file_is_refused_with_a_place(data: Path, toml: str) -> None:
    accepted = []
    for file in listed(data, "invalid", toml):
        try:
            read(file.read_bytes(), toml=toml, file=file.name)
        except TomlError as error:
            assert error.code
            assert error.line, file
            assert error.column, file
            assert str(error).startswith(f"{file.name}:{error.line}:{error.column}: error: ")
        else:
            accepted.append(file.name)
    assert accepted == []


def test_positions_name_every_leaf_and_lead_back_to_its_value(data: Path) -> None:
    for file in listed(data, "valid", "1.1"):
        document = read(file.read_bytes())
        text, values = document.text, document.data
        spans = locate(text)
        expected = dict(leaves(values))
        for path, value in expected.items():
            span = spans[path]
            if value == {} and text[span.value_start] == "[":
                continue  # opened by a header, which is no value
            again = tomli.loads(f"x = {text[span.value_start : span.value_end]}")["x"]
            assert again == value or (math.isnan(again) and math.isnan(value)), (file.name, path)
        containers = {path[:depth] for path in expected for depth in range(len(path))}
        assert {path for path in spans if path not in containers} == set(expected), file.name


def leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], object]]:
    """Scalars; and empty containers other than tables that only a header opened."""
    if isinstance(value, dict) and (value or not path):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, (*path, index))]
    return [(path, value)]


def same(found: object, expected: object) -> bool:
    if isinstance(expected, dict) and set(expected) != {"type", "value"}:
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(same(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    if not isinstance(found, dict) or not isinstance(expected, dict) or found["type"] != expected["type"]:
        return False
    mine, theirs = found["value"], expected["value"]
    if expected["type"] == "float":
        return float(mine) == float(theirs) or mine == theirs == "nan"
    if expected["type"] in ("datetime", "datetime-local"):
        return datetime.fromisoformat(mine) == datetime.fromisoformat(theirs.replace(" ", "T"))
    if expected["type"] == "time-local":
        return mine.rstrip("0") == theirs.rstrip("0") if "." in theirs else mine == theirs
    return mine == theirs
