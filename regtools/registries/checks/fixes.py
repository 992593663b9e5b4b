"""Fixes as data: edits of a file's text, and the text that a person can paste.

An edit replaces the characters from ``start`` to ``end`` of one file: offsets from 0 into its text without a
byte-order mark. Fixes of one file are
applied together in one pass, so none of them moves the others; edits that overlap are refused.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO
from itertools import pairwise
from typing import Any, NamedTuple

_SPECIAL = re.compile(r'[\x00-\x1f\x7f"\\]')  # what git and GNU diff quote in a file's name


class OverlapError(ValueError):
    """Raised for two different edits of the same characters."""


class Edit(NamedTuple):
    """One replacement in the text of one file; equal offsets insert."""

    file: str | None
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that removes a finding.

    Attributes:
        text: what to write, as it is printed.
        edits: the change itself; all of them are in one file.
        source: the text of that file before the change.
        effect: one sentence about what changes for names, or None if no name shows it. It begins with what
            has to happen first: this fix, the other fixes as well, or errors that have no fix.
        waits: whether it is proven alone, but cannot be applied together with the other fixes of this run.
    """

    text: str
    edits: tuple[Edit, ...]
    source: str = field(repr=False, compare=False)
    effect: str | None = field(default=None, compare=False)
    waits: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def file(self) -> str | None:
        """The file that is changed, None for text without a file."""
        return self.edits[0].file

    def apply(self, text: str) -> str:
        """Return the file's text with this fix.

        Raises:
            OverlapError: two edits overlap.
        """
        return apply(text, self.edits)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: ``fix`` is the text that is printed."""
        return {"fix": self.text, "edits": [edit._asdict() for edit in self.edits], "effect": self.effect}

    def diff(self) -> str:
        """Return the change as a unified diff."""
        return difference(self.file or "<text>", self.source, self.apply(self.source))


def joined(edits: Iterable[Edit]) -> list[Edit]:
    """Return edits of one file in the order of the text, equal ones once.

    Raises:
        OverlapError: two edits overlap.
    """
    ordered = sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))
    for one, other in pairwise(ordered):
        if other.start < one.end:
            raise OverlapError(f"two edits of the characters {other.start} to {one.end} overlap")
    return ordered


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with all edits.

    >>> apply("a = b", [Edit(None, 4, 5, '"b"')])
    'a = "b"'

    Raises:
        OverlapError: two edits overlap.
    """
    parts, pos = [], 0
    for edit in joined(edits):
        parts += [text[pos : edit.start], edit.text]
        pos = edit.end
    return "".join((*parts, text[pos:]))


def compatible(fixes: Iterable[Fix], *, largest: bool = False) -> list[Fix]:
    """Return fixes that do not overlap, choosing the smallest or the largest first."""
    chosen: list[Fix] = []
    edits: dict[str | None, list[Edit]] = {}
    extent = {fix: sum(edit.end - edit.start for edit in fix.edits) for fix in fixes}
    for fix in sorted(extent, key=extent.__getitem__, reverse=largest):
        taken = edits.setdefault(fix.file, [])
        if not any(_meets(taken, edit) for edit in fix.edits):
            for edit in fix.edits:
                insort(taken, edit)
            chosen.append(fix)
    return chosen


def _meets(taken: list[Edit], edit: Edit) -> bool:
    """Return whether an edit overlaps another one in a sorted list; an equal one is the same."""
    at = bisect_left(taken, edit)
    if taken[at : at + 1] == [edit]:
        return False
    before = max((other.end for other in taken[max(at - 2, 0) : at]), default=0)
    return before > edit.start or any(other.start < edit.end for other in taken[at : at + 1])


def apply_all(fixes: Iterable[Fix]) -> dict[str | None, str]:
    """Return the changed texts: file → text with all these fixes."""
    edits: dict[str | None, list[Edit]] = {}
    sources: dict[str | None, str] = {}
    for fix in fixes:
        sources[fix.file] = fix.source
        edits.setdefault(fix.file, []).extend(fix.edits)
    return {file: apply(source, edits[file]) for file, source in sources.items()}


def difference(file: str, before: str, after: str) -> str:
    """Return two texts of a file as a unified diff; ``patch`` and ``git apply`` find the file by its name."""
    old, new = list(StringIO(before)), list(StringIO(after))  # lines end with \n only
    name = file.lstrip("/")
    found = difflib.unified_diff(old, new, _named(f"a/{name}"), _named(f"b/{name}"))
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found
    )


def _named(name: str) -> str:
    r"""Return a file's name for the head of a diff, in which a line feed would begin another head.

    >>> print(_named("a/50-x.conf"), _named('a/"x".conf'))
    a/50-x.conf "a/\042x\042.conf"
    """
    quoted = _SPECIAL.sub(lambda char: f"\\{ord(char[0]):03o}", name)
    if quoted != name:
        return f'"{quoted}"'
    return f"{name}\t" if " " in name else name  # a tab ends a name that holds blanks
