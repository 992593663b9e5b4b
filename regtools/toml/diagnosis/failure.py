"""What a rule looks at (a failure, and the text around it in parts), and what it returns (a fault)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from regtools.display import masked

from ..positions import KEY, SCALAR, Path, Scanner, Span, key_parts, locate, nothing

_KEY: Final = re.compile(KEY)
_SCALAR: Final = re.compile(SCALAR)
_EQUALS: Final = re.compile(r"[ \t]*+(=)[ \t]*+")
_WORD: Final = re.compile(r"[^\s\"',\[\]{}#=]*+")
_HEADER: Final = re.compile(rf"(\[\[?)[ \t]*+({KEY})[ \t]*+(\]?\]?)")


class Other(NamedTuple):
    """A second place to show: the offsets of its start and its end (exclusive), and a few words."""

    start: int
    end: int
    text: str


class Fault(NamedTuple):
    """What a rule found: the catalogue's code, the extent under the caret, message, hint, other places."""

    code: str
    start: int
    end: int
    message: str
    hint: str | None = None
    related: tuple[Other, ...] = ()


class Failure:
    """The text around a failure, divided into parts so that rules are short.

    All offsets count characters of ``text``, whose line ends are LF.

    Attributes:
        text, pos, msg: what tomli read, where it stopped, and its words.
        start: where the failing statement begins.
        header: path of the table that the statement belongs to.
        key: match of the statement's key, or None.
        equals: where its ``=`` is, or None.
        value: where its value begins (after ``=`` and blanks), or None.
        table: match of a header, ``(brackets, key, closing brackets)``, or None.
    """

    def __init__(self, text: str, pos: int, msg: str) -> None:
        self.text = text
        self.pos = pos
        self.msg = msg
        # Not beyond `pos`: tomli has not read what follows, so it may be anything.
        self._scanner = scanner = Scanner(text[:pos], keep=nothing)
        self.header: Path = ()
        self.start = pos
        for start, end in scanner.statements():
            if text.find("\n", end, pos) < 0:
                self.start = start
                break
            self.header = scanner.header
        else:
            if scanner.stopped is not None:
                self.start = scanner.stopped
        self.table = _HEADER.match(text, self.start)
        self.key = _KEY.match(text, self.start)
        equals = _EQUALS.match(text, self.key.end()) if self.key else None
        self.equals = equals.start(1) if equals else None
        self.value = equals.end() if equals else None

    @property
    def path(self) -> Path:
        """The path that the failing ``key = value`` would have, or the table that the header names."""
        if self.key:
            return self.header + key_parts(self.key[0])
        return self._scanner.table(key_parts(self.table[2])) if self.table else ()

    def spans(self, paths: Iterable[Path]) -> dict[Path, Span]:
        """Return the positions of those of ``paths`` that exist before the failing statement."""
        wanted = set(paths)
        return locate(self.text[: self.start], lambda path, start, end: path in wanted)

    def at(self) -> str:
        """Return the character at tomli's place, or nothing at the end."""
        return self.text[self.pos : self.pos + 1]

    def line_end(self, offset: int) -> int:
        """Return where the line around ``offset`` ends."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def line_start(self, offset: int) -> int:
        """Return where the line around ``offset`` begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def rest(self, start: int) -> str:
        """Return the text from ``start`` to the end of its line, without blanks around it."""
        return self.text[start : self.line_end(start)].strip()

    def word(self, offset: int) -> str:
        """Return the bare word that begins at ``offset``."""
        found = _WORD.match(self.text, offset)
        return found[0] if found else ""

    def in_list(self) -> bool:
        """Return whether the statement's value is a list."""
        return self.value is not None and self.text[self.value : self.value + 1] == "["

    def rewrite(self, value: str) -> str:
        """Return the hint to write ``value``, with its key where the statement is ``key = value``."""
        if self.key and self.value is not None and not self.in_list():
            return masked(f"write {self.key[0]} = {value}")
        return f"write {value}"


def complete_values(text: str, start: int, stop: int) -> list[tuple[int, int]]:
    """Return the extents of the complete scalars between two offsets, as far as they can be read."""
    found: list[tuple[int, int]] = []
    pos = start
    while pos < stop:
        if text[pos] == "#":
            end = text.find("\n", pos)
            pos = stop if end < 0 else end
        elif text[pos] in " \t\n[]{},=":
            pos += 1
        else:
            scalar = _SCALAR.match(text, pos)
            if not scalar:
                break
            found.append((pos, scalar.end()))
            pos = scalar.end()
    return found
