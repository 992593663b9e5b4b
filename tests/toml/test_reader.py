"""Hostile input: whatever comes in, out comes a document or a TomlError, and never slowly or deeply."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.errors import TomlError
from regtools.toml.positions import locate
from regtools.toml.reader import TomlDocument, decode, read
from regtools.toml.to_json import toml_to_json
from regtools.toml.toml10 import check_toml10

MISTAKES = [file.read_bytes() for file in sorted((Path(__file__).parent / "diagnostics").glob("*.toml"))]

HOSTILE = {
    "lists": "a = " + "[" * 10_000,
    "many lists": "a = " + "[" * 1_000_000,
    "closed lists": "a = " + "[" * 300 + "]" * 300,
    "lists at the start": "[" * 10_000,
    "inline tables": "a = " + "{a=" * 10_000,
    "a long key": ".".join("a" * 10_000) + " = 1",
    "a long header": "[" + ".".join("a" * 10_000) + "]",
    "a long header and a long key": f"[{'.'.join('a' * 990)}]\n{'.'.join('a' * 990)} = 1",
    "a key of 201 parts": ".".join("a" * 201) + " = 1",
    "a decimal of 5000 digits": "a = " + "1" * 5000,
    "a hexadecimal of 5000 digits": "a = 0x" + "f" * 5000,
    "a decimal of 5000 digits after a string of them": f"a = '{'1' * 5000}'\nb = [{'1' * 5000}]",
    "an open string": 'a = "' + "x" * 1_000_000,
    "quotes": "a = " + '"' * 100_001,
    "backslashes": 'a = "' + "\\" * 100_001,
    "a million commas": "a = [" + "," * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(TomlError) as caught:
        toml_to_json(text, wide_integers=True)
    assert caught.value.line
    assert len(str(caught.value)) < 2000


def test_the_limits_themselves_are_allowed() -> None:
    assert toml_to_json("a = " + "[" * 200 + "]" * 200)
    assert toml_to_json(".".join("a" * 200) + " = 1")
    assert toml_to_json("a = " + "1" * 4300, wide_integers=True)


def test_a_mark_anywhere_but_at_the_start_is_an_error() -> None:
    with pytest.raises(TomlError):
        read("a = 1\n\ufeffb = 2")
    with pytest.raises(TomlError):
        read("\ufeff\ufeffa = 1")


def test_a_limit_of_none_reads_on() -> None:
    text, _ = decode("# " + "x" * 17_000_000, max_bytes=None)
    assert len(text) == 17_000_002


def test_errors_travel_between_processes() -> None:
    with pytest.raises(TomlError) as caught:
        read("location = docker.io", file="a.conf")
    # A process of its own: Dask, which other tests import here, changes how this one keeps exceptions.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        again = other.submit(read, "location = docker.io", file="a.conf").exception()
    assert isinstance(again, TomlError)
    assert (str(again), again.to_dict()) == (str(caught.value), caught.value.to_dict())


def survives(source: str | bytes) -> None:
    for dialect in ("1.1", "1.0"):
        try:
            document = read(source, toml=dialect, file="x")
        except TomlError as error:
            assert str(error).startswith("x:")
            assert error.code
        else:
            assert isinstance(document, TomlDocument)
            locate(document.text)
            check_toml10(document.text) if dialect == "1.0" else None


PIECES = [
    *("[", "]", "[[", "]]", "{", "}", "=", ",", ".", '"', "'", '"""', "'''", "\\", "#", "\n", "\r\n", "\r"),
    *(" ", "\t", "a", "b", "registry", "1", "0", "-", "+", "_", "e", "inf", "nan", "true", "True"),
    *("1979-05-27", "T", "07:32", ":00", "Z", "\\u00", "\\x4", "“", "，", "\u3000", "\ufeff", "\x00", "中"),
]
toml_like = st.lists(st.sampled_from(PIECES)).map("".join)


@given(toml_like)
def test_text_made_of_tomls_own_pieces(text: str) -> None:
    survives(text)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    survives(data)


@given(st.sampled_from(MISTAKES), st.data())
def test_a_mistake_with_something_cut_out(source: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, len(source)))
    survives(source[:start] + source[end:])
