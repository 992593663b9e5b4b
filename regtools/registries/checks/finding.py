"""One finding (how serious, what, where, and what to write instead), and the table of all rules.

What podman refuses has further codes: those of the TOML reader and of
:mod:`regtools.registries.reading.validation`. They are errors, and hold for one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from regtools.display import escape, snippet, visible
from regtools.errors import Place, RegtoolsError

from .fixes import Fix, apply_all, difference

if TYPE_CHECKING:
    import pandas as pd


ERROR, WARNING, NOTE = "error", "warning", "note"
FILE, WHOLE, MACHINE = "file", "whole", "machine"


class Rule(NamedTuple):
    """One rule: what its findings are, what has to be readable, and the releases that it holds for.

    Attributes:
        severity: ``error``, ``warning`` or ``note``.
        looks_at: ``file``: what can be read of one file; ``whole``: the merged files, if podman accepts
            them; ``machine``: the files that a release finds.
        since, until: first and last major release of podman.
    """

    severity: str
    looks_at: str = FILE
    since: int = 4
    until: int = 6

    def holds_for(self, podman: str) -> bool:
        """Return whether the rule holds for a release."""
        return self.since <= int(podman.partition(".")[0]) <= self.until


RULES = {
    # keys
    "aliases-no-table": Rule(WARNING),
    "case-variant": Rule(NOTE),
    "docker-key": Rule(WARNING),
    "misplaced-key": Rule(WARNING),
    "namespace-proxy": Rule(NOTE),
    "unknown-key": Rule(WARNING),
    # entries
    "bad-prefix": Rule(WARNING),
    "bad-wildcard": Rule(WARNING),
    "blocked-with-mirrors": Rule(NOTE),
    "duplicate-entry": Rule(WARNING),
    "duplicate-mirror": Rule(WARNING),
    "hub-host-prefix": Rule(WARNING),
    "insecure-not-inherited": Rule(NOTE),
    "insecure-public": Rule(NOTE),
    "library-missing": Rule(WARNING),
    "mirror-is-location": Rule(NOTE),
    "old-format": Rule(NOTE, until=5),
    "prefix-without-host": Rule(WARNING),
    "slip": Rule(WARNING),
    "tag-in-prefix": Rule(WARNING),
    "trailing-slash": Rule(NOTE),
    # search list
    "duplicate-search": Rule(NOTE),
    "search-without-dot": Rule(WARNING),
    # files over one another
    "alias-hides-search": Rule(NOTE),
    "entry-replaced": Rule(NOTE),
    "mirrors-lost": Rule(WARNING),
    "remembered-alias": Rule(NOTE),
    "search-list-replaced": Rule(NOTE),
    "settings-lost": Rule(WARNING),
    # the merged configuration
    "block-without-effect": Rule(WARNING, WHOLE),
    "enforcing-no-terminal": Rule(NOTE, WHOLE),
    "insecure-mirror": Rule(WARNING, WHOLE),
    "location-needs-library": Rule(WARNING, WHOLE),
    "location-unusable": Rule(WARNING, WHOLE),
    "port-goes-along": Rule(NOTE, WHOLE),
    "shadowed": Rule(WARNING, WHOLE),
    "whole-repository": Rule(NOTE, WHOLE),
    # files and releases
    "dangling-link": Rule(WARNING, MACHINE),
    "masked-file": Rule(NOTE, MACHINE),
    "misnamed-file": Rule(WARNING, MACHINE),
    "unread-file": Rule(WARNING, MACHINE),
    "upgrade-changes": Rule(NOTE, MACHINE),
    "upgrade-order": Rule(NOTE, MACHINE, until=5),
    "upgrade-read": Rule(NOTE, MACHINE, until=5),
    "upgrade-refused": Rule(NOTE, MACHINE),
    "upgrade-unread": Rule(NOTE, MACHINE, until=5),
}


def rule(code: str) -> Rule:
    """Return the row of a code; one that is not in the table is a refusal."""
    return RULES.get(code) or Rule(ERROR)


# Colour on the terminal, and on a page: readable on white and on black.
_INKS = {ERROR: ("31", "#c0392b"), WARNING: ("35", "#b9770e"), NOTE: ("36", "#2471a3")}
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

    def __str__(self) -> str:
        return self.render()

    @property
    def _snippet(self) -> list[str]:
        if not self.where or self.where.line is None or self.source_line is None:
            return []
        return snippet(self.source_line, self.where.line, self.where.column, self.end_column)

    def render(self, *, colour: bool = False) -> str:
        """Return the text form: place, severity, message, the line with a caret, hint and fix."""
        word = f"{self.severity}:"
        word = f"\x1b[1;{_INKS[self.severity][0]}m{word}\x1b[0m" if colour else word
        place = visible(str(self.where)) + ": " if self.where else ""
        lines = [f"{place}{word} {visible(self.message)} [{visible(self.code)}]", *self._snippet]
        if self.hint:
            lines.append(f"  hint: {visible(self.hint)}")
        for word, fix in self._fixes:
            lines.append(f"  {word}:")
            lines += [f"    {visible(line)}".rstrip() for line in fix.text.splitlines()]
            lines += [f"  {visible(fix.effect)}"] if fix.effect else []
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
            for word, fix in finding._fixes:
                what.append(f"<div>{word}:</div>")
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
