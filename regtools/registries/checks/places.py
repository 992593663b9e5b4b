"""Places that podman accepts and that no image comes from, or another image than the one that is meant.

Each look takes one address of a file: what is written as a prefix, a location, a mirror's location, an item
of the search list, or the target of an alias.

Source: containers-registries.conf(5), "Remapping" and "Mirrors"; each was tried with podman 4.3, 5.4 and 6.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from regtools.reference import HUB, HUB_HOST, HUB_OLD, WELL_KNOWN

from ..reading.schema import Path, Table
from ..writing import array, quote
from .finding import Finding
from .fixes import Fix
from .lenient import Sheet

PREFIX, LOCATION, MIRROR, ITEM, ALIAS = "prefix", "location", "mirror", "search list", "alias"

# Web pages about images → the registry that has them.
_SITES = {
    "hub.docker.com": HUB,
    "www.docker.com": HUB,
    "docker.com": HUB,
    "github.com": "ghcr.io",
    "gitlab.com": "registry.gitlab.com",
    "catalog.redhat.com": "registry.access.redhat.com",
}
# Host and first part of the path of a page about an image → what the name of the image begins with.
_PAGES = {("quay.io", "repository"): "quay.io/", (HUB, "r"): f"{HUB}/", (HUB, "_"): f"{HUB}/library/"}
_WHOLE = frozenset((*WELL_KNOWN, f"{HUB}/library"))  # all the images that are known under a name
# Public caches of Docker Hub; what ends a host begins with a dot.
_CACHES = (
    "mirror.gcr.io",
    "docker.mirrors.ustc.edu.cn",
    "docker.m.daocloud.io",
    "hub-mirror.c.163.com",
    "mirror.ccs.tencentyun.com",
    ".mirror.aliyuncs.com",
)
_NETWORK = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[?[0-9a-fA-F:]*:[0-9a-fA-F:]*\]?)/\d{1,3}")


class Address(NamedTuple):
    """One address of a file: its text without a last slash, its host, where it is written, and what it is."""

    text: str
    host: str
    path: Path
    role: str
    table: Table  # of the entry
    own: Table  # that it is in: the entry's, or the mirror's
    prefix: str  # what the names that the entry governs begin with


def places(sheet: Sheet) -> Iterator[Finding]:
    """Yield what is wrong with the addresses of one file, each by itself."""
    for address in _addresses(sheet):
        for look in _LOOKS[address.role]:
            if (found := look(sheet, address)) is not None:
                yield found


def _addresses(sheet: Sheet) -> Iterator[Address]:
    settings = sheet.document.settings if sheet.document else None
    if settings is None:
        return
    old = list(settings.old_paths.values())
    tables: list[Table | None] = [*settings.tables]
    for index, table in enumerate(tables):
        if table is None:  # had a wrong type
            continue
        path = old[index] if old else ("registry", index)
        for role in (PREFIX, LOCATION):
            if table.get(role):
                yield _address(table[role], path if old else (*path, role), role, table, table)
        for number, mirror in enumerate(table.get("mirror", ())):
            if mirror and mirror.get("location"):
                here = (*path, "mirror", number, "location")
                yield _address(mirror["location"].rstrip("/"), here, MIRROR, table, mirror)
    items = sheet.value(settings.search_path)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, str) and item:
            yield _address(item.rstrip("/"), (*settings.search_path, index), ITEM, {}, {})
    for name, target in settings.aliases.items():
        if target:
            yield _address(target, ("aliases", name), ALIAS, {}, {})


def _address(text: str, path: Path, role: str, table: Table, own: Table) -> Address:
    prefix = table.get("prefix") or table.get("location") or ""
    return Address(text, text.partition("/")[0], path, role, table, own, prefix)


def without_item(sheet: Sheet, path: Path, instead: str | None = None) -> Fix | None:
    """Return the fix that takes an item out of a list, or writes another one there unless it has that."""
    items = sheet.value(path[:-1])
    rest = [item for index, item in enumerate(items) if index != path[-1]]
    if instead and instead not in rest:
        return sheet.replaced(path, quote(instead))
    return sheet.replaced(path[:-1], array(rest)) if rest and all(isinstance(i, str) for i in rest) else None


# -- one address: why no image comes from there ----------------------------------------------------------


def _network(sheet: Sheet, address: Address) -> Finding | None:
    if "/" not in address.text[-4:] or not _NETWORK.fullmatch(address.text):  # most are not even tried
        return None
    host, _, length = address.text.partition("/")
    message = (
        f"{address.text!r} is a network, and podman knows hosts only: it reads the path {length} on the host "
        f"{host}, so no registry in that network is meant by it"
    )
    hint = "write one [[registry]] for each host and port; only Docker's insecure-registries allows a network"
    return sheet.finding("network", message, address.path, hint=hint)


def _underscore(sheet: Sheet, address: Address) -> Finding | None:
    if "_" not in address.host or "." not in address.host:
        return None
    message = (
        f'every pull from {address.host!r} fails with "no Host in request URL": podman reads a name with an '
        "underscore before the first slash as a path without a host"
    )
    hint = "use a host name without underscores for this registry, or its IP address"
    return sheet.finding("underscore-host", message, address.path, hint=hint)


def _web_page(sheet: Sheet, address: Address) -> Finding | None:
    if address.host not in _SITES and address.host not in (HUB, "quay.io"):
        return None
    host, _, path = address.text.partition("/")
    first, _, rest = path.partition("/")
    registry = _SITES.get(host, host)
    beginning = _PAGES.get((registry, first))
    if registry == host and beginning is None:
        return None
    right = f"{beginning}{rest}".rstrip("/") if beginning else f"{registry}/{path}".rstrip("/")
    message = f"{address.text!r} is a page of a web site, and no images can be pulled from there"
    hint = f"the registry is {right.partition('/')[0]}: write {right}"
    if address.role == ITEM:
        fix = without_item(sheet, address.path, right)
    else:
        fix = sheet.replaced(address.path, quote(right))
    return sheet.finding("web-page", message, address.path, hint=hint, fix=fix)


def _doubled(sheet: Sheet, address: Address) -> Finding | None:
    prefix = address.prefix
    if prefix == address.text or not address.text.startswith(f"{prefix}/"):
        return None
    extra = address.text.removeprefix(prefix)
    name = f"{prefix}{extra}/image"
    message = (
        f"{address.text!r} is put in place of {prefix!r}, so {name} becomes {address.text}{extra}/image, "
        f"with {extra[1:]} twice"
    )
    hint = f"write {prefix} as the location; podman adds library/ for Docker Hub itself"
    return sheet.finding("path-doubled", message, address.path, hint=hint)


def _same_host(sheet: Sheet, address: Address) -> Finding | None:
    if address.host not in (HUB_HOST, HUB_OLD):
        return None
    if HUB not in (address.prefix.partition("/")[0], address.table.get("location", "").partition("/")[0]):
        return None
    message = (
        f"{address.host} is not a mirror of {HUB}: it is the same host, so a pull that fails asks "
        "it twice, and its limit counts twice"
    )
    hint = "remove this [[registry.mirror]], or name a cache of your own"
    return sheet.finding("same-host", message, address.path, hint=hint)


def _other_content(sheet: Sheet, address: Address) -> Finding | None:
    own = (address.table.get("location") or address.prefix).partition("/")[0]
    if address.text not in WELL_KNOWN or own not in WELL_KNOWN or own == address.text:
        return None
    message = (
        f"{address.text} has other images than {own}: a name there is missing, or is the image of another "
        "project"
    )
    hint = f"name a cache of {own}, or the path of your own copies, such as {address.text}/my-team"
    return sheet.finding("wrong-mirror", message, address.path, hint=hint)


def _no_fallback(sheet: Sheet, address: Address) -> Finding | None:
    prefix, table = address.prefix, address.table
    if prefix not in _WHOLE or table.get("blocked", False) or table.get("mirror"):
        return None
    place = address.text.partition("://")[2] or address.text
    if place.partition("/")[0] in (prefix.partition("/")[0], HUB_HOST):
        return None
    message = f"{prefix} is replaced by {place}: what is missing there is not asked for at {prefix}"
    hint = (
        f"for a cache with {prefix} behind it, write location = {quote(prefix)} and, below it, a "
        f"[[registry.mirror]] with location = {quote(place)}"
    )
    return sheet.finding("no-fallback", message, address.path, hint=hint)


def _insecure(sheet: Sheet, address: Address) -> Finding | None:
    if not address.own.get("insecure", False) or ":" in address.host or address.host in WELL_KNOWN:
        return None
    message = (
        f"{address.host} has no port here, so podman tries HTTPS on port 443 and then plain HTTP on port 80; "
        "no other port is tried"
    )
    hint = f"if the registry listens elsewhere, write the port, such as {address.host}:5000"
    return sheet.finding("insecure-without-port", message, address.path, hint=hint)


def _cache(sheet: Sheet, address: Address) -> Finding | None:
    host, _, path = address.text.partition("/")
    if "/" in path or not is_cache(host):
        return None
    message = f"{host} keeps the official images below library/, and there is no {address.text}"
    right = f"{host}/library/{path}"
    fix = sheet.replaced(address.path, quote(right))
    hint = f"write {right}; podman adds library/ for {HUB} only"
    return sheet.finding("cache-without-library", message, address.path, hint=hint, fix=fix)


def is_cache(host: str) -> bool:
    """Return whether a host is known as a public cache of Docker Hub."""
    return any(host.endswith(known) if known.startswith(".") else host == known for known in _CACHES)


_LOOKS: dict[str, tuple[Callable[[Sheet, Address], Finding | None], ...]] = {
    PREFIX: (_network, _web_page),
    LOCATION: (_network, _underscore, _web_page, _doubled, _no_fallback, _insecure),
    MIRROR: (_network, _underscore, _web_page, _same_host, _other_content, _insecure),
    ITEM: (_web_page,),
    ALIAS: (_web_page, _cache),
}
