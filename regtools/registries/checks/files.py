"""Files that are not read, files that cannot be read, and what later releases make of the same files.

Nothing that a later release changes is wrong today, so it is a note. The differences are those of
:mod:`regtools.registries.reading.releases`, found by asking each release.

Source: containers-registries.conf(5), containers-registries.conf.d(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from regtools.errors import Place, RegtoolsError

from ..reading.document import Document, dialect
from ..reading.host import Surroundings
from ..reading.lookup import Files, Ignored, look_up, places
from ..reading.releases import SINCE, Release
from ..settings import Settings
from .finding import Finding
from .lenient import Sheet
from .rules import NOTE, rule

# Why a file is not read → code of the finding, and what to do. Other reasons are notes.
_WHY = {
    "misnamed-drop-in": ("misnamed-file", "rename it to end in .conf"),
    "misnamed-main": (
        "misnamed-file",
        "name it registries.conf, or move it into registries.conf.d under a name that ends in .conf",
    ),
    "masked": ("masked-file", "give it another name if both are to count"),
    "nested": ("unread-file", "move its files one level up"),
    "not-a-directory": ("unread-file", "make it a directory"),
    "elsewhere": ("unread-file", "move it to where this podman looks"),
    "linked": ("unread-file", "make it a real directory"),
    "dangling": ("dangling-link", "remove the link, or make its target"),
    "variable": ("unread-file", None),
}
_SHOWN = 3  # places of equal notes that are named
_BACKUP = re.compile(
    r".*(?:\.(?:bak|orig|old|save|rpmsave|rpmnew|rpmorig|swp|disabled|dpkg-\w+|ucf-\w+)|~|\.\d+)$"
)


class Forgiving(Surroundings):
    """A machine of which every file is read that can be read.

    Attributes:
        failed: the errors, in order.
    """

    def __init__(self, base: Surroundings, release: Release) -> None:
        super().__init__(base.root, base.environ, base.uid)
        self._base = base
        self.failed: list[RegtoolsError] = []
        named = (*release.main_variables, release.override_variable or "")
        self._wanted = {self.environ.get(name) for name in named} - {None, ""}
        self._dropins = places(release, base).dropins
        self._links = release.dangling_link_is_fatal

    def read(self, path: str) -> bytes:
        """Read a file; what podman would stop at reads as empty."""
        try:
            return self._base.read(path)
        except RegtoolsError as error:
            linked = self._links and path.endswith(".conf") and self.mode(path, follow=False) is not None
            cache = path.endswith("short-name-aliases.conf")
            if cache or (error.kind == "file-missing" and path not in self._wanted and not linked):
                raise
            if error.kind == "file-missing" and path in self._wanted:
                error.hint = "an environment variable names this file"
            self.failed.append(error)
            return b""

    def names(self, path: str) -> list[str]:
        """List a directory; one of drop-ins that cannot be read is empty."""
        try:
            return super().names(path)
        except RegtoolsError as error:
            if path not in self._dropins:
                raise
            self.failed.append(error)
            return []


def find(
    release: Release, around: Surroundings, paths: dict[str, str | None] | None = None
) -> tuple[Files, list[RegtoolsError]]:
    """Find the files of a release, going on where one cannot be read.

    Returns:
        What was found without the failed ones, and the errors.
    """
    machine = Forgiving(around, release)
    try:
        files = look_up(release, machine, **(paths or {}))
    except RegtoolsError as error:  # of a named file or directory: the main file may still be good
        failed_first = [*machine.failed, error]
        if not paths or not paths.get("path") or not paths.get("dropins") or error.file == paths["path"]:
            return Files(), failed_first
        files, more = find(release, around, {**paths, "dropins": None})
        return files, [*failed_first, *more]
    failed = {error.file for error in machine.failed}
    files.read = [found for found in files.read if found.path not in failed]
    refused = [error for error in machine.failed if error.file not in {item.path for item in files.ignored}]
    return files, refused


def ignored(items: Iterable[Ignored]) -> Iterator[Finding]:
    """Yield the files that are there but not read. A locked directory may be empty."""
    for item in items:
        message = f"this is not read: {item.why}"
        where = Place(item.path)
        if item.code in _WHY and not _BACKUP.match(item.path):
            code, hint = _WHY[item.code]
            yield Finding(rule(code).severity, code, message, where, hint)
        elif item.code != "locked":
            yield Finding(NOTE, "unread-file", message, where)


def alike(found: list[Finding]) -> Iterator[Finding]:
    """Yield the findings, and of notes in the same words one, which names the other places."""
    groups: dict[object, list[Finding]] = {}
    for finding in found:
        same = finding.severity == NOTE and finding.fix is None and finding.where is not None
        groups.setdefault((finding.code, finding.message, finding.hint) if same else id(finding), []).append(
            finding
        )
    for first, *others in groups.values():
        places = [str(other.where) for other in others]
        rest = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        more = f" (and so {', '.join(places[:_SHOWN])}{rest})" if places else ""
        yield replace(first, message=first.message + more)


def upgrade(
    release: Release,
    sheets: tuple[Sheet, ...],
    view: Settings | None,
    around: Surroundings | None,
) -> Iterator[Finding]:
    """Yield what changes with each later release.

    Args:
        release: the one in use.
        sheets: its files.
        view: its configuration, None where it refuses the files.
        around: the machine, to look there for the later release's files; None where files were named.
    """
    for later in release.later:
        refused = [finding for sheet in sheets if (finding := _refused(sheet, later)) is not None]
        yield from refused
        if around is not None:
            yield from _files(sheets, later, around)
        if view is not None and not refused:
            yield from _meaning(view, sheets, later, around)
            mirrored = [entry.prefix for entry in view.registries if entry.mirrors]
            if mirrored and later.blobs_move_on and not release.blobs_move_on:
                message = (
                    f"from podman {SINCE['blobs_move_on']} on, a layer that a mirror does not deliver is "
                    "fetched from the next source; with this podman the pull fails"
                )
                yield Finding(NOTE, "upgrade-changes", message, view.place(mirrored[0], "mirror", 0))


def _refused(sheet: Sheet, later: Release) -> Finding | None:
    """Note a file that is good today and will be refused."""
    if not sheet.sound or sheet.text is None:
        return None
    try:
        Document.read(sheet.text, later, file=sheet.file, dropin=sheet.dropin)
    except RegtoolsError as error:
        message = f"podman {later.name} refuses this file, and then no image can be pulled: {error.message}"
        return replace(Finding.of(error, code="upgrade-refused", severity=NOTE), message=message)
    return None


def _files(sheets: tuple[Sheet, ...], later: Release, around: Surroundings) -> Iterator[Finding]:
    mine = [sheet.file for sheet in sheets]
    files, _ = find(later, around)
    theirs = [found.path for found in files.read]
    why = {item.path: item.why for item in files.ignored}
    for path in mine:
        if path not in theirs:
            reason = f": {why[path]}" if path in why else ""
            yield Finding(
                NOTE, "upgrade-unread", f"podman {later.name} does not read this{reason}", Place(path)
            )
    for path in theirs:
        if path not in mine:
            yield Finding(NOTE, "upgrade-read", f"podman {later.name} reads this too", Place(path))
    if sorted(map(str, mine)) == sorted(theirs) and mine != theirs:
        message = f"podman {later.name} merges the files in another order: {', '.join(theirs)}"
        yield Finding(NOTE, "upgrade-order", message, Place(theirs[0]))


def _meaning(
    view: Settings, sheets: tuple[Sheet, ...], later: Release, around: Surroundings | None
) -> Iterator[Finding]:
    """Note what is in force today and would not be, or be otherwise."""
    try:
        found: list[tuple[str | None, str | bytes, bool]] = [
            (sheet.file, sheet.text or "", sheet.dropin) for sheet in sheets
        ]
        if around is not None:
            found = [*find(later, around)[0].read]
        toml = later.toml if around is None else dialect(later, around.environ)
        documents = [
            Document.read(data, later, file=path, dropin=dropin, toml=toml) for path, data, dropin in found
        ]
    except RegtoolsError as error:
        if all(error.file != sheet.file for sheet in sheets):
            message = (
                f"podman {later.name} reads this and stops at it, so no image can be pulled: {error.message}"
            )
            yield Finding(NOTE, "upgrade-refused", message, error.where, error.hint)
        return
    then = Settings(documents, later, Files(), later.toml)
    before, after = _meant(view), _meant(then)
    for key, value in after.items():
        if before.get(key) != value:
            message = f"podman {later.name} reads these files otherwise: {key} is then {_brief(value)}"
            yield Finding(NOTE, "upgrade-changes", message, Place(view.main_file))


def _meant(settings: Settings) -> dict[str, Any]:
    plain = settings.to_dict()
    return {f"the entry {entry['prefix']!r}": entry for entry in plain.pop("registries")} | plain


def _brief(value: Any) -> str:
    if not isinstance(value, dict):
        return ", ".join(value) if isinstance(value, list) else str(value)
    mirrors = [mirror["location"] for mirror in value["mirrors"]]
    flags = [flag for flag in ("insecure", "blocked", "mirror_by_digest_only") if value[flag]]
    return f"location {value['location'] or '(none)'}, mirrors {', '.join(mirrors) or 'none'}" + (
        f", {', '.join(flags)}" if flags else ""
    )
