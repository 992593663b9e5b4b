"""What the testbed's registry answers from: its images, its tokens, and the count of what it was asked.

A registry that wants tokens does as Docker Hub does, even with clients that have no account. It answers a
request without a token with 401 and a challenge that names a *realm* (where to get a token) and a *scope*
(for what). The realm gives anybody a token for one repository, which opens that repository, and ``/v2/``.
Source: the distribution project's token authentication specification. Tokens are not stored but computed: the
repository's name, signed with a key that lives as long as the registry. Nothing here guards a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .images import Content

ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})[ \t]*", re.IGNORECASE)
LIFE_S = 300  # what is promised; tokens are valid until the registry ends
SERVICE = "registry.test"
HOST = re.compile(r"[A-Za-z0-9.\[\]:-]+")
SCOPE = re.compile(r"repository:(?P<name>[a-z0-9._/-]+):(?:.*,)?(?:pull|\*)(?:,.*)?")

Key = tuple[str, str, str, str, int]  # place, repository, kind, method and status of a request


class Store:
    """Images by repository: read-only, all in memory, each blob once per repository."""

    def __init__(self, contents: dict[str, Content]) -> None:
        self._contents = contents
        self.repositories = sorted(contents)

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository that exists, in order."""
        return sorted(self._contents[repository].tags, key=lexical)

    def manifest(self, repository: str, reference: str) -> tuple[str, str, bytes] | None:
        """Return digest, media type and bytes of a manifest or an index, found by tag or digest."""
        content = self._contents.get(repository)
        if content is None:
            return None
        digest = content.digest if reference in content.tags else reference
        found = content.manifests.get(digest)
        return found and (digest, *found)

    def blob(self, repository: str, digest: str) -> bytes | bytearray | None:
        """Return a config or a layer."""
        content = self._contents.get(repository)
        return content.blobs.get(digest) if content else None


def lexical(name: str) -> tuple[str, str]:
    """Return what tags are sorted by: in case-insensitive order (end-8a); capitals first among equals.

    >>> sorted(["b", "a", "B", "A1"], key=lexical)
    ['a', 'A1', 'B', 'b']
    """
    return name.lower(), name


class Count(NamedTuple):
    """How often one thing was asked of one place, and the bytes of the answers' bodies.

    ``place`` is the mirror's name, or ``origin``; ``repository`` is empty if the request names none, or one
    that does not exist. ``kind`` is an endpoint of the OCI distribution specification (``ping``, ``token``,
    ``manifest``, ``blob``, ``tags``, ``catalog``), ``other`` for every other path, or ``refused`` for a
    connection that did not begin with HTTP, such as a TLS hello on this plain port; its ``status`` is 0.
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
        """Return the rows as plain data for JSON."""
        return {"rows": [row._asdict() for row in self.rows]}

    def _matching(self, where: dict[str, str | int]) -> list[Count]:
        if unknown := where.keys() - set(Count._fields):
            raise TypeError(f"a count has no {', '.join(sorted(unknown))}; it has {', '.join(Count._fields)}")
        return [row for row in self.rows if all(getattr(row, key) == value for key, value in where.items())]


class Tally:
    """The counts in the registry's process; one thread reads them while another counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[Key, list[int]] = {}

    def request(self, key: Key) -> None:
        """Count one request before its answer leaves: a client that has the answer finds it counted."""
        with self._lock:
            self._rows.setdefault(key, [0, 0])[0] += 1

    def sent(self, key: Key, size: int) -> None:
        """Count bytes of the body that answers a request."""
        with self._lock:
            if key in self._rows:  # else a reset came in between
                self._rows[key][1] += size

    def take(self) -> list[tuple[str | int, ...]]:
        """Return all rows in the order of :class:`Count`."""
        with self._lock:
            return [(*key, *value) for key, value in self._rows.items()]

    def reset(self) -> None:
        """Start from zero."""
        with self._lock:
            self._rows.clear()


class Unsatisfiable(Exception):  # noqa: N818 - it is an answer (416), not an accident
    """The range begins after the end."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return what a ``Range`` header (RFC 9110, section 14) asks of ``size`` bytes: start, stop (exclusive).

    None means everything: no header, another unit, several ranges, or a header that is not valid; a server
    may ignore all of these (14.2).

    Raises:
        Unsatisfiable: the range is valid, but no byte of it is there.

    >>> byte_range("bytes=2-", 10), byte_range("bytes=-3", 10), byte_range("bytes=0-99", 10)
    ((2, 10), (7, 10), (0, 10))
    """
    match = ONE_RANGE.fullmatch(header or "")
    if not match or match["first"] == match["last"] == "":
        return None
    first, last = (int(text or 0) for text in match.groups())
    if not match["first"]:
        start, stop = max(0, size - last), size
    else:
        start, stop = first, min(last + 1, size) if match["last"] else size
        if match["last"] and last < first:
            return None
    if start >= size:
        raise Unsatisfiable
    return start, stop


class Tokens:
    """The tokens of one registry."""

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def challenge(self, host: str, name: str | None) -> str:
        """Return the ``WWW-Authenticate`` header for a request to ``host`` about repository ``name``."""
        host = host if HOST.fullmatch(host) else "127.0.0.1"
        scope = f"repository:{name}:pull"
        asked = f',scope="{scope}"' if name and SCOPE.fullmatch(scope) else ""
        return f'Bearer realm="http://{host}/token",service="{SERVICE}"{asked}'

    def grant(self, scopes: Iterable[str]) -> dict[str, Any]:
        """Return the realm's answer: a token for the first scope that is a pull, else for no repository."""
        names = (match["name"] for scope in scopes if (match := SCOPE.fullmatch(scope)))
        name = next(names, "")
        return {"token": f"{name}~{self._signature(name)}", "expires_in": LIFE_S}

    def open(self, authorization: str, name: str | None) -> bool:
        """Return whether the ``Authorization`` header opens repository ``name``, or what belongs to none."""
        scheme, _, token = authorization.partition(" ")
        granted, _, signature = token.strip().rpartition("~")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            signature.encode(), self._signature(granted).encode()
        ):
            return False
        return name is None or name == granted

    def _signature(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:32]
