"""The sources of a name as places that can be compared: what each is called, and what leads to it alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from regtools.registries.conf import RegistriesConf
from regtools.registries.entries import Registry
from regtools.registries.resolution import Candidate, Source
from regtools.registries.writing import document_toml

from .plan import bad_campaign

_NAME = re.compile(r"[^#]*\]\s*#\s*([\w.-]{1,24})\s*")  # of a link: a comment of one word behind its header


def source_names(sources: Iterable[Source]) -> list[str]:
    """Return a name for each source: the link's where the configuration has one, else the host.

    A link's name is a comment of one word behind the header, as in ``[[registry.mirror]]  # near``. A second
    source of one name has ``#2`` after it.
    """
    names: list[str] = []
    for source in sources:
        name = _link(source) or source.reference.partition("/")[0]
        number = 1 + sum(each.partition("#")[0] == name for each in names)
        names.append(name if number == 1 else f"{name}#{number}")
    return names


def _link(source: Source) -> str | None:
    if source.entry is None:
        return None
    key = () if source.kind == "primary" else ("mirror", source.mirror)
    where = source.conf.place(source.entry.prefix, *key)
    text = next((each.text for each in source.conf.documents if each.file == where.file), "")
    lines = text.split("\n")
    found = _NAME.fullmatch(lines[where.line - 1]) if where.line and where.line <= len(lines) else None
    return found[1] if found else None


def source_places(images: Iterable[str], conf: RegistriesConf) -> tuple[list[str], dict[str, RegistriesConf]]:
    """Return the images' full names, and a name → configuration for each source, which all of them share.

    A place has the name of its link, else of its host (:func:`source_names`). If a
    short name has several full names, the first one counts. Blocked sources are left out.

    Raises:
        RegtoolsError: a name is wrong or cannot be resolved; ``bad-campaign`` if the images have different
            sources.
    """
    names: list[str] = []
    entries: dict[str, list[Registry]] = {}
    for image in images:
        candidate = next(each for each in conf.resolve(image).candidates if each.sources)
        names.append(candidate.name)
        for place, source in _named(candidate).items():
            entry = Registry(candidate.repository, source.parsed.name, source.insecure)
            entries.setdefault(place, []).append(entry)
    if any(len(each) != len(names) for each in entries.values()) or not entries:
        message = "these images do not have the same sources, so they cannot be compared in one run"
        hint = "measure them one after the other, each with its own journal"
        raise bad_campaign(message, hint)
    files = {
        place: document_toml(dict.fromkeys(each), search=(), helpers=conf.credential_helpers)
        for place, each in entries.items()
    }
    return names, {
        place: RegistriesConf.from_toml(text, podman=conf.podman, file=place) for place, text in files.items()
    }


def _named(candidate: Candidate) -> dict[str, Source]:
    sources = [source for source in candidate.sources if not source.blocked]
    return dict(zip(source_names(sources), sources, strict=True))
