"""The one writer of registries.conf: entries, aliases and whole files as TOML in the current format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from .entries import Registry
from .reading.schema import NAMESPACE
from .settings import DEFAULT_HELPERS, SEARCH, Settings


def quote(text: str) -> str:
    r"""Return a text as a TOML string.

    >>> print(quote('a "b"'))
    "a \"b\""
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def array(texts: Iterable[str]) -> str:
    """Return texts as a TOML array.

    >>> print(array(["docker.io", "quay.io"]))
    ["docker.io", "quay.io"]
    """
    return f"[{', '.join(map(quote, texts))}]"


def tables(entry: Registry) -> Iterator[str]:
    """Yield an entry's ``[[registry]]`` table, then the tables of its mirrors, without what is not set.

    >>> from regtools.registries.entries import Mirror, Registry
    >>> print(*tables(Registry("", "docker.io", mirrors=(Mirror("near.example", insecure=True),))), sep="\\n")
    [[registry]]
    location = "docker.io"
    [[registry.mirror]]
    location = "near.example"
    insecure = true
    """
    flags = ("insecure", "blocked", "mirror_by_digest_only")
    lines = ["[[registry]]"]
    lines += [f"prefix = {quote(entry.prefix)}"] if entry.prefix else []
    lines += [f"location = {quote(entry.location)}"] if entry.location else []
    lines += [f"{flag.replace('_', '-')} = true" for flag in flags if getattr(entry, flag)]
    lines += [f"{NAMESPACE} = {quote(entry.namespace_proxy)}"] if entry.namespace_proxy else []
    yield "\n".join(lines)
    for mirror in entry.mirrors:
        lines = ["[[registry.mirror]]", f"location = {quote(mirror.location)}"]
        lines += ["insecure = true"] if mirror.insecure else []
        lines += [f"pull-from-mirror = {quote(mirror.pull_from_mirror)}"] if mirror.pull_from_mirror else []
        lines += [f"{NAMESPACE} = {quote(mirror.namespace_proxy)}"] if mirror.namespace_proxy else []
        yield "\n".join(lines)


def entries_toml(entries: Iterable[Registry]) -> str:
    """Return entries and their mirrors as TOML, an empty line between two tables and none at the end."""
    return "\n\n".join(table for entry in entries for table in tables(entry))


def mirrors_toml(locations: Iterable[str]) -> str:
    """Return a ``[[registry.mirror]]`` table for each location, an empty line between two tables."""
    return "\n\n".join(f"[[registry.mirror]]\nlocation = {quote(location)}" for location in locations)


def aliases_toml(aliases: Mapping[str, str]) -> str:
    """Return an ``[aliases]`` table, without a line break at the end.

    >>> print(aliases_toml({"app": "quay.io/team/app"}))
    [aliases]
    "app" = "quay.io/team/app"
    """
    return "\n".join(["[aliases]", *(f"{quote(name)} = {quote(target)}" for name, target in aliases.items())])


def document_toml(
    entries: Iterable[Registry] = (),
    *,
    search: Iterable[str] | None = None,
    mode: str = "",
    helpers: Iterable[str] = DEFAULT_HELPERS,
    aliases: Mapping[str, str] | None = None,
) -> str:
    """Return a whole file.

    Args:
        entries: an empty prefix or location is not written.
        search: the search list; None writes none.
        mode: ``short-name-mode``; empty writes none.
        helpers: ``credential-helpers``; the default is not written.
        aliases: short name → repository.
    """
    top = [] if search is None else [f"{SEARCH} = {array(search)}"]
    top += [f"short-name-mode = {quote(mode)}"] if mode else []
    top += [f"credential-helpers = {array(helpers)}"] if tuple(helpers) != DEFAULT_HELPERS else []
    below = [aliases_toml(aliases)] if aliases else []
    parts = ["\n".join(top), *below, *("\n".join(tables(entry)) for entry in entries)]
    return "\n\n".join(filter(None, parts)) + "\n"


def effective_toml(settings: Settings) -> str:
    """Return what is in force as one file, whatever files it came from.

    >>> from regtools import RegistriesConf
    >>> print(effective_toml(RegistriesConf.from_toml('unqualified-search-registries = ["quay.io"]')), end="")
    unqualified-search-registries = ["quay.io"]
    short-name-mode = "permissive"
    """
    return document_toml(
        settings.registries,
        search=settings.unqualified_search_registries,
        mode=settings.short_name_mode,
        helpers=settings.credential_helpers,
        aliases=settings.aliases,
    )
