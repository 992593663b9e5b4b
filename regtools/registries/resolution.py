"""The result of resolving a name: candidates with their sources, and how they are shown.

A :class:`Resolution` shows itself as a tree on the terminal, as a table in JupyterLab, as rows for analysis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from regtools.display import escape, html_table, visible
from regtools.errors import RegtoolsError
from regtools.reference import PullName, Reference
from regtools.values import Value

from .entries import PRIMARY, Registry
from .reasons import (
    Reason,
    candidate_error,
    unused_by_candidate,
    unused_settings,
    why_candidates,
    why_source,
    why_transport,
)
from .settings import Settings

if TYPE_CHECKING:
    import pandas as pd


class Source(Value):
    """One place to pull from.

    Attributes:
        reference: the image's full name at that place, as text.
        parsed: the same name, taken apart.
        insecure: whether plain HTTP and unverified TLS are allowed there.
        blocked_by: prefix of the entry that forbids this place, or None.
        entry: the ``[[registry]]`` that led here, or None if none governs the name.
        mirror: index of the mirror in that entry, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    __slots__ = ("blocked_by", "conf", "entry", "insecure", "mirror", "parsed", "reference")

    def __init__(
        self,
        reference: str,
        parsed: Reference,
        insecure: bool,
        blocked_by: str | None,
        entry: Registry | None,
        mirror: int,
        conf: Settings,
    ) -> None:
        self.reference = reference
        self.parsed = parsed
        self.insecure = insecure
        self.blocked_by = blocked_by
        self.entry = entry
        self.mirror = mirror
        self.conf = conf

    def __repr__(self) -> str:
        blocked = f", blocked by {self.blocked_by}" if self.blocked else ""
        return f"<{self.kind} {self.reference}{', insecure' if self.insecure else ''}{blocked}>"

    @property
    def kind(self) -> str:
        """``mirror`` or ``primary``."""
        return "primary" if self.mirror == PRIMARY else "mirror"

    @property
    def blocked(self) -> bool:
        """Whether podman refuses to contact this place and goes on to the next."""
        return self.blocked_by is not None

    @property
    def namespace_proxy(self) -> str:
        """What is sent as ``?ns=`` with requests for manifests and blobs; empty for none."""
        if self.entry is None or not self.conf.release.knows_namespaces:
            return ""
        return (self.entry if self.mirror == PRIMARY else self.entry.mirrors[self.mirror]).namespace_proxy

    @property
    def why(self) -> Reason:
        """What put this place into the list, with file, line and column."""
        return why_source(self.conf, self.entry, self.mirror, self.namespace_proxy)

    @property
    def transport(self) -> Reason:
        """Whether the place is contacted at all, by HTTPS or also by HTTP, and the line that says so."""
        return why_transport(self.conf, self.entry, self.mirror, self.insecure, self.blocked_by)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        plain = {"reference": self.reference, "insecure": self.insecure, "kind": self.kind}
        return plain | ({"blocked": True, "blocked_by": self.blocked_by} if self.blocked else {})


