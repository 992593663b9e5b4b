"""One finding: how serious, what, where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regtools.display import escape, snippet, visible
from regtools.errors import Place, RegtoolsError, paragraphs

from .fixes import Fix, apply_all, difference
from .rules import ERROR, NOTE, WARNING

if TYPE_CHECKING:
    import pandas as pd


# Colour on the terminal, and on a page: readable on white and on black.
_INKS = {ERROR: ("31", "#d84a3a"), WARNING: ("35", "#a8700a"), NOTE: ("36", "#2b7fb8")}
_BAR = ";border-left:3px solid #3d8a46;padding-left:6px"  # beside text that can be pasted
_COLUMNS = ["severity", "code", "message", "file", "line", "column", "hint", "fix"]


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
        fix: a :class:`Fix` that has been tried, or None; ``str(fix)`` can be pasted.
        source_line, end_column: the line's text, and where the caret ends (exclusive), when known.
        alternatives: fixes of which only the reader knows the right one, each tried alone.
    """

    severity: str
    code: str
    message: str
    where: Place | None = None
    hint: str | None = None
    fix: Fix | None = None
    source_line: str | None = None
    end_column: int | None = None
    alternatives: tuple[Fix, ...] = ()

    @classmethod
    def of(
        cls, error: RegtoolsError, *, code: str | None = None, fix: Fix | None = None, severity: str = ERROR
    ) -> Finding:
        """Return an error of the reader or of name resolution as a finding."""
        shown = error.source_line, error.end_column
        return cls(severity, code or error.label, error.message, error.where, error.hint, fix, *shown)

    def without_fixes(self) -> Finding:
        """Return the finding alone, where its fixes have not been tried."""
        return replace(self, fix=None, alternatives=())

    def __str__(self) -> str:
        return self.render()

    @property
    def _snippet(self) -> list[str]:
        if not self.where or self.where.line is None or self.source_line is None:
            return []
        return snippet(self.source_line, self.where.line, self.where.column, self.end_column)

    def render(self, *, colour: bool = False, width: int | None = None) -> str:
        """Return the text form: place, severity, message, the line with a caret, hint and fix.

        Args:
            colour: whether the severity has a colour.
            width: columns at which message, hint and effect are wrapped; None never wraps. What a fix writes
                is never wrapped.
        """
        place = visible(str(self.where)) + ": " if self.where else ""
        head = f"{place}{self.severity}:"
        lines = paragraphs(visible(f"{self.message} [{self.code}]"), f"{head} ", width)
        if colour:
            ink = f"\x1b[1;{_INKS[self.severity][0]}m{self.severity}:\x1b[0m"
            lines[0] = place + ink + lines[0][len(head) :]
        lines += self._snippet
        if self.hint:
            lines += paragraphs(visible(self.hint), "  hint: ", width)
        for word, fix in self._fixes:
            lines.append(f"  {word}:")
            lines += [f"    {visible(line)}".rstrip() for line in fix.text.splitlines()]
            lines += paragraphs(visible(fix.effect), "  ", width) if fix.effect else []
        return "\n".join(lines)

    @property
    def _fixes(self) -> list[tuple[str, Fix]]:
        """The fix, or the alternatives, each with the word before it."""
        words = ["either", *["or"] * len(self.alternatives)] if len(self.alternatives) > 1 else ["perhaps"]
        return [("fix", self.fix)] if self.fix else list(zip(words, self.alternatives, strict=False))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; ``fix`` is text, ``edits`` and ``effect`` describe it.

        ``alternatives`` has the same three keys for each.
        """
        where = self.where
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "file": where.file if where else None,
            "line": where.line if where else None,
            "column": where.column if where else None,
            "hint": self.hint,
            **(self.fix.to_dict() if self.fix else {"fix": None, "edits": [], "effect": None}),
            "alternatives": [fix.to_dict() for fix in self.alternatives],
        }


class Findings(list[Finding]):
    """A list of findings that shows itself: as on the terminal, as a table in JupyterLab, or as a frame."""

    def __str__(self) -> str:
        return "\n\n".join(map(str, self)) or "nothing found"

    def __repr__(self) -> str:
        return str(self)

    def fixed(self) -> dict[str, str]:
        """Return the files that the fixes change: path → text with all of them; ``<text>`` has no file.

        Of fixes that change the same text one is applied; the others wait for the next run.
        """
        texts = apply_all(finding.fix for finding in self if finding.fix and not finding.fix.waits)
        return {file or "<text>": text for file, text in texts.items()}

    def diff(self) -> str:
        """Return all fixes together as one unified diff."""
        sources = {finding.fix.file or "<text>": finding.fix.source for finding in self if finding.fix}
        return "".join(difference(file, sources[file], text) for file, text in self.fixed().items())

    def to_frame(self) -> pd.DataFrame:
        """Return one row a finding: severity, code, message, file, line, column, hint, fix."""
        import pandas as pd

        frame = pd.DataFrame([finding.to_dict() for finding in self], columns=_COLUMNS)
        return frame.astype({"line": "Int64", "column": "Int64"})

    def _repr_html_(self) -> str:
        if not self:
            return "<p>nothing found</p>"
        style = 'style="text-align:left;vertical-align:top"'
        rows = []
        for finding in self:
            word = f'<b style="color:{_INKS[finding.severity][1]}">{finding.severity}</b>'
            what = [f"<div>{escape(visible(finding.message))}</div>"]
            if finding._snippet:
                what.append(_pre([line.removeprefix("  ") for line in finding._snippet]))
            if finding.hint:
                what.append(f"<div><i>{escape(visible(finding.hint))}</i></div>")
            for head, fix in finding._fixes:
                what.append(f"<div>{head}:</div>")
                what.append(_pre([visible(line) for line in fix.text.splitlines()], _BAR))
                what.append(f"<div>{escape(visible(fix.effect or ''))}</div>")
            place = f"<br>{escape(visible(str(finding.where)))}" if finding.where else ""
            cells = (f"{word}<br>{escape(finding.code)}{place}", "".join(what))
            rows.append("<tr>" + "".join(f"<td {style}>{cell}</td>" for cell in cells) + "</tr>")
        heads = "".join(f"<th {style}>{word}</th>" for word in ("", "what, and what to do"))
        return f"<table><tr>{heads}</tr>{''.join(rows)}</table>"


def _pre(lines: list[str], style: str = "") -> str:
    # JupyterLab gives every <pre> a ground of its own, which cuts shaded rows into pieces.
    text = escape("\n".join(lines))
    return f'<pre style="margin:0;background:none{style}">{text}</pre>'
