"""One file as far as it can be read, for checks that go on where podman stops."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError, TomlError
from regtools.toml.faults import error_at
from regtools.toml.positions import locate
from regtools.toml.reader import check_values, decode, parse

from ..reading.document import Document
from ..reading.schema import fold_key
from ..reading.validation import check
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from regtools.toml.positions import Span

    from ..reading.releases import Release
    from ..reading.schema import Path, Problem, Table

__all__ = ["Sheet"]

# Faults that end with their line, so that the rest of the file can be read without it.
_LOCAL = frozenset(
    {
        "unquoted-value",
        "colon-for-equals",
        "curly-quote",
        "wrong-boolean",
        "missing-opening-quote",
        "bad-escape",
    }
    | {
        "unclosed-string",
        "doubled-quote",
        "missing-equals",
        "foreign-comment",
        "unquoted-key",
        "missing-value",
    }
    | {"bad-number", "bad-date", "wide-punctuation", "append-operator", "odd-space", "text-after-value"}
)
_PLAIN_QUOTES = str.maketrans("“”„‟‘’‚‛", '"' * 4 + "'" * 4)
# Faults that a line of the same length mends, so that every position stays.
_MENDS: dict[str, Callable[[str, TomlError], str]] = {
    "doubled-quote": lambda line, error: _at(line, error, " " + line[(error.column or 1)]),
    "curly-quote": lambda line, _: line.translate(_PLAIN_QUOTES),
    "wide-punctuation": lambda line, error: _at(line, error, (error.hint or "")[-1:]),
}
_UNSET = frozenset({"location-and-prefix-unset", "location-unset", "mirror-location-unset"})
_MOST_FAULTS = 20
_STATEMENT = re.compile(r"\s*[^\[\s].*")


class Sheet:
    """One file as far as it can be read.

    Attributes:
        file: its path as shown.
        dropin: whether it is merged over another.
        text: its text, None where it has none.
        raw: its values as written, None where it is no TOML.
        document: what can be said of it even if podman refuses it; None like ``raw``.
        faults: what keeps it from being read, in order; empty where it is TOML.
        problems: what podman refuses in it.
        mended: line → its text, where as many characters as were wrong mend it.
    """

    __slots__ = (
        "_first",
        "document",
        "dropin",
        "faults",
        "file",
        "mended",
        "problems",
        "raw",
        "release",
        "text",
        "toml",
    )

    def __init__(
        self,
        source: str | bytes,
        release: Release,
        *,
        file: str | None = None,
        dropin: bool = False,
        toml: str | None = None,
    ) -> None:
        self.file = file
        self.dropin = dropin
        self.release = release
        self.toml = toml or release.toml
        self.text: str | None = None
        self._first: int | None = 0  # not looked for yet
        self.raw: Table | None = None
        self.document: Document | None = None
        self.faults: list[RegtoolsError] = []
        self.problems: list[Problem] = []
        self.mended: dict[int, str] = {}
        try:
            self._read(source)
        except RegtoolsError as error:
            self.faults.append(error)

    @property
    def sound(self) -> bool:
        """Whether podman accepts the file."""
        return not self.faults and not self.problems

    def _read(self, source: str | bytes) -> None:
        text, notes = decode(source, file=self.file)
        self.text = text
        if not self.release.accepts_bom and any(note.code == "bom" for note in notes):
            message = f"podman {self.release.name} refuses a file that starts with a byte-order mark"
            hint = "save it as UTF-8 without signature"
            self.faults.append(error_at(text, 0, 0, message, code="bom", file=self.file, hint=hint))
        readable = self._readable(text)
        if readable is None:
            return
        self.document = Document(readable, self.file, dropin=self.dropin, notes=notes)
        self.raw = parse(readable)
        values = parse(readable)
        problems = list(check(values, self.document.settings, self.release, dropin=self.dropin))
        if problems or self.document.settings.unusual:
            check_values(self.raw, readable, file=self.file)
        repaired = readable != text
        self.problems = [p for p in problems if not (repaired and p.kind in _UNSET)]

    def _readable(self, text: str) -> str | None:
        """Give a text that is TOML: the file's, or with faulty lines mended or blanked, same in length."""
        for _ in range(_MOST_FAULTS):
            dialect = "1.1" if self.faults and self.toml == "1.0" else self.toml
            try:
                parse(text, toml=dialect, file=self.file)
                return text
            except TomlError as error:
                self.faults.append(error)
                if error.code.startswith("toml11-"):
                    continue
                better = self._without(text, error)
                if better is None:
                    return self._newer(text) if self.toml == "1.0" else None
                text = better
        return None

    def _without(self, text: str, error: TomlError) -> str | None:
        """Take one faulty line out of a text, mended or blanked; None where neither is possible."""
        lines = text.split("\n")
        if error.line is None or error.line > len(lines):
            return None
        line = lines[error.line - 1]
        mended = _mended(line, error)
        if mended is not None:
            self.mended[error.line] = mended
        better = mended or _blanked(line, error)
        if better is None:
            return None
        lines[error.line - 1] = better
        return "\n".join(lines)

    def _newer(self, text: str) -> str | None:
        try:
            parse(text, toml="1.1")
        except TomlError:
            return None
        return text

    # -- positions ----------------------------------------------------------------------------------------

    def span(self, path: Path) -> Span | None:
        """Find where a path is written."""
        return self.document.span(path) if self.document else None

    def place(self, path: Path) -> Place:
        """Give where a key or a table's header stands."""
        span = self.span(path)
        return Place(self.file, span.line, span.column) if span else Place(self.file)

    def line(self, path: Path) -> int | None:
        """Give the line of a key or header."""
        return self.place(path).line

    def source(self, number: int) -> str:
        """Give a line's text, counted from 1."""
        lines = (self.text or "").split("\n")
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""

    def statement(self, path: Path) -> str | None:
        """Give ``key = value`` as it is written."""
        span = self.span(path)
        return self.text[span.key_start : span.value_end] if span and self.text else None

    def first_header(self) -> int | None:
        """Give the line of the file's first table header."""
        if self._first == 0 and self.document is not None:
            lines = (span.header_line for span in locate(self.document.text).values())
            self._first = min((line for line in lines if line is not None), default=None)
        return self._first or None

    def finding(
        self,
        severity: str,
        code: str,
        message: str,
        path: Path = (),
        *,
        at_key: bool = False,
        hint: str | None = None,
        fix: str | None = None,
    ) -> Finding:
        """Make a finding that shows the line of a key's value, of the key itself, or of a header."""
        span = self.span(path) if path else None
        while span is None and path and len(path) > 1:
            path = path[:-1]
            span = self.span(path)
        if span is None or self.text is None:
            return Finding(severity, code, message, Place(self.file), hint, fix)
        start, end = (span.key_start, span.key_end) if at_key else (span.value_start, span.value_end)
        at = error_at(self.text, start, end, message, code=code, file=self.file)
        return Finding(severity, code, message, at.where, hint, fix, at.source_line, at.end_column)

    def value(self, path: Path) -> Any:
        """Give what is written at a path, keys in any case; None where nothing is."""
        value: Any = self.raw
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = next((value[key] for key in value if fold_key(key) == fold_key(part)), None)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value


def _mended(line: str, error: TomlError) -> str | None:
    """Write the right characters for wrong ones; None where that takes more or less room."""
    mend = _MENDS.get(error.code)
    if mend is None or error.column is None or error.end_column is None:
        return None
    mended = mend(line, error)
    return mended if len(mended) == len(line) and mended != line else None


def _at(line: str, error: TomlError, right: str) -> str:
    """Put the right characters at an error's column."""
    start, end = (error.column or 1) - 1, (error.end_column or 1) - 1
    return line[:start] + right + line[end:]


def _blanked(line: str, error: TomlError) -> str | None:
    """Blank out a faulty line that stands for itself; None where it may be a part of something longer."""
    if (
        error.code not in _LOCAL
        or not _STATEMENT.fullmatch(line)
        or not any(sign in line for sign in "=:＝：/")
    ):
        return None
    return " " * len(line)
