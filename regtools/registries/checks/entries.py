"""``[[registry]]`` entries of one file that can never match, cannot work, or do less than they say.

Source: containers-registries.conf(5), "Choosing a [[registry]] TOML table" and "Remapping".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from regtools.errors import RegtoolsError
from regtools.reference import HUB, HUB_HOST, HUB_OLD, WELL_KNOWN, is_host, is_qualified, split

from ..entries import slip
from ..reading.releases import Release
from ..reading.schema import Path, Table, fold_key
from ..writing import quote
from .finding import Finding
from .fixes import Fix
from .lenient import Sheet
from .rules import WARNING

# ruff: noqa: SIM905 - a list of eighty words, one a line, would hide the rest
# Images of Docker's own that people name most often: docker.io/NAME as a prefix hardly means a namespace.
OFFICIAL: frozenset[str] = frozenset(
    """
    alpine amazonlinux archlinux bash busybox caddy cassandra centos composer consul couchdb debian
    docker drupal eclipse-temurin elasticsearch fedora ghost golang gradle haproxy hello-world httpd
    influxdb joomla kibana logstash mariadb maven memcached mongo mysql nextcloud nginx node openjdk
    perl php postgres python rabbitmq redis registry rockylinux ruby rust solr sonarqube tomcat traefik
    ubuntu vault wordpress zookeeper
    """.split()
)


class _Entry(NamedTuple):
    """One entry as podman understands it: its path in the text, and where its prefix is written."""

    table: Table
    path: Path
    prefix: str
    at: Path


def entries(sheet: Sheet) -> Iterator[Finding]:
    """Yield what is wrong with the entries of one file, each by itself."""
    document = sheet.document
    if document is None or document.settings.old_format:
        return
    seen: dict[str, Path] = {}
    tables: list[Table | None] = [*document.settings.tables]
    for index, table in enumerate(tables):
        if table is None:  # had a wrong type
            continue
        path: Path = ("registry", index)
        prefix = table.get("prefix") or table.get("location") or ""
        if not prefix:
            continue
        entry = _Entry(table, path, prefix, (*path, "prefix" if table.get("prefix") else "location"))
        yield from _slashes(sheet, entry)
        if prefix in seen:
            yield _duplicate(sheet, entry, seen[prefix])
            continue
        seen[prefix] = entry.at
        yield from _prefix(sheet, entry)
        yield from _mirrors(sheet, entry)


def _duplicate(sheet: Sheet, entry: _Entry, first: Path) -> Finding:
    line = sheet.line(first)
    message = f"{entry.prefix!r} has an entry on line {line} already; the first one wins, this one is ignored"
    hint = "join the two, or give them different prefixes"
    return sheet.finding("duplicate-entry", message, entry.at, hint=hint)


def _slashes(sheet: Sheet, entry: _Entry) -> Iterator[Finding]:
    """Yield the addresses that end with a slash: podman trims all but some releases' mirrors."""
    raw = sheet.value(entry.path)
    mirrors = sheet.value((*entry.path, "mirror")) if "mirror" in entry.table else ()
    tables: list[tuple[Path, Any, str | None]] = [(entry.path, raw, None)]
    for index, mirror in enumerate(mirrors):
        tables.append(((*entry.path, "mirror", index), mirror, _keeps_slash(sheet.release)))
    for path, table, kept_by in tables:
        for key, text in table.items() if isinstance(table, dict) else ():
            if not isinstance(text, str) or text[-1:] != "/" or not text.strip("/"):
                continue
            if fold_key(key) != "location" and (table is not raw or fold_key(key) != "prefix"):
                continue
            effect = "podman takes it off"
            if kept_by:
                effect = f"{kept_by} keeps it, and then no image below this [[registry]] can be pulled at all"
            message = f"{text!r} ends with a slash; {effect}"
            severity, hint = WARNING if kept_by else None, "leave the slash out"
            here = (*path, key)
            fix = sheet.replaced(here, quote(text.rstrip("/")))
            yield sheet.finding("trailing-slash", message, here, hint=hint, fix=fix, severity=severity)


def _keeps_slash(release: Release) -> str | None:
    """Return the podman that keeps the slash at a mirror's end; None if none of this release does."""
    if not release.trims_mirrors:
        return f"podman {release.name}"
    since = release.since("trims_mirrors")
    return f"podman before {since}" if since else None


# -- prefixes --------------------------------------------------------------------------------------------


def _prefix(sheet: Sheet, entry: _Entry) -> Iterator[Finding]:
    prefix = entry.prefix
    host, _, path = prefix.partition("/")
    why_never = never(prefix)
    if host in (HUB_HOST, HUB_OLD):
        right = f"{HUB}/{path}" if path else HUB
        message = f"prefix {prefix!r} can never match an image name of Docker Hub: those begin with {HUB}/"
        hint = f"write the prefix as {HUB}; only locations may be {HUB_HOST}"
        fix = _prefixed(sheet, entry, right)
        yield sheet.finding("hub-host-prefix", message, entry.at, hint=hint, fix=fix)
    elif why_never is not None:
        code, message, right_or_none = why_never
        hint = "names are compared in full, without tag and digest: HOST[:PORT]/PATH"
        fix = sheet.replaced(entry.at, quote(right_or_none)) if right_or_none else None
        yield sheet.finding(code, message, entry.at, hint=hint, fix=fix)
    elif host == HUB and path in OFFICIAL:
        message = (
            f"prefix {prefix!r} does not match the image {path}, which is called {HUB}/library/{path}; "
            f"it matches names below {prefix}/ only"
        )
        fix = sheet.replaced(entry.at, quote(f"{HUB}/library/{path}"))
        yield sheet.finding("library-missing", message, entry.at, hint="add library/", fix=fix)
    else:
        yield from _slip(sheet, entry, host, path)


