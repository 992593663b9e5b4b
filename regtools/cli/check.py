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

from .options import configuration, ending, file, misuse, named_files, release, surroundings
from .output import NO, OK, say, say_json, show, wrapped

SEVERITIES = (checks.ERROR, checks.WARNING, checks.NOTE)


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``check``."""
    text = "files to check (default: all that podman reads); a file in a directory *.d is a drop-in"
    parser.add_argument("files", nargs="*", metavar="FILE", type=file, help=f"{text} of the one before")
    configuration(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    text = "print what a finding means and why, with examples; the code is the word in brackets"
    parser.add_argument("--explain", metavar="CODE", help=text)
    parser.epilog = ending(
        "0 no error and no warning (notes are allowed), 1 an error or a warning, 2 wrong usage.",
        "regtools check",
        "regtools check my-registries.conf --podman 5",
        "regtools check --explain unquoted-value",
    )


def run(options: Namespace) -> int:
    """Check the files and print the findings, or print the page of one."""
    if options.explain:
        lines = checks.page(options.explain).splitlines()
        say("\n".join(part for line in lines for part in ([line] if line[:1] == " " else wrapped(line))))
        return OK
    if options.files and any(named_files(options).values()):
        raise misuse("name files, or give --conf, --dropins and --aliases; not both")
    podman = release(options)
    if options.files:
        reports = _named(options, podman)
    else:
        reports = [checks.check_machine(rules_of(podman), surroundings(options), named_files(options))]
    report = checks.Report(
        checks.Findings(dict.fromkeys(finding for one in reports for finding in one.findings)),
        tuple(path for one in reports for path in one.files),
        any(one.stops for one in reports),
    )
    if options.json:
        answer = {"format": 1, "podman": podman, "files": list(report.files), "stops": report.stops}
        findings = [finding.to_dict() for finding in report.findings]
        say_json({**answer, "findings": findings, "counts": {w: report.count(w) for w in SEVERITIES}})
    else:
        _print_text(report, podman, options)
    return NO if report.count(checks.ERROR) or report.count(checks.WARNING) else OK


def _named(options: Namespace, podman: str) -> list[checks.Report]:
    """Check the named files, each main file with the drop-ins named after it."""
    around = Surroundings(environ=None, uid=options.uid)
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
    return [*reports, checks.Report(checks.Findings(failed), (), stops=False)]


def _print_text(report: checks.Report, podman: str, options: Namespace) -> None:
    for finding in report.findings:
        show(finding)
        say()
    lines = []
    if report.files or not options.files:
        text = f"checked as podman {podman} reads it: {', '.join(report.files) or 'no file'}"
        lines += wrapped(text, "", "  ")
    if options.root:
        text = f"these are the files of another machine; --podman tells its release, here {podman}"
        lines += wrapped(text, "", "  ")
    if report.stops:
        lines += wrapped(
            f"while an error stands, podman {podman} can pull no image at all, not only those of the "
            "registries that the error is about"
        )
    counts = [(report.count(word), word) for word in SEVERITIES]
    lines.append(", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts))
    say("\n".join(lines))
