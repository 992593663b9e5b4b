"""One file as far as it can be read, for checks that continue where podman stops."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from regtools.display import masked
from regtools.errors import Place, RegtoolsError, TomlError
from regtools.toml.faults import error_at
from regtools.toml.positions import Span, locate
from regtools.toml.reader import check_values, decode, parse

from ..neighbours import is_yaml
from ..reading.document import Document, bom_error
from ..reading.releases import Release
from ..reading.schema import Path, Problem, Table, fold_key
from ..reading.validation import check
from .finding import Finding
from .fixes import Edit, Fix, apply
from .mending import blanked, mended
from .rules import rule

_COMMA_AFTER = re.compile(r"\s*,[ \t]*")
_COMMA_BEFORE = re.compile(r",\s*$")
_UNSET = frozenset({"location-and-prefix-unset", "location-unset", "mirror-location-unset"})
_JSON = re.compile(r"\s*+\{(?![{%#])")  # {{, {% and {# begin a template
_MOST_FAULTS = 20


class Part(NamedTuple):
    """One table of a file: where it begins, its first name, and what entries it holds.

    ``prefix`` and ``entry`` are those of the entry which it is, or belongs to; -1 is none.
    """

    start: int
    name: str
    prefix: str | None
    entry: int
    holds_entries: bool


class Sheet:
    """One file as far as it can be read.

    Faulty lines are mended, or blanked if there is no mend, until the text is TOML. Positions and edits
    that leave this class are those of the file itself.

    Attributes:
        file: its path as shown.
        dropin: whether it is merged over another.
        text: its text, None if it has none.
        raw: its values as written, None if it is not TOML.
        document: what it sets, even if podman refuses it; None like ``raw``.
        foreign: whether it is YAML or JSON, as files of other tools are.
        faults: what keeps it from being read, in order, each with its fix or None; empty if it is TOML.
        problems: what podman refuses in it.
        refused: the prefixes of entries that it refuses, or that lack a line left out here.
    """

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
        self.foreign = False
        self.faults: list[tuple[RegtoolsError, Fix | None]] = []
        self.problems: list[Problem] = []
        self.refused: frozenset[str] = frozenset()
        self._lines: list[str] = []
        self._mended: list[str] = []  # as many lines as the file has
        self._starts: list[int] = []
        self._mended_starts: list[int] = []
        try:
            self._read(source)
        except RegtoolsError as error:
            self.faults.append((error, None))

    @property
    def sound(self) -> bool:
        """Whether podman accepts the file."""
        return not self.faults and not self.problems

    # -- reading ------------------------------------------------------------------------------------------

    def _read(self, source: str | bytes) -> None:
        self.text, notes = decode(source, file=self.file)
        self._lines = self.text.split("\n")
        self._starts = _starts(self._lines)
        if error := bom_error(self.text, notes, self.release, self.file):
            text = "the same text, saved as UTF-8 without a byte-order mark"
            self.faults.append((error, self.fix(text, Edit(self.file, 0, 0, ""))))
        self.foreign = _JSON.match(self.text) is not None or is_yaml(self.text)
        blank = self._uncover()
        if self.raw is None:
            return
        readable = "\n".join(self._mended)
        self.document = Document(readable, self.file, dropin=self.dropin, notes=notes)
        values = _copy(self.raw)
        problems = list(check(values, self.document.settings, self.release, dropin=self.dropin))
        if problems or self.document.settings.unusual:
            check_values(self.raw, readable, file=self.file)
        places = {problem.path[:2] for problem in problems}
        indices = self.document.settings.indices.items()
        self.refused = frozenset(prefix for prefix, index in indices if ("registry", index) in places)
        self.problems = [problem for problem in problems if not (blank and problem.kind in _UNSET)]

    def _uncover(self) -> bool:
        """Find one fault after the other, until the text is TOML; return whether a line was left out."""
        lines, blank = list(self._lines), False
        found: list[tuple[TomlError, dict[int, str]]] = []
        while self.raw is None and len(found) < (1 if self.foreign else _MOST_FAULTS):
            dialect = "1.1" if (found or self.faults) and self.toml == "1.0" else self.toml
            try:
                self.raw = parse("\n".join(lines), toml=dialect, file=self.file)
            except TomlError as error:
                better = {} if self.foreign else _better(lines, error)
                found.append((error, better))
                if error.code.startswith("toml11-"):
                    continue
                if not better:
                    if self.foreign:
                        break
                    line = blanked(lines[error.line - 1], error) if error.line else None
                    if line is None or error.line is None:
                        break
                    better, blank = {error.line - 1: line}, True
                lines = [better.get(index, line) for index, line in enumerate(lines)]
        self._mended, self._mended_starts = lines, _starts(lines)
        self.faults += [(self._original(error), self._mend(list(better))) for error, better in found]
        return blank

    def _mend(self, indices: list[int]) -> Fix | None:
        """Return the fix that writes some lines with all their mends; None if one had to be left out."""
        edits, texts = [], [self._mended[index].strip() for index in indices]
        for index in indices if all(texts) else ():
            old, new, start = self._lines[index], self._mended[index], self._starts[index]
            head, tail = _common(old, new)
            edits.append(Edit(self.file, start + head, start + len(old) - tail, new[head : len(new) - tail]))
        return self.fix("\n".join(texts), *edits)

    def _original(self, error: TomlError) -> TomlError:
        """Return a fault of the mended text with its place in the file."""
        if error.line is None or error.column is None or error.source_line == self.source(error.line):
            return error
        start = self._starts[error.line - 1]
        line, old = error.source_line or "", self.source(error.line)
        first = start + _column(line, old, error.column - 1)
        last = start + _column(line, old, (error.end_column or error.column + 1) - 1)
        text, hint = self.text or "", error.hint
        return error_at(text, first, last, error.message, code=error.code, file=self.file, hint=hint)

    # -- positions ----------------------------------------------------------------------------------------

    def back(self, offset: int) -> int:
        """Return the offset in the file of an offset in the mended text."""
        if not self.faults:
            return offset
        line = bisect_right(self._mended_starts, offset) - 1
        column = offset - self._mended_starts[line]
        return self._starts[line] + _column(self._mended[line], self._lines[line], column)

    def span(self, path: Path) -> Span | None:
        """Return where a path is written in the mended text."""
        return self.document.span(path) if self.document else None

    def line(self, path: Path) -> int | None:
        """Return the line of a key or header."""
        span = self.span(path)
        return self._place(self.back(span.key_start))[0] if span else None

    def place(self, path: Path) -> Place:
        """Return where a key or a table's header is."""
        span = self.span(path)
        return Place(self.file, *self._place(self.back(span.key_start))) if span else Place(self.file)

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def source(self, number: int) -> str:
        """Return a line of the file, counted from 1."""
        return self._lines[number - 1].rstrip("\r") if 0 < number <= len(self._lines) else ""

    def statement(self, path: Path) -> str | None:
        """Return ``key = value`` as it is written."""
        span = self.span(path)
        return self.document.text[span.key_start : span.value_end] if span and self.document else None

    @cached_property
    def headers(self) -> dict[int, Span]:
        """The table headers in the order of the text, by their offset in the mended text."""
        spans = locate(self.document.text).values() if self.document else ()
        found = (s for s in spans if s.line == s.header_line and s[:2] == s[2:4])
        return {span.key_start: span for span in sorted(found)}

    @cached_property
    def tables(self) -> list[Part]:
        """The tables in the order of the text, each until the next one; the first is what has no header."""
        if self.document is None:
            return []
        settings, entry = self.document.settings, -1
        prefixes = {index: prefix for prefix, index in settings.indices.items()}
        found = [Part(0, "", None, -1, self.header(("registry", 0)) is None)]
        for start, span in self.headers.items():
            name = fold_key(self.document.text[start : span.key_end].strip("[] \t"))
            entry += name == "registry"
            name = name.partition(".")[0]
            prefix = prefixes.get(entry) if name == "registry" else None
            number = entry if name == "registry" else -1
            found.append(Part(self.back(start), name, prefix, number, name == "registries"))
        return found

    @cached_property
    def table_starts(self) -> list[int]:
        """Where the :attr:`tables` begin."""
        return [table.start for table in self.tables]

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
                same = (
                    part if part in value else next((k for k in value if fold_key(k) == fold_key(part)), None)
                )
                value = value.get(same)
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
        """Return a fix of this file, None if there is nothing to edit, or a secret would be shown."""
        return Fix(text, edits, self.text or "") if edits and masked(text) == text else None

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

    def dropped(self, path: Path) -> Edit | None:
        """Return the edit that takes an item out of a list, with one comma."""
        span, text = self.span(path), self.document.text if self.document else ""
        if span is None:
            return None
        after = _COMMA_AFTER.match(text, span.value_end)
        before = None if after else _COMMA_BEFORE.search(text[: span.value_start])
        start = before.start() if before else span.value_start
        return self.edit(start, after.end() if after else span.value_end, "")

    def shown(self, path: Path, *edits: Edit) -> Fix | None:
        """Return a fix whose text is the whole table with its sub-tables, as the edits make it."""
        number = next((i for i, part in enumerate(self.tables) if path == ("registry", part.entry)), 0)
        later = (part.start for part in self.tables[number + 1 :] if part.entry != path[-1])
        start, end = self.tables[number].start, next(later, len(self.text or ""))
        inside = [edit._replace(start=edit.start - start, end=edit.end - start) for edit in edits]
        text = apply((self.text or "")[start:end], inside)
        return self.fix("\n".join(filter(str.strip, text.splitlines())), *edits)

    def start(self, number: int) -> int:
        """Return the offset in the file of a line, counted from 1; of one after the last, the end."""
        return min(self._starts[min(number, len(self._starts)) - 1], len(self.text or ""))

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
        while pos and whole[(start := whole.rfind("\n", 0, pos - 1) + 1) : pos].strip()[:1] in ("", "#"):
            pos = start
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


def _better(lines: list[str], error: TomlError) -> dict[int, str]:
    """Return the lines that mend a fault, if the text can be read beyond it then."""
    better = mended(lines, error) if error.line and error.line <= len(lines) else {}
    try:
        parse("\n".join(better.get(index, line) for index, line in enumerate(lines)))
    except TomlError as later:
        if later.code == error.code and (later.offset or 0) <= (error.offset or 0):
            return {}
    return better


def _starts(lines: list[str]) -> list[int]:
    return list(accumulate((len(line) + 1 for line in lines), initial=0))


def _common(one: str, other: str) -> tuple[int, int]:
    """Return how many characters two lines have in common at the start, and at the end."""
    head = _equal(one, other)
    return head, _equal(one[head:][::-1], other[head:][::-1])


def _equal(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _column(line: str, original: str, column: int) -> int:
    """Return where a column of a mended line is in the original one."""
    head, _ = _common(line, original)
    return column if column <= head else max(len(original) - (len(line) - column), head)


def _copy(value: Any) -> Any:
    """Return a value whose tables and lists are its own."""
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if type(value) is list else value
