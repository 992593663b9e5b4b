"""Time and memory that a text can cost: linear in its length, whatever it is, and close to what tomli takes.

Families marked "was" failed before they were written down; the text says how.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regtools.errors import TomlError
from regtools.toml.reader import read
from regtools.toml.to_json import toml_to_json
from tests.benchmarks.measure import peak_kb
from tests.conftest import LONG
from tests.support.growth import assert_linear


def times(text: str, *, before: str = "", after: str = "") -> Callable[[int], str]:
    """A text of about n characters: ``text`` again and again, ``{}`` in it replaced by a counter."""
    many = "{}" in text

    def make(n: int) -> str:
        count = max(n // len(text), 1)
        body = "".join(text.replace("{}", str(each)) for each in range(count)) if many else text * count
        return before + body + after

    return make


BAD = "x = docker.io\n"

# name → text of about n characters
FAMILIES: dict[str, Callable[[int], str]] = {
    # Faults found by patterns.
    "blanks between the brackets of a header": times(
        " ", before="[ [", after="x"
    ),  # was: cubic, 20 s for 4 kB
    "blanks inside a spaced header": times(" ", before="[ [a", after="x\n"),  # was: quadratic
    "a long word without a value": times("a", before="b = 1\n", after="!"),
    "a long value without quotes": times("a.", before="b = "),
    "a long value that is no number": times("1_", before="b = "),
    "a long address": times("1.", before="b = ", after="x y"),
    "many blanks before nothing": times(" ", before="a ", after="b"),
    "words after a value": times("a ", before="b = 1 "),
    "an open string": times("x", before='a = "'),
    "an open string of three quotes": times('x"', before='a = """'),
    "an open list of strings": times('"a", ', before="a = ["),
    "an open list of comments": times("# x\n", before="a = ["),
    "an open table": times("a{} = 1, ", before="a = {"),
    "quotes": times('"', before="a = "),
    "single quotes": times("'", before="a = "),
    "backslashes": times("\\", before='a = "'),
    "bad escapes": times("\\q", before='a = "', after='"'),
    "commas": times(",", before="a = ["),
    "items without commas": times('"a" ', before="a = [", after="]"),
    "lists beyond the fault": times("[", before="a = [1 "),  # was: quadratic time and memory
    "curly quotes at the end": times("a", before='a = "', after="”\n"),
    "combining marks before the fault": times("\u0301", before='"a', after='" = “x”'),  # was: all were drawn
    # A fault after much good text.
    "settings, then a fault": times("a{} = 1\n", after=BAD),
    "tables, then a fault": times("[a{}]\nb = 1\n", after=BAD),
    "arrays of tables, then a fault": times("[[a]]\nb = 1\n", after=BAD),
    "arrays in arrays, then the last again": times("[[a]]\n[[a.b]]\n", after="[a]"),
    "empty lines, then a fault": times("\n", after=BAD),
    "comments, then a fault": times("# x\n", after=BAD),
    "line ends of Windows, then a fault": times("a{} = 1\r\n", after=BAD),
    "items of one list, then a fault": times("1,", before="a = [", after="]\n" + BAD),
    # was: 1.7 s for 32 kB
    "items deep in lists, then a fault": times("1,", before="a = " + "[" * 99, after="]" * 99 + "\n" + BAD),
    "long keys, then a fault": times(".".join("a" * 99) + ".b{} = 1\n", after=BAD),
    "long keys, then one again": times(
        ".".join("a" * 99) + ".b{} = 1\n", after=".".join("a" * 99) + ".b0 = 1"
    ),
    "a setting again": times("a{} = 1\n", after="a0 = 2\n"),
    "a table again": times("[a{}]\n", after="[a0]\n"),
    "an inline table gets more": times("a{} = { }\n", after="a0.b = 2\n"),
    # Values that only we refuse.
    "a wide integer after many": times("a{} = 1\n", after=f"a = {2**70}\n"),
    "infinities, then a number too large": times(
        "inf, ", before="a = [", after="1e400]"
    ),  # was: a scan for each
    "an integer of too many digits": times("1", before="a = "),
    "many integers, one too long": times("1,", before="a = [", after="1" * 5000 + "]"),
    # Good text.
    "infinities": times("inf, ", before="a = [", after="]"),  # was: each one scanned the text again
    "moments of seven digits": times("a{} = 07:32:00.1234567\n"),
    "escaped keys": times('"\\u0061{}" = 1\n'),
    "inline tables": times("{ b = 1 }, ", before="a = [", after="]"),  # was, as 1.0: 14 s for 189 kB
    "inline tables in statements": times("a{} = { b = [1, 2] }\n"),  # was, as 1.0: quadratic
    "inline tables in inline tables": times(
        "{ b = { c = 1 } }, ", before="a = [", after="]"
    ),  # was, as 1.0: quadratic
    "an inline table of many keys": times("a{} = 1, ", before="a = { ", after="b = 1 }"),
}
# TOML 1.1 at the end of a long text, so that reading as 1.0 has to find it.
NEW = {
    "an escape at the end": times("a{} = 1\n", after='b = "\\e"'),
    "a comma at the end": times("{ b = 1 }, ", before="a = [", after="{ b = 1, } ]"),  # was: quadratic
    "comments in lists, a comma at the end": times("# x\n", before="a = { b = [\n", after="] , }"),
    "line breaks after a comma": times("\n", before="a = { b = 1,", after="}"),
}


