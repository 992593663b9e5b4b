"""The TOML 1.0 that podman 4 and 5 read: find and refuse what TOML 1.1 added.

Runs over text that tomli, which reads 1.1, has accepted; so it only has to recognise an addition, never to
parse. One walk over strings, comments, brackets and bare values finds the first.
"""

from __future__ import annotations

import re

from regtools.values import TYPE_CHECKING

from .faults import error_at

if TYPE_CHECKING:
    from typing import Final

# Text without one of these has no 1.1 form: a cheap test that nearly every registries.conf passes.
# It looks for the colon of a time, not for its digits: a hundred times fewer places to try.
_SUSPECT: Final = r"\{|\\[ex]|:(?<=\d\d:)\d\d(?![:\d])"
_TIME: Final = r"(\d{4}-\d\d-\d\d[Tt ])?\d\d:\d\d(?:[Zz+-].*)?"

# code → what it is, and what to write instead
_ADDITIONS: Final = {
    "toml11-newline-in-inline-table": ("a line break inside { }", "write the table on one line"),
    "toml11-comment-in-inline-table": ("a comment inside { }", "move the comment above the line"),
    "toml11-trailing-comma-in-inline-table": ("a comma before }", "delete the last comma"),
    "toml11-escape-e": (r"the escape \e", r"write \u001b"),
    "toml11-escape-x": (r"the escape \xHH", r"write \u00HH with the same two digits"),
    "toml11-time-without-seconds": ("a time without seconds", "add :00"),
    "toml11-datetime-without-seconds": ("a date-time without seconds", "add :00 after the minutes"),
}


def check_toml10(text: str, *, file: str | None = None) -> None:
    """Refuse text that only TOML 1.1 allows; point at the first place.

    Raises:
        TomlError: a code that begins with ``toml11-``.
    """
    found = _first_addition(text) if re.search(_SUSPECT, text) else None
    if found:
        code, start, end = found
        what, instead = _ADDITIONS[code]
        message = f"{what} is TOML 1.1, and podman 4 and 5 read TOML 1.0"
        raise error_at(text, start, end, message, code=code, file=file, hint=instead)


def _first_addition(text: str) -> tuple[str, int, int] | None:
    """Return the code and the extent of the first use of TOML 1.1 in accepted ``text``."""
    from .positions import DATE_TIME, STRING

    tokens = rf"{STRING}|#[^\n]*+|[\[\]{{}},\n]|{DATE_TIME}|[^\s,\[\]{{}}#=\"']++"
    brackets: list[str] = []
    comma: int | None = None  # of an inline table, with nothing but blanks and comments after it
    waiting = None  # a line break or comment after that comma: a fault of its own unless } follows
    for token in re.finditer(tokens, text):
        start, end = token.span()
        sign = text[start]
        if sign in "#\n":
            if brackets and brackets[-1] == "{" and not waiting:
                what = "comment" if sign == "#" else "newline"
                waiting = (f"toml11-{what}-in-inline-table", start, end)
                if comma is None:
                    return waiting
            continue
        if sign == "}" and comma is not None:
            return "toml11-trailing-comma-in-inline-table", comma, comma + 1
        if waiting:
            return waiting
        found = _in_string(text, start, end) if sign == '"' else _in_time(token[0], start)
        if found:
            return found
        comma = start if sign == "," and brackets and brackets[-1] == "{" else None
        if sign in "[{":
            brackets.append(sign)
        elif sign in "]}":
            brackets.pop()
    return None


def _in_string(text: str, start: int, end: int) -> tuple[str, int, int] | None:
    for escape in re.compile(r"\\([\s\S])").finditer(text, start, end):
        if escape[1] in "ex":
            return f"toml11-escape-{escape[1]}", escape.start(), escape.end() + 2 * (escape[1] == "x")
    return None


def _in_time(value: str, start: int) -> tuple[str, int, int] | None:
    found = re.fullmatch(_TIME, value) if value[0].isdigit() else None
    what = "datetime" if found and found[1] else "time"
    return (f"toml11-{what}-without-seconds", start, start + len(value)) if found else None
