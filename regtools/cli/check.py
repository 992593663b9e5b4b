"""``regtools check``: everything that is wrong with configuration files, and what podman ignores in them.

Without a file, all that podman would read on this machine (or the one below ``--root``) is checked, with the
neighbours that it would not read. A named file in a directory ``*.d`` is a drop-in of the named file before
it; every other named file is a configuration of its own.
"""

from __future__ import annotations

import os.path
from argparse import ArgumentParser, Namespace

from regtools.errors import RegtoolsError
from regtools.registries import checks
from regtools.registries.reading.document import dialect
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release as rules_of

from . import repair
from .options import configuration, ending, file, misuse, named_files, release, surroundings
from .output import NO, OK, counted, say, say_json, show, wrapped

SEVERITIES = (checks.ERROR, checks.WARNING, checks.NOTE)


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``check``."""
    text = "files to check (default: all that podman reads); a file in a directory *.d is a drop-in"
    parser.add_argument("files", nargs="*", metavar="FILE", type=file, help=f"{text} of the one before")
    configuration(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    repair.configure(parser)
    parser.epilog = ending(
        "0 no error and no warning (notes are allowed), 1 an error or a warning, 2 wrong usage. With "
        "--fix, what is left counts.",
        "regtools check",
        "regtools check my-registries.conf --podman 5",
        "regtools check my-registries.conf --diff",
    )


def run(options: Namespace) -> int:
    """Check the files and print the findings."""
    if options.files and any(named_files(options).values()):
        raise misuse("name files, or give --conf, --dropins and --aliases; not both")
    podman = release(options)
    around = Surroundings(environ=None, uid=options.uid) if options.files else surroundings(options)
    report = repair.run(options, around, lambda machine: _look(options, podman, machine))
    if options.json and not options.diff:
        answer = {"format": 1, "podman": podman, "files": list(report.files), "stops": report.stops}
        findings = [finding.to_dict() for finding in report.findings]
        say_json({**answer, "findings": findings, "counts": {w: report.count(w) for w in SEVERITIES}})
    elif not options.diff:
        _print_text(report, podman)
    return NO if report.count(checks.ERROR) or report.count(checks.WARNING) else OK


def _look(options: Namespace, podman: str, around: Surroundings) -> checks.Report:
    """Check the named files, or all that podman reads."""
    if options.files:
        reports = _named(options, podman, around)
    else:
        reports = [checks.check_machine(rules_of(podman), around, named_files(options))]
    return checks.Report(
        checks.Findings(dict.fromkeys(finding for one in reports for finding in one.findings)),
        tuple(path for one in reports for path in one.files),
        any(one.stops for one in reports),
        tuple(path for one in reports for path in one.hidden),
    )


def _named(options: Namespace, podman: str, around: Surroundings) -> list[checks.Report]:
    """Check the named files, each main file with the drop-ins named after it."""
    groups: list[list[tuple[str, bytes, bool]]] = []
    failed: list[checks.Finding] = []
    for path in options.files:
        dropin = os.path.dirname(os.path.abspath(path)).endswith(".d")  # noqa: PTH100, PTH120 - as it is named
        if not groups or not dropin:
            groups.append([])
        try:
            groups[-1].append((path, around.read(path), dropin))
        except RegtoolsError as error:
            failed.append(checks.Finding.of(error))
    rules = rules_of(podman)
    toml = dialect(rules, around.environ)
    reports = [checks.check_texts(rules, group, toml=toml) for group in groups if group]
    return [*reports, checks.Report(checks.Findings(failed), (), stops=bool(failed))]


def _print_text(report: checks.Report, podman: str) -> None:
    for finding in report.findings:
        show(finding)
        say()
    lines = wrapped(f"checked as podman {podman} reads it: {', '.join(report.files) or 'no file'}", "", "  ")
    if report.stops:
        lines += wrapped(
            f"while an error stands, podman {podman} can pull no image at all, not only those of the "
            "registries that the error is about"
        )
    lines.append(counted(report))
    say("\n".join(lines))
