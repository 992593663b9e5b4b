"""The error family: one base, one place, one text form.

::

    RegtoolsError            .kind .stage .message .where .hint   (.file .line .column)
    └── TomlError            also a ValueError; .code .end_column .offset .source_line .related

``kind`` and ``stage`` are stable words that programs may compare; ``message`` is for people.
Everything raised on purpose by this package belongs to the family.
"""

from __future__ import annotations

import sys

from regtools.display import snippet, visible, wrapped
from regtools.values import TYPE_CHECKING, Frozen

if TYPE_CHECKING:
    from typing import Any


IN_BROWSER: bool = sys.platform == "emscripten"  # Pyodide: no sockets, no processes


class Place(Frozen):
    """Where something is: a file, and in it a line and a column, both counted from 1.

    ``file`` is None for a text without a file. A column needs a line.

    >>> str(Place("registries.conf", 2, 12))
    'registries.conf:2:12'
    >>> str(Place("registries.conf"))
    'registries.conf'
    """

    __slots__ = __match_args__ = ("file", "line", "column")
    file: str | None
    line: int | None
    column: int | None

    def __init__(self, file: str | None, line: int | None = None, column: int | None = None) -> None:
        if (line is not None and line < 1) or (column is not None and (line is None or column < 1)):
            raise ValueError(f"no place in a text: line {line}, column {column}")
        self._set(file, line, column)

    def __str__(self) -> str:
        parts = [visible(self.file or "<text>")]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class Related(Frozen):
    """A second place in the same text that an error shows, for instance the first definition of a key."""

    __slots__ = __match_args__ = ("line", "column", "text", "source_line", "end_column")
    line: int
    column: int
    text: str
    source_line: str
    end_column: int | None

    def __init__(
        self, line: int, column: int, text: str, source_line: str = "", end_column: int | None = None
    ) -> None:
        self._set(line, column, text, source_line, end_column)


class RegtoolsError(Exception):
    """Base of everything that regtools raises on purpose.

    Attributes:
        kind: stable kebab-case word, e.g. ``file-missing`` or ``bad-alias``.
        stage: ``load``, ``parse``, ``resolve``, ``sources`` or ``pull``.
        message: one line for a person, without the place.
        where: the :class:`Place` at fault, or None.
        hint: what to do about it, or None.
        source_line, end_column: the faulty line's text and where the caret ends (exclusive), when known.
        related: further places, each a :class:`Related`.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        stage: str,
        where: Place | None = None,
        hint: str | None = None,
        source_line: str | None = None,
        end_column: int | None = None,
        related: tuple[Related, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.stage = stage
        self.where = where
        self.hint = hint
        self.source_line = source_line
        self.end_column = end_column
        self.related = related

    @property
    def label(self) -> str:
        """The word in brackets at the end of the first line of the text form."""
        return self.kind

    @property
    def file(self) -> str | None:
        """Name of the file at fault."""
        return self.where.file if self.where else None

    @property
    def line(self) -> int | None:
        """Line at fault, from 1."""
        return self.where.line if self.where else None

    @property
    def column(self) -> int | None:
        """Column at fault, from 1, in characters."""
        return self.where.column if self.where else None

    def __str__(self) -> str:
        return self.render()

    def render(self, *, colour: bool = False, width: int | None = None) -> str:
        """Return the text form: place, message, the line with a caret, and the hint.

        Args:
            colour: whether place and message are bold, and the word error is red.
            width: columns at which message and hint are wrapped; None never wraps.
        """
        head = f"{self.where}: error: " if self.where else "error: "
        lines = paragraphs(f"{self.message} [{self.label}]", head, width)
        bold = len(lines)
        if self.line is not None and self.source_line is not None:
            lines += snippet(self.source_line, self.line, self.column, self.end_column)
        for other in self.related:
            lines += snippet(other.source_line, other.line, other.column, other.end_column, other.text)
        if self.hint:
            lines += paragraphs(self.hint, "  hint: ", width)
        lines = [visible(line) for line in lines]
        if colour:
            lines[0] = lines[0].replace("error:", "\x1b[1;31merror:\x1b[0;1m", 1)
            lines = [f"\x1b[1m{line}\x1b[0m" if at < bold else line for at, line in enumerate(lines)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data for JSON."""
        return {
            "kind": self.kind,
            "stage": self.stage,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "end_column": self.end_column,
            "source_line": self.source_line,
            "hint": self.hint,
            "related": [{"line": r.line, "column": r.column, "text": r.text} for r in self.related],
        }

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive pickling by the default; errors travel between processes.
        return (_rebuild, (type(self), self.message, self.__dict__))


