"""What is worth knowing about a resolution: what follows from it, and how to get something else.

Notes state facts; they decide nothing. Each has words, often a place, and sometimes TOML to paste. At the end
of the module two releases of podman are compared, one line for each difference.

Source: containers-registries.conf(5); podman-pull(1), podman-search(1), podman-login(1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from regtools.display import visible
from regtools.errors import Place, RegtoolsError
from regtools.reference import HUB, HUB_HOST, HUB_OLD, Reference

from .entries import Mirror, Registry, applies, slip
from .reading.releases import SINCE
from .reading.schema import NAMESPACE
from .settings import Settings
from .writing import aliases_toml, entries_toml, quote

if TYPE_CHECKING:
    from .reading.lookup import Ignored
    from .resolution import Candidate, Resolution


class Note(NamedTuple):
    """One thing worth knowing: words, where it was decided, and TOML to paste."""

    text: str
    where: Place | None = None
    toml: str = ""

    def __str__(self) -> str:
        return visible(f"{self.text} ({self.where})" if self.where else self.text)


def advice(res: Resolution) -> tuple[Note, ...]:
    """Return the notes on a name that was resolved, each once."""
    notes = [*_aliased(res)]
    for candidate in res.candidates:
        if res.how in ("qualified", "docker") and candidate.name != res.image:
            notes.append(Note(f"{res.image} is completed to {candidate.name}"))
        for kind in (_replaced, _library, _mirrors_left_out, _blocked, _insecure, _late, _other_port):
            notes += kind(res, candidate)
    notes += _around(res)
    notes += _odd_entries(res.conf)
    return tuple(dict.fromkeys(notes))


def advice_on_failure(conf: Settings, name: str, error: RegtoolsError) -> tuple[Note, ...]:
    """Return the notes on a short name that cannot be resolved.

    Args:
        conf: the configuration.
        name: the short name, without tag and digest.
        error: what :meth:`RegistriesConf.resolve` raised.
    """
    if error.kind not in ("enforcing-no-tty", "no-search-registries"):
        return ()
    looked = ", ".join((*conf.files_read, *filter(None, [conf.alias_file])))
    notes = [Note(f"no alias was found for {name}; looked in {looked or 'no file, since there is none'}")]
    hosts = conf.unqualified_search_registries or (HUB,)
    host = HUB if HUB in hosts else hosts[0]
    target = Reference(host, name).normalized().name
    notes.append(Note("an alias settles it without a question:", toml=aliases_toml({name: target})))
    if error.kind == "enforcing-no-tty":
        text = "permissive tries all in order without a question; with one search registry nobody is asked"
        where = conf.setting_place("short-name-mode")
        notes.append(Note(text, where, 'short-name-mode = "permissive"'))
    return tuple(notes)


# -- one candidate ---------------------------------------------------------------------------------------


def _replaced(res: Resolution, candidate: Candidate) -> Iterator[Note]:
    """Explain that a location is not a mirror: what it replaces is no longer asked."""
    entry = candidate.entry
    if entry is None or not candidate.sources or entry.location in ("", entry.prefix):
        return
    before = res.conf.place(entry.prefix, "prefix")
    text = f"prefix {entry.prefix!r} ({before}) is replaced by location {entry.location!r}"
    yield Note(text, res.conf.place(entry.prefix, "location"))
    if any(source.reference == candidate.name for source in candidate.sources):
        return
    name = candidate.parsed
    host = "" if name.domain == name.host else f" ({name.host})"
    yield Note(
        f"{entry.prefix}{host} itself is not contacted at all: a location replaces it and is no mirror, "
        f"so there is no fallback when {entry.location} has no such image or does not answer"
    )
    if entry.prefix.startswith("*."):
        return
    order = ", ".join(source.reference for source in candidate.sources)
    each = "digest-only" if entry.mirror_by_digest_only else ""  # on the entry it would hold for the new one
    mirrors = [mirror._replace(pull_from_mirror=mirror.pull_from_mirror or each) for mirror in entry.mirrors]
    mirrors.append(Mirror(entry.location, entry.insecure))
    yield Note(
        f"to have it as a fallback, write {entry.location} as a mirror; the order is then {order}, "
        f"last {candidate.name}:",
        toml=entries_toml([Registry("", entry.prefix, mirrors=tuple(mirrors))]),
    )


def _library(res: Resolution, candidate: Candidate) -> Iterator[Note]:
    """Explain that Docker's own images, and so their copies, have library/ in their names."""
    entry = candidate.entry
    official = candidate.name.startswith(f"{HUB}/library/") and "library/" not in res.image
    if entry is None or not official or entry.prefix != HUB or entry.location in ("", HUB):
        return
    yield Note(
        "library/ is a part of the name of Docker's own images; if the copies are stored without it, "
        "add this second entry, which removes library/:",
        toml=entries_toml([Registry(f"{HUB}/library", entry.location, entry.insecure)]),
    )


