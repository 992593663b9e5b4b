"""What shows only in the whole: entries replaced by other files, shadowed, without effect, or unworkable.

Also the search list and the aliases: what they hide, and what cannot work.

Source: containers-registries.conf(5), "Short-name aliasing" and "Unqualified search registries";
containers-registries.conf.d(5) for what a later file replaces.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from regtools.errors import RegtoolsError
from regtools.reference import GRAMMAR, HUB, HUB_OLD, WELL_KNOWN, is_qualified

from ..entries import Registry, best_prefix
from ..reading.schema import Path, Table
from ..resolve import resolve
from ..settings import SEARCH, Settings
from ..writing import mirrors_toml, quote
from .entries import never
from .finding import Finding
from .lenient import Sheet
from .rules import NOTE, rule

_FLAGS = ("insecure", "blocked", "mirror-by-digest-only")
_DIGEST = "@sha256:" + "0" * 64
_SAMPLE = "regtools-sample"  # a name that no entry has
# The search lists that Fedora, Red Hat Enterprise Linux and openSUSE come with: no news to their owners.
_STOCK = (
    ("registry.fedoraproject.org", "registry.access.redhat.com", "docker.io"),
    ("registry.access.redhat.com", "registry.redhat.io", "docker.io"),
    ("registry.opensuse.org", "registry.suse.com", "docker.io"),
)
_LONG = 100  # a location that may make a name too long


def replaced(sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Yield entries, and the search list, that a later file replaces as a whole."""
    earlier: dict[str, Sheet] = {}
    search: Sheet | None = None
    for sheet in sheets:
        if sheet.document is None:
            continue
        settings = sheet.document.settings
        for prefix, table in settings.entries.items():
            if prefix in earlier:
                yield _replacement(sheet, prefix, table, earlier[prefix])
            earlier[prefix] = sheet
        if settings.search is not None:
            path: Path = (SEARCH,)
            before = search.document.settings.search if search and search.document else None
            if search is not None and before != settings.search and before:
                gone = [host for host in before if host not in settings.search]
                message = f"this search list overrides the one of {search.place(path)}"
                message += f", so {', '.join(gone)} is not searched" if gone else ", with another order"
                hint = "lists are not joined; the one that is read last counts"
                if sheet.dropin:
                    name = posixpath.basename(sheet.file or "")
                    hint += f", so a drop-in wins with a name that sorts after {name}"
                yield sheet.finding("search-list-replaced", message, path, hint=hint)
            search = sheet


def _replacement(sheet: Sheet, prefix: str, table: Table, before: Sheet) -> Finding:
    assert sheet.document is not None and before.document is not None
    old = before.document.settings.entries[prefix]
    where = before.place(before.document.entry_path(prefix))
    path = sheet.document.entry_path(prefix)
    lost = [f"{flag} = true" for flag in _FLAGS if old.get(flag, False) and flag not in table]
    mirrors = [mirror["location"] for mirror in old.get("mirror", ()) if mirror and mirror.get("location")]
    hint = "a later file replaces an entry as a whole: repeat here what is to be kept"
    code, text, added = "entry-replaced", "", "\n".join(lost)
    message = f"this entry replaces the one for {prefix!r} at {where}"
    if mirrors and not table.get("mirror"):
        code, text = "mirrors-lost", mirrors_toml(mirrors)
        message += f", whose mirrors are lost: {', '.join(mirrors)}"
        message += f", and {', '.join(lost)}" if lost else ""
        added = "\n".join((*lost, text))
    elif lost:
        code, text = "settings-lost", added
        message += f", which has {', '.join(lost)}"
    below = sheet.below(path, added) if text else None
    fix = sheet.fix(text, below) if below else None
    return sheet.finding(code, message, path, hint=hint, fix=fix)


