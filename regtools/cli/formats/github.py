"""Findings as workflow commands of GitHub Actions, which shows them beside the lines of a pull request.

Source: "Workflow commands for GitHub Actions" in GitHub's documentation, and the escapes of its toolkit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regtools.registries.checks import Finding

_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def workflow_commands(findings: Iterable[Finding]) -> Iterator[str]:
    """Return one line for each finding: where, which code, and what to do.

    >>> from regtools.errors import Place
    >>> from regtools.registries.checks import Finding
    >>> where = Place("registries.conf", 2, 5)
    >>> finding = Finding("note", "slip", "100 % wrong", where, "write,\\nand see", end_column=9)
    >>> [*workflow_commands([finding])]
    ['::notice file=registries.conf,line=2,col=5,endColumn=8,title=slip::100 %25 wrong%0Awrite,%0Aand see']
    """
    for finding in findings:
        place = finding.where
        properties = {
            "file": place and place.file,
            "line": place and place.line,
            "col": place and place.column,
            "endColumn": finding.end_column and finding.end_column - 1,  # theirs is the last column itself
            "title": finding.code,
        }
        given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
        fix = f"write:\n{finding.fix.text}" if finding.fix else None
        text = "\n".join(part for part in (finding.message, finding.hint, fix) if part)
        yield f"::{_LEVELS[finding.severity]} {given}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
