"""The sources of names as places to be compared: each with a configuration that leads there only."""

from __future__ import annotations

from regtools.errors import RegtoolsError
from regtools.reference import Reference
from regtools.registries.config import DEFAULT_HELPERS, RegistriesConf
from regtools.registries.convert import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtools.registries.resolution import Candidate, Source

__all__ = ["source_places"]


def source_places(images: Iterable[str], conf: RegistriesConf) -> tuple[list[str], dict[str, RegistriesConf]]:
    """Give the images' full names, and name → configuration of every source that all of them have.

    A place is called by its host; a second one at the same host has ``#2`` behind it. Of a short name that
    may stand for several full ones, the first counts. Blocked sources are left out.

    Raises:
        RegtoolsError: a name is wrong or leads nowhere, or the images have not the same sources.
    """
    names: list[str] = []
    entries: dict[str, list[str]] = {}
    for image in images:
        candidate = next(each for each in conf.resolve(image).candidates if each.sources)
        names.append(candidate.name)
        for place, source in _named(candidate).items():
            entries.setdefault(place, []).append(_entry(candidate, source))
    if any(len(each) != len(names) for each in entries.values()) or not entries:
        raise RegtoolsError(
            "these images do not have the same sources, so they cannot be compared in one campaign",
            kind="bad-campaign",
            stage="pull",
            hint="measure them one after the other, each with a journal of its own",
        )
    head = "unqualified-search-registries = []\n"
    if conf.credential_helpers != DEFAULT_HELPERS:
        head += f"credential-helpers = [{', '.join(map(quote, conf.credential_helpers))}]\n"
    files = {place: head + "\n".join(dict.fromkeys(texts)) for place, texts in entries.items()}
    return names, {
        place: RegistriesConf.from_toml(text, podman=conf.podman, file=place) for place, text in files.items()
    }


def _named(candidate: Candidate) -> dict[str, Source]:
    named: dict[str, Source] = {}
    for source in candidate.sources:
        if source.blocked:
            continue
        host = source.reference.partition("/")[0]
        number = 1 + sum(each.partition("#")[0] == host for each in named)
        named[host if number == 1 else f"{host}#{number}"] = source
    return named


def _entry(candidate: Candidate, source: Source) -> str:
    name = Reference.parse(source.reference)
    lines = [
        "[[registry]]",
        f"prefix = {quote(candidate.repository)}",
        f"location = {quote(f'{name.domain}/{name.path}')}",
        f"insecure = {str(source.insecure).lower()}",
    ]
    return "\n".join(lines)
