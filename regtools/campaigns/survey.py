"""A look at every source of a name: each asked once, and what that says of the order.

podman stops at the first source that delivers. :func:`bench` asks each one, in the order of the resolution
and without retries, and derives from the answers what podman would do.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from regtools.display import (
    columns,
    escape,
    html_table,
    one_unit,
    seconds,
    terminal_width,
    text_table,
    visible,
)
from regtools.pull.failover import FINAL
from regtools.pull.http.transport import Limits
from regtools.pull.http.values import clipped
from regtools.pull.manifests import Platform
from regtools.pull.meter import Meter
from regtools.pull.records import Failure, Pull, explained
from regtools.pull.timing import time_resolution
from regtools.registries.conf import RegistriesConf
from regtools.registries.resolution import Resolution, Source

from .sources import source_names


@dataclass(frozen=True, slots=True)
class Tried:
    """One source, and the pull from it.

    Attributes:
        name: of the link, where the configuration has one, else its host.
        candidate: the full name that it is a source of.
        source: the source as resolved.
        pull: the pull from this source alone.
    """

    name: str
    candidate: str
    source: Source = field(repr=False)
    pull: Pull

    @property
    def reachable(self) -> bool:
        """Whether it answered anything in HTTP."""
        return any(each.status is not None for each in self.pull.requests)

    @property
    def has_image(self) -> bool:
        """Whether it delivered the manifest."""
        return self.pull.digest is not None

    @property
    def ends(self) -> bool:
        """Whether podman asks no further source after this one: its manifest arrives and makes no sense."""
        asked = self.pull.requests[-1].kind if self.pull.requests else ""
        return not self.has_image and asked == "manifest" and self.pull.error_kind in FINAL

    @property
    def manifest_s(self) -> float | None:
        """Seconds until the manifest arrived, connecting and token included."""
        return self.pull.auth_s + self.pull.manifest_s if self.has_image else None

    @property
    def rate(self) -> float | None:
        """Bytes a second of the layers; None if one of them failed."""
        if not self.pull.ok or not self.pull.transfer_s:
            return None
        return (self.pull.bytes_fetched or 0) / self.pull.transfer_s

    @property
    def failure(self) -> Failure | None:
        """Why it did not deliver the image; None if it did."""
        return None if self.pull.ok else self.pull.failures[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        failure = self.failure
        return {
            "candidate": self.candidate,
            "reference": self.source.reference,
            "kind": self.source.kind,
            "blocked": self.source.blocked,
            "reachable": self.reachable,
            "has_image": self.has_image,
            "digest": self.pull.digest,
            "index_digest": self.pull.index_digest,
            "manifest_s": self.manifest_s,
            "layers_ok": self.pull.ok,
            "bytes_per_s": self.rate,
            "total_s": self.pull.total_s,
            "error_kind": failure.kind if failure else None,
            "error": failure.message if failure else None,
        }


@dataclass(frozen=True, slots=True)
class Bench:
    """Every source of a name, asked once.

    Attributes:
        resolution: what the name means.
        tried: the sources in the order of the resolution.
    """

    resolution: Resolution
    tried: tuple[Tried, ...]

    @property
    def ok(self) -> bool:
        """Whether podman would get the image today."""
        return self.served is not None

    @property
    def chosen(self) -> Tried | None:
        """The source that podman takes today: the first that delivers the manifest."""
        for candidate in self.resolution.candidates:
            mine = [each for each in self.tried if each.candidate == candidate.name]
            first = next((each for each in mine if each.has_image or each.ends), None)
            if first is not None and first.has_image:
                return first
        return None

    @property
    def served(self) -> Tried | None:
        """The source from which podman would get the image, by its rules; None if it would not.

        If a layer fails, podman moves on to the next candidate and not to the next source; only podman 6
        takes the layer from the next source.
        """
        moves_on = self.resolution.conf.release.blobs_move_on
        for candidate in self.resolution.candidates:
            mine = [each for each in self.tried if each.candidate == candidate.name]
            first = next((index for index, each in enumerate(mine) if each.has_image or each.ends), None)
            if first is None or not mine[first].has_image:
                continue
            if mine[first].pull.ok:
                return mine[first]
            if moves_on and any(each.pull.ok for each in mine[first + 1 :]):
                return mine[first]
        return None

    @property
    def nowhere(self) -> bool:
        """Whether every source that is asked says that it has no such image."""
        asked = [each for each in self.tried if not each.source.blocked]
        return bool(asked) and all(
            each.failure is not None and each.failure.kind == "http-404" for each in asked
        )

    @property
    def expected_s(self) -> float:
        """Seconds until podman has the image: those of the sources that it asks without success, too."""
        asked = 0.0
        for each in self.tried:
            asked += each.pull.total_s
            if each is self.served:
                break
        return asked

    @property
    def digests(self) -> set[str]:
        """The digests that were delivered; if there are several, the sources hold different images."""
        return {each.pull.digest for each in self.tried if each.pull.digest}

    @property
    def indexes(self) -> set[str]:
        """The digests of the indexes that led to the image; a copy of one architecture has none."""
        return {each.pull.index_digest for each in self.tried if each.pull.index_digest}

    @property
    def single_copies(self) -> tuple[Tried, ...]:
        """The sources that hold the image for one platform only, where another one has the whole index."""
        having = (each for each in self.tried if each.has_image and self.indexes)
        return tuple(each for each in having if each.pull.index_digest is None)

    def agreement(self) -> Iterator[str]:
        """Yield in sentences whether all sources deliver the same image, and what to do where they do not."""
        having = [each for each in self.tried if each.has_image]
        if len(self.digests) == 1:
            alone = "The one source that has it delivers" if len(having) == 1 else "All that have it deliver"
            yield f"{alone} the digest {_delivered(having[0].pull)}."
        elif having:
            told = "; ".join(f"{each.name} {each.pull.digest}" for each in having)
            yield f"The sources deliver different images: {told}."
            yield 'Where a mirror is old, pull-from-mirror = "digest-only" takes the tags from the origin.'
        if len(self.indexes) > 1:
            yield "Their indexes differ, so the digest of one is missing at the others."
        for each in self.single_copies:
            yield (
                f"{each.name} is a copy of one architecture, without the index's digest: copy "
                "it with skopeo copy --all --preserve-digests, or write "
                'pull-from-mirror = "digest-only" for this mirror.'
            )

    @property
    def fastest(self) -> tuple[Tried, ...]:
        """The sources that delivered the whole image, fastest first."""
        whole = (each for each in self.tried if each.pull.ok)
        return tuple(sorted(whole, key=lambda each: each.pull.total_s))

    @property
    def dead(self) -> tuple[Tried, ...]:
        """The sources that did not, except blocked ones."""
        return tuple(each for each in self.tried if not each.pull.ok and not each.source.blocked)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        chosen, served = self.chosen, self.served
        return {
            "image": self.resolution.image,
            "podman": self.resolution.conf.podman,
            "ok": self.ok,
            "sources": [each.to_dict() for each in self.tried],
            "would_use": chosen.source.reference if chosen else None,
            "would_succeed": served is not None,
            "same_digest": len(self.digests) == 1 if self.digests else None,
            "fastest": [each.source.reference for each in self.fastest],
        }

    def __str__(self) -> str:
        wrap = partial(textwrap.wrap, width=min(terminal_width(), 100), break_on_hyphens=False)
        about = f"{self.resolution.image}, by the rules of podman {self.resolution.conf.podman}"
        order = [line for text in _order(self) for line in wrap(visible(text))]
        lines = [
            *wrap(visible(_verdict(self))),
            "",
            *order,
            *([""] if order else []),
            *wrap(visible(f"{about}:")),
            *_fitting(_table(self), min(terminal_width(), 100)),
            "",
            *(line for text in _failed(self) for line in wrap(visible(text), subsequent_indent="   ")),
            *(line for text in _facts(self) for line in wrap(visible(text))),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        (heads, units, *rows), texts = _table(self), [*_order(self), *_failed(self), *_facts(self)]
        named = tuple(f"{head} {unit}".strip() for head, unit in zip(heads, units, strict=True))
        items = "".join(f"<li>{escape(visible(text))}</li>" for text in texts)
        shown = html_table([named, *rows], right=range(4, 7), caption=self.resolution.image)
        return f"<div><p><b>{escape(visible(_verdict(self)))}</b></p>{shown}<ul>{items}</ul></div>"


def _failed(found: Bench) -> Iterator[str]:
    """Yield why each source failed, and the cure."""
    for at, each in enumerate(found.tried, 1):
        if each.failure is not None:
            yield f"{at}. {each.failure.message} [{each.failure.kind}]"
            yield f"   cure: {dict(explained([each.failure], ok=not found.nowhere))['cure']}"


def bench(
    image: str,
    conf: RegistriesConf,
    *,
    platform: Platform | None = None,
    workers: int = 4,
    meter: Meter | None = None,
    tls_verify: bool | None = None,
    plain_http: bool = False,
) -> Bench:
    """Ask every source of ``image`` for the whole image, one after the other; nothing is kept.

    Args:
        image: the name, as a user would type it for podman.
        conf: the configuration that decides the sources.
        platform: which image of an index; None for this machine's platform.
        workers: number of layers that are fetched at the same time.
        meter: shows progress while the pulls run.
        tls_verify, plain_http: as for :func:`regtools.time_pull`.

    Raises:
        RegtoolsError: the name is wrong or cannot be resolved.
    """
    resolution = conf.resolve(image)
    tried = []
    pairs = [(each, source) for each in resolution.candidates for source in each.sources]
    names = source_names(source for _, source in pairs)
    for (candidate, source), name in zip(pairs, names, strict=True):
        alone = candidate.replace(sources=(source,))
        pull = time_resolution(
            resolution.replace(candidates=(alone,)),
            platform=platform,
            workers=workers,
            limits=Limits(retries=0),
            meter=meter,
            tls_verify=tls_verify,
            plain_http=plain_http,
        )
        tried.append(Tried(name, candidate.name, source, pull.replace(place=name)))
    return Bench(resolution, tuple(tried))


# -- the answer in words ---------------------------------------------------------------------------------

_CLEAR = 0.9  # of the time as configured; one pull of each shows no smaller gain


def _verdict(found: Bench) -> str:
    """Return the answer in one sentence, and a second one where it compares different images."""
    differ = " But the sources deliver different images." if len(found.digests) > 1 else ""
    return f"{_fastest(found)}{differ}"


def _fastest(found: Bench) -> str:
    """Return what podman gets and what would be faster, with both numbers where there are two."""
    podman, chosen, served = f"podman {found.resolution.conf.release.name}", found.chosen, found.served
    if chosen is None:
        if found.nowhere:
            return "No source has this image: check name and tag."
        return f"No source delivers this image: {podman} would not get it."
    if served is None:
        return f"{podman} would choose {chosen.name} today, and the pull would fail at its layers."
    now, (best, *others) = found.expected_s, found.fastest
    both = f"{seconds(best.pull.total_s)} against {seconds(now)} as configured"
    if len(found.tried) == 1:
        return f"{best.name} delivers in {seconds(now)}; it is the only source."
    if not others:
        asked = both if served is not found.tried[0] else seconds(now)
        return f"Only {best.name} delivers: {asked}."
    if best.pull.total_s >= _CLEAR * now:
        other = next(each for each in found.fastest if each is not served)
        return (
            f"The current order is as fast as any: {seconds(now)} from {served.name}, against "
            f"{seconds(other.pull.total_s)} from {other.name}."
        )
    return f"{'Pull without mirrors' if best.source.kind == 'primary' else f'Put {best.name} first'}: {both}."


def _order(found: Bench) -> Iterator[str]:
    """Yield the order of the sources that deliver, and what its one pull of each is worth."""
    mirrors = [each for each in found.fastest if each.source.kind == "mirror"]
    if len(found.fastest) > 1:
        several = len(mirrors) > 1
        listed = mirrors if several else found.fastest
        told = ", ".join(f"{each.name} ({seconds(each.pull.total_s)})" for each in listed)
        yield f"Fastest{' order of [[registry.mirror]]' if several else ' first'}: {told}."
        yield (
            "The caches were as they were: a mirror that had to fetch the image first is faster next time. "
            "One pull of each ranks little: --rounds 10 --journal FILE gives a verdict."
        )


def _table(found: Bench) -> list[tuple[str, ...]]:
    """Return the table of the sources: a row of headings, a row of units, a row a source."""
    unit, time = one_unit(each.pull.total_s for each in found.tried if not each.source.blocked)
    rows: list[tuple[str, ...]] = [
        ("", "source", "", "result", "manifest", "layers", "total"),
        ("", "", "", "", unit, "MB/s", unit),
    ]
    for at, each in enumerate(found.tried, 1):
        result = "blocked" if each.source.blocked else each.failure.kind if each.failure else "delivers"
        rate = "-" if each.rate is None else f"{each.rate / 1e6:.3g}"
        manifest = "-" if each.manifest_s is None else time(each.manifest_s)
        total = "-" if each.source.blocked else time(each.pull.total_s)
        rows.append((f"{at}.", each.source.kind, each.name, result, manifest, rate, total))
    return rows


def _fitting(rows: list[tuple[str, ...]], width: int) -> list[str]:
    """Return the lines of the table; names are cut where the screen is too narrow for them."""
    lines = text_table(rows, right=range(4, 7), indent="  ")
    over = max(map(columns, lines)) - width
    if over <= 0:
        return lines
    room = max(max(columns(row[2]) for row in rows) - over - 1, 8)
    cut = ((*row[:2], clipped(row[2], room), *row[3:]) for row in rows)
    return text_table(cut, right=range(4, 7), indent="  ")


def _facts(found: Bench) -> Iterator[str]:
    """Yield what podman would do, which images are there, and what the sources without it cost."""
    chosen, served, release = found.chosen, found.served, found.resolution.conf.release
    if chosen is None:
        return
    if served is chosen and not chosen.pull.ok:
        yield (
            f"podman {release.name} would take the manifest from {chosen.name} today, and the layers that "
            "fail there from the next source."
        )
    elif served is not None:
        yield f"podman {release.name} would take {served.name} today: the first that gives the manifest."
    if not release.blobs_move_on:
        yield "It moves on to another source only before or at the manifest, never at a layer."
    yield from found.agreement()
    which = ""
    for each in found.tried:
        if each.source.kind == "mirror" and each.failure is not None and not each.source.blocked:
            yield _cost(each, each.failure.kind, which)
        if each is (served or chosen):
            which = " that no source before it serves"


def _cost(each: Tried, kind: str, which: str) -> str:
    """Return what a mirror that does not deliver costs on the pulls that ask it, and what to do."""
    time = seconds(each.pull.total_s)
    if kind == "http-404":
        return f"{each.name} does not have this image, and asking it costs {time} on every pull of it{which}."
    silent = (
        "; podman has no such limit and waits for minutes where nothing answers" if kind == "timeout" else ""
    )
    return f"{each.name} costs {time} here on every pull{which}{silent}: remove it, or repair it."


def _delivered(pull: Pull) -> str:
    """Return the digest that arrived; where one was asked for, that one first, which may be an index's."""
    asked, own = pull.asked_digest, pull.digest or ""
    if asked is None:
        return own
    return f"that was asked for, {asked}{'' if asked == own else f'; this platform gets {own}'}"
