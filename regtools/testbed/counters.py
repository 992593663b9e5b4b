"""What the testbed's registry was asked for: one row per place, repository, kind of request, and answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

__all__ = ["KINDS", "Count", "Counters", "Tally"]

# Endpoints of the OCI distribution specification; "refused" are connections that did not begin with HTTP,
# such as a TLS hello on this plain port; "other" is every other path.
KINDS = ("ping", "token", "manifest", "blob", "tags", "catalog", "other", "refused")


class Count(NamedTuple):
    """How often one thing was asked of one place, and the bytes of the answers' bodies.

    ``place`` is the mirror's name, or ``origin``; ``repository`` is empty where the request names none, or
    one that is not there; ``status`` is 0 for refused connections.
    """

    place: str
    repository: str
    kind: str
    method: str
    status: int
    requests: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Counters:
    """A snapshot of all counts, in no particular order."""

    rows: tuple[Count, ...]

    def requests(self, **where: str | int) -> int:
        """Add up requests, e.g. ``requests(place="near", kind="blob", method="GET")``."""
        return sum(row.requests for row in self._matching(where))

    def bytes(self, **where: str | int) -> int:
        """Add up the bytes of bodies, chosen like :meth:`requests`."""
        return sum(row.bytes for row in self._matching(where))

    def to_dict(self) -> dict[str, Any]:
        """Give the rows as plain data for JSON."""
        return {"rows": [row._asdict() for row in self.rows]}

    def _matching(self, where: dict[str, str | int]) -> list[Count]:
        if unknown := where.keys() - set(Count._fields):
            raise TypeError(f"a count has no {', '.join(sorted(unknown))}; it has {', '.join(Count._fields)}")
        return [row for row in self.rows if all(getattr(row, key) == value for key, value in where.items())]


class Tally:
    """Where the registry's process counts; read from another thread than it is written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str, str, str, int], list[int]] = {}

    def request(self, place: str, repository: str, kind: str, method: str, status: int) -> None:
        """Count one request, before its answer leaves: who has the answer finds it counted."""
        with self._lock:
            self._rows.setdefault((place, repository, kind, method, status), [0, 0])[0] += 1

    def sent(self, place: str, repository: str, kind: str, method: str, status: int, size: int) -> None:
        """Count bytes of a body, of a request that has been counted."""
        with self._lock:
            row = self._rows.get((place, repository, kind, method, status))
            if row:  # else a reset came in between
                row[1] += size

    def take(self) -> list[tuple[str | int, ...]]:
        """Give all rows in the order of :class:`Count`."""
        with self._lock:
            return [(*key, *value) for key, value in self._rows.items()]

    def reset(self) -> None:
        """Start from nothing."""
        with self._lock:
            self._rows.clear()
