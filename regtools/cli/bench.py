"""``regtools bench``: which mirror, how fast, why; once for a look, many rounds for a verdict."""

from __future__ import annotations

import sys
from functools import partial

from regtools.cli import NO, OK, USAGE, campaign, sources
from regtools.cli.progress import Line, pull_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from regtools.pull.bench import Bench, Tried
    from regtools.registries.config import RegistriesConf

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="+", help="name as podman would be given it")
    sources.configure(parser)
    add("--platform", metavar="OS/ARCH", help="for instance linux/arm64 (default: this machine's)")
    add("--workers", type=int, default=4, metavar="N", help="blobs fetched at the same time (default 4)")
    add("--json", action="store_true", help="the answer as data")
    campaign.configure(parser)
    parser.epilog = (
        "Without --rounds every source is asked once for the whole image, and nothing is kept. With\n"
        "--scheduler the same campaign runs on every host of a Dask cluster, with logins of its own. Exit:\n"
        "0 podman would get every image, 1 it would not, or the campaign is not done, 2 wrong usage."
    )


def run(options: Namespace) -> int:
    """Ask the sources; give 0, or 1 where podman would not get an image."""
    wrong = campaign.misuse(options)
    if wrong is not None:
        print(f"regtools bench: {wrong}", file=sys.stderr)
        return USAGE
    conf = sources.load(options, sources.release(options))
    if campaign.wanted(options):
        return campaign.run(options, conf)
    found = [_look(options, image, conf) for image in options.images]
    if options.json:
        import json

        print(json.dumps({"format": 1, "images": [each.to_dict() for each in found]}, indent=2))
    return OK if all(each.ok for each in found) else NO


def _look(options: Namespace, image: str, conf: RegistriesConf) -> Bench:
    from regtools.pull.bench import bench
    from regtools.pull.meter import Meter
    from regtools.pull.platforms import parse_platform

    meter = Meter()
    platform = parse_platform(options.platform) if options.platform else None
    with Line(partial(pull_line, meter)):
        found = bench(
            image,
            conf,
            platform=platform,
            workers=options.workers,
            meter=meter if sys.stderr.isatty() else None,
        )
    if not options.json:
        print("\n".join(_text(found)), flush=True)
    return found


# -- once --------------------------------------------------------------------------------------------------


def _text(found: Bench) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("", "source", "reachable", "manifest", "layers", "total")]
    rows += [_row(number, each) for number, each in enumerate(found.tried, 1)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    yield f"{found.resolution.image}, by the rules of podman {found.resolution.conf.podman}:"
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
    for number, each in enumerate(found.tried, 1):
        if each.failure is not None:
            yield f"  {number}. {each.failure.message} [{each.failure.kind}]"
    yield from _verdict(found)
    yield from _order(found)


def _row(number: int, each: Tried) -> tuple[str, ...]:
    from regtools.pull.display import seconds, size

    name = f"{each.source.kind} {each.source.reference}"
    if each.source.blocked:
        return f"{number}.", name, "blocked", "-", "-", "-"
    failure = each.failure
    kind = failure.kind if failure else ""
    if not each.has_image:
        reach = "yes" if each.reachable else f"no: {kind}"
        return f"{number}.", name, reach, f"failed: {kind}", "-", seconds(each.pull.total_s)
    layers = f"failed: {kind}" if each.rate is None else f"{size(each.rate)}/s"
    manifest = seconds(each.manifest_s or 0.0)
    return f"{number}.", name, "yes", manifest, layers, seconds(each.pull.total_s)


def _verdict(found: Bench) -> Iterator[str]:
    chosen, release = found.chosen, found.resolution.conf.release
    if chosen is None:
        yield f"podman {release.name} would get the image from none of these places."
        return
    reference = chosen.source.reference
    if chosen.pull.ok:
        yield f"podman {release.name} would take {reference} today: the first that gives the manifest."
    elif found.served is chosen:
        yield (
            f"podman {release.name} would take the manifest from {reference} today, and the layers that fail "
            "there from the next source."
        )
    else:
        yield f"podman {release.name} would choose {reference} today, and the pull would fail at its layers."
    if not release.blobs_move_on:
        yield "It moves on to another source only before or at the manifest, never at a layer."
    yield _digests(found)


def _digests(found: Bench) -> str:
    asked = [each for each in found.tried if each.has_image]
    if len(found.digests) == 1:
        alone = "The one source that has it delivers" if len(asked) == 1 else "All that have it deliver"
        return f"{alone} the digest {next(iter(found.digests))}."
    told = "; ".join(f"{each.source.reference} {each.pull.digest}" for each in asked)
    return f"The sources deliver different images: {told}."


def _order(found: Bench) -> Iterator[str]:
    from regtools.pull.display import seconds

    mirrors = [each for each in found.fastest if each.source.kind == "mirror"]
    if mirrors:
        told = ", ".join(f"{each.source.reference} ({seconds(each.pull.total_s)})" for each in mirrors)
        yield f"Fastest order of [[registry.mirror]]: {told}."
    elif found.fastest:
        told = ", ".join(f"{each.source.reference} ({seconds(each.pull.total_s)})" for each in found.fastest)
        yield f"Fastest: {told}."
    for each in found.dead:
        if each.source.kind != "mirror":
            continue
        cost = f"{each.source.reference} costs {seconds(each.pull.total_s)} here on every pull"
        silent = each.failure is not None and each.failure.kind == "timeout"
        more = "; podman has no such limit and waits for minutes where nothing answers" if silent else ""
        yield f"{cost}{more}: repair it or remove it."
    if len(found.fastest) > 1:
        yield "One pull of each ranks little: --rounds 10 --journal FILE gives a verdict."
