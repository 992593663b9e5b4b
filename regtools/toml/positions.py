"""Where every key, table header and array item of a TOML text is.

The reader of values (tomli) keeps no positions, so a second, much simpler scan finds them. It runs over
text that tomli has accepted, or over what tomli had accepted before it failed, and checks nothing. Time grows
with the length of the text; memory grows with the number of positions that the caller keeps.

A path is a tuple of keys and array indices: ``("registry", 0, "mirror", 1, "location")``.

>>> spans = locate('[[registry]]\\nlocation = "quay.io"\\n')
>>> spans["registry", 0, "location"].value_column, spans["registry", 0, "location"].header_line
(12, 1)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import tomli

from regtools.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final

Keep = Callable[[tuple[str | int, ...], int, int], bool]


Path = tuple[str | int, ...]

# Patterns are text: compiling them costs a tenth of a short run, and most runs need no position.
# Quantifiers are possessive throughout: accepted text never needs a second try, and faulty text gets none.
BLANK: Final = r"(?:[ \t\r\n]++|#[^\n]*+)*+"
SPACE: Final = r"[ \t]*+"
STRING: Final = (
    r'"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+"""(?:"{0,2})'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'''(?:'{0,2})"
    r'|"(?!"")(?:[^"\\\n]++|\\.)*+"'  # three quotes that nothing closes are not an empty string
    r"|'(?!'')[^'\n]*+'"
)
DATE_TIME: Final = r"\d{4}-\d\d-\d\d[Tt ]\d\d:[^\s,\]}#]*+"
SCALAR: Final = rf"{STRING}|{DATE_TIME}|[^\s,\]}}#\[{{\"'=]++"
QUOTED: Final = r"\"(?:[^\"\\\n]++|\\.)*+\"|'[^'\n]*+'"
KEY_PART: Final = rf"{QUOTED}|[A-Za-z0-9_-]++"
KEY: Final = rf"(?:{KEY_PART})(?:[ \t]*+\.[ \t]*+(?:{KEY_PART}))*+"


class Span(NamedTuple):
    """Where a key and its value are. Offsets count characters from 0, lines and columns from 1.

    For an array item the key is the value; for a table header both are the header with its brackets.
    ``header_line`` is the line of the table header above the key, None at the top of the text.
    """

    key_start: int
    key_end: int
    value_start: int
    value_end: int
    line: int
    column: int
    value_line: int
    value_column: int
    header_line: int | None


class _Value(NamedTuple):
    """A value whose end is not known yet; ``known`` leading parts of ``path`` exist already."""

    path: Path
    known: int
    key_start: int
    key_end: int
    start: int
    line: int
    column: int
    value_line: int
    value_column: int


def key_parts(text: str) -> tuple[str, ...]:
    """Split a dotted key into its parts, quotes and escapes resolved.

    >>> key_parts('a . "b.c"')
    ('a', 'b.c')
    """
    if '"' not in text and "'" not in text:
        return tuple(part.strip(" \t") for part in text.split("."))
    return tuple(_unquote(part) for part in re.findall(KEY_PART, text))


def _unquote(part: str) -> str:
    if part[0] == '"' and "\\" in part:
        return next(iter(tomli.loads(f"{part} = 0")))
    return part[1:-1] if part[0] in "\"'" else part


def nothing(path: Path, start: int, end: int) -> bool:
    """Return False: keep no position."""
    return False


def locate(text: str, keep: Keep | None = None) -> dict[Path, Span]:
    """Return the span of every key, table header and array item of accepted TOML ``text``.

    Tables that no header names (``a`` of ``[a.b]``) get the span of the statement that made them.

    Args:
        text: the text.
        keep: called with a path and the extent of its value; returns whether to keep the position.
    """
    scanner = Scanner(text, keep=keep)
    for _ in scanner.statements():
        pass
    return scanner.spans


def deep_place(text: str, limit: int) -> tuple[int, int, str] | None:
    """Return start, end and description of the first key, table or list that is deeper than ``limit``.

    The text before that place is good TOML, even where tomli gave up because of the depth.
    """
    try:
        for _ in Scanner(text, keep=nothing, limit=limit).statements():
            pass
    except _TooDeepError as found:
        start, end, what = found.args
        return start, end, what
    return None


