"""From an image name to the ordered list of places that podman pulls it from.

::

    argument ─▶ candidates ─▶ for each: one [[registry]] entry ─▶ mirrors that apply, then the primary

What is decided here is decided without looking for reasons; each value remembers what decided it, and
:mod:`regtools.registries.reasons` finds the words and the line when somebody asks.

Source: containers-registries.conf(5); podman-pull(1) for short names.

How a resolution is shown: a tree for the terminal, a table for JupyterLab, rows for analysis.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from regtools.display import visible
from regtools.reference import GRAMMAR

from .entries import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import pandas as pd

    from regtools.errors import RegtoolsError
    from regtools.reference import PullName

    from .entries import Registry
    from .reasons import Reason
    from .settings import Settings

__all__ = ["Candidate", "Columns", "Resolution", "Source", "frame", "html", "tree"]


class Source(NamedTuple):
    """One place to pull from.

    Attributes:
        reference: the image's full name at that place.
        insecure: whether plain HTTP and unverified TLS are allowed there.
        kind: ``mirror`` or ``primary``.
        blocked_by: prefix of the entry that forbids this place, or None.
        entry: the ``[[registry]]`` that led here, or None where none governs the name.
        mirror: index of the mirror in that entry, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    reference: str
    insecure: bool
    kind: str
    blocked_by: str | None = None
    entry: Registry | None = None
    mirror: int = PRIMARY
    conf: Any = None

    def __repr__(self) -> str:
        blocked = f", blocked by {self.blocked_by}" if self.blocked else ""
        return f"<{self.kind} {self.reference}{', insecure' if self.insecure else ''}{blocked}>"

    @property
    def why(self) -> Reason:
        """What put this place into the list, with file, line and column."""
        from .reasons import why_source

        return why_source(self.conf, self)

    @property
    def blocked(self) -> bool:
        """Whether podman refuses to contact this place and goes on to the next."""
        return self.blocked_by is not None

    @property
    def transport(self) -> Reason:
        """Whether the place is contacted at all, by HTTPS or also by HTTP, and the line that says so."""
        from .reasons import why_transport

        return why_transport(self.conf, self)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        plain = {"reference": self.reference, "insecure": self.insecure, "kind": self.kind}
        return plain | ({"blocked": True, "blocked_by": self.blocked_by} if self.blocked else {})


