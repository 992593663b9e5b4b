"""Where every key, table header and array item of a TOML text stands.

The reader of values (tomli) keeps no positions, so a second, much simpler scan finds them. It runs over
text that tomli has accepted, or over the accepted statements before a faulty one, and checks nothing.

A path is a tuple of keys and array indices: ``("registry", 0, "mirror", 1, "location")``.

>>> spans = locate('[[registry]]\\nlocation = "quay.io"\\n')
>>> spans["registry", 0, "location"].value_column, spans["registry", 0, "location"].header_line
(12, 1)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

__all__ = ["Path", "Scanner", "Span", "Statement", "deep_place", "key_parts", "locate"]

Path = tuple[str | int, ...]

# Possessive quantifiers throughout: accepted text never needs to be tried twice.
BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*+)*+")
_SPACE: Final = re.compile(r"[ \t]*+")
_STRING: Final = (
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*+"""(?:"{0,2})'
    r"|'''(?:[^']|'{1,2}(?!'))*+'''(?:'{0,2})"
    r'|"(?!"")(?:[^"\\\n]|\\.)*+"'  # three quotes that nothing closes are no empty string
    r"|'(?!'')[^'\n]*+'"
)
SCALAR: Final = re.compile(rf"{_STRING}|\d{{4}}-\d\d-\d\d[Tt ]\d\d:[^\s,\]}}#]*+|[^\s,\]}}#\[{{\"'=]++")
KEY_PART: Final = re.compile(r"\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*+'|[A-Za-z0-9_-]++")
KEY: Final = re.compile(rf"(?:{KEY_PART.pattern})(?:[ \t]*+\.[ \t]*+(?:{KEY_PART.pattern}))*+")


