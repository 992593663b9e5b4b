"""What a look at every source says: the verdict with both numbers, the order, the table, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from regtools.display import one_unit, seconds

if TYPE_CHECKING:
    from regtools.registries.resolution import Source

    from .survey import Bench, Tried

_CLEAR = 0.9  # of the time as configured; one pull of each shows no smaller gain
_NAME = re.compile(r"[^#]*\]\s*#\s*([\w.-]{1,24})\s*")  # of a link: a comment of one word behind its header


def source_names(sources: Iterable[Source]) -> list[str]:
    """Return a name for each source: the link's where the configuration has one, else the host.

    A link's name is a comment of one word behind the header, as in ``[[registry.mirror]]  # near``. A second
    source of one name has ``#2`` after it.
    """
    names: list[str] = []
    for source in sources:
        name = _link(source) or source.reference.partition("/")[0]
        number = 1 + sum(each.partition("#")[0] == name for each in names)
        names.append(name if number == 1 else f"{name}#{number}")
    return names


def _link(source: Source) -> str | None:
    if source.entry is None:
        return None
    key = () if source.kind == "primary" else ("mirror", source.mirror)
    where = source.conf.place(source.entry.prefix, *key)
    text = next((each.text for each in source.conf.documents if each.file == where.file), "")
    lines = text.split("\n")
    found = _NAME.fullmatch(lines[where.line - 1]) if where.line and where.line <= len(lines) else None
    return found[1] if found else None


def verdict(found: Bench) -> str:
    """Return the answer in one sentence, with both numbers where there are two."""
    podman, chosen, served = f"podman {found.resolution.conf.release.name}", found.chosen, found.served
    if chosen is None:
        if found.nowhere:
            return "No source has this image: check name and tag."
        return f"No source delivers this image: {podman} would not get it."
    if served is None:
        return f"{podman} would choose {chosen.name} today, and the pull would fail at its layers."
    now, (best, *others) = found.expected_s, found.fastest
    if not others:
        return f"{best.name} delivers in {seconds(now)}, and no other source does."
    both = f"{seconds(best.pull.total_s)} against {seconds(now)} as configured"
    if best.pull.total_s >= _CLEAR * now:
        other = next(each for each in found.fastest if each is not served)
        return (
            f"The current order is as fast as any: {seconds(now)} from {served.name}, against "
            f"{seconds(other.pull.total_s)} from {other.name}."
        )
    return f"{'Pull without mirrors' if best.source.kind == 'primary' else f'Put {best.name} first'}: {both}."


def order(found: Bench) -> Iterator[str]:
    """Yield the order of the sources that deliver, and what its one pull of each is worth."""
    mirrors = [each for each in found.fastest if each.source.kind == "mirror"]
    if found.fastest:
        told = ", ".join(f"{each.name} ({seconds(each.pull.total_s)})" for each in mirrors or found.fastest)
        yield f"Fastest{' order of [[registry.mirror]]' if mirrors else ''}: {told}."
    if len(found.fastest) > 1:
        yield (
            "The caches were as they were: a mirror that had to fetch the image first is faster next time. "
            "One pull of each ranks little: --rounds 10 --journal FILE gives a verdict."
        )


def table(found: Bench) -> list[tuple[str, ...]]:
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


def facts(found: Bench) -> Iterator[str]:
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
    for each in found.dead:
        if each.source.kind == "mirror" and each.failure is not None:
            yield _cost(each, each.failure.kind)


def _cost(each: Tried, kind: str) -> str:
    """Return what a mirror that does not deliver costs, and what to do."""
    time = seconds(each.pull.total_s)
    if kind == "http-404":
        return f"{each.name} does not have this image, and asking it costs {time} on every pull of it."
    silent = (
        "; podman has no such limit and waits for minutes where nothing answers" if kind == "timeout" else ""
    )
    return f"{each.name} costs {time} here on every pull{silent}: remove it, or repair it."
