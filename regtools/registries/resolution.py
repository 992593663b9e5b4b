"""The result of resolving a name, and how it is shown: one answer, as text and as a table in JupyterLab.

The answer comes first: the sources, what decided, at most three notes on this name, what else it means. Rows
for analysis are the third look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from regtools.display import columns, escape, html_table, printable, text_width, visible, wrapped
from regtools.errors import RegtoolsError
from regtools.reference import PullName
from regtools.values import TYPE_CHECKING, Value

from .advice import Note, advice
from .elsewhere import meanings
from .reasons import Reason, at, unused_settings, why_candidates
from .settings import SEARCH, Settings
from .sources import Candidate as Candidate
from .sources import Source as Source

if TYPE_CHECKING:
    from typing import Any, ClassVar

    import pandas as pd


class Resolution(Value):
    """What a name means under a configuration. Print it for the explanation.

    Attributes:
        pull: the argument of ``podman pull``, taken apart.
        candidates: the full names that are tried, in order.
        how: ``qualified`` (names its registry), ``docker`` (``docker://``), ``alias``, ``remembered``
            (an alias that podman keeps itself) or ``search`` (the search list).
        conf: the configuration.
        prompt: whether podman asks which of them is meant; the choice is the only candidate then.
        tty: whether there was a terminal.
    """

    __slots__ = ("candidates", "conf", "how", "prompt", "pull", "tty")

    def __init__(
        self,
        pull: PullName,
        candidates: tuple[Candidate, ...],
        how: str,
        conf: Settings,
        prompt: bool,
        tty: bool,
    ) -> None:
        self.pull = pull
        self.candidates = candidates
        self.how = how
        self.conf = conf
        self.prompt = prompt
        self.tty = tty

    def __repr__(self) -> str:
        return f"<resolution of {self.image!r}: {list(self.candidates)}>"

    @property
    def image(self) -> str:
        """The name as it was given."""
        return self.pull.typed

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of all candidates, in the order in which podman would try them."""
        return tuple(source for candidate in self.candidates for source in candidate.sources)

    @property
    def why(self) -> Reason:
        """What made the candidates: the name itself, an alias or the search list."""
        return why_candidates(self.conf, self.pull, self.how, len(self.candidates))

    @property
    def unused(self) -> tuple[Reason, ...]:
        """What was not used for this name, and why; for single candidates see :attr:`Candidate.unused`."""
        return tuple(unused_settings(self.conf, self.pull, self.how, len(self.candidates), self.tty))

    def to_dict(self) -> dict[str, Any]:
        """Return candidates and sources as plain data; ``"prompt": true`` if podman would ask."""
        plain: dict[str, Any] = {"candidates": [candidate.to_dict() for candidate in self.candidates]}
        return plain | ({"prompt": True} if self.prompt else {})

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each source, with its reason, file and line; one for a candidate that fails."""
        import pandas as pd

        columns = Columns()
        columns.add(self)
        table = columns.frame()
        reasons = [reason for candidate in self.candidates for reason in _reasons(candidate)]
        table["why"] = pd.Series([reason.text for reason in reasons], dtype="object")
        table["file"] = pd.Series([r.where.file if r.where else None for r in reasons], dtype="object")
        table["line"] = pd.Series([r.where.line if r.where else None for r in reasons], dtype="Int64")
        return table

    def __str__(self) -> str:
        return "\n".join(answer(self))

    def _repr_html_(self) -> str:
        rows: list[tuple[str, ...]] = [("", "source", "image", "transport", "decided by")]
        for candidate, numbered in _rows(self):
            if len(self.candidates) > 1:
                rows.append((candidate.name,))
            rows += numbered or [(text,) for text in _failure(candidate)]
        notes = advice(self.pull, self.how, self.candidates)
        more = [*notes[MOST_NOTES:], *details(self)]
        other = html_table([*meanings(self.pull, self.how, self.candidates)], heading=False, named=True)
        return (
            f"<div><p><b>{_safe(headline(self))}</b></p>{html_table(rows)}<p>{_safe(because(self))}</p>"
            f"{_items(notes[:MOST_NOTES])}<p>{_safe(_files(self))}</p>"
            f"<details><summary>More</summary>{_items(more)}{other}</details></div>"
        )


MOST_NOTES = 3
MOST_LINES = 20  # of an answer with three sources or fewer


def answer(
    res: Resolution,
    *,
    notes: Iterable[Note] = (),
    others: Iterable[tuple[str, str]] = (),
    step: str = "",
    whole: bool = False,
    more: str = "",
) -> list[str]:
    """Return the lines of the answer: sources, what decided, notes, other meanings, files, the next step.

    Args:
        res: what the name means.
        notes: further notes, which come first.
        others: who else reads the name, and what it is there; these come first, too.
        step: the next step, if not the usual one.
        whole: whether all notes and all meanings are wanted, however many lines that takes.
        more: how to see the rest.
    """
    lines = wrapped(f"{headline(res)}:")
    sources = [*_source_lines(res)]
    lines += sources + wrapped(because(res))
    end = wrapped(f"{_files(res)}{more}") + wrapped(f"Next: {step or _next(res)}", "", "  ")
    extra = len(sources) - 3 if len(res.sources) > 3 else 0
    room = None if whole else MOST_LINES + extra - len(end)
    known = [*notes, *advice(res.pull, res.how, res.candidates, whole=whole)]
    blocks = [note_lines(note) for note in (known if whole else known[:MOST_NOTES])]
    rest = [*others, *meanings(res.pull, res.how, res.candidates)]
    column = max(len(who) for who, _ in rest) + 2
    blocks += [wrapped(who.ljust(column) + text, "  ", " " * (column + 2)) for who, text in rest]
    for block in blocks:
        if room is None or len(lines) + len(block) <= room:
            lines += block
    return lines + end


def details(res: Resolution) -> list[str]:
    """Return why each source is there and how it is contacted, what was not used, and what was not read."""
    unused = [*res.unused, *(reason for candidate in res.candidates for reason in candidate.unused)]
    return [
        *(f"{number}. {source.why}; {source.transport}" for number, source in enumerate(res.sources, 1)),
        *(f"not used: {reason}" for reason in unused),
        *(f"not read: {ignored}" for ignored in res.conf.files_ignored),
    ]


def headline(res: Resolution) -> str:
    """Return what the name is, and how many sources it has."""
    podman, names = f"podman {res.conf.podman}", [candidate.name for candidate in res.candidates]
    name = f"{res.image} ({names[0] if len(names) == 1 else f'one of {len(names)} names'})"
    if len(names) == 1 and names[0] in (res.image, f"{res.image}:latest"):
        name = names[0]
    if not any(source.usable for source in res.sources):
        return f"{podman} cannot pull {name}"
    count = len(res.sources)
    sources = "1 source" if count == 1 else f"{count} sources, in this order"
    if res.prompt:
        return f"{podman} asks what {name} is, and pulls only that; {sources}"
    return f"{podman} pulls {name} from {sources}"


def because(res: Resolution) -> str:
    """Return in one sentence what decided: the name itself, an alias or the search list, and the entry."""
    conf, parts = res.conf, []
    if res.how not in ("qualified", "docker"):
        parts.append(f"{res.why.text} ({at(conf, res.why.where)})")
    if res.how in ("alias", "remembered") and conf.unqualified_search_registries:
        search = at(conf, conf.setting_place(SEARCH))
        parts.append(f"the search list ({search}) is not used, even when that pull fails")
    candidate = next((each for each in res.candidates if each.entry), res.candidates[0])
    entry = candidate.entry
    if entry is None:
        parts.append("no [[registry]] entry matches")
    else:
        where = at(conf, conf.place(entry.prefix, "prefix"))
        text = f"the entry {entry.prefix!r} ({where}) governs {candidate.repository}"
        if entry.location not in ("", entry.prefix):
            to = at(conf, conf.place(entry.prefix, "location"))
            text = f"prefix {entry.prefix!r} ({where}) is replaced by location {entry.location!r} ({to})"
        mirrors = any(source.kind == "mirror" for source in candidate.sources)
        parts.append(text + (", its mirrors first" if mirrors else ""))
    return f"Because: {'; '.join(parts)}."


def _rows(res: Resolution) -> Iterator[tuple[Candidate, list[tuple[str, ...]]]]:
    """Yield each candidate with its rows: number, kind, full name, HTTPS or HTTP, file and line."""
    number = 0
    for candidate in res.candidates:
        rows: list[tuple[str, ...]] = []
        for source in candidate.sources:
            number += 1
            kind = "registry" if source.kind == "primary" else "mirror"
            how = "blocked" if source.blocked else "no host" if source.hostless else "HTTPS"
            how += ", else HTTP" if source.insecure and source.usable else ""
            decided = source.transport.where if source.blocked else source.why.where
            rows.append((f"{number}.", kind, source.reference, how, at(res.conf, decided) or "no entry"))
        yield candidate, rows


def _failure(candidate: Candidate) -> list[str]:
    """Return why a candidate has no sources, and what to do; nothing if it has some."""
    if (error := candidate.error) is None:
        return []
    return [
        f"fails: {error.message} [{error.kind}] ({at(candidate.conf, error.where)})",
        *([f"hint: {error.hint}"] if error.hint else []),
    ]


def _source_lines(res: Resolution) -> Iterator[str]:
    """Yield a line for each source, two where one is too short; the error of a candidate without sources."""
    table = [*_rows(res)]
    number, kind, name, how, place = (
        max((columns(row[at]) for _, rows in table for row in rows), default=0) for at in range(5)
    )
    if number + kind + name + how + place + 9 > text_width():
        name = how = 0
    for candidate, rows in table:
        for text in _failure(candidate):
            yield from wrapped(text, "  ", "    ")
        for row in rows:
            start = f"  {row[0]:>{number}} {row[1]:<{kind}}  "
            line = visible(f"{start}{row[2]:<{name}}  {row[3]:<{how}}  {row[4]}")
            if columns(line) <= text_width():
                yield line
            else:
                yield visible(start + row[2])
                yield from wrapped(f"{row[3]}  {row[4]}", " " * len(start))


def note_lines(note: Note) -> list[str]:
    """Return a note as a list item, its TOML below it."""
    toml = [f"    {line}" for line in printable(note.toml).splitlines() if line]
    return [*wrapped(str(note), "- ", "  "), *toml]


def _files(res: Resolution) -> str:
    return f"Files: {', '.join(res.conf.files_read) or 'none'}"


def _next(res: Resolution) -> str:
    if not any(source.usable for source in res.sources):
        return "regtools check shows what to change"
    if len(res.sources) > 1:
        return (
            f"podman --log-level=debug pull {res.image} shows failing sources, otherwise skipped in silence"
        )
    return f"regtools time {res.image} pulls it and shows where the time goes"


def _items(texts: Iterable[object]) -> str:
    items = (_safe(str(text)) + _code(getattr(text, "toml", "")) for text in texts)
    return f'<ul style="margin:4px 0">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def _code(toml: str) -> str:
    return f"<pre>{escape(printable(toml))}</pre>" if toml else ""


def _safe(text: str) -> str:
    return escape(visible(text))


def _reasons(candidate: Candidate) -> list[Reason]:
    if error := candidate.error:
        return [Reason(error.message, error.where)]
    return [source.why for source in candidate.sources]


class Columns:
    """Collects one row for each source, column by column: a million rows as dictionaries would not fit."""

    TYPES: ClassVar = {
        "image": "object",
        "candidate": "int32",
        "order": "int32",
        "name": "object",
        "reference": "object",
        "kind": "category",
        "insecure": "boolean",
        "blocked_by": "category",
        "error": "category",
        "stage": "category",
    }

    def __init__(self) -> None:
        self.values: tuple[list[Any], ...] = tuple([] for _ in self.TYPES)

    def add(self, res: Resolution) -> None:
        """Add the rows of one resolution."""
        image = res.image
        for number, candidate in enumerate(res.candidates, 1):
            name = candidate.name
            if candidate.failed:
                self._row(image, number, 1, name, None, None, None, None, candidate.failed, "sources")
            for order, source in enumerate(candidate.sources, 1):
                reference = name if source.reference == name else source.reference  # one object, not two
                place = (reference, source.kind, source.insecure, source.blocked_by)
                self._row(image, number, order, name, *place, None, None)

    def add_error(self, image: object, error: RegtoolsError) -> None:
        """Add the row of a name that cannot be resolved."""
        self._row(image, 0, 0, None, None, None, None, None, error.kind, error.stage)

    def _row(self, *row: object) -> None:
        for column, value in zip(self.values, row, strict=True):
            column.append(value)

    def frame(self) -> pd.DataFrame:
        """Return the frame, and free the columns."""
        import pandas as pd

        series = {}
        for (name, kind), column in zip(self.TYPES.items(), self.values, strict=True):
            series[name] = pd.Series(column, dtype=kind)
            column.clear()
        return pd.DataFrame(series)
