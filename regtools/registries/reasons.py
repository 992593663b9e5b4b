"""Why a place is in the list, why another is not, and in which line that was decided.

Nothing here decides anything: it finds the words for what :mod:`regtools.registries.resolve` decided, and the
places, which costs a scan of the files. So it is called only when a reason is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from regtools.display import visible
from regtools.errors import Place, RegtoolsError
from regtools.reference import HUB, HUB_HOST, HUB_OLD, PullName, Reference, is_qualified
from regtools.values import NamedTuple

from .entries import PRIMARY, Registry, applies, matched, matching_prefixes
from .reading.document import Document
from .settings import SEARCH, Settings
from .writing import quote


class Reason(NamedTuple):
    """One fact, and where it was decided.

    >>> from regtools.errors import Place
    >>> print(Reason("mirror of quay.io", Place("registries.conf", 5, 12)))
    mirror of quay.io (registries.conf:5:12)
    """

    text: str
    where: Place | None = None

    def __str__(self) -> str:
        return visible(f"{self.text} ({self.where})" if self.where else self.text)


def at(conf: Settings, place: Place | None) -> str:
    """Return file and line, in short: the file's name alone where no other file that is read has it."""
    if place is None:
        return ""
    name = place.file and place.file.rpartition("/")[2]
    alone = sum(file.rpartition("/")[2] == name for file in conf.files_read) == 1
    return str(Place(name if alone else place.file, place.line))


# -- why -------------------------------------------------------------------------------------------------


def why_source(conf: Settings, entry: Registry | None, mirror: int, namespace: str) -> Reason:
    """Return which entry, or which of its mirrors, put a source into the list."""
    if entry is None:
        return Reason("no [[registry]] entry matches: the name's own registry")
    key: tuple[str | int, ...] = ("location",)
    if mirror != PRIMARY:
        text, key = f"mirror {mirror + 1} of {entry.prefix!r}", ("mirror", mirror, "location")
    elif not entry.location:
        text, key = f"{entry.prefix!r} has no location: the name stays", ("prefix",)
    elif entry.location == entry.prefix:
        text = f"the registry {entry.prefix!r} itself"
    else:
        text = f"location replaces {entry.prefix!r}"
    text += f", asked with namespace-proxy {namespace!r}" if namespace else ""
    return Reason(text, conf.place(entry.prefix, *key))


def why_transport(
    conf: Settings, entry: Registry | None, mirror: int, insecure: bool, blocked_by: str | None
) -> Reason:
    """Return how a source is contacted, and the line that decides it."""
    if blocked_by is not None:
        return Reason(f"not contacted: blocked by {blocked_by!r}", conf.place(blocked_by, "blocked"))
    if entry is None or not insecure:
        return Reason("HTTPS, certificate verified")
    key = ("insecure",) if mirror == PRIMARY else ("mirror", mirror, "insecure")
    return Reason("HTTPS unverified, else plain HTTP: insecure", conf.place(entry.prefix, *key))


def why_candidates(conf: Settings, pull: PullName, how: str, count: int) -> Reason:
    """Return how a name became its candidates, ``count`` of them."""
    name = pull.reference.path
    match how:
        case "qualified":
            return Reason("the name says its registry")
        case "docker":
            return Reason("docker:// switches aliases and search list off; a short name is one on Docker Hub")
        case "alias":
            return Reason(f"alias {name!r}", conf.setting_place("aliases", name))
        case "remembered":
            return Reason(f"answer remembered for {name!r}", _answer_place(conf, name))
    text = "tried with each registry" if count > 1 else "completed with the only registry"
    return Reason(f"it is a short name, {text} of the search list", conf.setting_place(SEARCH))