def _mirrors_left_out(res: Resolution, candidate: Candidate) -> Iterator[Note]:
    entry = candidate.entry
    if entry is None or not candidate.sources:
        return
    by_digest = candidate.parsed.digest is not None
    left_out = [mirror for mirror in entry.mirrors if not applies(entry, mirror, by_digest)]
    if not left_out:
        return
    if by_digest:
        yield Note(f"by a tag instead of a digest, the mirror {left_out[0].location} would be used")
        return
    rest = candidate.repository[len(entry.prefix) :] if not entry.prefix.startswith("*.") else "/…"
    name = f"{candidate.repository}@sha256:…"
    yield Note(
        f"{name} (the same name with a digest) would use the mirror first: "
        f"{left_out[0].location}{rest}@sha256:…"
    )
    if entry.mirror_by_digest_only:
        yield Note(
            "mirror-by-digest-only holds for every mirror; to decide for each one, remove it and write "
            'pull-from-mirror = "all", "digest-only" or "tag-only" under the [[registry.mirror]]',
            res.conf.place(entry.prefix, "mirror-by-digest-only"),
        )


def _blocked(res: Resolution, candidate: Candidate) -> Iterator[Note]:
    for number, source in enumerate(candidate.sources, 1):
        if source.blocked_by is not None:
            text = f"source {number}, {source.reference}, is blocked by the entry {source.blocked_by!r}"
            yield Note(text, res.conf.place(source.blocked_by, "blocked"))
    blocked = [source for source in candidate.sources if source.blocked]
    free = [source.reference for source in candidate.sources if not source.blocked]
    if blocked and not free:
        yield Note(f"every place is blocked: {candidate.name} cannot be pulled")
    elif blocked:
        yield Note(
            f"so the pull can succeed only from {' or '.join(free)}; when it fails, podman's message ends "
            "with the block, but the error to read is that of the mirror itself"
        )


def _insecure(res: Resolution, candidate: Candidate) -> Iterator[Note]:
    if any(source.insecure for source in candidate.sources):
        yield Note(INSECURE)


INSECURE = (
    "with insecure = true HTTPS is still tried first, without checking the certificate, then plain HTTP"
)


def _late(res: Resolution, candidate: Candidate) -> Iterator[Note]:
    """Name what begins within a number of podman: namespaces, and layers from the next source."""
    entry, release = candidate.entry, res.conf.release
    if entry is None:
        return
    first = SINCE["knows_namespaces"]
    for source in candidate.sources:
        table: tuple[str | int, ...] = () if source.kind == "primary" else ("mirror", source.mirror)
        where = res.conf.place(entry.prefix, *table, NAMESPACE)
        if source.namespace_proxy:
            asked = f"asked for manifest and blobs with ?ns={source.namespace_proxy} from podman {first} on"
            yield Note(f"{source.reference} is {asked}; older releases ignore {NAMESPACE}", where)
        elif (entry.mirrors[source.mirror] if table else entry).namespace_proxy:
            text = f"{source.reference} is asked without it"
            yield Note(f"{NAMESPACE} has no effect before podman {first}: {text}", where)
    if sum(not source.blocked for source in candidate.sources) > 1:
        first = SINCE["blobs_move_on"]
        next_one = "a layer that the source of the manifest does not deliver is fetched from the next source"
        stays = "" if release.blobs_move_on else "; this release fails the pull instead"
        yield Note(f"from podman {first} on, {next_one}{stays}")


def _other_port(res: Resolution, candidate: Candidate) -> Iterator[Note]:
    """Name entries for other ports of the same host: they do not match this one."""
    if candidate.entry is not None:
        return
    domain = candidate.parsed.domain or ""
    host = domain.partition(":")[0]
    for prefix in sorted(res.conf.prefixes):
        other, slash, path = prefix.partition("/")
        if ":" not in other or other == domain or other.partition(":")[0] != host:
            continue
        entry = res.conf.registry(prefix)
        key = "prefix" if entry.location != prefix else "location"
        text = f"the nearest entry, {prefix!r}, has the same host and another port; for this name write"
        yield Note(text, res.conf.place(prefix, "prefix"), f"{key} = {quote(f'{domain}{slash}{path}')}")
        if entry.insecure:
            yield Note(INSECURE)


