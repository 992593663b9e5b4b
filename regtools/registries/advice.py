"""What is worth knowing about a resolution: what follows from it, and how to get something else.

Notes state facts; they decide nothing. Each has words, the place that decided, and sometimes TOML to paste.

Source: containers-registries.conf(5); podman-pull(1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regtools.display import visible
from regtools.errors import Place, RegtoolsError
from regtools.reference import HUB, PullName, Reference
from regtools.values import NamedTuple

from .entries import Mirror, Registry
from .reading.lookup import places
from .reading.releases import SINCE
from .reading.schema import NAMESPACE
from .reasons import (
    INSECURE,
    Reason,
    at,
    mirrors_left_out,
    near_misses,
    replaced,
    replaced_aliases,
    replaced_lists,
)
from .settings import SEARCH, Settings
from .sources import Candidate
from .writing import aliases_toml, entries_toml


class Note(NamedTuple):
    """One thing worth knowing: words, where it was decided (for programs), and lines to paste or to read."""

    text: str
    where: Place | None = None
    toml: str = ""

    def __str__(self) -> str:
        return visible(self.text)


def advice(
    pull: PullName, how: str, candidates: Sequence[Candidate], *, whole: bool = True
) -> tuple[Note, ...]:
    """Return the notes on a name that was resolved, each once, the most important first.

    Args:
        pull: the name as it was given.
        how: how it became its candidates, see :class:`~regtools.registries.resolution.Resolution`.
        candidates: at least one.
        whole: whether to add what holds for every name with several sources or without verified HTTPS.
    """
    conf = candidates[0].conf
    notes = [note for kind in OF_THIS_NAME for candidate in candidates for note in kind(candidate)]
    notes += [*_library(pull, candidates[0]), *_aliased(conf, pull, how)]
    if how == "search":
        notes += [Note(*reason) for reason in replaced_lists(conf)]
        notes += [note for candidate in candidates for note in _cache_in_list(candidate)]
        notes += _no_host(pull)
    if missing := missing_mains(conf):
        notes.append(Note(f"there is no main file: looked for {', '.join(missing)}"))
    if whole:
        notes += [note for kind in OF_MANY_NAMES for candidate in candidates for note in kind(candidate)]
    return tuple(dict.fromkeys(notes))


def advice_on_failure(conf: Settings, pull: PullName, error: RegtoolsError) -> Iterator[Note]:
    """Yield the notes on a short name that cannot be resolved: what was looked for, where, and what helps.

    Args:
        conf: the configuration.
        pull: the name as it was given.
        error: what :meth:`RegistriesConf.resolve` raised.
    """
    if error.kind not in ("enforcing-no-tty", "no-search-registries"):
        return
    name, hosts = pull.reference.path, conf.unqualified_search_registries
    looked = [*missing_mains(conf), *conf.files_read]
    if conf.alias_file:
        looked.append(conf.alias_file + ("" if conf.alias_document else " (not there)"))
    yield Note(f"no alias was found for {name}; looked in {', '.join(looked) or 'no file'}")
    asks = error.kind == "enforcing-no-tty"
    if asks:
        names = (str(Reference.parse(f"{host}/{pull.reference}").normalized()) for host in hosts)
        where = conf.setting_place(SEARCH)
        text = f"on a terminal (--tty) podman asks which of the search list ({at(conf, where)}) is meant:"
        yield Note(text, where, "\n".join(names))
    host = HUB if HUB in hosts or not hosts else hosts[0]
    target = Reference(host, name).normalized().name
    yield Note("an alias decides without a question:", toml=aliases_toml({name: target}))
    if asks:
        where = conf.setting_place("short-name-mode")
        text = f"permissive instead of enforcing ({at(conf, where)}) tries all in order without a question;"
        toml = 'short-name-mode = "permissive"'
        yield Note(f"{text} with one search registry podman never asks:", where, toml)


# -- one candidate ---------------------------------------------------------------------------------------


def _hostless(candidate: Candidate) -> Iterator[Note]:
    for source in candidate.sources:
        if source.hostless:
            host, where = source.reference.partition("/")[0], source.why.where
            text = (
                f'{host} ({at(candidate.conf, where)}) is not a host name, since it contains "_": every pull'
            )
            yield Note(f'{text} from there fails with "no Host in request URL"', where)


def _blocked(candidate: Candidate) -> Iterator[Note]:
    conf, places = candidate.conf, dict[str, Place]()
    for source in candidate.sources:
        if source.blocked_by is not None:
            places[source.blocked_by] = conf.place(source.blocked_by, "blocked")
    if not places:
        return
    by = " and ".join(f"{prefix!r} ({at(conf, place)})" for prefix, place in places.items())
    text = f"every source is blocked, by {by}: {candidate.name} cannot be pulled"
    if free := [source.reference for source in candidate.sources if not source.blocked]:
        text = (
            f"{by} is blocked, so the pull can succeed only from {' or '.join(free)}; when it fails, the "
            "message of podman ends with the block, but the error to read is that of the mirror itself"
        )
    yield Note(text, next(iter(places.values())))


def _unused(candidate: Candidate) -> Iterator[Note]:
    """Name mirrors that are left out, entries that almost match, and entries that another file replaced."""
    conf, entry, name = candidate.conf, candidate.entry, candidate.parsed
    if entry is None:
        yield from (_placed(conf, reason) for reason in near_misses(conf, name))
        return
    for index, reason in enumerate(mirrors_left_out(conf, entry, name)):
        if index:
            continue
        yield _placed(conf, reason, "not used: ")
        if not name.digest:
            each = '; to decide for each mirror, write pull-from-mirror = "all", "digest-only" or "tag-only"'
            each = f"{each} there, not mirror-by-digest-only" if entry.mirror_by_digest_only else ""
            yield Note(f"{candidate.repository}@sha256:… would use that mirror first{each}")
    yield from (_placed(conf, reason) for reason in replaced(conf, entry))


def _placed(conf: Settings, reason: Reason, opening: str = "") -> Note:
    return Note(f"{opening}{reason.text} ({at(conf, reason.where)})", reason.where)


def _moved(candidate: Candidate) -> Iterator[Note]:
    """Explain that a location is not a mirror: what it replaces is no longer asked."""
    entry = candidate.entry
    if entry is None or not candidate.sources or entry.location in ("", entry.prefix):
        return
    if any(source.reference == candidate.name or source.hostless for source in candidate.sources):
        return
    name = candidate.parsed
    host = "" if name.domain == name.host else f" ({name.host})"
    text = f"{entry.prefix}{host} is not contacted at all: a location has no fallback"
    where = candidate.conf.place(entry.prefix, "location")
    if entry.prefix.startswith("*."):
        yield Note(text, where)
        return
    each = "digest-only" if entry.mirror_by_digest_only else ""  # on the entry it would hold for the new one
    mirrors = [mirror._replace(pull_from_mirror=mirror.pull_from_mirror or each) for mirror in entry.mirrors]
    mirrors.append(Mirror(entry.location, entry.insecure))
    order = ", ".join(mirror.location for mirror in mirrors)
    yield Note(
        f"{text}. A mirror has one (order: {order}, then {entry.prefix}):",
        where,
        entries_toml([Registry("", entry.prefix, mirrors=tuple(mirrors))]),
    )


def _cache_in_list(candidate: Candidate) -> Iterator[Note]:
    """Explain that a cache of Docker Hub does not belong in the search list: official images are missed."""
    conf, name = candidate.conf, candidate.parsed
    hub = conf.find(f"{HUB}/library/{name.path}")
    if hub is None or name.domain == HUB or candidate.origin is None or "/" in name.path:
        return
    for index, mirror in enumerate(hub.mirrors):
        if mirror.location == name.domain:
            where = conf.setting_place(SEARCH, candidate.origin)
            used = at(conf, conf.place(hub.prefix, "mirror", index, "location"))
            yield Note(
                f"{name.name} is asked for, not {name.domain}/library/{name.path}: library/ is added on "
                f"{HUB} only. A cache belongs in [[registry.mirror]] ({used}), not in the search list "
                f"({at(conf, where)})",
                where,
            )


def _namespaces(candidate: Candidate) -> Iterator[Note]:
    entry, conf, first = candidate.entry, candidate.conf, SINCE["knows_namespaces"]
    if entry is None:
        return
    for source in candidate.sources:
        table: tuple[str | int, ...] = () if source.kind == "primary" else ("mirror", source.mirror)
        where = conf.place(entry.prefix, *table, NAMESPACE)
        if source.namespace_proxy:
            asked = f"asked for manifest and blobs with ?ns={source.namespace_proxy} from podman {first} on"
            yield Note(f"{source.reference} is {asked}; older releases ignore {NAMESPACE}", where)
        elif (entry.mirrors[source.mirror] if table else entry).namespace_proxy:
            text = f"{source.reference} is asked without it ({at(conf, where)})"
            yield Note(f"{NAMESPACE} has no effect before podman {first}: {text}", where)


def _layers(candidate: Candidate) -> Iterator[Note]:
    if sum(source.usable for source in candidate.sources) > 1:
        next_one = "a layer that the source of the manifest does not deliver is fetched from the next source"
        stays = "" if candidate.conf.release.blobs_move_on else "; this release fails the pull instead"
        yield Note(f"from podman {SINCE['blobs_move_on']} on, {next_one}{stays}")


def _insecure(candidate: Candidate) -> Iterator[Note]:
    if any(source.insecure for source in candidate.sources):
        yield Note(INSECURE)


OF_THIS_NAME = (_hostless, _blocked, _unused, _moved, _namespaces)
OF_MANY_NAMES = (_insecure, _layers)


# -- the whole -------------------------------------------------------------------------------------------


def _library(pull: PullName, candidate: Candidate) -> Iterator[Note]:
    """Explain that Docker's own images, and so their copies, have library/ in their names."""
    entry = candidate.entry
    added = (
        candidate.sources and candidate.name.startswith(f"{HUB}/library/") and "library/" not in pull.typed
    )
    if entry is not None and added and entry.prefix == HUB and entry.location not in ("", HUB):
        yield Note(
            "library/ is part of the name of Docker's own images; where copies are stored without it, this "
            "second entry removes library/:",
            toml=entries_toml([Registry(f"{HUB}/library", entry.location, entry.insecure)]),
        )


