"""One finding: how bad, what, where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.display import snippet, visible

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

    from regtools.errors import Place, RegtoolsError

__all__ = ["ERROR", "NOTE", "WARNING", "Finding", "Findings"]

ERROR, WARNING, NOTE = "error", "warning", "note"
# For a page: readable on white and on black.
_INKS = {ERROR: "#c0392b", WARNING: "#b9770e", NOTE: "#2471a3"}
_BAR = ";border-left:3px solid #3d8a46;padding-left:6px"  # beside what can be pasted
_COLOURS = {ERROR: "31", WARNING: "35", NOTE: "36"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that podman refuses, ignores, or does otherwise than it seems.

    Attributes:
        severity: ``error``: podman refuses the file; ``warning``: something written has no effect or cannot
            work; ``note``: worth knowing.
        code: stable kebab-case word.
        message: one line for a person, without the place.
        where: the :class:`~regtools.Place`, or None.
        hint: what to do about it, or None.
        fix: text ready to be pasted, or None.
        source_line, end_column: the line's text, and where the caret ends (exclusive), when known.
    """

    severity: str
    code: str
    message: str
    where: Place | None = None
    hint: str | None = None
    fix: str | None = None
    source_line: str | None = None
    end_column: int | None = None

    @classmethod
    def of(cls, error: RegtoolsError, *, code: str | None = None, fix: str | None = None) -> Finding:
        """Take an error of the reader or of the checks as a finding."""
        return cls(
            ERROR,
            code or error.label,
            error.message,
            error.where,
            error.hint,
            fix,
            error.source_line,
            error.end_column,
        )

    def __str__(self) -> str:
        return self.render()

    def render(self, *, colour: bool = False) -> str:
        """Give the text form: place, severity, message, the line with a caret, hint and fix."""
        word = f"\x1b[1;{_COLOURS[self.severity]}m{self.severity}:\x1b[0m" if colour else f"{self.severity}:"
        place = visible(str(self.where)) + ": " if self.where else ""
        lines = [f"{place}{word} {visible(self.message)} [{self.code}]"]
        if self.where and self.where.line is not None and self.source_line is not None:
            lines += snippet(self.source_line, self.where.line, self.where.column, self.end_column)
        if self.hint:
            lines.append(f"  hint: {visible(self.hint)}")
        if self.fix:
            lines.append("  fix:")
            lines += [f"    {visible(line)}".rstrip() for line in self.fix.splitlines()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "file": self.where.file if self.where else None,
            "line": self.where.line if self.where else None,
            "column": self.where.column if self.where else None,
            "hint": self.hint,
            "fix": self.fix,
        }


class Findings(list[Finding]):
    """A list of findings that shows itself: as on the terminal, as a table in JupyterLab, or as a frame."""

    def __str__(self) -> str:
        return "\n\n".join(map(str, self)) or "nothing found"

    def __repr__(self) -> str:
        return str(self)

    def to_frame(self) -> pd.DataFrame:
        """Give one row a finding: severity, code, message, file, line, column, hint, fix."""
        import pandas as pd

        names = ["severity", "code", "message", "file", "line", "column", "hint", "fix"]
        frame = pd.DataFrame([finding.to_dict() for finding in self], columns=names)
        return frame.astype({"line": "Int64", "column": "Int64"})

    def _repr_html_(self) -> str:
        from html import escape

        if not self:
            return "<p>nothing found</p>"
        style = 'style="text-align:left;vertical-align:top"'
        rows = []
        for finding in self:
            word = f'<b style="color:{_INKS[finding.severity]}">{finding.severity}</b>'
            what = [f"<div>{escape(visible(finding.message))}</div>"]
            if finding.where and finding.where.line is not None and finding.source_line is not None:
                shown = snippet(
                    finding.source_line, finding.where.line, finding.where.column, finding.end_column
                )
                what.append(_pre([line.removeprefix("  ") for line in shown]))
            if finding.hint:
                what.append(f"<div><i>{escape(visible(finding.hint))}</i></div>")
            if finding.fix:
                what.append(_pre([visible(line) for line in finding.fix.splitlines()], _BAR))
            place = f"<br>{escape(visible(str(finding.where)))}" if finding.where else ""
            cells = (f"{word}<br>{escape(finding.code)}{place}", "".join(what))
            rows.append("<tr>" + "".join(f"<td {style}>{cell}</td>" for cell in cells) + "</tr>")
        heads = "".join(f"<th {style}>{word}</th>" for word in ("", "what, and what to do"))
        return f"<table><tr>{heads}</tr>{''.join(rows)}</table>"


def _pre(lines: list[str], style: str = "") -> str:
    from html import escape

    # JupyterLab gives every <pre> a ground of its own, which cuts shaded rows into pieces.
    text = escape("\n".join(lines))
    return f'<pre style="margin:0;background:none{style}">{text}</pre>'