def candidate_error(
    conf: Settings, entry: Registry, name: Reference, culprit: int, kind: str
) -> RegtoolsError:
    """Make the error of a candidate whose entry, or its mirror ``culprit``, cannot be applied to its name."""
    location = entry.location if culprit == PRIMARY else entry.mirrors[culprit].location
    rest = str(name)[matched(entry.prefix, name.name) :]
    key = ("location",) if culprit == PRIMARY else ("mirror", culprit, "location")
    message = f"{name} would become {location + rest!r}, which {_FAULTS[kind]}"
    where, hint = conf.place(entry.prefix, *key), _advice(location, rest, kind)
    return RegtoolsError(message, kind=kind, stage="sources", where=where, hint=hint)


_FAULTS = {
    "invalid-reference": "is not an image name",
    "uppercase-name": "has upper case letters in its path",
    "name-too-long": "is longer than 255 characters",
    "not-canonical": "is not a full name",
}


def _advice(location: str, rest: str, kind: str) -> str | None:
    host = location.partition("/")[0]
    if kind == "not-canonical":
        if host in (HUB, HUB_OLD) and "/" not in location:
            return f'write location = "{HUB}/library" if Docker\'s own images are meant'
        if not is_qualified(host):
            return f"{host!r} is not a host: a host has a dot or a port, or is localhost"
        return f'the prefix covers the whole name, so the location must too: "{location}/IMAGE"'
    if kind == "invalid-reference":
        if "://" in location:
            return f'write location = "{location.partition("://")[2]}"'
        if rest[:1] == ":" and "/" in rest and ":" in host:
            return "a prefix without port matches every port, and the port goes along; add it to the prefix"
        if location.endswith("/"):
            return "podman 4 keeps the slash at the end of a mirror's location; remove it"
        return "write HOST[:PORT][/PATH], without tag, blanks or brackets"
    return "write the path in lower case" if kind == "uppercase-name" else None


# -- why not ---------------------------------------------------------------------------------------------


def unused_settings(conf: Settings, pull: PullName, how: str, count: int, tty: bool) -> Iterator[Reason]:
    """Yield what the configuration has for short names and was not used for this name."""
    if pull.dropped_tag is not None:
        yield Reason(f"tag :{pull.dropped_tag} is dropped, since a digest is given")
    search, mode = conf.setting_place(SEARCH), conf.setting_place("short-name-mode")
    yield from replaced_lists(conf) if how == "search" else ()
    yield from replaced_aliases(conf, pull.reference.path) if how == "alias" else ()
    name = pull.reference.path
    alias, where = conf.aliases.get(name), conf.setting_place("aliases", name)
    if how == "remembered" and alias:
        yield Reason(f"alias {name!r} = {alias!r}: the remembered answer wins", where)
    if how == "search":
        if name in conf.remembered:
            text = f"aliases for {name!r} are hidden by an empty remembered answer"
            yield Reason(text, _answer_place(conf, name))
        elif where:
            yield Reason(f"alias {name!r} is erased by an empty value", where)
    elif search and conf.unqualified_search_registries:
        yield Reason(f"search list: {_NOT_SEARCHED[how]}", search)
    cause = _no_question(conf.short_name_mode, how, count, tty)
    if mode and cause:
        yield Reason(f"short-name-mode = {conf.short_name_mode!r}: {cause}", mode)


def replaced_aliases(conf: Settings, name: str) -> Iterator[Reason]:
    """Yield the aliases of the same name that a later file replaced."""
    holders = [document for document in conf.documents if name in document.settings.aliases]
    for document in holders[:-1]:
        text = (
            f"alias {name!r} = {document.settings.aliases[name]!r} is replaced by that of {holders[-1].name}"
        )
        yield Reason(text, document.place(("aliases", name)))


