"""What a rule looks at (a failure, the text around it cut up), and what it says (a finding)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..positions import KEY, SCALAR, Scanner, key_parts

if TYPE_CHECKING:
    from typing import Final

    from ..positions import Path, Span

__all__ = ["Failure", "Finding", "Other", "complete_values", "statement_path"]

_WORD: Final = re.compile(r"[^\s\"',\[\]{}#=]*")
_HEADER: Final = re.compile(rf"(\[\[?)[ \t]*({KEY.pattern})[ \t]*(\]?\]?)")


class Other(NamedTuple):
    """A second place to show: the offset of its first and after its last character, and a few words."""

    start: int
    end: int
    text: str


class Finding(NamedTuple):
    """What a rule says: the catalogue's code, the extent under the caret, message, hint, other places."""

    code: str
    start: int
    end: int
    message: str
    hint: str | None = None
    related: tuple[Other, ...] = ()


class Failure:
    """The text around a failure, cut up so that rules are short.

    All offsets count characters of ``text``, whose line ends are LF.

    Attributes:
        text, pos, msg: what tomli saw, where it stopped, and its words.
        start: where the failing statement begins.
        spans: positions of all that stands before it.
        header: path of the table that the statement belongs to.
        key: match of the statement's key, or None.
        value: where its value begins (after ``=`` and blanks), or None.
        table: match of a header, ``(brackets, key, closing brackets)``, or None.
    """

    def __init__(self, text: str, pos: int, msg: str) -> None:
        self.text = text
        self.pos = min(pos, len(text))
        self.msg = msg
        self.start, scanner = _failing_statement(text, self.pos)
        self.spans: dict[Path, Span] = scanner.spans
        self.header: Path = scanner.header
        self.table = _HEADER.match(text, self.start)
        self.key = KEY.match(text, self.start)
        equals = re.compile(r"[ \t]*=[ \t]*").match(text, self.key.end()) if self.key else None
        self.equals = equals.start() + equals[0].index("=") if equals else None
        self.value = equals.end() if equals else None

    def at(self, offset: int = 0) -> str:
        """Give the character at tomli's place, or nothing at the end."""
        return self.text[self.pos + offset : self.pos + offset + 1]

    def line_end(self, offset: int) -> int:
        """Give where the line around ``offset`` ends."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def line_start(self, offset: int) -> int:
        """Give where the line around ``offset`` begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_of(self, offset: int) -> int:
        """Give the line's number."""
        return self.text.count("\n", 0, offset) + 1

    def word(self, offset: int) -> str:
        """Give the bare word that begins at ``offset``."""
        found = _WORD.match(self.text, offset)
        return found[0] if found else ""

    def in_value(self) -> bool:
        """Say whether tomli stopped inside the statement's value."""
        return self.value is not None and self.pos >= self.value

    def in_list(self) -> bool:
        """Say whether the statement's value is a list."""
        return self.value is not None and self.text[self.value : self.value + 1] == "["

    def rewrite(self, value: str) -> str:
        """Give the corrected statement, or in a list only the corrected item, as something to write."""
        if self.key and self.value is not None and not self.in_list():
            return f"write {self.key[0]} = {value}"
        return f"write {value}"


def _failing_statement(text: str, pos: int) -> tuple[int, Scanner]:
    """Find the statement that tomli failed in, and a scanner that has seen exactly what stands before it."""
    scanner = Scanner(text)
    start = None
    for statement in scanner.statements():
        line_end = text.find("\n", statement.end)
        if pos <= (len(text) if line_end < 0 else line_end):
            start = statement.start
            break
    if start is None:
        start = pos if scanner.stopped is None else scanner.stopped
    before = Scanner(text[:start])
    for _ in before.statements():
        pass
    return start, before


def complete_values(text: str, start: int, stop: int) -> list[tuple[int, int]]:
    """Give the extents of the complete scalars between two offsets, as far as they can be read."""
    found: list[tuple[int, int]] = []
    pos = start
    while pos < stop:
        if text[pos] == "#":
            end = text.find("\n", pos)
            pos = stop if end < 0 else end
        elif text[pos] in " \t\n[]{},=":
            pos += 1
        else:
            scalar = SCALAR.match(text, pos)
            if not scalar:
                break
            found.append((pos, scalar.end()))
            pos = scalar.end()
    return found


def statement_path(failure: Failure) -> Path:
    """Give the path that the failing ``key = value`` would have."""
    return failure.header + key_parts(failure.key[0]) if failure.key else failure.header
