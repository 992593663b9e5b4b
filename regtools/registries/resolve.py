"""regtools.registries.resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.reference import GRAMMAR, HUB, HUB_OLD, LONGEST_NAME, PullName, Reference, is_qualified

from .entries import PRIMARY, applies, matched
from .resolution import Candidate, Resolution, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from .settings import Settings

__all__ = ["resolve", "resolve_many"]


def resolve(conf: Settings, image: str | Reference, *, tty: bool = False) -> Resolution:
    """Do the work of :meth:`RegistriesConf.resolve`."""
    pull = PullName.parse(image)
    reference = pull.reference
    suffix = reference.suffix or ":latest"
    prompt = False
    if reference.domain is not None or pull.docker:
        how = "docker" if pull.docker else "qualified"
        candidates = [_candidate(conf, reference.normalized().name, suffix)]
    else:
        how, target = _alias(conf, reference.path)
        if target:
            candidates = [_candidate(conf, target, suffix)]
        else:
            names = _search(conf, pull)
            candidates = [_candidate(conf, name, suffix, index) for index, name in enumerate(names)]
            prompt = len(names) > 1 and _asks(conf, pull, tty)
    return Resolution(pull.typed, tuple(candidates), prompt, how, conf, tty, pull)


def _alias(conf: Settings, name: str) -> tuple[str, str]:
    """Look a short name up: remembered answers first, and an empty one hides what the files say."""
    remembered = conf.remembered
    if name in remembered:
        return ("remembered", remembered[name]) if remembered[name] else ("search", "")
    target = conf.aliases.get(name)
    return ("alias", target) if target else ("search", "")


def _search(conf: Settings, pull: PullName) -> list[str]:
    """Put each entry of the search list in front of a short name."""
    if not conf.unqualified_search_registries:
        from .reasons import no_search_registries

        raise no_search_registries(conf, pull)
    path = pull.reference.path
    names = []
    for index, entry in enumerate(conf.unqualified_search_registries):
        if entry in (HUB, HUB_OLD):
            name = f"{HUB}/{path}" if "/" in path else f"{HUB}/library/{path}"
        elif is_qualified(entry):
            name = f"{entry}/{path}"
        else:  # no host to podman, so it becomes a part of the path
            name = f"{HUB}/{entry}/{path}"
        if len(name) > LONGEST_NAME or not (is_qualified(entry) or entry.lower() == entry):
            from .reasons import bad_search_name

            raise bad_search_name(conf, index, f"{entry}/{path}{pull.reference.suffix}")
        names.append(name)
    return names


def _asks(conf: Settings, pull: PullName, tty: bool) -> bool:
    """Say whether podman asks which of several names is meant."""
    if conf.short_name_mode == "disabled":
        return False
    if not tty and conf.short_name_mode == "enforcing":
        from .reasons import enforcing_without_terminal

        raise enforcing_without_terminal(conf, pull)
    return tty


def _candidate(conf: Settings, repository: str, suffix: str, origin: int | None = None) -> Candidate:
    """Find the entry for one name and build its sources: mirrors that apply, then the primary."""
    name = repository + suffix
    entry = conf.find(repository)
    if entry is None:
        source = Source(name, False, "primary", None, None, PRIMARY, conf)
        return Candidate(name, (source,), None, None, origin, PRIMARY, conf)
    end = matched(entry.prefix, repository)
    by_digest = "@" in suffix
    sources = []
    for index, mirror in enumerate(entry.mirrors):
        if not applies(entry, mirror.pull_from_mirror, by_digest):
            continue
        reference = mirror.location + name[end:]
        fault = _fault(reference)
        if fault:
            return Candidate(name, (), fault, entry, origin, index, conf)
        blocked_by = _blocked_by(conf, reference, suffix)
        sources.append(Source(reference, mirror.insecure, "mirror", blocked_by, entry, index, conf))
    reference = name
    if entry.location:  # a wildcard without location leaves the name as it is
        reference = entry.location + name[end:]
        fault = _fault(reference)
        if fault:
            return Candidate(name, (), fault, entry, origin, PRIMARY, conf)
    blocked_by = _blocked_by(conf, reference, suffix)
    sources.append(Source(reference, entry.insecure, "primary", blocked_by, entry, PRIMARY, conf))
    return Candidate(name, tuple(sources), None, entry, origin, PRIMARY, conf)


def _fault(reference: str) -> str | None:
    """Say what keeps a rewritten name from being a full, canonical one; None if nothing does."""
    match = GRAMMAR(reference)
    if match and len(match["name"]) <= LONGEST_NAME:
        domain = match["domain"]
        if is_qualified(domain) and domain != HUB_OLD and (domain != HUB or "/" in match["path"]):
            return None
    try:
        Reference.parse(reference)
    except RegtoolsError as error:
        return error.kind
    return "not-canonical"


def _blocked_by(conf: Settings, reference: str, suffix: str) -> str | None:
    """Give the prefix of the entry that forbids a place, judged by the place's own name."""
    if not conf.blocks:
        return None
    entry = conf.find(reference[: -len(suffix)])
    return entry.prefix if entry is not None and entry.blocked else None


def resolve_many(conf: Settings, images: Iterable[str], *, tty: bool = False) -> pd.DataFrame:
    """Do the work of :meth:`RegistriesConf.resolve_many`."""
    from .resolution import Columns

    columns = Columns()
    for image in images:
        try:
            columns.add(resolve(conf, image, tty=tty))
        except RegtoolsError as error:
            columns.add_error(image, error)
    return columns.frame()