def replaced_lists(conf: Settings) -> Iterator[Reason]:
    """Yield the search lists that another file's list replaced, all in one reason, and how to win."""
    *lost, last = [document for document in conf.documents if document.settings.search is not None]
    if not lost:
        return

    def shown(document: Document) -> str:
        where = document.place(document.settings.search_path)
        return f"{at(conf, where)} ({', '.join(document.settings.search or ()) or 'empty'})"

    folder, slash, name = last.name.rpartition("/")
    winner = "zz-own.conf" if name < "zz-own.conf" else f"{name.removesuffix('.conf')}~.conf"
    if last.name == conf.surroundings.environ.get(conf.release.override_variable or ""):
        folder = slash = ""
        winner = last.name
    yield Reason(
        f"the search list of {' and of '.join(map(shown, lost))} was replaced by that of {shown(last)}: "
        "lists are not joined, and drop-ins come after the main file, the last in byte order of names wins. "
        f"To win, write yours in {folder}{slash}{winner}",
        last.place(last.settings.search_path),
    )


_NOT_SEARCHED = {
    "qualified": "the name says its registry",
    "docker": "docker:// names Docker Hub",
    "alias": "an alias exists; also not when its pull fails",
    "remembered": "a remembered answer exists; also not when its pull fails",
}


def _no_question(mode: str, how: str, count: int, tty: bool) -> str | None:
    """Return why podman does not ask which name is meant; None if it asks."""
    if how != "search":
        return "there is nothing to choose"
    if count == 1:
        return "one search registry leaves no choice"
    if mode == "disabled":
        return "podman never asks, all are tried"
    return None if tty else "no terminal, so podman does not ask; all are tried"


def _answer_place(conf: Settings, name: str) -> Place | None:
    return conf.alias_document.place(("aliases", name)) if conf.alias_document else None


def unused_by_candidate(conf: Settings, entry: Registry | None, name: Reference) -> tuple[Reason, ...]:
    """Return which mirrors and entries were passed over for one full name."""
    if entry is None:
        return tuple(near_misses(conf, name))
    return (*mirrors_left_out(conf, entry, name), *_losers(conf, entry, name), *replaced(conf, entry))


def mirrors_left_out(conf: Settings, entry: Registry, name: Reference) -> Iterator[Reason]:
    """Yield the mirrors of an entry that are not for names with a digest, or only for those."""
    given = "a digest" if name.digest else "a tag"
    for index, mirror in enumerate(entry.mirrors):
        if applies(entry, mirror, bool(name.digest)):
            continue
        if entry.mirror_by_digest_only:
            rule = "mirror-by-digest-only = true"
            decided = conf.place(entry.prefix, "mirror-by-digest-only")
        else:
            rule = f'pull-from-mirror = "{mirror.pull_from_mirror}"'
            decided = conf.place(entry.prefix, "mirror", index, "pull-from-mirror")
        where = conf.place(entry.prefix, "mirror", index, "location")
        yield Reason(
            f"mirror {mirror.location} ({at(conf, where)}): {rule}, and the name has {given}", decided
        )


def _losers(conf: Settings, entry: Registry, name: Reference) -> Iterator[Reason]:
    for prefix in matching_prefixes(conf.prefixes, name.name):
        if prefix != entry.prefix:
            shorter = len(prefix) < len(entry.prefix)
            how = "is longer" if shorter else "is as long and a wildcard"
            text = f"entry {prefix!r} matches too, but {entry.prefix!r} {how}"
            yield Reason(text, conf.place(prefix, "prefix"))


def replaced(conf: Settings, entry: Registry) -> Iterator[Reason]:
    """Yield entries of the same prefix that a later file, or an earlier one of the same file, replaced."""
    holders = [document for document in conf.documents if entry.prefix in document.settings.entries]
    for document in holders[:-1]:
        text = (
            f"entry {entry.prefix!r} is replaced as a whole by that of {holders[-1].name}, mirrors included"
        )
        yield Reason(text, document.place(document.entry_path(entry.prefix)))
    for document in holders[-1:]:
        settings = document.settings
        if settings.old_format:
            continue
        for index, table in enumerate(settings.tables):
            same = (table.get("prefix") or table.get("location")) == entry.prefix
            if same and table is not settings.entries[entry.prefix]:
                text = f"entry {entry.prefix!r} is there a second time; the first of a file counts"
                yield Reason(text, document.place(("registry", index)))


