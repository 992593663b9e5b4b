"""Files that podman accepts, and that do less than they seem, or lead to other images.

Source: containers-registries.conf(5), "Short-name aliasing" and "Mirrors"; containers-registries.conf.d(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from regtools.errors import Place
from regtools.reference import HUB

from ..entries import PRIMARY, Registry, matching_prefixes
from ..reading.releases import SINCE
from ..reading.schema import NAMESPACE, Path
from ..settings import SEARCH, Settings
from ..writing import array
from .entries import never
from .finding import Finding
from .lenient import Sheet
from .places import is_cache, without_item
from .rules import NOTE

_Places = dict[str, dict[str, int]]  # location → prefix of an entry → number of its mirror, or PRIMARY


def together(view: Settings, sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Yield what only the merged files show. For files that podman accepts."""
    owners = {
        prefix: sheet for sheet in sheets if sheet.document for prefix in sheet.document.settings.entries
    }
    entries = view.registries
    used: _Places = {}
    for entry in entries:
        for location, number in _elsewhere(view, entry):
            used.setdefault(location, {}).setdefault(entry.prefix, number)
    yield from _shared(used, owners)
    yield from _hidden(view, entries, owners)
    yield from _searched_caches(view, sheets, used)
    yield from _nothing_to_search(view, sheets)


def _elsewhere(view: Settings, entry: Registry) -> Iterator[tuple[str, int]]:
    """Yield the places of an entry that do not learn which registry the name has."""
    if entry.location not in ("", entry.prefix) and not _namespace(view, entry.namespace_proxy):
        yield entry.location, PRIMARY
    for index, mirror in enumerate(entry.mirrors):
        if mirror.location != entry.location and not _namespace(view, mirror.namespace_proxy):
            yield mirror.location.rstrip("/"), index


def _namespace(view: Settings, value: str) -> bool:
    return bool(value) and view.release.knows_namespaces


def _shared(used: _Places, owners: dict[str, Sheet]) -> Iterator[Finding]:
    """Warn of one place for several registries: it cannot know which of them is meant."""
    for location, prefixes in used.items():
        if len(prefixes) < 2:
            continue
        names = [prefix for prefix in prefixes if prefix[:2] != "*." and never(prefix) is None]
        if len(names) < 2:
            continue
        one, other, *_ = names
        message = (
            f"{location!r} stands for {', '.join(names)} and cannot tell them apart: {one}/team/app and "
            f"{other}/team/app are both {location}/team/app there, and one of them may be the wrong image"
        )
        hint = (
            f"give each registry a path or a cache of its own; from podman {SINCE['knows_namespaces']} on, "
            f'{NAMESPACE} = "{other}" tells a cache that understands it which one is meant'
        )
        sheet, number = owners[other], prefixes[other]
        assert sheet.document is not None
        path: Path = sheet.document.entry_path(other)
        path = (*path, "location") if number == PRIMARY else (*path, "mirror", number, "location")
        yield sheet.finding("shared-mirror", message, path, hint=hint)


def _hidden(view: Settings, entries: tuple[Registry, ...], owners: dict[str, Sheet]) -> Iterator[Finding]:
    """Note an entry that takes names away from one with mirrors, which is in another file."""
    if len({sheet.file for sheet in owners.values()}) < 2:
        return
    for entry in entries:
        if entry.mirrors or entry.blocked or entry.prefix.startswith("*."):
            continue
        shorter = [each for each in matching_prefixes(view.prefixes, entry.prefix) if each != entry.prefix]
        outer = view.registry(shorter[0]) if shorter else None
        sheet = owners[entry.prefix]
        if outer is None or not outer.mirrors or owners[outer.prefix] is sheet:
            continue
        mirrors = ", ".join(mirror.location for mirror in outer.mirrors)
        message = (
            f"names below {entry.prefix} do not come from {mirrors}: of two prefixes the longer one wins, "
            f"and this entry has none of the mirrors of {outer.prefix!r} ({view.place(outer.prefix)})"
        )
        hint = "repeat the [[registry.mirror]] here, with its path, if these names are to come from it"
        assert sheet.document is not None
        path = sheet.document.entry_path(entry.prefix)
        yield sheet.finding("mirrors-hidden", message, path, hint=hint)


def _searched_caches(view: Settings, sheets: tuple[Sheet, ...], used: _Places) -> Iterator[Finding]:
    """Warn of a cache of Docker Hub among the search registries."""
    hosts = view.unqualified_search_registries
    sheet = next((s for s in reversed(sheets) if s.document and s.document.settings.search is not None), None)
    if sheet is None or sheet.document is None:
        return
    for index, host in enumerate(hosts):
        mine = used.get(host, {}).get(HUB)
        if mine is None and not is_cache(host):
            continue
        known = mine is not None
        key = ("location",) if mine == PRIMARY else ("mirror", mine or 0, "location")
        why = f"stands for {HUB} at {view.place(HUB, *key)}" if known else f"is a public cache of {HUB}"
        message = (
            f"{host!r} {why}, and not a registry to search: nginx is asked for as {host}/nginx, without "
            "library/, and is not found there"
        )
        path = (*sheet.document.settings.search_path, index)
        use = "that entry is how a cache is used" if known else f"use it as a [[registry.mirror]] of {HUB}"
        instead = f"take it out of the list{'' if HUB in hosts else f' and write {HUB}'}; {use}"
        fix = without_item(sheet, path, HUB)
        yield sheet.finding("cache-in-search-list", message, path, hint=instead, fix=fix)


def _nothing_to_search(view: Settings, sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Note that short names fail, and files that set nothing at all."""
    mains = [sheet for sheet in sheets if not sheet.dropin]
    searches = view.unqualified_search_registries or view.aliases
    if mains and view.prefixes and not searches:
        message = "short names such as nginx fail: no file has a search list or an alias"
        hint = f"to search Docker Hub, write {SEARCH} = {array([HUB])} above the first [table]"
        yield Finding(NOTE, "no-search-list", message, Place(mains[0].file), hint)
    hidden = [item.path for item in view.files_ignored if item.code in ("other-main", "hidden")]
    for sheet in sheets:
        comments = sheet.text is not None and "#" in sheet.text and not sheet.raw
        unused = hidden if not sheet.dropin else []
        if comments and (unused or not (searches or view.prefixes)):
            message = "this file sets nothing: each of its lines is a comment or empty"
            if unused:
                message += f"; podman reads it instead of {', '.join(unused)}"
            hint = "remove the # before the lines that are to count" + (
                ", or remove the file" if unused else ""
            )
            yield Finding(NOTE, "only-comments", message, Place(sheet.file), hint)