def _aliased(conf: Settings, pull: PullName, how: str) -> Iterator[Note]:
    name = pull.reference.path
    if how == "remembered":
        text = "a remembered answer wins over every [aliases]; to cancel it, remove its line from"
        yield Note(f"{text} {conf.alias_file}")
    elif how == "alias":
        yield from (_placed(conf, reason) for reason in replaced_aliases(conf, name))
        where = conf.setting_place("aliases", name)
        yield Note(
            f"to override the alias, write another in a drop-in that is read later than {at(conf, where)}; "
            f'an empty value ("{name}" = "") cancels it, and the search list counts again',
            where,
        )


def _no_host(pull: PullName) -> Iterator[Note]:
    """Explain why the first part of a name does not count as a host, where one was probably meant."""
    first, _, rest = pull.reference.path.partition("/")
    if "/" in rest or (rest and "registry" in first):
        yield Note(
            f"{first} is not taken for a host, since it has neither a dot nor a port; if it is one, "
            f"write {first}:443/{rest}{pull.reference.suffix}"
        )


def missing_mains(conf: Settings) -> list[str]:
    """Return where a main file was looked for, each "not there"; empty if there is one or none is due."""
    if conf.main_file is None or conf.main_file in conf.files_read:
        return []
    return [f"{path} (not there)" for path in places(conf.release, conf.surroundings).mains]
