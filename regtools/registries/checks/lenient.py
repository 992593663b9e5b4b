"""One file as far as it can be read, for checks that go on where podman stops."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError, TomlError
from regtools.toml.faults import error_at
from regtools.toml.positions import locate
from regtools.toml.reader import check_values, decode, parse

from ..reading.document import Document
from ..reading.schema import fold_key
from ..reading.validation import check
from .finding import Finding
from .fixes import Edit, Fix, OverlapError, apply, back, joined
from .mending import blanked, mended
from .rules import rule

if TYPE_CHECKING:
    from typing import Any

    from regtools.toml.positions import Span

    from ..reading.releases import Release
    from ..reading.schema import Path, Problem, Table

__all__ = ["Sheet"]

_UNSET = frozenset({"location-and-prefix-unset", "location-unset", "mirror-location-unset"})
_MOST_FAULTS = 20


class Sheet:
    """One file as far as it can be read.

    Faulty lines are mended, or blanked if there is no mend, until the text is TOML. Positions and edits
    that leave this class are those of the file itself.

    Attributes:
        file: its path as shown.
        dropin: whether it is merged over another.
        text: its text, None if it has none.
        raw: its values as written, None if it is no TOML.
        document: what it sets, even if podman refuses it; None like ``raw``.
        faults: what keeps it from being read, in order, each with its mend; empty if it is TOML.
        problems: what podman refuses in it.
    """

    __slots__ = (
        "_edits",
        "_headers",
        "_lines",
        "_starts",
        "document",
        "dropin",
        "faults",
        "file",
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
        self.raw: Table | None = None
        self.document: Document | None = None
        self.faults: list[tuple[RegtoolsError, tuple[Edit, ...]]] = []
        self.problems: list[Problem] = []
        self._edits: list[Edit] = []
        self._lines: list[str] = []
        self._starts: list[int] = []
        self._headers: dict[int, Span] | None = None
        try:
            self._read(source)
        except RegtoolsError as error:
            self.faults.append((error, ()))

    @property
    def sound(self) -> bool:
        """Whether podman accepts the file."""
        return not self.faults and not self.problems

    # -- reading ------------------------------------------------------------------------------------------

    def _read(self, source: str | bytes) -> None:
        self.text, notes = decode(source, file=self.file)
        self._lines = self.text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        if not self.release.accepts_bom and any(note.code == "bom" for note in notes):
            message = f"podman {self.release.name} refuses a file that starts with a byte-order mark"
            hint = "save it as UTF-8 without signature"
            error = error_at(self.text, 0, 0, message, code="bom", file=self.file, hint=hint)
            self.faults.append((error, ()))
        blank = self._uncover(self.text)
        if self.raw is None:
            return
        readable = apply(self.text, self._edits)
        self.document = Document(readable, self.file, dropin=self.dropin, notes=notes)
        values = _copy(self.raw)
        problems = list(check(values, self.document.settings, self.release, dropin=self.dropin))
        if problems or self.document.settings.unusual:
            check_values(self.raw, readable, file=self.file)
        self.problems = [problem for problem in problems if not (blank and problem.kind in _UNSET)]

    def _uncover(self, text: str) -> bool:
        """Find one fault after the other, until the text is TOML; return whether a line was left out."""
        blank = False
        while self.raw is None and len(self.faults) < _MOST_FAULTS:
            dialect = "1.1" if self.faults and self.toml == "1.0" else self.toml
            readable = apply(text, self._edits)
            try:
                self.raw = parse(readable, toml=dialect, file=self.file)
            except TomlError as error:
                if error.code.startswith("toml11-"):
                    self.faults.append((error, ()))
                    continue
                edits = self._mend(readable, error)
                self.faults.append((self._original(error), edits))
                left_out = None if edits else self._blank(readable, error)
                blank = blank or left_out is not None
                added = edits or left_out
                if not added:
                    break
                self._edits = joined([*self._edits, *added])
        return blank

    def _mend(self, readable: str, error: TomlError) -> tuple[Edit, ...]:
        """Return the edits that mend a fault, if the text can be read beyond it then."""
        lines = readable.split("\n")
        if error.line is None or error.line > len(lines):
            return ()
        edits = self._line_edits(lines, mended(lines, error))
        try:
            together = joined([*self._edits, *edits])
        except OverlapError:
            return ()
        if not edits or len(together) == len(self._edits):
            return ()
        try:
            parse(apply(self.text or "", together))
        except TomlError as next_one:
            if (next_one.offset or 0) <= (error.offset or 0):
                return ()
        return edits

    def _blank(self, readable: str, error: TomlError) -> tuple[Edit, ...] | None:
        lines = readable.split("\n")
        if error.line is None or error.line > len(lines):
            return None
        better = blanked(lines[error.line - 1], error)
        if better is None:
            return None
        start = self.back(sum(len(line) + 1 for line in lines[: error.line - 1]))
        end = self.back(start + len(better)) if not self._edits else self._line_end(start)
        kept = [edit for edit in self._edits if not start <= edit.start <= end]
        self._edits = kept
        return (Edit(self.file, start, end, " " * (end - start)),)

    def _line_end(self, start: int) -> int:
        end = (self.text or "").find("\n", start)
        return len(self.text or "") if end < 0 else end

    def _line_edits(self, lines: list[str], better: dict[int, str]) -> tuple[Edit, ...]:
        """Return new lines as edits of the characters that differ."""
        edits = []
        for index, new in sorted(better.items()):
            old = lines[index]
            start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
            start = min(len(old), len(new)) if start is None else start
            tail = 0
            while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
                tail += 1
            offset = sum(len(line) + 1 for line in lines[:index])
            edits.append(self.edit(offset + start, offset + len(old) - tail, new[start : len(new) - tail]))
        return tuple(edits)

    def _original(self, error: TomlError) -> TomlError:
        """Return a fault of the mended text with its place in the file."""
        if not self._edits or error.offset is None or error.column is None:
            return error
        width = (error.end_column or error.column + 1) - error.column
        start, end = self.back(error.offset), self.back(error.offset + width)
        return error_at(
            self.text or "", start, end, error.message, code=error.code, file=self.file, hint=error.hint
        )

    # -- positions ----------------------------------------------------------------------------------------

    def back(self, offset: int) -> int:
        """Return the offset in the file of an offset in the mended text."""
        return back(self._edits, offset) if self._edits else offset

    def span(self, path: Path) -> Span | None:
        """Return where a path is written in the mended text."""
        return self.document.span(path) if self.document else None

    def line(self, path: Path) -> int | None:
        """Return the line of a key or header."""
        span = self.span(path)
        return self._place(self.back(span.key_start))[0] if span else None

    def place(self, path: Path) -> Place:
        """Return where a key or a table's header stands."""
        span = self.span(path)
        return Place(self.file, *self._place(self.back(span.key_start))) if span else Place(self.file)

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def source(self, number: int) -> str:
        """Return a line of the file, counted from 1."""
        return self._lines[number - 1].rstrip("\r") if 0 < number <= len(self._lines) else ""

    def mended_line(self, number: int) -> str:
        """Return a line with all its mends."""
        start, end = self._starts[number - 1], self._starts[number] - 1
        here = [edit for edit in self._edits if start <= edit.start <= end]
        return apply(
            self.source(number),
            [edit._replace(start=edit.start - start, end=edit.end - start) for edit in here],
        )

    def statement(self, path: Path) -> str | None:
        """Return ``key = value`` as it is written."""
        span = self.span(path)
        return self.document.text[span.key_start : span.value_end] if span and self.document else None

    @property
    def headers(self) -> dict[int, Span]:
        """The table headers in the order of the text, by their offset in the mended text."""
        if self._headers is None:
            spans = locate(self.document.text).values() if self.document else ()
            own = {s.key_start: s for s in spans if s.line == s.header_line and s.key_start == s.value_start}
            self._headers = {
                start: own[start] for start in sorted(own) if own[start].key_end == own[start].value_end
            }
        return self._headers

    def header(self, path: Path) -> Span | None:
        """Return the header of a table, None if it is written in another way."""
        span = self.span(path)
        return self.headers.get(span.key_start) if span and span.key_start == span.value_start else None

    def first_header(self) -> int | None:
        """Return the line of the file's first table header."""
        first = next(iter(self.headers), None)
        return None if first is None else self._place(self.back(first))[0]

    def value(self, path: Path) -> Any:
        """Return what is written at a path, keys in any case; None if nothing is."""
        value: Any = self.raw
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = (
                    value[part]
                    if part in value
                    else next((value[key] for key in value if fold_key(key) == fold_key(part)), None)
                )
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    # -- findings and fixes -------------------------------------------------------------------------------

    def finding(
        self,
        code: str,
        message: str,
        path: Path = (),
        *,
        at_key: bool = False,
        hint: str | None = None,
        fix: Fix | None = None,
        severity: str | None = None,
    ) -> Finding:
        """Make a finding that shows the line of a key's value, of the key itself, or of a header.

        Args:
            code: of a row of the table of rules, or of a refusal.
            message: what is wrong.
            path: what it is about; if it is not written, what holds it is shown.
            at_key: whether the key is shown, not the value.
            hint: what to do.
            fix: the change that removes the finding.
            severity: other than the rule's.
        """
        severity = severity or rule(code).severity
        span = self.span(path) if path else None
        while span is None and len(path) > 1:
            path = path[:-1]
            span = self.span(path)
        if span is None or self.text is None:
            return Finding(severity, code, message, Place(self.file), hint, fix)
        start, end = (span.key_start, span.key_end) if at_key else (span.value_start, span.value_end)
        line, column = self._place(self.back(start))
        source = self.source(line)
        width = max(min(self.back(end) - self.back(start), len(source) - column + 1), 1)
        return Finding(
            severity, code, message, Place(self.file, line, column), hint, fix, source, column + width
        )

    def edit(self, start: int, end: int, text: str) -> Edit:
        """Return an edit of the mended text as an edit of the file."""
        first = self.back(start)
        return Edit(self.file, first, max(self.back(end), first), text)

    def fix(self, text: str, *edits: Edit) -> Fix | None:
        """Return a fix of this file, None if there is nothing to edit."""
        return Fix(text, edits, self.text or "") if edits else None

    def replaced(self, path: Path, value: str) -> Fix | None:
        """Return the fix that writes another value."""
        span = self.span(path)
        key = f"{path[-1]} = " if isinstance(path[-1], str) else ""
        return self.fix(f"{key}{value}", self.edit(span.value_start, span.value_end, value)) if span else None

    def renamed(self, path: Path, key: str) -> Fix | None:
        """Return the fix that writes another key."""
        span, written = self.span(path), self.statement(path)
        if span is None or written is None or written.startswith("[") or span.key_end == span.value_end:
            return None
        text = key + written[span.key_end - span.key_start :]
        return self.fix(text, self.edit(span.key_start, span.key_end, key))

    def removal(self, path: Path) -> Edit | None:
        """Return the edit that removes ``key = value`` with its lines; None if something else is on them."""
        span = self.span(path)
        if span is None or self.document is None:
            return None
        text = self.document.text
        start, end = text.rfind("\n", 0, span.key_start) + 1, text.find("\n", span.value_end) + 1
        end = end or len(text)
        rest = text[span.value_end : end].strip()
        if text[start : span.key_start].strip() or (rest and not rest.startswith("#")):
            return None
        return self.edit(start, end, "")

    def insertion(self, header: Span | None, text: str) -> Edit:
        """Return the edit that inserts lines below a header, or above the first one, before what is there."""
        whole = self.document.text if self.document else ""
        if header is not None:
            pos = whole.find("\n", header.key_end) + 1 or len(whole)
        else:
            first = next(iter(self.headers), None)
            pos = len(whole) if first is None else whole.rfind("\n", 0, first) + 1
        return self.inserted(pos, text)

    def below(self, path: Path, text: str) -> Edit | None:
        """Return the edit that inserts lines where the table of a header ends, sub-tables not counted."""
        header = self.header(path)
        if header is None or self.document is None:
            return None
        whole, starts = self.document.text, list(self.headers)
        later = starts[bisect_right(starts, header.key_start) :][:1]
        pos = whole.rfind("\n", 0, later[0]) + 1 if later else len(whole)
        while (line := whole[whole.rfind("\n", 0, max(pos - 1, 0)) + 1 : pos]) and line.strip()[:1] in (
            "",
            "#",
        ):
            pos -= len(line)
        return self.inserted(pos, text)

    def inserted(self, pos: int, text: str) -> Edit:
        """Return the edit that inserts lines at an offset of the mended text."""
        whole = self.document.text if self.document else ""
        text = ("" if not pos or whole[pos - 1] == "\n" else "\n") + text + "\n"
        return self.edit(pos, pos, text.replace("\n", "\r\n") if "\r\n" in whole else text)

    def moved(self, path: Path, header: Span | None = None) -> Fix | None:
        """Return the fix that moves ``key = value`` below a header, or above the first one."""
        text, removal = self.statement(path), self.removal(path)
        return self.fix(text, removal, self.insertion(header, text)) if text and removal else None


def _copy(value: Any) -> Any:
    """Return a value whose tables and lists are its own."""
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if type(value) is list else value