def _prefixed(sheet: Sheet, entry: _Entry, prefix: str) -> Fix | None:
    """Write another prefix; a location that was the prefix, too, stays."""
    span = sheet.span(entry.at)
    if entry.at[-1] == "prefix" or span is None:
        return sheet.replaced(entry.at, quote(prefix))
    text = f"prefix = {quote(prefix)}"
    return sheet.fix(text, sheet.inserted(span.key_start, text))


def never(prefix: str) -> tuple[str, str, str | None] | None:
    """Return why a prefix can never match a name: code, words, and what to write; None if it can."""
    if prefix.startswith("*."):
        if is_host(prefix[2:]) or any(sign in prefix for sign in "/@:"):
            return None  # the latter is refused anyway
        return "bad-prefix", f"prefix {prefix!r} can never match: what follows *. cannot be a host", None
    if "*" in prefix:
        why = "a wildcard may only be *. at the start"
        return "bad-wildcard", f"prefix {prefix!r} can never match: {why}", None
    if is_host(prefix) and is_qualified(prefix):
        return None
    if "://" in prefix:
        bare = prefix.partition("://")[2] or None
        return "bad-prefix", f"prefix {prefix!r} can never match: a name has no scheme", bare
    try:
        domain, path, tag, digest = split(prefix)
    except RegtoolsError as error:
        return "bad-prefix", f"prefix {prefix!r} can never match an image name: {error.message}", None
    if tag is not None or digest is not None:
        bare = prefix.partition("@")[0].removesuffix(f":{tag}")
        what = "tag" if tag is not None else "digest"
        why = f"names are compared without tag and digest, and it has a {what}"
        message = f"prefix {prefix!r} can never match: {why}"
        return "tag-in-prefix", message, bare
    if not is_qualified(domain):
        hub = f"{HUB}/{prefix}" if "/" in prefix else f"{HUB}/library/{prefix}"
        message = (
            f"prefix {prefix!r} can never match: full names begin with a host, which has a dot or a port, "
            "or is localhost"
        )
        return "prefix-without-host", message, hub if path else None
    return None


def _slip(sheet: Sheet, entry: _Entry, host: str, path: str) -> Iterator[Finding]:
    """Yield a host with the letters of a well-known registry in another order."""
    meant = slip(host)
    if meant is None:
        return
    right = f"{meant}/{path}" if path else meant
    message = f"{host!r} looks like a slip for {meant!r}"
    fix = sheet.replaced(entry.at, quote(right))
    yield sheet.finding("slip", message, entry.at, hint=f"write {meant}", fix=fix)


# -- mirrors ---------------------------------------------------------------------------------------------


def _mirrors(sheet: Sheet, entry: _Entry) -> Iterator[Finding]:
    mirrors = [(i, mirror) for i, mirror in enumerate(entry.table.get("mirror", ())) if mirror]
    careful = [mirror for _, mirror in mirrors if not mirror.get("insecure", False)]
    if entry.table.get("insecure", False) and careful:
        message = "insecure = true holds for the location only, not for the mirrors below it"
        hint = "write insecure = true below each [[registry.mirror]] that needs it"
        path = (*entry.path, "insecure")
        yield sheet.finding("insecure-not-inherited", message, path, hint=hint)
    location = entry.table.get("location") or entry.prefix
    if entry.table.get("insecure", False) and location.partition("/")[0] in WELL_KNOWN:
        message = (
            f"{location} has a good certificate; insecure = true stops checking it and allows plain HTTP"
        )
        hint = "remove the line, unless something between you and the registry makes certificates of its own"
        yield sheet.finding("insecure-public", message, (*entry.path, "insecure"), hint=hint)
    if entry.table.get("blocked", False) and mirrors:
        message = "blocked = true keeps podman from the location itself; the mirrors below it are still used"
        hint = "that is how to forbid the origin and allow the mirrors; to forbid all, remove the mirrors"
        yield sheet.finding("blocked-with-mirrors", message, (*entry.path, "blocked"), hint=hint)
    seen: set[str] = set()
    for index, mirror in mirrors:
        location = mirror.get("location", "").rstrip("/")
        path = (*entry.path, "mirror", index, "location")
        if location and location == entry.table.get("location"):
            message = f"mirror {location!r} is the registry's own location, which is tried last anyway"
            yield sheet.finding("mirror-is-location", message, path)
        elif location in seen:
            message = f"mirror {location!r} is listed twice: if it fails, it is tried again"
            yield sheet.finding("duplicate-mirror", message, path, hint="keep the first")
        seen.add(location)