class Span(NamedTuple):
    """Where a key and its value stand. Offsets count characters from 0, lines and columns from 1.

    For an array item the key is the value; for a table header both are the header with its brackets.
    ``header_line`` is the line of the table header that the key stands under, None at the top.
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


class Statement(NamedTuple):
    """One ``key = value`` or one table header, in the order of the text."""

    start: int
    end: int
    line: int
    path: Path


class _Open(NamedTuple):
    """A list or inline table whose end has not been seen: what it is the value of, and since where."""

    bracket: str
    path: Path
    key_start: int
    key_end: int
    start: int


def key_parts(text: str) -> tuple[str, ...]:
    """Split a dotted key into its parts, quotes and escapes resolved.

    >>> key_parts('a . "b.c"')
    ('a', 'b.c')
    """
    return tuple(_unquote(part) for part in KEY_PART.findall(text))


def _unquote(part: str) -> str:
    if part[0] == "'":
        return part[1:-1]
    if part[0] == '"':
        if "\\" not in part:
            return part[1:-1]
        import tomli

        return next(iter(tomli.loads(f"{part} = 0")))
    return part


def locate(text: str) -> dict[Path, Span]:
    """Give the span of every key, table header and array item of accepted TOML ``text``.

    Tables that no header names (``a`` of ``[a.b]``) get the span of the statement that made them.
    """
    scanner = Scanner(text)
    for _ in scanner.statements():
        pass
    return scanner.spans


def deep_place(text: str, limit: int) -> tuple[int, int, str] | None:
    """Find the first key, table or list that goes deeper than ``limit``: start, end, and what it is.

    Serves text that tomli gave up on for its depth: what stands before that place is good TOML.
    """
    scanner = Scanner(text, limit)
    try:
        for _ in scanner.statements():
            pass
    except _TooDeepError as found:
        start, end, what = found.args
        return start, end, what
    return None


class Scanner:
    """Walks through statements and keeps what it has seen in ``spans``.

    ``header`` is the path of the table that the next key would belong to, ``header_line`` the line of its
    header. With a ``limit``, going deeper than that raises. A statement that the patterns cannot read ends
    the walk, with ``stopped`` at its start.
    """

    def __init__(self, text: str, limit: int | None = None) -> None:
        self.text = text
        self.limit = limit
        self.spans: dict[Path, Span] = {}
        self.header: Path = ()
        self.header_line: int | None = None
        self.stopped: int | None = None
        self._lists: dict[Path, int] = {}  # path of an array of tables → index of its last table
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def statements(self) -> Iterator[Statement]:
        """Yield each statement; its spans are there when it is yielded."""
        text, pos = self.text, 0
        while True:
            pos = self._skip(BLANK, pos)
            if pos >= len(text):
                return
            try:
                statement = self._header(pos) if text[pos] == "[" else self._key_value(pos)
            except (_UnreadableError, IndexError, ValueError):  # a pattern fails, or the text ends
                self.stopped = pos
                return
            yield statement
            pos = statement.end

    # -- statements ---------------------------------------------------------------------------------

    def _header(self, start: int) -> Statement:
        text = self.text
        double = text.startswith("[[", start)
        key = self._match(KEY, self._skip(_SPACE, start + 1 + double))
        end = text.index("]", key.end()) + 1 + double
        parts = key_parts(key[0])
        self._bound(len(parts), start, key.end(), "this table's name")
        path = self._table(parts, double=double)
        self._bound(len(path), start, end, "this table")
        line, column = self._place(start)
        span = Span(start, end, start, end, line, column, line, column, line)
        for depth in range(1, len(path)):
            self.spans.setdefault(path[:depth], span)
        self.spans[path] = span
        self.header, self.header_line = path, line
        return Statement(start, end, line, path)

    def _table(self, parts: tuple[str, ...], *, double: bool) -> Path:
        """Find the table that a header opens; a part that is an array of tables means its last one."""
        path: Path = ()
        for part in parts[:-1]:
            path = (*path, part)
            if path in self._lists:
                path = (*path, self._lists[path])
        path = (*path, parts[-1])
        if double:
            self._lists[path] = self._lists.get(path, -1) + 1
            path = (*path, self._lists[path])
        return path

    def _key_value(self, start: int) -> Statement:
        line, _ = self._place(start)
        path, end = self._pair(self.header, start)
        return Statement(start, end, line, path)

    def _pair(self, table: Path, start: int) -> tuple[Path, int]:
        path, key_end, value = self._key(table, start)
        return path, self._value(value, path, start, key_end)

    def _key(self, table: Path, start: int) -> tuple[Path, int, int]:
        """Read ``key =`` at ``start``; give the path, the key's end and the value's start."""
        text = self.text
        key = self._match(KEY, start)
        key_end = key.end()
        parts = key_parts(key[0])
        path = table + parts
        self._bound(max(len(parts), len(path) - 1), start, key_end, "this key")
        equals = text.index("=", key_end)
        return path, key_end, self._skip(_SPACE, equals + 1)

    # -- values -------------------------------------------------------------------------------------

    def _value(self, pos: int, path: Path, key_start: int, key_end: int) -> int:
        """Record the value at ``pos`` and all that is inside it; give its end. Never recurses."""
        text = self.text
        stack: list[_Open] = []
        while True:
            bracket = text[pos]
            if bracket in "[{":
                self._bound(len(path), pos, pos + 1, "this list" if bracket == "[" else "this table")
                stack.append(_Open(bracket, path, key_start, key_end, pos))
                pos = self._skip(BLANK, pos + 1)
                closed = text[pos] in "]}"
                index = 0
            else:
                end = self._skip(SCALAR, pos)
                self._record(path, key_start, key_end, pos, end)
                pos, closed = end, False
                if not stack:
                    return pos
                pos, closed, index = self._after_item(pos, path, stack[-1])
            while closed:
                top = stack.pop()
                pos += 1
                self._record(top.path, top.key_start, top.key_end, top.start, pos)
                if not stack:
                    return pos
                pos, closed, index = self._after_item(pos, top.path, stack[-1])
            top = stack[-1]
            if top.bracket == "[":
                path, key_start, key_end = (*top.path, index), pos, pos
            else:
                key_start = pos
                path, key_end, pos = self._key(top.path, pos)

    def _after_item(self, pos: int, path: Path, parent: _Open) -> tuple[int, bool, int]:
        """Step over what follows an item; say whether the container closes, and the next index."""
        text = self.text
        pos = self._skip(BLANK, pos)
        if text[pos] == ",":
            pos = self._skip(BLANK, pos + 1)
        last = path[len(parent.path)]
        return pos, text[pos] in "]}", last + 1 if isinstance(last, int) else 0

    def _record(self, path: Path, key_start: int, key_end: int, start: int, end: int) -> None:
        item = key_start == key_end  # array items have no key
        line, column = self._place(key_start)
        value_line, value_column = (line, column) if item else self._place(start)
        span = Span(
            key_start,
            end if item else key_end,
            start,
            end,
            line,
            column,
            value_line,
            value_column,
            self.header_line,
        )
        for depth in range(len(self.header) + 1, len(path)):
            self.spans.setdefault(path[:depth], span)
        self.spans[path] = span

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def _bound(self, depth: int, start: int, end: int, what: str) -> None:
        if self.limit is not None and depth > self.limit:
            raise _TooDeepError(start, end, what)

    def _match(self, pattern: re.Pattern[str], pos: int) -> re.Match[str]:
        found = pattern.match(self.text, pos)
        if found is None:
            raise _UnreadableError
        return found

    def _skip(self, pattern: re.Pattern[str], pos: int) -> int:
        return self._match(pattern, pos).end()


class _UnreadableError(Exception):
    """The text is not the accepted TOML that the scan is made for."""


class _TooDeepError(Exception):
    """Carries where the scan stopped because of its limit: start, end, and what stands there."""
