"""``regtools check``: everything that is wrong with configuration files, and what podman ignores in them.

Without a file, all that podman would read on this machine (or the one below ``--root``) is checked, with the
neighbours that it would not read. A named file in a directory ``*.d`` is a drop-in of the named file before
it; every other named file is a configuration of its own. A named directory stands for the files in it,
and ``-`` for standard input: a file of another machine, through ssh or from a template.
"""

from __future__ import annotations

import os.path
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from regtools.errors import RegtoolsError
from regtools.registries import checks
from regtools.registries.reading.document import dialect
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release as rules_of
from regtools.toml.reader import MAX_BYTES

from .formats import FORMATS, SEVERITIES, repair
from .options import configuration, misuse, named_files, release, surroundings
from .output import NO, OK, say, wrapped
from .parser import ending, file

# In /etc/containers these lie beside registries.conf; other programs' rules hold for them.
NEIGHBOURS = ("containers.conf", "mounts.conf", "storage.conf")
PIPED = "<stdin>"


class Piped(Surroundings):
    """A machine on which standard input is a file, too; it is read once."""

    def __init__(self, uid: int | None) -> None:
        super().__init__(uid=uid)
        self._piped: bytes | None = None

    def read(self, path: str) -> bytes:
        """Read standard input, or a file."""
        if path != PIPED:
            return super().read(path)
        if self._piped is None:
            self._piped = sys.stdin.buffer.read(MAX_BYTES + 1)
        return self._piped


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``check``."""
    text = "files or directories (their *.conf) to check (default: all that podman reads)"
    drop = "a file in a directory *.d is a drop-in of the one before; -: standard input"
    parser.add_argument("files", nargs="*", metavar="FILE", type=file, help=f"{text}; {drop}")
    configuration(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--output-format",
        choices=tuple(FORMATS),
        default="text",
        help="text for people (default), json, github (workflow commands of GitHub Actions), "
        "sarif (SARIF 2.1.0)",
    )
    form.add_argument("--json", dest="output_format", action="store_const", const="json", help="same as json")
    parser.add_argument(
        "--fail-on",
        choices=(*SEVERITIES, "never"),
        default="warning",
        help="least severity that makes the exit status 1 (default warning)",
    )
    text = "print what a finding means and why, with examples; the code is the word in brackets"
    parser.add_argument("--explain", metavar="CODE", help=text)
    repair.configure(parser)
    parser.epilog = ending(
        "0 no error and no warning (notes are allowed), or what --fail-on says; 1 an error or a warning; "
        "2 wrong usage. With --fix, what is left counts.",
        "regtools check",
        "regtools check my-registries.conf --podman 5",
        "regtools check my-registries.conf --diff",
        "regtools check --explain unquoted-value",
        "regtools check --root IMAGE-TREE --output-format sarif > findings.sarif",
        "ssh HOST cat /etc/containers/registries.conf | regtools check -",
    )


def run(options: Namespace) -> int:
    """Check the files and print the findings, or print the page of one."""
    if options.explain:
        lines = checks.page(options.explain).splitlines()
        say("\n".join(part for line in lines for part in ([line] if line[:1] == " " else wrapped(line))))
        return OK
    if options.files and any(named_files(options).values()):
        raise misuse("name files, or give --conf, --dropins and --aliases; not both")
    if "-" in options.files and options.fix:
        raise misuse("--fix writes files, and standard input is none; --diff prints the change as a patch")
    options.files = [PIPED if name == "-" else name for name in options.files]
    podman = release(options)
    around = Piped(uid=options.uid) if options.files else surroundings(options)
    report = repair.run(options, around, lambda machine: _look(options, podman, machine))
    if not options.diff:
        FORMATS[options.output_format](report, podman, options)
    if options.fail_on == "never":
        return OK
    failing = SEVERITIES[: SEVERITIES.index(options.fail_on) + 1]
    return NO if any(report.count(severity) for severity in failing) else OK


def _expanded(path: str) -> list[str]:
    """Return a file itself; of a directory its ``*.conf``, and those of a ``registries.conf.d`` in it."""
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib raises where a name is too long
        return [path]
    folder = Path(path)
    main = [each for each in sorted(folder.glob("*.conf")) if each.name not in NEIGHBOURS]
    return [str(each) for each in (*main, *sorted(folder.glob("registries.conf.d/*.conf")))]


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
    paths = {path: None for named in options.files for path in _expanded(named) or [named]}
    for path in paths:
        folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - as it is named
        dropin = folder.endswith(".d") and path != PIPED
        if not groups or not dropin:
            groups.append([])
        try:
            groups[-1].append((path, around.read(path), dropin))
        except RegtoolsError as error:
            if isinstance(error.__cause__, IsADirectoryError):
                error.message = "this directory has no *.conf to check"
                error.hint = "name a file, or a directory that holds registries.conf or its drop-ins"
            failed.append(checks.Finding.of(error))
    rules = rules_of(podman)
    toml = dialect(rules, around.environ)
    reports = [checks.check_texts(rules, group, toml=toml) for group in groups if group]
    return [*reports, checks.Report(checks.Findings(failed), (), stops=False)]
