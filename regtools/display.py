"""How results look on a terminal and in JupyterLab: one of each.

A source line with a caret under it, a table as text and as HTML, sizes, seconds, the width of the terminal.
Columns of a screen are not characters: a tab is wide, an ideograph takes two columns, a combining mark none.
The caret line therefore copies tabs from the source and counts columns for everything else.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from math import isfinite

from regtools.values import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

LIMIT = 120  # columns of source text; longer lines are cut around the caret
WIDEST = 100  # columns of running text, however wide the terminal is
_LEFT = 40  # columns kept before the caret of a cut line
_ELLIPSIS = "…"
# What a reader copies, and what is one thing although it holds blanks: text in quotes, a statement of TOML,
# a list or an inline table, a command with its options, names and places.
_PROGRAM = (
    "podman|regtools|skopeo|buildah|docker|redis-cli|systemctl|loginctl|update-ca-[a-z]+|chmod|chown|setfacl"
)
_OBJECT = "(?:log(?:in|out)|pull|push|run|init|up|down|status|verify|inspect|convert|time|explain) [^ ]+"
_VERB = (
    "build|image|machine|system|bench|cache|check|advise|compare|doctor|lab|testbed|help|toml2json|daemon-reload|"
    "[a-z]*start|[0-7]{3,4}|[a-z]*[+:,=][^ ]*"
)
_ARGUMENT = rf"{_OBJECT}|-[^ ]*|[A-Z][A-Z_]+\b[^ ]*|[^ ]*[/.:=@][^ ]+"
_INSIDE = (
    "{0,300}"  # characters between two signs, so that a sign without its fellow costs no more than these
)
_UNBROKEN = (
    rf"(?<![^ (])(?:'[^']{_INSIDE}'|\"[^\"]{_INSIDE}\"|`[^`]{_INSIDE}`)(?![\w])"
    r"|(?<![\w.\"-])[\w.\"-]+ \+?= "
    rf"(?:\[[^\]]{_INSIDE}\]|{{[^}}]{_INSIDE}}}|\"[^\"]{_INSIDE}\"|'[^']{_INSIDE}'|[^ ]+)"
    rf"|\[[\"'][^\]]{_INSIDE}\]|{{[^{{}}]{_INSIDE}}}"
    rf"|(?<![^ (`'\"])(?:sudo )?(?:{_PROGRAM})(?: -[^ ]+)* (?:{_OBJECT}|{_VERB})(?: (?:{_ARGUMENT}))*"
    r"|(?:sudo )?(?:apt|dnf|pip) install [^ ,;|]+(?: (?!and |or |adds )[^ ,;|]+)*"
)
_GLUE = "\0"  # no text that is shown holds one
_SECRETS = "pass|passwd|password|auth|token|identitytoken|secret"
_SECRET = rf"""(?i)((?<![\w-])["']?(?:{_SECRETS})["']?\s*[=:：＝]\s*)(.+)"""


def visible(text: str) -> str:
    """Return text with control characters as escapes, so that no file can move the cursor. Tabs stay.

    >>> visible("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(char if _width(char, escaped=False) >= 0 else _escape(char) for char in text)


def printable(text: str) -> str:
    """Return text of one or several lines with control characters as escapes; line feeds and tabs stay."""
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


def masked(line: str) -> str:
    """Return a line of a configuration file with an asterisk for each character of a secret.

    >>> masked('password = "p"')
    'password = ***'
    """
    return re.sub(_SECRET, lambda found: found[1] + "*" * len(found[2]), line)


def snippet(
    source: str, line: int, column: int | None, end_column: int | None = None, text: str = ""
) -> list[str]:
    """Return the numbered source line and, below it, the caret line followed by ``text``.

    ``column`` and ``end_column`` (exclusive) count characters from 1; without a column no caret is drawn.
    A secret is masked.

    >>> print(*snippet('location = docker.io', 2, 12, 21), sep="\\n")
      2 | location = docker.io
        |            ^^^^^^^^^
    """
    source, gutter = masked(source), f"  {line} | "
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
    """Cut a long line around the caret; return what is left and where the caret starts and ends in it."""
    if sum(map(_width, source[: LIMIT + 1])) <= LIMIT and len(source) <= LIMIT:
        return source, start, stop
    first = start
    room = _LEFT
    while first > max(start - LIMIT, 0) and room > 0:  # a mark takes no column, so characters count as well
        first -= 1
        room -= _width(source[first])
    last, room = first, LIMIT - 2
    while last < min(len(source), first + 2 * LIMIT) and room > 0:
        room -= _width(source[last])
        last += 1
    head = _ELLIPSIS if first else ""
    tail = _ELLIPSIS if last < len(source) else ""
    shift = len(head) - first
    return head + source[first:last] + tail, start + shift, min(stop, last) + shift


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _width(char: str, *, escaped: bool = True) -> int:
    """Return the columns of one character; for a control character its escape's, or -1 if not ``escaped``."""
    if " " <= char <= "~" or char == "\t":
        return 1
    category = unicodedata.category(char)
    if category in ("Mn", "Me"):
        return 0
    if category[0] == "C" or category in ("Zl", "Zp"):
        return len(_escape(char)) if escaped else -1
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


_LONG = 32  # columns of a word that a cell of an HTML table holds on one line
_CELL = "text-align:{};padding:2px 12px 2px 0;vertical-align:top"


def text_table(
    rows: Iterable[Sequence[str]], *, right: Container[int] = (), indent: str = "", width: int | None = None
) -> list[str]:
    """Return one line for each row, with columns aligned as on a screen.

    Args:
        rows: cells, all rows equally long; the heading, where there is one, is the first row.
        right: numbers of the columns (from 0) that are aligned to the right: those that hold numbers.
        indent: text before each line.
        width: columns of the screen; the last column wraps where a line would be longer. None never wraps.

    >>> rows = [("source", "total"), ("near", "8 ms"), ("origin", "120 ms")]
    >>> print(*text_table(rows, right={1}), sep="\\n")
    source   total
    near      8 ms
    origin  120 ms
    """
    rows = [tuple(map(visible, row)) for row in rows]
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    left = len(indent) + sum(widths[:-1]) + 2 * (len(widths) - 1)
    lines = []
    for row in rows:
        cells = [
            " " * (wide - columns(cell)) + cell if at in right else cell + " " * (wide - columns(cell))
            for at, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        last = cells.pop()
        parts = (
            [last] if width is None or left + columns(last.rstrip()) <= width else _wrap(last, width - left)
        )
        lines.append(indent + "  ".join([*cells, parts[0]]).rstrip())
        lines += [" " * left + part for part in parts[1:]]
    return lines


def html_table(
    rows: Iterable[Sequence[str]],
    *,
    right: Container[int] = (),
    heading: bool = True,
    named: bool = False,
    caption: str = "",
) -> str:
    """Return a table with inline style only, which an untrusted JupyterLab shows; every cell is escaped.

    A browser may break a long name after a slash, so that a narrow notebook shows all columns.

    Args:
        rows: cells; a row of one cell spans the whole table, as the heading of what follows.
        right: numbers of the columns (from 0) that are aligned to the right.
        heading: whether the first row names the columns.
        named: whether the first cell of each row names it.
        caption: text above the table.

    >>> "<td" in html_table([("<b>",)], heading=False), "&lt;b&gt;" in html_table([("<b>",)])
    (True, True)
    """
    rows = [tuple(row) for row in rows]
    whole = max(map(len, rows), default=0)

    def line(row: Sequence[str], head: bool) -> str:
        cells, alone = [], len(row) == 1 < whole
        for at, cell in enumerate(row):
            tag = "th" if head or alone or (named and not at) else "td"
            span = f' colspan="{whole}"' if alone else ""
            style = _CELL.format("right" if at in right else "left")
            cells.append(f'<{tag}{span} style="{style}">{_breakable(cell)}</{tag}>')
        return f"<tr>{''.join(cells)}</tr>"

    top = f"<thead>{line(rows[0], True)}</thead>" if heading and rows else ""
    body = "".join(line(row, False) for row in rows[bool(heading) :])
    above = f"<caption>{escape(visible(caption))}</caption>" if caption else ""
    return f'<table style="border-collapse:collapse">{above}{top}<tbody>{body}</tbody></table>'


def _breakable(cell: str) -> str:
    """Return a cell as HTML in which a word of more than ``_LONG`` columns may break after a slash."""
    parts = (
        word.replace("/", f"/{_GLUE}") if columns(word) > _LONG else word for word in visible(cell).split(" ")
    )
    return escape(" ".join(parts)).replace(_GLUE, "<wbr>")


def escape(text: str) -> str:
    """Return text escaped for HTML; ``html.escape`` costs the import of every named character."""
    return text.translate(_HTML)


_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def terminal_width(stream: TextIO | None = None) -> int:
    """Return the columns that a text may take: ``COLUMNS``, else the terminal's own number, else 80.

    Args:
        stream: where the text goes; None for standard output.
    """
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size((stream or sys.stdout).fileno()).columns or 80  # 0: it does not say
    except (AttributeError, OSError, ValueError):  # no file, no terminal, or closed
        return 80


def text_width(stream: TextIO | None = None) -> int:
    """Return the columns of running text: those of the terminal, 40 at least and 100 at most.

    Args:
        stream: where the text goes; None for standard output.
    """
    return max(min(terminal_width(stream), WIDEST), 40)


def wrapped(text: str, first: str = "", rest: str | None = None, *, width: int | None = None) -> list[str]:
    """Break a text between words into lines that fit the terminal, see :func:`text_width`.

    A word is never broken, however long, and nor is what a reader copies from the screen or must see in one
    piece: a command with its arguments, a statement of TOML, a text in quotes.

    Args:
        text: one paragraph; control characters become escapes.
        first: text before the first line.
        rest: text before each further line; None for that of the first.
        width: columns of a line; None for those of the terminal.

    >>> print(*wrapped("to log in, run podman login reg.example", width=26), sep="\\n")
    to log in, run
    podman login reg.example
    """
    width = text_width() if width is None else width
    text, rest = visible(text), first if rest is None else rest
    if columns(first) + columns(text) <= width:
        return [first + text]
    text = re.sub(_UNBROKEN, lambda found: found[0].replace(" ", _GLUE), text)
    lines, line, blank = [], first, ""  # each command calls this as it starts: importing textwrap takes 1 ms
    if columns(first) > width // 2:  # where a path leaves no room, the text begins below it
        line, blank = first.removesuffix(" "), " "
    for word in text.split(" "):
        if blank and columns(line) + 1 + columns(word.replace(_GLUE, " ")) > width:
            lines.append(line.rstrip())
            line, blank = rest, ""
        line, blank = line + blank + word.replace(_GLUE, " "), " "
    return [*lines, line]


def columns(text: str) -> int:
    """Return how many columns a text takes on a screen, control characters as escapes.

    >>> columns("nginx"), columns("镜像")
    (5, 4)
    """
    return len(text) if text.isascii() and text.isprintable() else sum(map(_width, text))


def _wrap(text: str, width: int) -> list[str]:
    """Break text between words into lines that fit; textwrap counts characters, not columns."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and columns(longer) > max(width, 20):
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def size(count: float) -> str:
    """Return a number of bytes in decimal units, with three figures.

    >>> size(999), size(22_000_000), size(1_310_000_000)
    ('999 B', '22.0 MB', '1.31 GB')
    """
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 10**power:
            value = count / 10**power
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    return f"{count:.0f} B"


def one_unit(times: Iterable[float]) -> tuple[str, Callable[[float], str]]:
    """Return the unit of a column of times, ms or s, and the function that writes a time in it.

    A time that is infinite is "never", one that is not known is empty.

    >>> unit, written = one_unit([0.0042, 1.5])
    >>> unit, written(1.5), written(float("inf"))
    ('ms', '1500.0', 'never')
    """
    least = min(filter(isfinite, times), default=1.0)
    factor, digits = (1e3, 1 if least < 0.1 else 0) if least < 1 else (1.0, 2)

    def written(time: float) -> str:
        return "" if time != time else "never" if time == float("inf") else f"{time * factor:.{digits}f}"

    return "ms" if least < 1 else "s", written


def seconds(value: float) -> str:
    """Return a time, given in seconds, as milliseconds or seconds with the unit.

    >>> seconds(0.0042), seconds(1.5)
    ('4.2 ms', '1.50 s')
    """
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
