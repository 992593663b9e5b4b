"""The forms in which ``check`` prints its findings: for people, for programs, for reviews of code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..output import counted, say, say_json, show, wrapped
from .github import workflow_commands
from .sarif import log

if TYPE_CHECKING:
    from regtools.registries.checks import Report

__all__ = ["FORMATS", "SEVERITIES"]

SEVERITIES = ("error", "warning", "note")


def _text(report: Report, podman: str, options: Namespace) -> None:
    """Print each finding with its line and a caret, then what was checked, then the counts."""
    for finding in report.findings:
        show(finding)
        say()
    closing = []
    if report.files or not options.files:
        closing.append(f"checked as podman {podman} reads it: {', '.join(report.files) or 'no file'}")
    if options.root:
        closing.append("these are the files of another machine; name its release with --podman")
    if report.stops:
        closing.append(
            f"while an error remains, podman {podman} can pull no image at all, not only those of the "
            "registries that the error is about"
        )
    say("\n".join([*(line for text in closing for line in wrapped(text, "", "  ")), counted(report)]))


def _json(report: Report, podman: str, options: Namespace) -> None:
    """Print one JSON value with everything that is known of each finding."""
    answer = {"format": 1, "podman": podman, "files": list(report.files), "stops": report.stops}
    findings = [finding.to_dict() for finding in report.findings]
    say_json({**answer, "findings": findings, "counts": {word: report.count(word) for word in SEVERITIES}})


def _github(report: Report, podman: str, options: Namespace) -> None:
    """Print one workflow command of GitHub Actions for each finding."""
    for line in workflow_commands(report.findings):
        say(line)


def _sarif(report: Report, podman: str, options: Namespace) -> None:
    """Print one SARIF 2.1.0 log."""
    say_json(log(report, podman))


# value of --output-format → what prints a report of one release
FORMATS: dict[str, Callable[[Report, str, Namespace], None]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
}
