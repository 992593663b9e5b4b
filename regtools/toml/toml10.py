"""The TOML 1.0 that podman 4 and 5 read: what TOML 1.1 added, found and refused.

Runs over text that tomli, which reads 1.1, has accepted; so each rule only has to recognise an addition,
never to parse. The positions of :mod:`regtools.toml.positions` say where the values and keys are; they are
imported only for text that may hold an addition, since reading it is part of every command's start.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from regtools.errors import TomlError

    from .positions import Span

__all__ = ["check_toml10", "find_toml11"]

# Without one of these no 1.1 form can be there. Cheap, and true of nearly no registries.conf.
# It looks for the colon of a time, not for its digits: a hundred times fewer places to try.
_SUSPECT: Final = re.compile(r"\{|\\[ex]|:(?<=\d\d:)\d\d(?![:\d])")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_TIME: Final = re.compile(r"\d\d:\d\d(?:[Zz+-].*)?")
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?:[Zz+-].*)?")

# code → what to say about it, and what to write instead
_SAY: Final = {
    "toml11-newline-in-inline-table": ("a line break inside { }", "write the table on one line"),
    "toml11-comment-in-inline-table": ("a comment inside { }", "move the comment above the line"),
    "toml11-trailing-comma-in-inline-table": ("a comma before }", "delete the last comma"),
    "toml11-escape-e": (r"the escape \e", r"write \u001b"),
    "toml11-escape-x": (r"the escape \xHH", r"write \u00HH with the same two digits"),
    "toml11-time-without-seconds": ("a time without seconds", "add :00"),
    "toml11-datetime-without-seconds": ("a date-time without seconds", "add :00 after the minutes"),
}


class Addition(NamedTuple):
    """One use of TOML 1.1: its code and the extent in the text."""

    code: str
    start: int
    end: int


def check_toml10(text: str, *, file: str | None = None) -> None:
    """Refuse text that only TOML 1.1 allows; points at the first place.

    Raises:
        TomlError: a code that begins with ``toml11-``.
    """
    if _SUSPECT.search(text):
        first = min(find_toml11(text), key=lambda found: found.start, default=None)
        if first:
            raise explain(text, first, file=file)


def explain(text: str, found: Addition, *, file: str | None = None) -> TomlError:
    """Make the error for one addition."""
    from .faults import error_at

    what, instead = _SAY[found.code]
    message = f"{what} is TOML 1.1, and podman 4 and 5 read TOML 1.0"
    return error_at(text, found.start, found.end, message, code=found.code, file=file, hint=instead)


def find_toml11(text: str) -> Iterator[Addition]:
    """Yield every use of TOML 1.1 in accepted ``text``, value by value."""
    from .positions import locate

    spans = locate(text)
    for path, span in spans.items():
        if span.key_start != span.value_start:
            yield from _in_key(text, span.key_start, span.key_end)
        first = text[span.value_start]
        if first == '"':
            yield from _in_string(text, span.value_start, span.value_end)
        elif first == "{":
            inside = [s for p, s in spans.items() if len(p) > len(path) and p[: len(path)] == path]
            yield from _in_table(text, span, inside)
        elif first.isdigit():
            yield from _in_moment(text, span)
        elif first == "[" and span.key_start == span.value_start:
            yield from _in_key(text, span.value_start, span.value_end)  # a header


def _in_key(text: str, start: int, end: int) -> Iterator[Addition]:
    from .positions import KEY_PART

    for part in KEY_PART.finditer(text, start, end):
        if text[part.start()] == '"':
            yield from _in_string(text, part.start(), part.end())


def _in_string(text: str, start: int, end: int) -> Iterator[Addition]:
    for escape in _ESCAPE.finditer(text, start, end):
        if escape[1] == "e":
            yield Addition("toml11-escape-e", escape.start(), escape.end())
        elif escape[1] == "x":
            yield Addition("toml11-escape-x", escape.start(), escape.end() + 2)


def _in_moment(text: str, span: Span) -> Iterator[Addition]:
    value = text[span.value_start : span.value_end]
    if _TIME.fullmatch(value):
        yield Addition("toml11-time-without-seconds", span.value_start, span.value_end)
    elif _DATE_TIME.fullmatch(value):
        yield Addition("toml11-datetime-without-seconds", span.value_start, span.value_end)


def _in_table(text: str, table: Span, inside: list[Span]) -> Iterator[Addition]:
    """Look at what stands between an inline table's keys and values: only there 1.0 forbids line breaks."""
    from .positions import BLANK

    pos, last = table.value_start + 1, table.value_end - 1
    direct = sorted({(s.key_start, s.value_end) for s in inside})
    comma = None
    for start, end in [*direct, (last, last)]:
        if start < pos:  # inside a value that has been stepped over
            continue
        while pos < start:
            blank = BLANK.match(text, pos)
            gap_end = min(blank.end(), start) if blank else pos
            yield from _in_gap(text, pos, gap_end)
            if gap_end < start and text[gap_end] == ",":
                comma = gap_end
            pos = gap_end + 1
        if start == last:
            break
        comma, pos = None, end
    if comma is not None:
        yield Addition("toml11-trailing-comma-in-inline-table", comma, comma + 1)


def _in_gap(text: str, start: int, end: int) -> Iterator[Addition]:
    comment = text.find("#", start, end)
    newline = text.find("\n", start, end)
    if comment >= 0 and (newline < 0 or comment < newline):
        yield Addition("toml11-comment-in-inline-table", comment, text.find("\n", comment))
    elif newline >= 0:
        yield Addition("toml11-newline-in-inline-table", newline, newline + 1)
