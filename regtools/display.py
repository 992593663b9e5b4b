"""One source line with a caret under it, as compilers show it.

Columns on the screen are not characters: a tab is wide, an ideograph takes two columns, a combining mark
none. The caret line therefore copies tabs from the source and counts the rest as a terminal would.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["seconds", "size", "snippet", "visible"]

LIMIT = 120  # columns of source text; longer lines are cut around the caret
_LEFT = 40  # columns kept before the caret of a cut line
_ELLIPSIS = "…"


def visible(text: str) -> str:
    """Draw control characters as escapes, so that no file can move the reader's cursor. Tabs stay.

    >>> visible("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(_draw(char) for char in text)


def snippet(
    source: str, line: int, column: int | None, end_column: int | None = None, text: str = ""
) -> list[str]:
    """Give the numbered source line and, below it, the caret line followed by ``text``.

    ``column`` and ``end_column`` (exclusive) count characters from 1; without a column no caret is drawn.

    >>> print(*snippet('location = docker.io', 2, 12, 21), sep="\\n")
      2 | location = docker.io
        |            ^^^^^^^^^
    """
    gutter = f"  {line} | "
    blank = " " * (len(gutter) - 2) + "| "
    if column is None:
        return [gutter + _cut(source, 0, 0)[0], *([blank + text] if text else [])]
    start = min(max(column - 1, 0), len(source))
    stop = max(min(end_column - 1 if end_column else start + 1, len(source)), start)
    shown, start, stop = _cut(source, start, stop)
    before = "".join("\t" if char == "\t" else " " * _width(char) for char in shown[:start])
    carets = "^" * max(sum(_width(char) for char in shown[start:stop]), 1)
    return [gutter + visible(shown), (blank + before + carets + (" " + text if text else "")).rstrip()]


def _cut(source: str, start: int, stop: int) -> tuple[str, int, int]:
    """Cut a long line around the caret; give the rest and the caret's new borders."""
    if sum(map(_width, source[: LIMIT + 1])) <= LIMIT and len(source) <= LIMIT:
        return source, start, stop
    first = start
    room = _LEFT
    while first > 0 and room > 0:
        first -= 1
        room -= _width(source[first])
    last, room = first, LIMIT - 2
    while last < len(source) and room > 0:
        room -= _width(source[last])
        last += 1
    head = _ELLIPSIS if first else ""
    tail = _ELLIPSIS if last < len(source) else ""
    shift = len(head) - first
    return head + source[first:last] + tail, start + shift, min(stop, last) + shift


def _draw(char: str) -> str:
    return char if _width(char, escaped=False) >= 0 else _escape(char)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _width(char: str, *, escaped: bool = True) -> int:
    """Give the columns of one character; of a control character its escape's, or -1 if not ``escaped``."""
    if " " <= char <= "~" or char == "\t":
        return 1
    import unicodedata  # a megabyte of tables, wanted only where a line has more than ASCII

    category = unicodedata.category(char)
    if category in ("Mn", "Me"):
        return 0
    if category[0] == "C" or category in ("Zl", "Zp"):
        return len(_escape(char)) if escaped else -1
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _html_table(rows: list[tuple[str, ...]]) -> str:
    from html import escape

    head = "".join(f'<th style="{_CELL}">{escape(cell)}</th>' for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows[1:]
    )
    return (
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _html_row(cell: str, row: Sequence[str]) -> str:
    return (
        "<tr>" + "".join(f'<{cell} style="text-align:left">{escape(text)}</{cell}>' for text in row) + "</tr>"
    )


def size(count: float) -> str:
    """Give a number of bytes in decimal units, three figures at most after the first.

    >>> size(999), size(22_000_000), size(1_310_000_000)
    ('999 B', '22.0 MB', '1.31 GB')
    """
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 10**power:
            value = count / 10**power
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    return f"{count:.0f} B"


def seconds(value: float) -> str:
    """Give a time with a fitting unit.

    >>> seconds(0.0042), seconds(1.5)
    ('4.2 ms', '1.50 s')
    """
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
