"""``regtools check``: everything that is wrong with configuration files, and what podman ignores in them.

Without a file, all that podman would read on this machine (or the one below ``--root``) is checked, with the
neighbours that it would not read. A named file in a directory ``*.d`` is taken for a drop-in of the named
file before it; every other named file is a configuration of its own.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.registries.checks import (
    ERROR,
    NOTE,
    WARNING,
    Finding,
    Findings,
    Report,
    check_machine,
    check_texts,
)
from regtools.registries.reading.document import dialect
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release

from . import NO, OK, USAGE, wants_colour
from . import options as sources

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    text = "files to check; a file in a directory *.d is a drop-in of the one before"
    parser.add_argument("files", nargs="*", metavar="FILE", help=text)
    sources.configure(parser)
    parser.add_argument("--json", action="store_true", help="the findings as data")


def run(options: Namespace) -> int:
    """Check; give 0, 1 with an error or a warning, 2 for wrong usage."""
    if options.files and (options.conf or options.dropins or options.aliases):
        print(
            "regtools check: name files, or give --conf, --dropins and --aliases; not both", file=sys.stderr
        )
        return USAGE
    podman = sources.release(options)
    try:
        reports = _named(options, podman) if options.files else [_machine(options, podman)]
    except RegtoolsError as error:
        print(error.render(colour=wants_colour(sys.stderr)), file=sys.stderr)
        return NO
    report = Report(
        Findings(dict.fromkeys(finding for one in reports for finding in one.findings)),
        tuple(file for one in reports for file in one.files),
        any(one.stops for one in reports),
    )
    if options.json:
        _print_json(report, podman)
    else:
        _print_text(report, podman)
    return NO if report.count(ERROR) or report.count(WARNING) else OK


# -- what is checked -------------------------------------------------------------------------------------


def _machine(options: Namespace, podman: str) -> Report:
    around = Surroundings(options.root or "/", None, options.uid)
    paths = {"path": options.conf, "dropins": options.dropins, "aliases": options.aliases}
    return check_machine(release(podman), around, paths)


def _named(options: Namespace, podman: str) -> list[Report]:
    """Check the named files, each main file with the drop-ins named after it."""
    rules = release(podman)
    around = Surroundings(environ=None, uid=options.uid)
    toml = dialect(rules, around.environ)
    groups: list[list[tuple[str, bytes, bool]]] = []
    failed: list[Finding] = []
    for path in options.files:
        dropin = _is_dropin(path)
        if not groups or not dropin:
            groups.append([])
        try:
            groups[-1].append((path, around.read(path), dropin))
        except RegtoolsError as error:
            failed.append(Finding.of(error))
    reports = [check_texts(rules, group, toml=toml) for group in groups if group]
    return [*reports, Report(Findings(failed), (), stops=bool(failed))]


def _is_dropin(path: str) -> bool:
    folder = os.path.basename(os.path.dirname(os.path.abspath(path)))  # noqa: PTH100, PTH119, PTH120 - as shown
    return folder.endswith(".d")


# -- how it is shown -------------------------------------------------------------------------------------


def _print_text(report: Report, podman: str) -> None:
    colour = wants_colour(sys.stdout)
    for finding in report.findings:
        print(finding.render(colour=colour), end="\n\n")
    files = ", ".join(report.files) or "no file"
    print(f"checked as podman {podman} reads it: {files}")
    if report.stops:
        print(f"while an error stands, podman {podman} can pull no image at all, not only those of the")
        print("registries that the error is about")
    print(", ".join(_counted(report.count(word), word) for word in (ERROR, WARNING, NOTE)))


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _print_json(report: Report, podman: str) -> None:
    import json

    answer = {
        "format": 1,
        "podman": podman,
        "files": list(report.files),
        "stops": report.stops,
        "findings": [finding.to_dict() for finding in report.findings],
        "counts": {word: report.count(word) for word in (ERROR, WARNING, NOTE)},
    }
    print(json.dumps(answer, indent=2, ensure_ascii=False))
