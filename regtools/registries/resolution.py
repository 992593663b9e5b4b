"""From an image name to the ordered list of places that podman pulls it from.

::

    argument ─▶ candidates ─▶ for each: one [[registry]] entry ─▶ mirrors that apply, then the primary

What is decided here is decided without looking for reasons; each value remembers what decided it, and
:mod:`regtools.registries.reasons` finds the words and the line when somebody asks.

Source: containers-registries.conf(5); podman-pull(1) for short names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import RegtoolsError
from ..reference import GRAMMAR, HUB, HUB_OLD, LONGEST_NAME, PullName, Reference, is_qualified
from .matching import matched

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from .config import RegistriesConf
    from .entries import Registry
    from .reasons import Reason

__all__ = ["Candidate", "Resolution", "Source", "resolve", "resolve_many"]

PRIMARY = -1
"""In place of a mirror's index: the entry itself."""


class Source(NamedTuple):
    """One place to pull from.

    Attributes:
        reference: the image's full name at that place.
        insecure: whether plain HTTP and unverified TLS are allowed there.
        kind: ``mirror`` or ``primary``.
        blocked_by: prefix of the entry that forbids this place, or None.
        entry: the ``[[registry]]`` that led here, or None where none governs the name.
        mirror: index of the mirror in that entry, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    reference: str
    insecure: bool
    kind: str
    blocked_by: str | None = None
    entry: Registry | None = None
    mirror: int = PRIMARY
    conf: Any = None

    def __repr__(self) -> str:
        blocked = f", blocked by {self.blocked_by}" if self.blocked else ""
        return f"<{self.kind} {self.reference}{', insecure' if self.insecure else ''}{blocked}>"

    @property
    def why(self) -> Reason:
        """What put this place into the list, with file, line and column."""
        from .reasons import why_source

        return why_source(self.conf, self)

    @property
    def blocked(self) -> bool:
        """Whether podman refuses to contact this place and goes on to the next."""
        return self.blocked_by is not None

    @property
    def transport(self) -> Reason:
        """Whether the place is contacted at all, by HTTPS or also by HTTP, and the line that says so."""
        from .reasons import why_transport

        return why_transport(self.conf, self)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        plain = {"reference": self.reference, "insecure": self.insecure, "kind": self.kind}
        return plain | ({"blocked": True, "blocked_by": self.blocked_by} if self.blocked else {})


class Candidate(NamedTuple):
    """One full name that the given name may stand for, and its sources in order.

    Attributes:
        name: domain, path, and a tag or digest; the local image is called so, wherever it came from.
        sources: mirrors, then the primary; empty where the entry cannot be applied to this name.
        failed: kind of the error in that case, else None.
        entry: the ``[[registry]]`` that governs the name, or None.
        origin: index in the search list that gave this name, or None.
        culprit: index of the mirror whose rewriting failed, -1 for the entry itself.
        conf: the configuration, which knows the reasons.
    """

    name: str
    sources: tuple[Source, ...]
    failed: str | None = None
    entry: Registry | None = None
    origin: int | None = None
    culprit: int = PRIMARY
    conf: Any = None

    def __repr__(self) -> str:
        return f"<candidate {self.name}: {self.failed or list(self.sources)}>"

    @property
    def error(self) -> RegtoolsError | None:
        """Why this candidate has no sources, stage ``sources``; podman goes on to the next one."""
        from .reasons import candidate_error

        return candidate_error(self.conf, self, self.culprit) if self.failed else None

    @property
    def repository(self) -> str:
        """The name without tag and digest, which is what prefixes are compared with."""
        return _bare(self.name)

    @property
    def unused(self) -> tuple[Reason, ...]:
        """What was not used for this candidate, and why: mirrors left out, entries that lost."""
        from .reasons import unused_by_candidate

        return unused_by_candidate(self.conf, self)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        if self.failed:
            return {"name": self.name, "error": self.failed}
        return {"name": self.name, "sources": [source.to_dict() for source in self.sources]}


class Resolution(NamedTuple):
    """What a name means under a configuration. Print it for the explanation.

    Attributes:
        image: what was given.
        candidates: the full names that are tried, in order.
        prompt: whether podman asks which of them is meant; the choice is the only candidate then.
        how: ``qualified`` (names its registry), ``docker`` (``docker://``), ``alias``, ``remembered``
            (an alias that podman keeps itself) or ``search`` (the search list).
        conf: the configuration.
        tty: whether there was a terminal.
        pull: the argument taken apart.
    """

    image: str
    candidates: tuple[Candidate, ...]
    prompt: bool
    how: str
    conf: RegistriesConf
    tty: bool = False
    pull: PullName | None = None

    def __repr__(self) -> str:
        return f"<resolution of {self.image!r}: {list(self.candidates)}>"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of all candidates, in the order in which podman would try them."""
        return tuple(source for candidate in self.candidates for source in candidate.sources)

    @property
    def why(self) -> Reason:
        """What made the candidates: the name itself, an alias or the search list."""
        from .reasons import why_candidates

        return why_candidates(self)

    @property
    def unused(self) -> tuple[Reason, ...]:
        """What was not used for this name, and why; of single candidates see :attr:`Candidate.unused`."""
        from .reasons import unused_by_resolution

        return unused_by_resolution(self)

    def to_dict(self) -> dict[str, Any]:
        """Give candidates and sources as plain data; ``"prompt": true`` where podman would ask."""
        plain: dict[str, Any] = {"candidates": [candidate.to_dict() for candidate in self.candidates]}
        return plain | ({"prompt": True} if self.prompt else {})

    def to_frame(self) -> pd.DataFrame:
        """Give one row a source, with its reason, file and line; one row for a candidate that fails."""
        from .rendering import frame

        return frame(self)

    def __str__(self) -> str:
        from .rendering import tree

        return tree(self)

    def _repr_html_(self) -> str:
        from .rendering import html

        return html(self)


def resolve(conf: RegistriesConf, image: str | Reference, *, tty: bool = False) -> Resolution:
    """Do the work of :meth:`RegistriesConf.resolve`."""
    pull = PullName.parse(image)
    reference = pull.reference
    suffix = reference.suffix or ":latest"
    prompt = False
    if reference.domain is not None or pull.docker:
        how = "docker" if pull.docker else "qualified"
        candidates = [_candidate(conf, reference.normalized().name, suffix)]
    else:
        how, target = _alias(conf, reference.path)
        if target:
            candidates = [_candidate(conf, target, suffix)]
        else:
            names = _search(conf, pull)
            candidates = [_candidate(conf, name, suffix, index) for index, name in enumerate(names)]
            prompt = len(names) > 1 and _asks(conf, pull, tty)
    return Resolution(pull.typed, tuple(candidates), prompt, how, conf, tty, pull)


def _alias(conf: RegistriesConf, name: str) -> tuple[str, str]:
    """Look a short name up: remembered answers first, and an empty one hides what the files say."""
    remembered = conf.remembered
    if name in remembered:
        return ("remembered", remembered[name]) if remembered[name] else ("search", "")
    target = conf.aliases.get(name)
    return ("alias", target) if target else ("search", "")


def _search(conf: RegistriesConf, pull: PullName) -> list[str]:
    """Put each entry of the search list in front of a short name."""
    if not conf.unqualified_search_registries:
        from .reasons import no_search_registries

        raise no_search_registries(conf, pull)
    path = pull.reference.path
    names = []
    for index, entry in enumerate(conf.unqualified_search_registries):
        if entry in (HUB, HUB_OLD):
            name = f"{HUB}/{path}" if "/" in path else f"{HUB}/library/{path}"
        elif is_qualified(entry):
            name = f"{entry}/{path}"
        else:  # no host to podman, so it becomes a part of the path
            name = f"{HUB}/{entry}/{path}"
        if len(name) > LONGEST_NAME or not (is_qualified(entry) or entry.lower() == entry):
            from .reasons import bad_search_name

            raise bad_search_name(conf, index, f"{entry}/{path}{pull.reference.suffix}")
        names.append(name)
    return names


def _asks(conf: RegistriesConf, pull: PullName, tty: bool) -> bool:
    """Say whether podman asks which of several names is meant."""
    if conf.short_name_mode == "disabled":
        return False
    if not tty and conf.short_name_mode == "enforcing":
        from .reasons import enforcing_without_terminal

        raise enforcing_without_terminal(conf, pull)
    return tty


def _candidate(conf: RegistriesConf, repository: str, suffix: str, origin: int | None = None) -> Candidate:
    """Find the entry for one name and build its sources: mirrors that apply, then the primary."""
    name = repository + suffix
    entry = conf.find(repository)
    if entry is None:
        source = Source(name, False, "primary", None, None, PRIMARY, conf)
        return Candidate(name, (source,), None, None, origin, PRIMARY, conf)
    end = matched(entry.prefix, repository)
    by_digest = "@" in suffix
    sources = []
    for index, mirror in enumerate(entry.mirrors):
        if not applies(entry, mirror.pull_from_mirror, by_digest):
            continue
        reference = mirror.location + name[end:]
        fault = _fault(reference)
        if fault:
            return Candidate(name, (), fault, entry, origin, index, conf)
        blocked_by = _blocked_by(conf, reference, suffix)
        sources.append(Source(reference, mirror.insecure, "mirror", blocked_by, entry, index, conf))
    reference = name
    if entry.location:  # a wildcard without location leaves the name as it is
        reference = entry.location + name[end:]
        fault = _fault(reference)
        if fault:
            return Candidate(name, (), fault, entry, origin, PRIMARY, conf)
    blocked_by = _blocked_by(conf, reference, suffix)
    sources.append(Source(reference, entry.insecure, "primary", blocked_by, entry, PRIMARY, conf))
    return Candidate(name, tuple(sources), None, entry, origin, PRIMARY, conf)


def applies(entry: Registry, pull_from_mirror: str, by_digest: bool) -> bool:
    """Say whether a mirror is used for a name with (or without) a digest."""
    if entry.mirror_by_digest_only:
        return by_digest
    return pull_from_mirror != ("tag-only" if by_digest else "digest-only")


def _fault(reference: str) -> str | None:
    """Say what keeps a rewritten name from being a full, canonical one; None if nothing does."""
    match = GRAMMAR(reference)
    if match and len(match["name"]) <= LONGEST_NAME:
        domain = match["domain"]
        if is_qualified(domain) and domain != HUB_OLD and (domain != HUB or "/" in match["path"]):
            return None
    try:
        Reference.parse(reference)
    except RegtoolsError as error:
        return error.kind
    return "not-canonical"


def _blocked_by(conf: RegistriesConf, reference: str, suffix: str) -> str | None:
    """Give the prefix of the entry that forbids a place, judged by the place's own name."""
    if not conf.blocks:
        return None
    entry = conf.find(reference[: -len(suffix)])
    return entry.prefix if entry is not None and entry.blocked else None


def _bare(name: str) -> str:
    match = GRAMMAR(name)
    return match["name"] if match else name


def resolve_many(conf: RegistriesConf, images: Iterable[str], *, tty: bool = False) -> pd.DataFrame:
    """Do the work of :meth:`RegistriesConf.resolve_many`."""
    from .rendering import Columns

    columns = Columns()
    for image in images:
        try:
            columns.add(resolve(conf, image, tty=tty))
        except RegtoolsError as error:
            columns.add_error(image, error)
    return columns.frame()