class Candidate(NamedTuple):
    """One full name that the given name may stand for, and its sources in order.

    Attributes:
        name: domain, path, and a tag or digest; the local image is called so, wherever it came from.
        sources: mirrors, then the primary; empty where the entry cannot be applied to this name.
        failed: kind of the error in that case, else None.
        entry: the ``[[registry]]`` that governs the name, or None.
        origin: index in the search list that gave this name, or None.
        culprit: index of the mirror whose rewriting failed, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    name: str
    sources: tuple[Source, ...]
    failed: str | None = None
    entry: Registry | None = None
    origin: int | None = None
    culprit: int = PRIMARY
    conf: Any = None

    def __repr__(self) -> str:
        return f"<candidate {self.name}: {self.failed or list(self.sources)}>"

    @property
    def error(self) -> RegtoolsError | None:
        """Why this candidate has no sources, stage ``sources``; podman goes on to the next one."""
        from .reasons import candidate_error

        return candidate_error(self.conf, self, self.culprit) if self.failed else None

    @property
    def repository(self) -> str:
        """The name without tag and digest, which is what prefixes are compared with."""
        return _bare(self.name)

    @property
    def unused(self) -> tuple[Reason, ...]:
        """What was not used for this candidate, and why: mirrors left out, entries that lost."""
        from .reasons import unused_by_candidate

        return unused_by_candidate(self.conf, self)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        if self.failed:
            return {"name": self.name, "error": self.failed}
        return {"name": self.name, "sources": [source.to_dict() for source in self.sources]}


class Resolution(NamedTuple):
    """What a name means under a configuration. Print it for the explanation.

    Attributes:
        image: what was given.
        candidates: the full names that are tried, in order.
        prompt: whether podman asks which of them is meant; the choice is the only candidate then.
        how: ``qualified`` (names its registry), ``docker`` (``docker://``), ``alias``, ``remembered``
            (an alias that podman keeps itself) or ``search`` (the search list).
        conf: the configuration.
        tty: whether there was a terminal.
        pull: the argument taken apart.
    """

    image: str
    candidates: tuple[Candidate, ...]
    prompt: bool
    how: str
    conf: Settings
    tty: bool = False
    pull: PullName | None = None

    def __repr__(self) -> str:
        return f"<resolution of {self.image!r}: {list(self.candidates)}>"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of all candidates, in the order in which podman would try them."""
        return tuple(source for candidate in self.candidates for source in candidate.sources)

    @property
    def why(self) -> Reason:
        """What made the candidates: the name itself, an alias or the search list."""
        from .reasons import why_candidates

        return why_candidates(self)

    @property
    def unused(self) -> tuple[Reason, ...]:
        """What was not used for this name, and why; of single candidates see :attr:`Candidate.unused`."""
        from .reasons import unused_by_resolution

        return unused_by_resolution(self)

    def to_dict(self) -> dict[str, Any]:
        """Give candidates and sources as plain data; ``"prompt": true`` where podman would ask."""
        plain: dict[str, Any] = {"candidates": [candidate.to_dict() for candidate in self.candidates]}
        return plain | ({"prompt": True} if self.prompt else {})

    def to_frame(self) -> pd.DataFrame:
        """Give one row a source, with its reason, file and line; one row for a candidate that fails."""

        return frame(self)

    def __str__(self) -> str:

        return tree(self)

    def _repr_html_(self) -> str:

        return html(self)


def _bare(name: str) -> str:
    match = GRAMMAR(name)
    return match["name"] if match else name


WIDTH = 100
_CELL = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"


# -- the terminal ----------------------------------------------------------------------------------------


def tree(res: Resolution) -> str:
    """Draw the explanation as a tree of at most 100 columns."""
    lines = _wrap(res.image, "", "   ", name=True)
    lines += _wrap(f"podman {res.conf.podman}: {res.why}", "│  ", "│  ")
    if res.prompt:
        lines += _wrap("podman asks which one is meant; only the choice is pulled", "│  ", "│  ")
    notes = [("not used: ", str(reason)) for reason in res.unused]
    notes += [("not read: ", str(ignored)) for ignored in res.conf.files_ignored]
    read = ", ".join(res.conf.files_read)
    notes.append(("files: ", read or "none"))
    for number, candidate in enumerate(res.candidates, 1):
        head = f"candidate {number}: " if len(res.candidates) > 1 else ""
        lines += _branch(head + candidate.name, list(_candidate(candidate)), last=False)
    for index, (label, note) in enumerate(notes):
        last = index == len(notes) - 1
        lines += _wrap(label + note, "└─ " if last else "├─ ", "   " if last else "│  ", hang=len(label))
    return "\n".join(lines)


def _candidate(candidate: Candidate) -> Iterator[tuple[str, list[str]]]:
    """Yield the branches below a candidate: head, and the lines below it."""
    if candidate.error is not None:
        error = candidate.error
        yield f"fails: {error.message} [{error.kind}]", [str(error.where), error.hint or ""]
    for number, source in enumerate(candidate.sources, 1):
        yield f"{number}. {source.kind}  {source.reference}", [str(source.why), str(source.transport)]
    for reason in candidate.unused:
        yield f"not used: {reason}", []


def _branch(head: str, below: list[tuple[str, list[str]]], *, last: bool) -> list[str]:
    trunk = "   " if last else "│  "
    lines = _wrap(head, "└─ " if last else "├─ ", trunk, name=True)
    for index, (text, details) in enumerate(below):
        end = index == len(below) - 1
        inner = trunk + ("   " if end else "│  ")
        lines += _wrap(text, trunk + ("└─ " if end else "├─ "), inner, hang=3, name=text[0].isdigit())
        for detail in filter(None, details):
            lines += _wrap(detail, inner + "   ", inner + "   ")
    return lines


def _wrap(text: str, first: str, rest: str, *, hang: int = 0, name: bool = False) -> list[str]:
    """Break a text at blanks; a name that does not fit before its digest, then anywhere."""
    text = visible(text)
    if name and len(first) + len(text) > WIDTH:
        text = text.replace("@", " @", 1)
    rest += " " * hang
    wrapped = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return wrapped or [first]


# -- JupyterLab ------------------------------------------------------------------------------------------


def html(res: Resolution) -> str:
    """Make a table that also reads well without its style."""
    head = "".join(
        f'<th style="{_CELL}">{title}</th>' for title in ("", "source", "kind", "transport", "why")
    )
    body = "".join(_html_candidate(candidate) for candidate in res.candidates)
    reasons: list[Any] = [*res.unused, *(r for c in res.candidates for r in c.unused)]
    notes = [f"not used: {reason}" for reason in reasons]
    notes += [f"not read: {ignored}" for ignored in res.conf.files_ignored]
    notes.append(f"files: {', '.join(res.conf.files_read) or 'none'}")
    asks = "<p>podman asks which one is meant; only the choice is pulled</p>" if res.prompt else ""
    items = "".join(f"<li>{_safe(note)}</li>" for note in notes)
    return (
        f"<div><p><b>{_safe(res.image)}</b> (podman {res.conf.podman}): {_safe(str(res.why))}</p>{asks}"
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'<ul style="margin:4px 0">{items}</ul></div>'
    )


def _html_candidate(candidate: Candidate) -> str:
    rows = f'<tr><th colspan="5" scope="rowgroup" style="{_CELL}">{_safe(candidate.name)}</th></tr>'
    if candidate.error is not None:
        error = candidate.error
        text = f"fails: {error.message} [{error.kind}] ({error.where})"
        rows += f'<tr><td colspan="5" style="{_CELL}">{_safe(text)}</td></tr>'
    for number, source in enumerate(candidate.sources, 1):
        cells = (str(number), source.reference, source.kind, str(source.transport), str(source.why))
        rows += "<tr>" + "".join(f'<td style="{_CELL}">{_safe(cell)}</td>' for cell in cells) + "</tr>"
    return rows


def _safe(text: str) -> str:
    from html import escape

    return escape(visible(text))


# -- rows ------------------------------------------------------------------------------------------------


class Columns:
    """Collects one row a source, column by column: a million rows as dictionaries would not fit."""

    NAMES = (
        "image",
        "candidate",
        "order",
        "name",
        "reference",
        "kind",
        "insecure",
        "blocked_by",
        "error",
        "stage",
    )

    def __init__(self) -> None:
        self.values: tuple[list[Any], ...] = tuple([] for _ in self.NAMES)

    def add(self, res: Resolution) -> None:
        """Add the rows of one resolution."""
        for number, candidate in enumerate(res.candidates, 1):
            name = candidate.name
            if candidate.failed:
                self._row(res.image, number, 1, name, None, None, None, None, candidate.failed, "sources")
            for order, source in enumerate(candidate.sources, 1):
                reference = name if source.reference == name else source.reference  # one object, not two
                place = (reference, source.kind, source.insecure, source.blocked_by)
                self._row(res.image, number, order, name, *place, None, None)

    def add_error(self, image: Any, error: RegtoolsError) -> None:
        """Add the row of a name that leads nowhere."""
        self._row(image, 0, 0, None, None, None, None, None, error.kind, error.stage)

    def _row(self, *row: Any) -> None:
        for column, value in zip(self.values, row, strict=True):
            column.append(value)

    def frame(self) -> pd.DataFrame:
        """Make the frame, and let go of the columns."""
        import pandas as pd

        types = {"candidate": "int32", "order": "int32", "insecure": "boolean"}
        types |= dict.fromkeys(("kind", "blocked_by", "error", "stage"), "category")
        series = {}
        for name, column in zip(self.NAMES, self.values, strict=True):
            series[name] = pd.Series(column, dtype=types.get(name, "object"))
            column.clear()
        return pd.DataFrame(series)


def frame(res: Resolution) -> pd.DataFrame:
    """Give one row a source of one resolution, with the reasons."""
    import pandas as pd

    columns = Columns()
    columns.add(res)
    table = columns.frame()
    reasons = [reason for candidate in res.candidates for reason in _reasons(candidate)]
    table["why"] = pd.Series([reason.text for reason in reasons], dtype="object")
    table["file"] = pd.Series([r.where.file if r.where else None for r in reasons], dtype="object")
    table["line"] = pd.Series([r.where.line if r.where else None for r in reasons], dtype="Int64")
    return table


def _reasons(candidate: Candidate) -> list[Reason]:
    from .reasons import Reason

    if candidate.error is not None:
        return [Reason(candidate.error.message, candidate.error.where)]
    return [source.why for source in candidate.sources]