class Candidate(Value):
    """One full name that the given name may stand for, and its sources in order.

    Attributes:
        name: domain, path, and a tag or digest; the local image gets this name, wherever it came from.
        parsed: the same name, taken apart.
        sources: mirrors, then the primary; empty if the entry cannot be applied to this name.
        failed: kind of the error in that case, else None.
        entry: the ``[[registry]]`` that governs the name, or None.
        origin: index in the search list that gave this name, or None.
        culprit: index of the mirror whose rewriting failed, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    __slots__ = ("conf", "culprit", "entry", "failed", "name", "origin", "parsed", "sources")

    def __init__(
        self,
        name: str,
        parsed: Reference,
        sources: tuple[Source, ...],
        failed: str | None,
        entry: Registry | None,
        origin: int | None,
        culprit: int,
        conf: Settings,
    ) -> None:
        self.name = name
        self.parsed = parsed
        self.sources = sources
        self.failed = failed
        self.entry = entry
        self.origin = origin
        self.culprit = culprit
        self.conf = conf

    def __repr__(self) -> str:
        return f"<candidate {self.name}: {self.failed or list(self.sources)}>"

    @property
    def error(self) -> RegtoolsError | None:
        """Why this candidate has no sources, stage ``sources``; podman goes on to the next one."""
        if self.failed is None or self.entry is None:
            return None
        return candidate_error(self.conf, self.entry, self.parsed, self.culprit, self.failed)

    @property
    def repository(self) -> str:
        """The name without tag and digest, which is what prefixes are compared with."""
        return self.parsed.name

    @property
    def unused(self) -> tuple[Reason, ...]:
        """What was not used for this candidate, and why: mirrors left out, entries that lost."""
        return unused_by_candidate(self.conf, self.entry, self.parsed)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        if self.failed:
            return {"name": self.name, "error": self.failed}
        return {"name": self.name, "sources": [source.to_dict() for source in self.sources]}


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
        lines = _wrap(self.image, "", "   ", name=True)
        lines += _wrap(f"podman {self.conf.podman}: {self.why}", "│  ", "│  ")
        if self.prompt:
            lines += _wrap(ASKS, "│  ", "│  ")
        for number, candidate in enumerate(self.candidates, 1):
            head = f"candidate {number}: " if len(self.candidates) > 1 else ""
            lines += _branch(head + candidate.name, list(_below(candidate)))
        *notes, last = _notes(self, self.unused)
        for label, note in notes:
            lines += _wrap(label + note, "├─ ", "│  ", hang=len(label))
        return "\n".join(lines + _wrap("".join(last), "└─ ", "   ", hang=len(last[0])))

    def _repr_html_(self) -> str:
        rows: list[tuple[str, ...]] = [("", "source", "kind", "transport", "why")]
        for candidate in self.candidates:
            rows.append((candidate.name,))
            if error := candidate.error:
                rows.append((f"fails: {error.message} [{error.kind}] ({error.where})",))
            for number, source in enumerate(candidate.sources, 1):
                cells = source.reference, source.kind, str(source.transport), str(source.why)
                rows.append((str(number), *cells))
        unused = (*self.unused, *(reason for candidate in self.candidates for reason in candidate.unused))
        items = "".join(f"<li>{_safe(label + note)}</li>" for label, note in _notes(self, unused))
        return (
            f"<div><p><b>{_safe(self.image)}</b> (podman {self.conf.podman}): {_safe(str(self.why))}</p>"
            f"{f'<p>{ASKS}</p>' if self.prompt else ''}{html_table(rows)}"
            f'<ul style="margin:4px 0">{items}</ul></div>'
        )


WIDTH = 100
ASKS = "podman asks which one is meant; only the choice is pulled"


def _notes(res: Resolution, unused: tuple[Reason, ...]) -> Iterator[tuple[str, str]]:
    """Yield the lines below the candidates, each a label and a text; the files are last."""
    yield from (("not used: ", str(reason)) for reason in unused)
    yield from (("not read: ", str(ignored)) for ignored in res.conf.files_ignored)
    yield "files: ", ", ".join(res.conf.files_read) or "none"


def _below(candidate: Candidate) -> Iterator[tuple[str, list[str]]]:
    """Yield the branches below a candidate: head, and the lines below it."""
    if error := candidate.error:
        yield f"fails: {error.message} [{error.kind}]", [str(error.where), error.hint or ""]
    for number, source in enumerate(candidate.sources, 1):
        yield f"{number}. {source.kind}  {source.reference}", [str(source.why), str(source.transport)]
    for reason in candidate.unused:
        yield f"not used: {reason}", []


def _branch(head: str, below: list[tuple[str, list[str]]]) -> Iterator[str]:
    yield from _wrap(head, "├─ ", "│  ", name=True)
    for index, (text, details) in enumerate(below, 1):
        first, inner = ("│  └─ ", "│     ") if index == len(below) else ("│  ├─ ", "│  │  ")
        yield from _wrap(text, first, inner, hang=3, name=text[0].isdigit())
        for detail in filter(None, details):
            yield from _wrap(detail, inner + "   ", inner + "   ")


def _wrap(text: str, first: str, rest: str, *, hang: int = 0, name: bool = False) -> list[str]:
    """Break a text at blanks; a name that does not fit is broken before its digest, then anywhere."""
    import textwrap

    text = visible(text)
    if name and len(first) + len(text) > WIDTH:
        text = text.replace("@", " @", 1)
    rest += " " * hang
    wrapped = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return wrapped or [first]


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
