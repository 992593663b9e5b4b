"""The entries of a configuration as values, made from checked tables when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .schema import Table

__all__ = ["Mirror", "Registry", "build"]


class Mirror(NamedTuple):
    """A ``[[registry.mirror]]``: a place that is tried before its registry."""

    location: str
    insecure: bool = False
    pull_from_mirror: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        plain: dict[str, Any] = {"location": self.location, "insecure": self.insecure}
        return plain | ({"pull_from_mirror": self.pull_from_mirror} if self.pull_from_mirror else {})


class Registry(NamedTuple):
    """A ``[[registry]]`` entry: which names it governs, and where they lead."""

    prefix: str
    location: str
    insecure: bool = False
    blocked: bool = False
    mirror_by_digest_only: bool = False
    mirrors: tuple[Mirror, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "prefix": self.prefix,
            "location": self.location,
            "insecure": self.insecure,
            "blocked": self.blocked,
            "mirror_by_digest_only": self.mirror_by_digest_only,
            "mirrors": [mirror.to_dict() for mirror in self.mirrors],
        }


def build(prefix: str, table: Table) -> Registry:
    """Make the entry of a checked table."""
    mirrors = tuple(
        Mirror(mirror["location"], mirror.get("insecure", False), mirror.get("pull-from-mirror", ""))
        for mirror in table.get("mirror", ())
    )
    return Registry(
        prefix,
        table.get("location", ""),
        table.get("insecure", False),
        table.get("blocked", False),
        table.get("mirror-by-digest-only", False),
        mirrors,
    )