class Scanner:
    """Walks through statements and keeps the positions it has seen in ``spans``.

    ``header`` is the path of the table that the next key belongs to, ``header_line`` the line of its header.
    With a ``limit``, a path of more parts raises. A statement that the patterns cannot read ends the walk;
    ``stopped`` is then its start.
    """

    def __init__(self, text: str, *, keep: Keep | None = None, limit: int | None = None) -> None:
        self.text = text
        self.limit = limit
        self.spans: dict[Path, Span] = {}
        self.header: Path = ()
        self.header_line: int | None = None
        self.stopped: int | None = None
        self._keep = keep
        self._lists: dict[Path, int] = {}  # path of an array of tables → index of its last table
        self._line, self._line_start, self._seen = 1, 0, 0
        self._blank, self._space = re.compile(BLANK).match, re.compile(SPACE).match
        self._scalar, self._key_match = re.compile(SCALAR).match, re.compile(KEY).match

    def statements(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of each ``key = value`` and each table header, after keeping its positions."""
        text, pos = self.text, 0
        while True:
            pos = self._skip(self._blank, pos)
            if pos >= len(text):
                return
            try:
                end = self._header(pos) if text[pos] == "[" else self._key_value(pos)
            except (_UnreadableError, IndexError, ValueError):  # a pattern fails, or the text ends
                self.stopped = pos
                return
            yield pos, end
            pos = end

    def table(self, parts: tuple[str, ...]) -> Path:
        """Return the path that a header means; a part that is an array of tables means its last table."""
        path: Path = ()
        for part in parts[:-1]:
            path = (*path, part)
            if path in self._lists:
                path = (*path, self._lists[path])
        return (*path, parts[-1])

    # -- statements ---------------------------------------------------------------------------------

    def _header(self, start: int) -> int:
        text = self.text
        double = text.startswith("[[", start)
        key = self._match(self._key_match, self._skip(self._space, start + 1 + double))
        end = text.index("]", key.end()) + 1 + double
        parts = key_parts(key[0])
        self._bound(len(parts), start, key.end(), "this table's name")
        path = self.table(parts)
        if double:
            self._lists[path] = self._lists.get(path, -1) + 1
            path = (*path, self._lists[path])
        self._bound(len(path), start, end, "this table")
        line, column = self._place(start)
        self.header, self.header_line = path, line
        self._record(_Value(path, 0, start, end, start, line, column, line, column), end)
        return end

    def _key_value(self, start: int) -> int:
        path, key_end, value = self._key(self.header, start)
        return self._value(value, path, len(self.header), start, key_end)

    def _key(self, table: Path, start: int) -> tuple[Path, int, int]:
        """Read ``key =`` at ``start``; return the path, the key's end and the value's start."""
        key = self._match(self._key_match, start)
        key_end = key.end()
        parts = key_parts(key[0])
        path = table + parts
        self._bound(max(len(parts), len(path) - 1), start, key_end, "this key")
        equals = self.text.index("=", key_end)
        return path, key_end, self._skip(self._space, equals + 1)

    # -- values -------------------------------------------------------------------------------------

    def _value(self, pos: int, path: Path, known: int, key_start: int, key_end: int) -> int:
        """Record the value at ``pos`` and everything inside it; return its end. Never recurses."""
        text = self.text
        stack: list[_Value] = []
        while True:
            line, column = self._place(key_start)
            value_line, value_column = self._place(pos)
            value = _Value(path, known, key_start, key_end, pos, line, column, value_line, value_column)
            if text[pos] in "[{":
                self._bound(len(path), pos, pos + 1, "this list" if text[pos] == "[" else "this table")
                stack.append(value)
                pos = self._skip(self._blank, pos + 1)
                closed, index = text[pos] in "]}", 0
            else:
                pos = self._skip(self._scalar, pos)
                self._record(value, pos)
                if not stack:
                    return pos
                pos, closed, index = self._after_item(pos, path, stack[-1])
            while closed:
                value = stack.pop()
                pos += 1
                self._record(value, pos)
                if not stack:
                    return pos
                pos, closed, index = self._after_item(pos, value.path, stack[-1])
            parent = stack[-1]
            key_start, known = pos, len(parent.path)
            if text[parent.start] == "[":
                path, key_end = (*parent.path, index), pos
            else:
                path, key_end, pos = self._key(parent.path, pos)

    def _after_item(self, pos: int, path: Path, parent: _Value) -> tuple[int, bool, int]:
        """Skip what follows an item; return the place, whether the container closes, and the next index."""
        text = self.text
        pos = self._skip(self._blank, pos)
        if text[pos] == ",":
            pos = self._skip(self._blank, pos + 1)
        last = path[len(parent.path)]
        return pos, text[pos] in "]}", last + 1 if isinstance(last, int) else 0

    def _record(self, value: _Value, end: int) -> None:
        keep = self._keep
        if keep is nothing:
            return
        path, known, key_start, key_end, start, line, column, value_line, value_column = value
        key_end = end if key_start == key_end else key_end  # array items have no key
        places = (line, column, value_line, value_column)
        span = Span(key_start, key_end, start, end, *places, self.header_line)
        for depth in range(known + 1, len(path)):  # the tables that a dotted key makes
            if keep is None or keep(path[:depth], start, end):
                self.spans.setdefault(path[:depth], span)
        if keep is None or keep(path, start, end):
            self.spans[path] = span

    def _place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset that is not before the last one asked for."""
        lines = self.text.count("\n", self._seen, offset)
        if lines:
            self._line += lines
            self._line_start = self.text.rfind("\n", self._seen, offset) + 1
        self._seen = offset
        return self._line, offset - self._line_start + 1

    def _bound(self, depth: int, start: int, end: int, what: str) -> None:
        if self.limit is not None and depth > self.limit:
            raise _TooDeepError(start, end, what)

    def _match(self, match: Callable[[str, int], re.Match[str] | None], pos: int) -> re.Match[str]:
        found = match(self.text, pos)
        if found is None:
            raise _UnreadableError
        return found

    def _skip(self, match: Callable[[str, int], re.Match[str] | None], pos: int) -> int:
        return self._match(match, pos).end()


class _UnreadableError(Exception):
    """The text is not the accepted TOML that the scan is made for."""


class _TooDeepError(Exception):
    """Carries where the scan stopped because of its limit: start, end, and what is there."""
