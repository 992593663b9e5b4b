"""One configuration file: read, checked, and able to find where each thing in it is written."""

from __future__ import annotations

from collections.abc import Mapping

from regtools.display import visible
from regtools.errors import Place, RegtoolsError, Related, TomlError
from regtools.toml.faults import error_at
from regtools.toml.positions import Span, locate
from regtools.toml.reader import Note, check_values, decode, parse

from .releases import Release
from .schema import Path, Problem, fold_key
from .validation import Checked, check


def dialect(release: Release, environ: Mapping[str, str]) -> str:
    """Return the TOML that ``release`` reads: "1.0" or "1.1"; a variable turns 1.1 on in podman 5."""
    variable = release.toml11_variable
    return "1.1" if variable is not None and variable in environ else release.toml


def bom_error(text: str, notes: tuple[Note, ...], release: Release, file: str | None) -> TomlError | None:
    """Make the error of a text that starts with a byte-order mark, if this release refuses one."""
    if release.accepts_bom or all(note.code != "bom" for note in notes):
        return None
    message = f"podman {release.name} refuses a file that starts with a byte-order mark"
    hint = "save it as UTF-8 without signature"
    return error_at(text, 0, 0, message, code="bom", file=file, hint=hint)


class Document:
    """One file of the configuration, accepted by the rules of one release.

    Attributes:
        file: its path as shown, or None for text without a file.
        text: its text without a byte-order mark.
        notes: what is remarkable in accepted text.
        settings: what it sets, a :class:`~regtools.registries.reading.validation.Checked`.
        dropin: whether it is merged over the main file.
    """

    __slots__ = ("_spans", "dropin", "file", "notes", "settings", "text")

    def __init__(
        self, text: str, file: str | None, *, dropin: bool = False, notes: tuple[Note, ...] = ()
    ) -> None:
        self.text = text
        self.file = file
        self.dropin = dropin
        self.notes = notes
        self.settings = Checked()
        self._spans: dict[Path, Span] | None = None

    @classmethod
    def read(
        cls,
        source: str | bytes,
        release: Release,
        *,
        file: str | None = None,
        dropin: bool = False,
        toml: str | None = None,
        answers: bool = False,
    ) -> Document:
        """Read and check one file as ``release`` does.

        Args:
            source: its bytes, or its text.
            release: whose rules.
            file: path to show in errors.
            dropin: whether it is a drop-in.
            toml: dialect, if not the release's own.
            answers: whether podman keeps answers to its question in it; only its aliases count then.

        Raises:
            TomlError: not TOML, or not in that dialect.
            RegtoolsError: the first thing that podman refuses. The stage of both errors is ``load``, but
                ``resolve`` for ``answers``, which podman reads for short names only.
        """
        stage = "resolve" if answers else "load"
        try:
            text, notes = decode(source, file=file)
            if error := bom_error(text, notes, release, file):
                raise error
            data = parse(text, toml=toml or release.toml, file=file)
            if answers:
                data = {key: value for key, value in data.items() if fold_key(key) == "aliases"}
            document = cls(text, file, dropin=dropin or answers, notes=notes)
            refused = next(check(data, document.settings, release, dropin=document.dropin), None)
            if refused or document.settings.unusual:
                # What podman does not know has not been looked at, and TOML's own limits come first.
                check_values(parse(text), text, file=file)
        except TomlError as error:
            if release.takes_last_list and error.code == "duplicate-key" and _is_list(error):
                error.hint = f"{error.hint or 'keep one'}; podman {release.name} would silently take the last"
            error.stage = stage
            raise
        if refused:
            raise document.error(refused, stage=stage)
        return document

    @property
    def name(self) -> str:
        """The file's path, or ``<text>``."""
        return self.file or "<text>"

    def span(self, path: Path) -> Span | None:
        """Find where ``path`` is written; known keys may be in any case. Scans the text at first use."""
        if self._spans is None:
            self._spans = locate(self.text)
        found = self._spans.get(path)
        if found is None and path:
            wanted = _folded(path)
            same = [other for other in self._spans if _folded(other) == wanted]
            same.sort(key=lambda other: other[-1] != path[-1])
            found = self._spans[same[0]] if same else None
        return found

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """Return file, line and column of a key's value, of the key itself, or of a table's header."""
        span = self.span(path)
        if span is None:
            return Place(self.file)
        if at_key:
            return Place(self.file, span.line, span.column)
        return Place(self.file, span.value_line, span.value_column)

    def entry_path(self, prefix: str) -> Path:
        """Return the path of the entry with this prefix, the first of several."""
        settings = self.settings
        if settings.old_format:
            return settings.old_paths[prefix]
        return "registry", settings.indices[prefix]

    def error(self, problem: Problem, *, stage: str = "load") -> RegtoolsError:
        """Turn a problem into an error that shows the line."""
        error = RegtoolsError(
            visible(problem.message),
            kind=problem.kind,
            stage=stage,
            where=Place(self.file),
            hint=problem.hint and visible(problem.hint),
        )
        shown = self._shown(problem.path, at_key=problem.at_key)
        if shown is not None:
            error.where = Place(self.file, shown.line, shown.column)
            error.source_line, error.end_column = shown.source_line, shown.end_column
        if problem.related:
            other = self._shown(problem.related[0], at_key=True, text=problem.related[1])
            error.related = (other,) if other else ()
        return error

    def _shown(self, path: Path, *, at_key: bool, text: str = "") -> Related | None:
        """Return the place of a key or value with its line, ready to be shown with a caret."""
        span = self.span(path)
        if span is None:
            return None
        start, end = (span.key_start, span.key_end) if at_key else (span.value_start, span.value_end)
        found = error_at(self.text, start, end, "", code="")
        return Related(found.line or 1, found.column or 1, text, found.source_line or "", found.end_column)


def _is_list(error: TomlError) -> bool:
    return (error.source_line or "").partition("=")[2].lstrip().startswith("[")


def _folded(path: Path) -> Path:
    return tuple(fold_key(part) if isinstance(part, str) else part for part in path)