INSECURE = "with insecure = true HTTPS is still tried first, unverified, then plain HTTP"


def near_misses(conf: Settings, full: Reference) -> Iterator[Reason]:
    """Yield entries that were probably meant for this name and do not match it, and what to write."""
    name, domain, path = full.name, full.domain or "", full.path
    host = domain.partition(":")[0]
    for prefix in sorted(conf.prefixes):
        cause = None
        other = prefix.partition("/")[0]
        if prefix.lower() == name.lower() or name.lower().startswith(prefix.lower() + "/"):
            cause = "upper and lower case differ"
        elif ":" in other and other.partition(":")[0] == host and other != domain:
            key = "prefix" if conf.registry(prefix).location != prefix else "location"
            cause = f"the same host at another port; for this name write {key} = "
            cause += quote(f"{domain}{prefix[len(other) :]}")
            cause += f"; {INSECURE}" if conf.registry(prefix).insecure else ""
        elif prefix == str(full):
            cause = "a prefix is compared without tag and digest"
        elif domain == HUB and (
            other in (HUB_OLD, HUB_HOST) or prefix == f"{HUB}/{path.removeprefix('library/')}"
        ):
            cause = f"Docker Hub's images are called {HUB}/… here, its own {HUB}/library/…"
        elif prefix == f"*.{host}":
            cause = "a wildcard does not match the bare domain"
        if cause:
            yield Reason(f"entry {prefix!r} does not match: {cause}", conf.place(prefix, "prefix"))


# -- names that cannot be resolved ---------------------------------------------------------------------


def no_search_registries(conf: Settings, pull: PullName) -> RegtoolsError:
    """Make the error for a short name without alias and search list."""
    name = pull.reference
    message = f"{pull.typed} is a short name, it has no alias, and there are no search registries"
    where = conf.setting_place(SEARCH)
    if conf.release.names_main_file and conf.main_file:
        message += f" in {conf.main_file}"
    elif where:
        message += ": the list is empty"
    full = f"{name.normalized().name}{name.suffix}"
    hint = f'write the full name, for instance {full}; or set {SEARCH} = ["{HUB}"]'
    return RegtoolsError(message, kind="no-search-registries", stage="resolve", where=where, hint=hint)


def enforcing_without_terminal(conf: Settings, pull: PullName) -> RegtoolsError:
    """Make the error for a choice that podman insists on and cannot offer."""
    hosts = ", ".join(conf.unqualified_search_registries)
    message = (
        f"{pull.typed} may come from {len(conf.unqualified_search_registries)} registries ({hosts}), "
        "short-name-mode = 'enforcing' wants podman to ask which, and there is no terminal"
    )
    first = Reference.parse(f"{conf.unqualified_search_registries[0]}/{pull.reference}").normalized()
    hint = f"write the full name, such as {first.name}{first.suffix}; or add an alias"
    where = conf.setting_place("short-name-mode")
    return RegtoolsError(message, kind="enforcing-no-tty", stage="resolve", where=where, hint=hint)


def bad_search_name(conf: Settings, index: int, name: str) -> RegtoolsError:
    """Make the error for a search list entry that makes no name with this short name."""
    entry = conf.unqualified_search_registries[index]
    where = conf.setting_place(SEARCH, index)
    if is_qualified(entry) or entry.lower() == entry:
        message = (
            f"with the search list entry {entry!r} in front the name is longer than 255 characters: {name}"
        )
        return RegtoolsError(message, kind="name-too-long", stage="resolve", where=where)
    message = (
        f"the search list entry {entry!r} is not a host, so it becomes a part of the name, "
        f"in upper case: {name}"
    )
    hint = "write the whole host name, with its dot or port"
    return RegtoolsError(message, kind="uppercase-name", stage="resolve", where=where, hint=hint)
