"""regtools.registries.writing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .settings import DEFAULT_HELPERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .entries import Mirror, Registry
    from .settings import Settings

__all__ = ["effective_toml", "entries_toml", "quote"]


def effective_toml(conf: Settings) -> str:
    """Write what is in force as one file in the current format, whatever files it came from.

    >>> from regtools import RegistriesConf
    >>> print(effective_toml(RegistriesConf.from_toml('unqualified-search-registries = ["quay.io"]')), end="")
    unqualified-search-registries = ["quay.io"]
    short-name-mode = "permissive"
    """
    search = ", ".join(map(quote, conf.unqualified_search_registries))
    lines = [
        f"unqualified-search-registries = [{search}]",
        f"short-name-mode = {quote(conf.short_name_mode)}",
    ]
    if conf.credential_helpers != DEFAULT_HELPERS:
        lines.append(f"credential-helpers = [{', '.join(map(quote, conf.credential_helpers))}]")
    if conf.aliases:
        lines += ["", "[aliases]", *(f"{quote(k)} = {quote(v)}" for k, v in conf.aliases.items())]
    for registry in conf.registries:
        lines += ["", *_registry(registry)]
    return "\n".join(lines) + "\n"


def _registry(registry: Registry) -> Iterator[str]:
    yield "[[registry]]"
    yield f"prefix = {quote(registry.prefix)}"
    if registry.location:
        yield f"location = {quote(registry.location)}"
    for key in ("insecure", "blocked", "mirror_by_digest_only"):
        if getattr(registry, key):
            yield f"{key.replace('_', '-')} = true"
    for mirror in registry.mirrors:
        yield from _mirror(mirror)


def _mirror(mirror: Mirror) -> Iterator[str]:
    yield "[[registry.mirror]]"
    yield f"location = {quote(mirror.location)}"
    if mirror.insecure:
        yield "insecure = true"
    if mirror.pull_from_mirror:
        yield f"pull-from-mirror = {quote(mirror.pull_from_mirror)}"


def quote(text: str) -> str:
    r"""Write a TOML string.

    >>> quote('a "b"')
    '"a \\"b\\""'
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(quote, values)) + "]"


def entries_toml(entries: Mapping[str, Mapping[str, bool]]) -> str:
    """Write ``[[registry]]`` tables: location → its flags."""
    blocks = []
    for location, flags in entries.items():
        lines = [f"{flag} = {str(value).lower()}" for flag, value in flags.items()]
        blocks.append("\n".join(["[[registry]]", f"location = {quote(location)}", *lines]))
    return "\n\n".join(blocks)
