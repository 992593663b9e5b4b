"""What a full name comes from: its sources in order, each with what decided it.

Source: containers-registries.conf(5).
"""

from __future__ import annotations

from regtools.errors import RegtoolsError
from regtools.reference import Reference
from regtools.values import TYPE_CHECKING, Value

from .entries import PRIMARY, Registry
from .reasons import Reason, candidate_error, unused_by_candidate, why_source, why_transport
from .settings import Settings

if TYPE_CHECKING:
    from typing import Any


class Source(Value):
    """One place to pull from.

    Attributes:
        reference: the image's full name at that place, as text.
        parsed: the same name, taken apart.
        insecure: whether plain HTTP and unverified TLS are allowed there.
        blocked_by: prefix of the entry that forbids this place, or None.
        entry: the ``[[registry]]`` that led here, or None if none governs the name.
        mirror: index of the mirror in that entry, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    __slots__ = ("blocked_by", "conf", "entry", "insecure", "mirror", "parsed", "reference")

    def __init__(
        self,
        reference: str,
        parsed: Reference,
        insecure: bool,
        blocked_by: str | None,
        entry: Registry | None,
        mirror: int,
        conf: Settings,
    ) -> None:
        self.reference = reference
        self.parsed = parsed
        self.insecure = insecure
        self.blocked_by = blocked_by
        self.entry = entry
        self.mirror = mirror
        self.conf = conf

    def __repr__(self) -> str:
        blocked = f", blocked by {self.blocked_by}" if self.blocked else ""
        return f"<{self.kind} {self.reference}{', insecure' if self.insecure else ''}{blocked}>"

    @property
    def kind(self) -> str:
        """``mirror`` or ``primary``."""
        return "primary" if self.mirror == PRIMARY else "mirror"

    @property
    def blocked(self) -> bool:
        """Whether podman refuses to contact this place and goes on to the next."""
        return self.blocked_by is not None

    @property
    def hostless(self) -> bool:
        """Whether podman takes the whole reference for a path, so that there is no host to contact."""
        return self.parsed.domain is None

    @property
    def usable(self) -> bool:
        """Whether an image can come from here: the place is contacted, and there is a host to contact."""
        return not self.blocked and not self.hostless

    @property
    def namespace_proxy(self) -> str:
        """What is sent as ``?ns=`` with requests for manifests and blobs; empty for none."""
        if self.entry is None or not self.conf.release.knows_namespaces:
            return ""
        return (self.entry if self.mirror == PRIMARY else self.entry.mirrors[self.mirror]).namespace_proxy

    @property
    def why(self) -> Reason:
        """What put this place into the list, with file, line and column."""
        return why_source(self.conf, self.entry, self.mirror, self.namespace_proxy)

    @property
    def transport(self) -> Reason:
        """Whether the place is contacted at all, by HTTPS or also by HTTP, and the line that says so."""
        return why_transport(self.conf, self.entry, self.mirror, self.insecure, self.blocked_by)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        plain = {"reference": self.reference, "insecure": self.insecure, "kind": self.kind}
        return plain | ({"blocked": True, "blocked_by": self.blocked_by} if self.blocked else {})


class Candidate(Value):
    """One full name that the given name may stand for, and its sources in order.

    Attributes:
        name: domain, path, and a tag or digest; the local image gets this name, wherever it came from.
        parsed: the same name, taken apart.
        sources: mirrors, then the primary; empty if the entry cannot be applied to this name.
        failed: kind of the error in that case, else None.
        entry: the ``[[registry]]`` that governs the name, or None.
        origin: index in the search list that gave this name, or None.
        culprit: index of the mirror whose rewriting failed, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    __slots__ = ("conf", "culprit", "entry", "failed", "name", "origin", "parsed", "sources")

    def __init__(
        self,
        name: str,
        parsed: Reference,
        sources: tuple[Source, ...],
        failed: str | None,
        entry: Registry | None,
        origin: int | None,
        culprit: int,
        conf: Settings,
    ) -> None:
        self.name = name
        self.parsed = parsed
        self.sources = sources
        self.failed = failed
        self.entry = entry
        self.origin = origin
        self.culprit = culprit
        self.conf = conf

    def __repr__(self) -> str:
        return f"<candidate {self.name}: {self.failed or list(self.sources)}>"

    @property
    def error(self) -> RegtoolsError | None:
        """Why this candidate has no sources, stage ``sources``; podman goes on to the next one."""
        if self.failed is None or self.entry is None:
            return None
        return candidate_error(self.conf, self.entry, self.parsed, self.culprit, self.failed)

    @property
    def repository(self) -> str:
        """The name without tag and digest, which is what prefixes are compared with."""
        return self.parsed.name

    @property
    def unused(self) -> tuple[Reason, ...]:
        """What was not used for this candidate, and why: mirrors left out, entries that lost."""
        return unused_by_candidate(self.conf, self.entry, self.parsed)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        if self.failed:
            return {"name": self.name, "error": self.failed}
        return {"name": self.name, "sources": [source.to_dict() for source in self.sources]}