def whole(view: Settings, sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Yield what the merged entries cannot do. For files that podman accepts."""
    places = {
        prefix: sheet for sheet in sheets if sheet.document for prefix in sheet.document.settings.entries
    }
    unsafe = {entry.location or entry.prefix for entry in view.registries if entry.insecure}
    prefixes = view.prefixes
    wildcards = any(prefix.startswith("*.") for prefix in prefixes)
    for entry in view.registries:
        if never(entry.prefix) is not None:
            continue
        sheet = places[entry.prefix]
        assert sheet.document is not None
        path = sheet.document.entry_path(entry.prefix)
        winner = best_prefix(prefixes, entry.prefix, wildcards=wildcards)
        if winner is not None and winner != entry.prefix and not entry.prefix.startswith("*."):
            message = (
                f"the entry {entry.prefix!r} is never used: {winner!r} ({view.place(winner)}) matches the "
                "same names, and of two prefixes of the same length the wildcard wins"
            )
            hint = "make the exact entry's prefix longer, or name the other hosts one by one"
            yield sheet.finding("shadowed", message, path, hint=hint)
            continue
        yield from _block(view, entry, sheet, path)
        yield from _unsafe_mirrors(view, entry, sheet, path, unsafe)
        if not _plain(entry):
            yield from _rewriting(view, entry, sheet)
        yield from _port(entry, sheet, path)


def _block(view: Settings, entry: Registry, sheet: Sheet, path: Path) -> Iterator[Finding]:
    if not entry.blocked or entry.location in ("", entry.prefix):
        return
    there = view.find(entry.location)
    if there is not None and there.blocked:
        return
    message = (
        f"blocked = true does not block {entry.prefix!r}: its location is {entry.location!r}, podman "
        "compares that place with the prefixes, and nothing blocks it there"
    )
    hint = f"write the prefix as location, or add an entry for {entry.location} with blocked = true"
    fix = None if entry.prefix.startswith("*.") else sheet.replaced((*path, "location"), quote(entry.prefix))
    yield sheet.finding("block-without-effect", message, (*path, "blocked"), hint=hint, fix=fix)


def _unsafe_mirrors(
    view: Settings, entry: Registry, sheet: Sheet, path: Path, unsafe: set[str]
) -> Iterator[Finding]:
    for index, mirror in enumerate(entry.mirrors):
        own = best_prefix(unsafe, mirror.location.rstrip("/"), wildcards=False)
        if mirror.insecure or own is None:
            continue
        message = (
            f"mirror {mirror.location!r} is reached by verified HTTPS only, although the entry {own!r} says "
            "insecure = true: that holds for names that begin with it, not for mirrors"
        )
        hint = "write insecure = true below this [[registry.mirror]]"
        here = (*path, "mirror", index, "location")
        header, text = sheet.header(here[:-1]), "insecure = true"
        fix = sheet.fix(text, sheet.insertion(header, text)) if header else None
        yield sheet.finding("insecure-mirror", message, here, hint=hint, fix=fix)


def _plain(entry: Registry) -> bool:
    """Return whether each name below the prefix is a good name at all places: nothing has to be tried."""
    locations = (entry.location, *(mirror.location for mirror in entry.mirrors))
    for location in locations:
        match = GRAMMAR(location if "/" in location or "/" in entry.prefix else f"{location}/{_SAMPLE}")
        if match is None or match["tag"] or match["digest"] or len(location) > _LONG:
            return False
        if not match["domain"] or not is_qualified(match["domain"]) or match["domain"] in (HUB, HUB_OLD):
            return False
    return True


def _rewriting(view: Settings, entry: Registry, sheet: Sheet) -> Iterator[Finding]:
    """Try the entry on names that it governs, and report what no name, or not every name, becomes."""
    host = entry.prefix.replace("*", _SAMPLE, 1) if entry.prefix.startswith("*.") else entry.prefix
    general = _failure(view, entry, f"{host}/{_SAMPLE}/{_SAMPLE}")
    if general is not None:
        message = f"no image can be pulled by this entry: {general.message}"
        yield _at(sheet, "location-unusable", message, general)
        return
    if entry.prefix in (HUB, f"{HUB}/library"):
        return
    single = _failure(view, entry, f"{host}/{_SAMPLE}")
    if single is not None:
        message = f"names with a single part after the prefix cannot be pulled: {single.message}"
        yield _at(sheet, "location-needs-library", message, single)
        return
    if "/" in entry.prefix and (bare := _failure(view, entry, host)) is not None:
        message = (
            f"images below {entry.prefix}/ are found; {entry.prefix} itself, if it is an image, is not: "
            f"{bare.message}"
        )
        yield _at(sheet, "whole-repository", message, bare)


def _failure(view: Settings, entry: Registry, name: str) -> RegtoolsError | None:
    """Return why a name cannot be rewritten by this entry, or None; other entries' faults are theirs."""
    limited = entry.mirror_by_digest_only or any(mirror.pull_from_mirror for mirror in entry.mirrors)
    for suffix in (":1", _DIGEST) if limited else (":1",):
        try:
            candidates = resolve(view, name + suffix).candidates
        except RegtoolsError:
            return None
        for candidate in candidates:
            if candidate.error is not None and candidate.entry and candidate.entry.prefix == entry.prefix:
                return candidate.error
    return None


def _at(sheet: Sheet, code: str, message: str, error: RegtoolsError) -> Finding:
    found = replace(Finding.of(error, code=code, severity=rule(code).severity), message=message)
    if not error.where or error.where.line is None or error.where.file != sheet.file:
        return replace(found, source_line=None, end_column=None)
    source = sheet.source(error.where.line)
    return replace(found, source_line=source, end_column=len(source.rstrip()) + 1)


def _port(entry: Registry, sheet: Sheet, path: Path) -> Iterator[Finding]:
    host = entry.prefix
    if "/" in host or ":" in host or host.startswith("*.") or host in WELL_KNOWN:
        return
    target = entry.location.partition("/")[0]
    if ":" not in target or entry.location == entry.prefix:
        return
    message = (
        f"prefix {host!r} also matches {host} with any port, and the port is kept: {host}:5000/x would "
        f"become {entry.location}:5000/x, which is not a valid name"
    )
    hint = f"if {host} has registries on other ports, give each an entry of its own"
    yield sheet.finding("port-goes-along", message, (*path, "location"), hint=hint)


_ANSWERS = "podman reads this file for short names only, and they all fail; full names still work"


def search_list(sheet: Sheet) -> Iterator[Finding]:
    """Yield search list entries that lead elsewhere than they seem, and doubles."""
    document = sheet.document
    if document is None:
        return
    seen: set[str] = set()
    for index, host in enumerate(document.settings.search or ()):
        here = (*document.settings.search_path, index)
        written = sheet.value(here)
        if not isinstance(written, str) or written.rstrip("/") != host or not host:
            continue  # refused items shift the rest, and are said elsewhere
        if not is_qualified(host) and "/" not in host and "://" not in host:
            message = (
                f"{host!r} has no dot or port, so {host}/NAME is looked for at Docker Hub: {HUB}/{host}/NAME"
            )
            hint = "write the registry's full host name"
            yield sheet.finding("search-without-dot", message, here, hint=hint)
        if host in seen:
            message = f"{host!r} is listed twice in the search list, so it is tried twice"
            yield sheet.finding("duplicate-search", message, here, hint="keep the first")
        seen.add(host)


def modes(view: Settings, sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Note what enforcing means for scripts."""
    hosts = view.unqualified_search_registries
    if view.short_name_mode != "enforcing" or len(hosts) < 2 or hosts in _STOCK:
        return
    where = view.setting_place("short-name-mode")
    sheet = next((s for s in reversed(sheets) if where and s.file == where.file), None)
    if sheet is None:
        return
    message = (
        f"podman asks which of the {len(hosts)} search registries is meant, so short names fail where there "
        "is no terminal to ask on: in scripts, cron, CI and systemd units"
    )
    hint = "use full names or aliases there; with one search registry podman does not ask"
    yield sheet.finding("enforcing-no-terminal", message, ("short-name-mode",), hint=hint)


def shown_aliases(view: Settings, sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Note which names the search list does not decide, and remembered answers that beat the files."""
    if view.unqualified_search_registries and view.aliases:
        for sheet in sheets:
            if "shortnames" in (sheet.file or ""):  # the list of a distribution, which no one has written
                continue
            mine = sheet.document.settings.aliases if sheet.document else {}
            names = [name for name in mine if view.aliases.get(name) == mine[name]]
            if names:
                shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
                message = (
                    f"the search list is not used for {shown}: an alias decides, and nothing else is tried"
                )
                path = ("aliases", names[0])
                yield sheet.finding("alias-hides-search", message, path, at_key=True)
    try:
        remembered = view.remembered
        document = view.alias_document
    except RegtoolsError as error:
        yield replace(Finding.of(error), hint=f"{error.hint + '; ' if error.hint else ''}{_ANSWERS}")
        return
    for name, target in remembered.items():
        if document and name in view.aliases and target != view.aliases[name]:
            message = (
                f"podman remembers {name!r} as {target or 'nothing'!r}, which wins over the alias "
                f"{view.aliases[name]!r} ({view.setting_place('aliases', name)})"
            )
            hint = "to cancel the answer once given at the prompt, remove this line"
            where = document.place(("aliases", name), at_key=True)
            yield Finding(NOTE, "remembered-alias", message, where, hint)
