"""From tomli's "failed here" to what a person did, where, and what to write instead.

tomli says where it gave up, which is often after the mistake. Everything before the failing statement is
good TOML, so the position scan finds that statement; then the first rule that recognises the text around
tomli's place explains it. If no rule does, the error shows tomli's own words at tomli's place: nothing is
invented. So it does for a text of more than ``LARGE`` characters, which is not scanned again.

A rule is a public function from :class:`Failure` to a :class:`Fault` or None. Rules are tried in the order in
which they are written: characters (they explain everything after them), strings, tables that exist already,
headers, statements, values.
"""

from __future__ import annotations

import re
from itertools import islice
from types import FunctionType

import tomli

from regtools.errors import Related, TomlError

from ..faults import LARGE, error_at, place_of
from . import characters, statements, tables
from .failure import Failure, Fault

__all__ = ["diagnose"]

_LONGEST = 200  # characters of a message or hint

RULES = tuple(
    each
    for module in (characters, tables, statements)
    for each in vars(module).values()
    if isinstance(each, FunctionType)
    and each.__module__ == module.__name__
    and not each.__name__.startswith("_")
)


def diagnose(text: str, error: tomli.TOMLDecodeError, *, file: str | None = None) -> TomlError:
    """Return the :class:`TomlError` for what tomli raised on ``text``."""
    lf_text: str = error.doc
    pos = min(error.pos, len(lf_text))
    fault = None
    if len(text) <= LARGE:
        failure = Failure(lf_text, pos, error.msg)
        fault = next(filter(None, (rule(failure) for rule in RULES)), None)
    if fault is None:
        hint = "text over 4 MB is read up to its first fault only" if len(text) > LARGE else None
        fault = Fault("syntax", pos, pos + 1, error.msg[:1].lower() + error.msg[1:], hint)

    def offset(lf_offset: int) -> int:
        """Return the offset in ``text``, where a CR before a line end counts."""
        ends = islice(re.finditer("\r?\n", text), lf_text.count("\n", 0, lf_offset))
        return lf_offset if len(text) == len(lf_text) else lf_offset + sum(len(end[0]) - 1 for end in ends)

    related = []
    for other in fault.related:
        line, column, source_line, end_column = place_of(text, offset(other.start), offset(other.end))
        related.append(Related(line, column, other.text, source_line, end_column))
    return error_at(
        text,
        offset(fault.start),
        offset(fault.end),
        _short(fault.message),
        code=fault.code,
        file=file,
        hint=_short(fault.hint) if fault.hint else None,
        related=tuple(related),
    )


def _short(text: str) -> str:
    """Cut what repeats a long part of the input."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
