"""What a fix changes: names for the entries, aliases and lists that it touches lead elsewhere."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain

from regtools.errors import RegtoolsError
from regtools.reference import HUB

from ...resolve import resolve
from ...settings import Settings
from ..fixes import Edit
from ..lenient import Sheet

SHORT = "app"  # asked for in each registry of the search list
_SHOWN = 3  # names in one sentence
_MOST = 50  # names that are tried for one edit


def probe(prefix: str) -> str:
    """Return an image's name that an entry governs.

    >>> probe("docker.io"), probe("*.corp.example"), probe("quay.io/team")
    ('docker.io/library/nginx', 'any.corp.example/app', 'quay.io/team/app')
    """
    if prefix in (HUB, f"{HUB}/library"):
        return f"{HUB}/library/nginx"
    return f"{prefix.replace('*', 'any', 1)}/app"


def probes(view: Settings) -> Iterator[str]:
    """Yield a name for every entry, alias and search list."""
    return chain(map(probe, view.prefixes), view.aliases, [SHORT])


def touched(sheet: Sheet, ranges: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield names for the entries, aliases and lists of a file that some ranges of its text touch."""
    if sheet.document is None:
        return
    settings = sheet.document.settings
    starts = sheet.table_starts
    numbers = {
        number
        for first, last in ranges
        for number in range(max(bisect_right(starts, first) - 1, 0), bisect_right(starts, last))
    }
    for table in (sheet.tables[number] for number in sorted(numbers)):
        if table.prefix is not None:
            yield probe(table.prefix)
        elif table.name == "aliases":
            yield from settings.aliases
        elif table.name != "registry":
            yield SHORT
            yield from map(probe, settings.entries if table.holds_entries else ())


def shifted(applied: Iterable[Edit]) -> Callable[[int], int]:
    """Return where an offset of a text is after some edits."""
    edits = sorted(applied)
    starts = [edit.start for edit in edits]
    moved = list(accumulate((len(edit.text) - (edit.end - edit.start) for edit in edits), initial=0))
    return lambda offset: offset + moved[bisect_left(starts, offset)]


def sources(view: Settings, name: str) -> tuple[str, ...] | None:
    """Return where a name leads; None if it leads to no name; no source is left of one that is blocked."""
    try:
        found = resolve(view, name).candidates
    except RegtoolsError:
        return None
    if all(candidate.failed for candidate in found):
        return None
    return tuple(
        source.reference.removesuffix(":latest") + (" (plain HTTP allowed)" if source.insecure else "")
        for candidate in found
        for source in candidate.sources
        if not source.blocked
    )


def leads(view: Settings, name: str) -> tuple[str, ...] | None:
    """Return where a name leads, and of a short name which full names it stands for."""
    if "/" in name and name not in view.aliases:
        return sources(view, name)
    try:
        return tuple(candidate.name for candidate in resolve(view, name).candidates)
    except RegtoolsError:
        return None


def effect(
    before: Settings | None, after: Settings, names: Iterable[str], when: str = "after this"
) -> str | None:
    """Return what changes for some names as one sentence; without a state before, what holds after.

    Args:
        before: what was in force, or None.
        after: what is in force then.
        names: the names that are looked at.
        when: how the sentence begins.

    Returns:
        None if no name shows it.
    """
    told = []
    for name in list(dict.fromkeys(names))[:_MOST]:
        now = sources(after, name)
        old = sources(before, name) if before else None
        if (before is None and now is not None) or (before is not None and now != old):
            told.append(_told(name, now, old or ()))
    if before and before.short_name_mode != after.short_name_mode:
        told.append(f"short-name-mode is {after.short_name_mode}")
    if before and before.credential_helpers != after.credential_helpers:
        told.append(f"logins come from {', '.join(after.credential_helpers)}")
    if not told:
        return f"{when}, each name leads where it led before" if before else None
    more = [f"{len(told) - _SHOWN} more change"] if len(told) > _SHOWN else []
    return f"{when}, {'; '.join(told[:_SHOWN] + more)}"


def _told(name: str, now: tuple[str, ...] | None, old: tuple[str, ...]) -> str:
    if now is None:
        return f"{name} cannot be resolved"
    if not now:
        return f"{name} is blocked"
    kept = {source.partition(" ")[0] for source in now}
    gone = [source for source in old if source.partition(" ")[0] not in kept]
    text = f"{name} comes from {', then '.join(now)}"
    if len(now) == 1 and now[0].partition(" ")[0] != name and "/" in name:
        text += ", and from nowhere else"
    return text + (f", no longer from {' or '.join(gone)}" if gone else "")