# -- the whole -------------------------------------------------------------------------------------------


def _aliased(res: Resolution) -> Iterator[Note]:
    if res.how not in ("alias", "remembered"):
        return
    name, conf = res.pull.reference.path, res.conf
    if res.how == "remembered":
        yield Note(
            "a remembered answer wins over every [aliases]; to cancel it, remove its line from "
            f"{conf.alias_file}"
        )
        return
    where = conf.setting_place("aliases", name)
    file = where.file if where and where.file else "this file"
    yield Note(
        f"to override the alias, put it into a drop-in that is read later than {file}; "
        f'an empty value ("{name}" = "") cancels it, and the search list counts again:',
        toml=aliases_toml({name: Reference(None, name).normalized().name}),
    )


def _around(res: Resolution) -> Iterator[Note]:
    """Name what mirrors and locations do not change."""
    for candidate in res.candidates:
        if all(source.reference == candidate.name for source in candidate.sources):
            continue
        yield Note(f"the local image is called {candidate.name}, whichever place it comes from")
        host = candidate.parsed.host
        yield Note(f"search, tag listing, push and login ignore location and mirrors: they contact {host}")


def _odd_entries(conf: Settings) -> Iterator[Note]:
    """Name entries that are probably slips; `regtools check` looks for much more."""
    for prefix in sorted(conf.prefixes):
        host = prefix.partition("/")[0]
        if host in (HUB_HOST, HUB_OLD):
            text = f"entry {prefix!r} can never match an image name: Docker Hub's images are called {HUB}/…"
            yield Note(text, conf.place(prefix, "prefix"))
        elif meant := slip(host):
            yield Note(f"entry {prefix!r} looks like a slip for {meant!r}", conf.place(prefix, "prefix"))


class Outcome(NamedTuple):
    """What one release makes of a name.

    Attributes:
        podman: the release.
        conf: its configuration, or None if that cannot be loaded.
        result: the resolution, or the error instead of it.
        files_read, files_ignored: known even if the files cannot be used.
    """

    podman: str
    conf: Settings | None
    result: Resolution | RegtoolsError
    files_read: tuple[str, ...] = ()
    files_ignored: tuple[Ignored, ...] = ()

    @property
    def error(self) -> RegtoolsError | None:
        """The error, if that is the result."""
        return self.result if isinstance(self.result, RegtoolsError) else None

    @property
    def fails(self) -> bool:
        """Whether the name cannot be pulled: an error, or no candidate with a source."""
        return isinstance(self.result, RegtoolsError) or not self.result.sources


def differences(mine: Outcome, others: Sequence[Outcome]) -> tuple[str, ...]:
    """Return what other releases would do instead, one line for each difference."""
    return tuple(
        f"podman {other.podman} would instead {text}" for other in others for text in _between(mine, other)
    )


def _between(mine: Outcome, other: Outcome) -> Iterator[str]:
    if isinstance(other.result, RegtoolsError):
        error = other.result
        if mine.error is None or (mine.error.kind, mine.error.where) != (error.kind, error.where):
            place = f" ({error.where})" if error.where else ""
            yield f"stop: {error.message} [{error.kind}]{place}"
    elif isinstance(mine.result, RegtoolsError) or mine.result.to_dict() != other.result.to_dict():
        yield _pulls(other.result)
    if mine.files_read == other.files_read:
        return
    fewer = [file for file in mine.files_read if file not in other.files_read]
    more = [file for file in other.files_read if file not in mine.files_read]
    if fewer:
        yield f"not read {', '.join(fewer)}{_why(fewer, other)}"
    if more:
        yield f"read {', '.join(more)}{_why(more, mine, f' (podman {mine.podman}: ')}"
    if not fewer and not more:
        yield f"read the files in this order: {', '.join(other.files_read)}"


def _why(files: list[str], outcome: Outcome, opening: str = " (") -> str:
    """Return the reason why one release ignores files; that of the first file serves for all."""
    why = next((ignored.why for ignored in outcome.files_ignored if ignored.path == files[0]), None)
    return f"{opening}{why})" if why else ""


def _pulls(res: Resolution) -> str:
    """Return in one line where a name is pulled from."""
    parts = []
    for candidate in res.candidates:
        if candidate.failed:
            parts.append(f"nothing for {candidate.name} [{candidate.failed}]")
        for source in candidate.sources:
            marks = [word for word in ("insecure", "blocked") if getattr(source, word)]
            parts.append(source.reference + (f" ({', '.join(marks)})" if marks else ""))
    ask = "ask, then " if res.prompt else ""
    return f"{ask}pull from {', then '.join(parts)}"