def paragraphs(text: str, first: str, width: int | None) -> list[str]:
    """Return the lines of a message or a hint, the first of them after some words.

    Args:
        text: the message; only its first line is wrapped, since further ones can be pasted.
        first: the words before it, such as ``"  hint: "``.
        width: columns of a line; None never wraps.
    """
    top, *more = text.split("\n")
    if width is None:
        return [first + visible(top), *more]
    indent = len(first) - len(first.lstrip()) + 4
    return [*wrapped(top, visible(first), " " * indent, width=width), *more]


class TomlError(RegtoolsError, ValueError):
    """A text that is not acceptable TOML, or that cannot be shown as JSON.

    ``code`` is the catalogue's word, such as ``unquoted-value``; ``kind`` is always ``toml-syntax``.
    ``offset`` counts characters of the decoded text from 0.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        where: Place | None = None,
        offset: int | None = None,
        hint: str | None = None,
        source_line: str | None = None,
        end_column: int | None = None,
        related: tuple[Related, ...] = (),
    ) -> None:
        super().__init__(
            message,
            kind="toml-syntax",
            stage="load",
            where=where,
            hint=hint,
            source_line=source_line,
            end_column=end_column,
            related=related,
        )
        self.code = code
        self.offset = offset

    @property
    def label(self) -> str:
        """The catalogue's word."""
        return self.code

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data for JSON, the code first."""
        return {"code": self.code, **super().to_dict(), "offset": self.offset}


def _rebuild(cls: type[RegtoolsError], message: str, state: dict[str, Any]) -> RegtoolsError:
    error = cls.__new__(cls, message)
    error.__dict__.update(state)
    return error


def absent_from_browsers(what: str) -> RegtoolsError:
    """Return the error for what needs sockets, processes or compiled packages: kind ``no-browser``.

    Args:
        what: what was asked for, as the subject of a sentence.
    """
    return RegtoolsError(
        f"{what} needs sockets, processes or a compiled package, and Python in a browser has none of them",
        kind="no-browser",
        stage="load",
        hint="run this on your own machine: pip install the wheel, then regtools lab",
    )


def unwritable(path: object, error: Exception, *, what: str = "it", stage: str = "load") -> RegtoolsError:
    """Return the error for a file that cannot be written: kind ``file-unwritable``, the system's words.

    Args:
        path: the file; a text or an ``os.PathLike``.
        error: the exception of the system, or of a library that cannot write the format.
        what: subject of the message, such as ``"the chart"``.
    """
    message = f"{what} cannot be written: {getattr(error, 'strerror', None) or error}"
    hint = "choose a file in a folder of your own"
    return RegtoolsError(message, kind="file-unwritable", stage=stage, where=Place(str(path)), hint=hint)


def unreadable(path: object, error: Exception, *, what: str = "the file") -> RegtoolsError:
    """Return the error for a file that cannot be read: kind ``file-missing`` or ``file-unreadable``.

    Args:
        path: the file; a text or an ``os.PathLike``.
        error: the exception of the system, or of a library that cannot read the format.
        what: subject of the message.
    """
    message = f"{what} cannot be read: {getattr(error, 'strerror', None) or error}"
    kind = "file-missing" if isinstance(error, FileNotFoundError) else "file-unreadable"
    return RegtoolsError(message, kind=kind, stage="load", where=Place(str(path)))