@pytest.mark.sized
@pytest.mark.parametrize("name", [*FAMILIES, *NEW])
def test_time_grows_with_the_text_and_not_faster(name: str) -> None:
    make = (FAMILIES | NEW)[name]
    for dialect in ("1.1", "1.0") if LONG else ("1.0",):  # who reads 1.0 reads 1.1, and then looks once more
        assert_linear(lambda text, dialect=dialect: show(text, dialect), make, size=4_000)  # type: ignore[misc]


def show(text: str, dialect: str) -> None:
    """Read, and draw the error if there is one."""
    try:
        toml_to_json(text, toml=dialect, nonfinite="null", wide_integers=True)
    except TomlError as error:
        assert len(str(error)) < 3000


READ = """
import sys, tomli
from regtools.toml.to_json import toml_to_json
text = sys.stdin.buffer.read().decode()
try:
    tomli.loads(text) if sys.argv[1] == "tomli" else toml_to_json(text, toml="1.0")
except ValueError as error:
    str(error)
"""

# Before, the first six took 10 to 62 times the length of the text.
HUNGRY = [
    *("settings, then a fault", "tables, then a fault", "arrays of tables, then a fault"),
    *("items of one list, then a fault", "empty lines, then a fault", "a setting again"),
    *("long keys, then a fault", "a wide integer after many", "lists beyond the fault"),
    *(
        "an open list of strings",
        "line ends of Windows, then a fault",
        "an escape at the end",
        "inline tables",
    ),
]


# One of each kind in make test: a fault, a value, a good text. All, and larger, in test-long.
SOME = ("settings, then a fault", "a wide integer after many", "inline tables")


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, 1_000_000) for name in SOME]
    + [pytest.param(name, 3_900_000, marks=pytest.mark.long) for name in HUNGRY],
)
def test_a_faulty_text_takes_little_more_memory_than_tomli(name: str, size: int, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text((FAMILIES | NEW)[name](size))
    theirs, ours = (peak_kb([sys.executable, "-c", READ, who], file) / 1024 for who in ("tomli", "regtools"))
    print(f"{name}: {ours:.0f} MB, tomli {theirs:.0f} MB")
    assert ours <= 2 * theirs + 50


def test_a_large_text_is_diagnosed_up_to_its_first_fault_and_says_so() -> None:
    with pytest.raises(TomlError) as caught:
        read("# comment\n" * 500_000 + "location = docker.io\n")
    assert (caught.value.code, caught.value.line, caught.value.column) == ("syntax", 500_001, 12)
    assert "4 MB" in (caught.value.hint or "")
