"""From an image name to the ordered places that podman pulls it from.

::

    argument ─▶ candidates ─▶ for each: one [[registry]] entry ─▶ mirrors that apply, then the primary

Decisions are made here without looking for reasons. Each value remembers what decided it, and
:mod:`regtools.registries.reasons` finds the words and the line when they are asked for.

Source: containers-registries.conf(5); podman-pull(1) for short names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from regtools.errors import RegtoolsError
from regtools.reference import GRAMMAR, HUB, HUB_OLD, LONGEST_NAME, PullName, Reference, is_qualified, made
from regtools.values import TYPE_CHECKING

from .entries import PRIMARY, applies, matched
from .reasons import bad_search_name, enforcing_without_terminal, no_search_registries
from .resolution import Candidate, Columns, Resolution, Source
from .settings import Settings

if TYPE_CHECKING:
    import pandas as pd


def resolve(settings: Settings, image: str | Reference, *, tty: bool = False) -> Resolution:
    """Do the work of :meth:`~regtools.registries.conf.RegistriesConf.resolve`."""
    pull = PullName.parse(image)
    name = pull.reference
    suffix = name.suffix or ":latest"
    prompt = False
    candidates: tuple[Candidate, ...]
    if name.domain is not None or pull.docker:
        how = "docker" if pull.docker else "qualified"
        candidates = (_candidate(settings, name.normalized(), suffix),)
    else:
        tag = "latest" if suffix == ":latest" else name.tag
        how, target = _alias(settings, name.path)
        if target:
            domain, _, path = target.partition("/")
            candidates = (_candidate(settings, made(domain, path, tag, name.digest), suffix),)
        else:
            found = list(_search(settings, pull))
            candidates = tuple(
                [  # a list first: a generator would take longer than each of its items
                    _candidate(settings, made(domain, path, tag, name.digest), suffix, index)
                    for index, (domain, path) in enumerate(found)
                ]
            )
            prompt = len(found) > 1 and _asks(settings, pull, tty)
    return Resolution(pull, candidates, how, settings, prompt, tty)


def _alias(settings: Settings, name: str) -> tuple[str, str]:
    """Look a short name up: remembered answers first, and an empty one hides what the files say."""
    answers = settings.remembered
    how, target = ("remembered", answers[name]) if name in answers else ("alias", settings.aliases.get(name))
    return (how, target) if target else ("search", "")


def _search(settings: Settings, pull: PullName) -> Iterator[tuple[str, str]]:
    """Yield domain and path of a short name below each entry of the search list."""
    if not settings.unqualified_search_registries:
        raise no_search_registries(settings, pull)
    path = pull.reference.path
    for index, entry in enumerate(settings.unqualified_search_registries):
        if entry in (HUB, HUB_OLD):
            domain, below = HUB, path if "/" in path else f"library/{path}"
        elif is_qualified(entry):
            domain, below = entry, path
        else:  # podman does not take it for a host, so it becomes a part of the path
            domain, below = HUB, f"{entry}/{path}"
        upper = domain != entry and entry.lower() != entry
        if upper or len(domain) + 1 + len(below) > LONGEST_NAME:
            raise bad_search_name(settings, index, f"{entry}/{path}{pull.reference.suffix}")
        yield domain, below


def _asks(settings: Settings, pull: PullName, tty: bool) -> bool:
    """Return whether podman asks which of several names is meant."""
    if settings.short_name_mode == "disabled":
        return False
    if not tty and settings.short_name_mode == "enforcing":
        raise enforcing_without_terminal(settings, pull)
    return tty


def _candidate(settings: Settings, full: Reference, suffix: str, origin: int | None = None) -> Candidate:
    """Find the entry for one full name and make its sources: mirrors that apply, then the primary."""
    repository = f"{full.domain}/{full.path}"
    name = repository + suffix
    entry = settings.find(repository)
    if entry is None:
        source = Source(name, full, False, None, None, PRIMARY, settings)
        return Candidate(name, full, (source,), None, None, origin, PRIMARY, settings)
    rest = name[matched(entry.prefix, repository) :]
    by_digest = full.digest is not None
    places = [
        (index, mirror.location, mirror.insecure)
        for index, mirror in enumerate(entry.mirrors)
        if applies(entry, mirror, by_digest)
    ]
    sources = []
    for mirror, location, insecure in (*places, (PRIMARY, entry.location, entry.insecure)):
        reference, parsed = name, full
        if location:  # a wildcard without location leaves the name as it is
            reference = location + rest
            read = _read(reference)
            if isinstance(read, str):
                return Candidate(name, full, (), read, entry, origin, mirror, settings)
            parsed = read
        blocker = settings.find(reference[: -len(suffix)]) if settings.blocks else None
        blocked_by = blocker.prefix if blocker is not None and blocker.blocked else None
        sources.append(Source(reference, parsed, insecure, blocked_by, entry, mirror, settings))
    return Candidate(name, full, tuple(sources), None, entry, origin, PRIMARY, settings)


def _read(reference: str) -> Reference | str:
    """Read a rewritten name; return the kind of the error if it is not a full, canonical one."""
    match = GRAMMAR(reference)
    if match:
        domain, path, tag, digest = match.group("domain", "path", "tag", "digest")
        canonical = is_qualified(domain) and domain != HUB_OLD and (domain != HUB or "/" in path)
        if (
            domain is None
        ):  # podman takes b_b.example/x for a host with a path here, and for a path at the pull
            canonical = "/" in path and is_qualified(path.partition("/")[0])
        if canonical and len(match["name"]) <= LONGEST_NAME:
            return made(domain, path, tag, digest)
    try:
        Reference.parse(reference)
    except RegtoolsError as error:
        return error.kind
    return "not-canonical"


def resolve_many(settings: Settings, images: Iterable[str], *, tty: bool = False) -> pd.DataFrame:
    """Do the work of :meth:`~regtools.registries.conf.RegistriesConf.resolve_many`."""
    columns = Columns()
    for image in images:
        try:
            columns.add(resolve(settings, image, tty=tty))
        except RegtoolsError as error:
            columns.add_error(image, error)
    return columns.frame()
