"""Findings as a log of the Static Analysis Results Interchange Format, which code-scanning services read.

Source: SARIF 2.1.0, OASIS standard; section numbers are those of its text.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from regtools.registries.checks.rules import rule
from regtools.version import __version__

if TYPE_CHECKING:
    from regtools.registries.checks import Finding, Report
    from regtools.registries.checks.fixes import Fix

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def log(report: Report, podman: str) -> dict[str, Any]:
    """Return the findings as one run of one tool.

    Args:
        report: what ``check`` found.
        podman: the release whose rules hold, named in the run's properties.

    Returns:
        The log as plain data; levels are ``error``, ``warning`` and ``note``, as our severities.
    """
    codes = [*dict.fromkeys(finding.code for finding in report.findings)]
    run = {
        "tool": {"driver": {"name": "regtools", "version": __version__, "rules": [*map(_rule, codes)]}},
        "columnKind": "unicodeCodePoints",  # 3.14.17
        "artifacts": [{"location": _location(path)} for path in report.files],
        "results": [_result(finding, codes.index(finding.code)) for finding in report.findings],
        "properties": {"podman": podman},
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    """Return the row of a code as a reporting descriptor (3.49)."""
    row = rule(code)
    texts = {"shortDescription": row.what, "fullDescription": row.why, "help": row.fix}
    return {"id": code, **{name: {"text": text} for name, text in texts.items() if text}}


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    """Return one finding as a result (3.27)."""
    text = "\n".join(part for part in (finding.message, finding.hint) if part)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": text},
    }
    if place := finding.where:
        physical: dict[str, Any] = {"artifactLocation": _location(place.file or "<text>")}
        region = {"startLine": place.line, "startColumn": place.column, "endColumn": finding.end_column}
        if place.line is not None:
            physical["region"] = {name: value for name, value in region.items() if value is not None}
        result["locations"] = [{"physicalLocation": physical}]
    if finding.fix:
        result["fixes"] = [_fix(finding.fix)]
    return result


def _fix(fix: Fix) -> dict[str, Any]:
    """Return a fix (3.55): what it changes for names, and the text that replaces other text."""
    replacements = [
        {
            "deletedRegion": {"charOffset": edit.start, "charLength": edit.end - edit.start},
            "insertedContent": {"text": edit.text},
        }
        for edit in fix.edits
    ]
    change = {"artifactLocation": _location(fix.file or "<text>"), "replacements": replacements}
    return {"description": {"text": fix.effect or fix.text}, "artifactChanges": [change]}


def _location(path: str) -> dict[str, str]:
    """Return a file's URI (3.4.3): relative as the file was named, or absolute."""
    slashes = path.replace(os.path.sep, "/")
    try:
        uri = quote(slashes, errors="surrogateescape")  # the bytes of a name that is not UTF-8
    except UnicodeEncodeError:  # other halves of characters, which no file's name holds
        uri = quote(slashes, errors="surrogatepass")
    return {"uri": f"file://{uri}" if uri.startswith("/") else uri}
