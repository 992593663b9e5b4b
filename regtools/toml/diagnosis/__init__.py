"""From tomli's "failed here" to what a person did, where, and what to write instead.

tomli says where it gave up, which is often after the culprit. Everything before the failing statement is
good TOML, so the position scan finds that statement; then the first rule that recognises the text around
tomli's place speaks. If none does, tomli's own words stand at tomli's place: nothing is invented.

A rule is a function from :class:`Failure` to a :class:`Finding` or None. They are tried in this order:
characters (they explain everything after them), strings, tables that are there already, headers,
statements, values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtools.errors import Place, Related, TomlError

from . import characters, statements, tables
from .failure import Failure, Finding, Other

if TYPE_CHECKING:
    import tomli

__all__ = ["Failure", "Finding", "Other", "diagnose"]

_LONGEST = 200  # characters of a message or hint

RULES = (*characters.RULES, *tables.RULES, *statements.RULES)


def diagnose(text: str, error: tomli.TOMLDecodeError, *, file: str | None = None) -> TomlError:
    """Make the :class:`TomlError` for what tomli raised on ``text``."""
    lf_text: str = error.doc
    failure = Failure(lf_text, error.pos, error.msg)
    for rule in RULES:
        finding = rule(failure)
        if finding:
            break
    else:
        finding = Finding("syntax", failure.pos, failure.pos + 1, _own_words(error.msg))
    return _to_error(text, lf_text, finding, file)


def _short(text: str) -> str:
    """Cut what repeats a long stretch of the input."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _own_words(message: str) -> str:
    return message[:1].lower() + message[1:]


def _to_error(text: str, lf_text: str, finding: Finding, file: str | None) -> TomlError:
    line, column, source_line, end_column = _lines(lf_text, finding.start, finding.end)
    offset = finding.start
    if text != lf_text:  # one CR was dropped before every line end up to here
        offset += _dropped(text, line)
    related = []
    for other in finding.related:
        other_line, other_column, other_source, other_end = _lines(lf_text, other.start, other.end)
        related.append(Related(other_line, other_column, other.text, other_source, other_end))
    return TomlError(
        _short(finding.message),
        code=finding.code,
        where=Place(file, line, column),
        offset=offset,
        hint=_short(finding.hint) if finding.hint else None,
        source_line=source_line,
        end_column=end_column,
        related=tuple(related),
    )


def _lines(text: str, start: int, end: int) -> tuple[int, int, str, int]:
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    end = max(min(end, line_end), start + 1)
    return (
        text.count("\n", 0, start) + 1,
        start - line_start + 1,
        text[line_start:line_end],
        end - line_start + 1,
    )


def _dropped(text: str, line: int) -> int:
    return sum(part.endswith("\r") for part in text.split("\n", line - 1)[: line - 1])
