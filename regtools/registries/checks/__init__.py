"""Everything worth knowing about configuration files at once: refused, ignored, or otherwise than it seems.

::

    files ─▶ sheets (as far as each can be read) ─▶ findings ─▶ fixes tried ─▶ sorted

Podman stops at the first thing that it refuses and is silent about what it ignores; a check reads to the
end and reports both. The rules are listed in :mod:`regtools.registries.checks.rules`; each look below is a
generator of their findings.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from regtools.errors import RegtoolsError

from ..entries import Registry
from ..reading.document import dialect
from ..reading.host import Surroundings
from ..reading.lookup import Files
from ..reading.releases import Release
from ..settings import Settings
from .account import account
from .entries import entries
from .files import Forgiving, alike, find, ignored, upgrade
from .finding import Finding, Findings
from .fixes import Edit, Fix
from .keys import keys
from .lenient import Sheet
from .merged import modes, replaced, search_list, shown_aliases, whole
from .places import places
from .proof.prover import State, prove
from .refused import faults, old_format, problems
from .rules import ERROR, NOTE, WARNING, Rule, page, rule, rules
from .together import together

__all__ = [
    "ERROR",
    "NOTE",
    "WARNING",
    "Edit",
    "Finding",
    "Findings",
    "Fix",
    "Report",
    "Rule",
    "check_conf",
    "check_machine",
    "check_texts",
    "page",
    "rule",
    "rules",
]

# What looks at one file alone.
OF_A_FILE: tuple[Callable[[Sheet], Iterable[Finding]], ...] = (
    faults,
    problems,
    old_format,
    entries,
    places,
    search_list,
)
# What looks at the merged configuration and all files; for files that podman accepts.
OF_THE_WHOLE: tuple[Callable[[Settings, tuple[Sheet, ...]], Iterable[Finding]], ...] = (
    whole,
    together,
    modes,
)
_RANK = {ERROR: 0, WARNING: 1, NOTE: 2}
_AT_RANDOM = "ambiguous-key"  # an error to us; podman takes one of the two


class Report(NamedTuple):
    """All findings, in the order of files and lines, and the files they are about.

    ``stops`` tells whether the files keep podman from pulling anything at all; ``hidden`` are files with a
    fault that hides what follows it, so that there may be more to find.
    """

    findings: Findings
    files: tuple[str, ...]
    stops: bool
    hidden: tuple[str, ...] = ()

    def count(self, severity: str) -> int:
        """Return the number of findings of one severity."""
        return sum(finding.severity == severity for finding in self.findings)


def check_conf(conf: Settings) -> Findings:
    """Check a configuration that podman accepts: the work of :meth:`RegistriesConf.check`."""
    sheets = tuple(
        Sheet(d.text, conf.release, file=d.file, dropin=d.dropin, toml=conf.toml) for d in conf.documents
    )
    return _report(conf.release, sheets, conf, None, [*ignored(conf.files_ignored)]).findings


def check_texts(
    release: Release, texts: Iterable[tuple[str, str | bytes, bool]], *, toml: str | None = None
) -> Report:
    """Check named files as one configuration, whether or not podman would accept them.

    Args:
        release: whose rules.
        texts: path, content, and whether it is a drop-in; in the order of merging.
        toml: dialect, if not the release's own.
    """
    sheets = tuple(Sheet(data, release, file=path, dropin=dropin, toml=toml) for path, data, dropin in texts)
    return _report(release, sheets, View(release, sheets, Files()), None, [])


def check_machine(
    release: Release,
    around: Surroundings,
    paths: dict[str, str | None] | None = None,
    *,
    fixes: bool = True,
) -> Report:
    """Check all the files that a release would read on a machine, and their neighbours.

    Args:
        release: whose rules.
        around: the machine.
        paths: ``path``, ``dropins`` and ``aliases`` of :func:`~regtools.registries.reading.lookup.look_up`.
        fixes: whether to try fixes. Without them the findings are the same, at a fraction of the time.
    """
    files, failed = find(release, around, paths)
    toml = dialect(release, around.environ)
    sheets = tuple(Sheet(f.data, release, file=f.path, dropin=f.dropin, toml=toml) for f in files.read)
    named = any((paths or {}).values())
    view = View(release, sheets, files)
    lacking = [*map(Finding.of, failed), *([] if named else account(view, sheets, around))]
    found = [*lacking, *ignored(files.ignored)]
    report = _report(release, sheets, view, None if named else around, found, fixes=fixes)
    stops = report.stops or any(finding.severity == ERROR for finding in lacking)
    others = [] if named else [*_others(release, around, toml, report.files)]
    every = (report, *others)
    return Report(
        Findings(finding for one in every for finding in one.findings),
        tuple(path for one in every for path in one.files),
        stops,
        tuple(path for one in every for path in one.hidden),
    )


def _others(release: Release, around: Surroundings, toml: str, known: tuple[str, ...]) -> Iterator[Report]:
    """Check the main files of the other accounts of another machine, unless one account is named."""
    machine = Forgiving(around, release)
    try:
        homes = ["/root", *(f"/home/{name}" for name in around.names("/home"))] if around.is_for_all else []
    except RegtoolsError:  # so the accounts are not known
        return
    for path in (f"{home}/.config/containers/registries.conf" for home in homes):
        if path not in known and around.exists(path):
            sheets = (Sheet(machine.read(path), release, file=path, toml=toml),)
            yield _report(release, sheets, View(release, sheets, Files()), None, [])


class View(Settings):
    """What could be read of some files merged, without the entries that podman refuses."""

    def __init__(self, release: Release, sheets: tuple[Sheet, ...], files: Files) -> None:
        self.refused = frozenset(prefix for sheet in sheets for prefix in sheet.refused)
        documents = [sheet.document for sheet in sheets if sheet.document is not None]
        super().__init__(documents, release, files, sheets[0].toml if sheets else release.toml)

    def registry(self, prefix: str) -> Registry:
        """Return the entry with exactly this prefix.

        Raises:
            RegtoolsError: podman refuses it.
            KeyError: there is none.
        """
        if prefix in self.refused:
            raise RegtoolsError(f"the entry {prefix!r} is refused", kind="entry-refused", stage="sources")
        return super().registry(prefix)


def _report(
    release: Release,
    sheets: tuple[Sheet, ...],
    view: Settings,
    around: Surroundings | None,
    more: list[Finding],
    *,
    fixes: bool = True,
) -> Report:
    before = _state(sheets, view)

    def again(texts: dict[str | None, str]) -> State:
        new = tuple(
            Sheet(texts[s.file], release, file=s.file, dropin=s.dropin, toml=s.toml) if s.file in texts else s
            for s in sheets
        )
        return _state(new, View(release, new, Files()))

    proven = prove(before, again) if fixes else [one.without_fixes() for one in before.findings]
    found = [*more, *proven]
    found += upgrade(release, sheets, view if before.sound else None, around)
    paths = tuple(sheet.file for sheet in sheets if sheet.file is not None)
    hidden = tuple(sheet.file for sheet in sheets if sheet.file is not None and sheet.raw is None)
    errors = {one.code for one in before.findings if one.severity == ERROR}
    return Report(_sorted(found, sheets), paths, not before.sound and errors != {_AT_RANDOM}, hidden)


def _state(sheets: tuple[Sheet, ...], view: Settings) -> State:
    sound = all(sheet.sound for sheet in sheets)
    found = _found(sheets, view, sound=sound)
    return State([one for one in found if rule(one.code).holds_for(view.podman)], view, sound, sheets)


def _found(sheets: tuple[Sheet, ...], view: Settings, *, sound: bool) -> Iterator[Finding]:
    for sheet in sheets:
        for check in OF_A_FILE:
            yield from check(sheet)
        yield from keys(sheet, view)
    yield from replaced(sheets)
    yield from shown_aliases(view, sheets)
    for look in OF_THE_WHOLE if sound else ():
        yield from look(view, sheets)


def _sorted(found: Iterable[Finding], sheets: tuple[Sheet, ...]) -> Findings:
    """Sort by file in the order of reading, then line; each finding once, and at an error nothing else."""
    order = {sheet.file: number for number, sheet in enumerate(sheets)}
    once = dict.fromkeys(found)
    wrong = {finding.where for finding in once if finding.severity == ERROR}
    told = {finding.where for finding in once if finding.code == "old-format"}

    def key(finding: Finding) -> tuple[int, str, int, int, int]:
        where = finding.where
        file = where.file if where else None
        line, column = (where.line or sys.maxsize, where.column or 0) if where else (0, 0)
        return order.get(file, len(order)), file or "", line, column, _RANK[finding.severity]

    kept = (
        finding
        for finding in once
        if (finding.severity == ERROR or finding.where not in wrong)
        and not (finding.code == "upgrade-refused" and finding.where in told)
    )
    return Findings(alike(sorted(kept, key=key)))
