"""How a resolution is shown: a tree for the terminal, a table for JupyterLab, rows for analysis."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from ..snippet import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from ..errors import RegtoolsError
    from .reasons import Reason
    from .resolution import Candidate, Resolution

__all__ = ["Columns", "frame", "html", "tree"]

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
