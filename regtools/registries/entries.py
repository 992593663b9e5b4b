"""The entries of a configuration as values, and which of them governs a name: the longest matching prefix.

A prefix matches at the borders of a name's parts, so a name itself determines all prefixes that could match
it: a handful. Looking these up in a dictionary takes the same time for one entry and for ten thousand.

Source: containers-registries.conf(5), "Choosing a [[registry]] TOML table".
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from regtools.reference import WELL_KNOWN
from regtools.values import TYPE_CHECKING, NamedTuple

from .reading.schema import NAMESPACE, Table

if TYPE_CHECKING:
    from typing import Any


class Mirror(NamedTuple):
    """A ``[[registry.mirror]]``: a place that is tried before its registry.

    ``namespace_proxy`` is what is written, also for a release that ignores it.
    """

    location: str
    insecure: bool = False
    pull_from_mirror: str = ""
    namespace_proxy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: value for name, value in self._asdict().items() if value != ""}


class Registry(NamedTuple):
    """A ``[[registry]]`` entry: which names it governs, and where their images are."""

    prefix: str
    location: str
    insecure: bool = False
    blocked: bool = False
    mirror_by_digest_only: bool = False
    mirrors: tuple[Mirror, ...] = ()
    namespace_proxy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; ``namespace_proxy`` only where it is set."""
        plain = self._asdict() | {"mirrors": [mirror.to_dict() for mirror in self.mirrors]}
        if not self.namespace_proxy:
            del plain["namespace_proxy"]
        return plain


def build(prefix: str, table: Table) -> Registry:
    """Make the entry of a checked table."""
    mirrors = tuple(
        Mirror(
            mirror["location"],
            mirror.get("insecure", False),
            mirror.get("pull-from-mirror", ""),
            _namespace(mirror),
        )
        for mirror in table.get("mirror", ())
    )
    return Registry(
        prefix,
        table.get("location", ""),
        table.get("insecure", False),
        table.get("blocked", False),
        table.get("mirror-by-digest-only", False),
        mirrors,
        _namespace(table),
    )


def _namespace(table: Table) -> str:
    """Return ``namespace-proxy``; releases that ignore the key have not checked that it is text."""
    value = table.get(NAMESPACE, "")
    return value if isinstance(value, str) else ""


def matched(prefix: str, name: str) -> int:
    """Return how many characters of ``name`` the prefix covers, or -1 if it does not match.

    This is the definition, prefix by prefix; :func:`best_prefix` finds the same answer faster.

    >>> matched("quay.io/team", "quay.io/team/app"), matched("quay.io/te", "quay.io/team/app")
    (12, -1)
    >>> matched("*.example.com", "eu.example.com:5000/app")
    14
    """
    if prefix.startswith("*."):
        suffix = prefix[1:]
        start = name.find(suffix)  # the first place decides, as in podman
        end = start + len(suffix)
        if start < 0 or "/" in name[:start]:
            return -1
        return end if name[end : end + 1] in ("", ":", "/") else -1
    if not name.startswith(prefix):
        return -1
    end = len(prefix)
    return end if name[end : end + 1] in ("", ":", "/") else -1


def best_prefix(prefixes: Container[str], name: str, *, wildcards: bool = True) -> str | None:
    """Return the longest of ``prefixes`` that matches; a wildcard, first in byte order, wins a tie.

    Args:
        prefixes: a set, or a dictionary's keys.
        name: domain and path of an image, without tag and digest.
        wildcards: whether any prefix starts with ``*.``; False saves looking for one.
    """
    plain = name
    while plain and plain not in prefixes:
        plain = plain[: max(plain.rfind("/"), plain.rfind(":"), 0)]
    if wildcards:
        for wild in _wildcards(name):
            if wild in prefixes and matched(wild, name) >= 0:
                return plain if len(plain) > len(wild) else wild
    return plain or None


def matching_prefixes(prefixes: Container[str], name: str) -> list[str]:
    """Return all of ``prefixes`` that match, the winner first."""
    plain = [name[:end] for end in range(len(name), 0, -1) if name[end : end + 1] in ("", ":", "/")]
    wild = [prefix for prefix in _wildcards(name) if matched(prefix, name) >= 0]
    return sorted((p for p in {*plain, *wild} if p in prefixes), key=lambda p: (-len(p), p))


def _wildcards(name: str) -> Iterator[str]:
    """Yield the wildcards that could match a name's host, longest first."""
    host = name.partition("/")[0].partition(":")[0]
    dot = host.find(".")
    while dot >= 0:
        yield "*" + host[dot:]
        dot = host.find(".", dot + 1)


PRIMARY = -1
"""In place of a mirror's index: the entry itself."""


def applies(entry: Registry, mirror: Mirror, by_digest: bool) -> bool:
    """Return whether a mirror of an entry is used for a name with (or without) a digest."""
    if entry.mirror_by_digest_only:
        return by_digest
    return mirror.pull_from_mirror != ("tag-only" if by_digest else "digest-only")


def slip(host: str) -> str | None:
    """Return the well-known registry whose letters a host has in another order, or None.

    >>> slip("dokcer.io"), slip("docker.io")
    ('docker.io', None)
    """
    meant = _LETTERS.get("".join(sorted(host)))
    return None if meant == host else meant


_LETTERS = {"".join(sorted(name)): name for name in WELL_KNOWN}
