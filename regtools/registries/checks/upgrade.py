"""What the next releases of podman would do otherwise with the same files.

Everything here is a note: nothing of it is wrong today. The differences are those of
:mod:`regtools.registries.releases`, found by asking each release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import Place, RegtoolsError
from ..config import RegistriesConf
from ..document import Document, dialect
from ..lookup import Files
from ..releases import RELEASES
from .files import find
from .finding import NOTE, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..machine import Surroundings
    from ..releases import Release
    from .sheet import Sheet

__all__ = ["upgrade"]


def upgrade(
    release: Release,
    sheets: tuple[Sheet, ...],
    view: RegistriesConf | None,
    around: Surroundings | None,
) -> Iterator[Finding]:
    """Yield what changes with each later release.

    Args:
        release: the one in use.
        sheets: its files.
        view: its configuration, None where it refuses the files.
        around: the machine, to look there for the later release's files; None where files were named.
    """
    for later in list(RELEASES.values())[list(RELEASES).index(release.name) + 1 :]:
        refused = [finding for sheet in sheets if (finding := _refused(sheet, later)) is not None]
        yield from refused
        if around is not None:
            yield from _files(sheets, later, around)
        if view is not None and not refused:
            yield from _meaning(view, sheets, later, around)


def _refused(sheet: Sheet, later: Release) -> Finding | None:
    """Note a file that is good today and will be refused."""
    if not sheet.sound or sheet.text is None:
        return None
    try:
        Document.read(sheet.text, later, file=sheet.file, dropin=sheet.dropin)
    except RegtoolsError as error:
        message = f"podman {later.name} refuses this file, and then no image can be pulled: {error.message}"
        return Finding(
            NOTE,
            "upgrade-refused",
            message,
            error.where,
            error.hint,
            None,
            error.source_line,
            error.end_column,
        )
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
    view: RegistriesConf, sheets: tuple[Sheet, ...], later: Release, around: Surroundings | None
) -> Iterator[Finding]:
    """Note what is in force today and would not be, or be otherwise."""
    try:
        if around is None:
            documents = [
                Document.read(sheet.text or "", later, file=sheet.file, dropin=sheet.dropin)
                for sheet in sheets
            ]
        else:
            toml = dialect(later, around.environ)
            found = find(later, around)[0].read
            documents = [
                Document.read(one.data, later, file=one.path, dropin=one.dropin, toml=toml) for one in found
            ]
    except RegtoolsError as error:
        if all(error.file != sheet.file for sheet in sheets):
            message = (
                f"podman {later.name} reads this and stops at it, so no image can be pulled: {error.message}"
            )
            yield Finding(NOTE, "upgrade-refused", message, error.where, error.hint)
        return
    then = RegistriesConf(documents, later, Files(), later.toml)
    before, after = _meant(view), _meant(then)
    for key, value in after.items():
        if before[key] != value:
            message = (
                f"podman {later.name} makes something else of these files: {key} is then {_brief(value)}"
            )
            yield Finding(NOTE, "upgrade-changes", message, Place(view.main_file))


def _meant(conf: RegistriesConf) -> dict[str, Any]:
    plain = conf.to_dict()
    entries = plain.pop("registries")
    plain |= {f"the entry {entry['prefix']!r}": entry for entry in entries}
    return _Missing(plain)


class _Missing(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        return None


def _brief(value: Any) -> str:
    if not isinstance(value, dict):
        return ", ".join(value) if isinstance(value, list) else str(value)
    mirrors = [mirror["location"] for mirror in value["mirrors"]]
    flags = [flag for flag in ("insecure", "blocked", "mirror_by_digest_only") if value[flag]]
    return f"location {value['location'] or '(none)'}, mirrors {', '.join(mirrors) or 'none'}" + (
        f", {', '.join(flags)}" if flags else ""
    )
