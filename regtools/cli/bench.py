"""``regtools bench``: which mirror, how fast, why; once for a look, many rounds for a verdict.

``regtools bench --rounds``: a campaign on this machine, or on all hosts of a Dask cluster.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from . import NO, OK, USAGE
from . import options as sources
from .output import Line, bar, duration, pull_line

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    import pandas as pd

    from regtools.campaigns.campaign import Progress
    from regtools.campaigns.hosts.fleet import Fleet
    from regtools.campaigns.survey import Bench, Tried
    from regtools.registries.conf import RegistriesConf

__all__ = ["campaign_options", "configure", "misuse", "run", "run_rounds", "wanted"]


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="+", help="name as podman would be given it")
    sources.configure(parser)
    add("--platform", metavar="OS/ARCH", help="for instance linux/arm64 (default: this machine's)")
    add("--workers", type=int, default=4, metavar="N", help="blobs fetched at the same time (default 4)")
    add("--json", action="store_true", help="the answer as data")
    campaign_options(parser)
    parser.epilog = (
        "Without --rounds every source is asked once for the whole image, and nothing is kept. With\n"
        "--scheduler the same campaign runs on every host of a Dask cluster, with logins of its own. Exit:\n"
        "0 podman would get every image, 1 it would not, or the campaign is not done, 2 wrong usage."
    )


def run(options: Namespace) -> int:
    """Ask the sources; give 0, or 1 where podman would not get an image."""
    wrong = misuse(options)
    if wrong is not None:
        print(f"regtools bench: {wrong}", file=sys.stderr)
        return USAGE
    conf = sources.load(options, sources.release(options))
    if wanted(options):
        return run_rounds(options, conf)
    found = [_look(options, image, conf) for image in options.images]
    if options.json:
        import json

        print(json.dumps({"format": 1, "images": [each.to_dict() for each in found]}, indent=2))
    return OK if all(each.ok for each in found) else NO


def _look(options: Namespace, image: str, conf: RegistriesConf) -> Bench:
    from regtools.campaigns.survey import bench
    from regtools.pull.manifests import parse_platform
    from regtools.pull.meter import Meter

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
    from regtools.display import seconds, size

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
    from regtools.display import seconds

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


# Option → argument of Fleet. None stands for "not given", so that the defaults are Fleet's own.
_CARE = {
    "vantage": "vantages",
    "overlap": "overlap",
    "at_once": "at_once",
    "per_minute": "per_minute",
    "patience": "patience_s",
}


def campaign_options(parser: ArgumentParser) -> None:
    """Add the options."""
    many = parser.add_argument_group("a campaign: every source so many times, in shuffled order")
    add = many.add_argument
    add("--rounds", type=int, metavar="N", help="pull from every source so many times; 10 for a verdict")
    add("--journal", metavar="FILE", help="keep every pull there; the same command goes on (pulls.jsonl)")
    add("--engine", choices=("builtin", "podman", "skopeo"), default="builtin", help="who pulls")
    add("--seed", type=int, metavar="N", help="of the shuffling (default: a new one, kept in the journal)")
    add("--cache-state", choices=("unknown", "cold", "warm"), action="append", help="may be repeated")
    add("--make-cold", metavar="COMMAND", help="empties a source's cache; {place} stands for its name")
    add("--probes", type=int, default=5, metavar="N", help="round trips measured a source and round (5)")
    add("--pause", type=float, default=1.0, metavar="S", help="seconds of rest before each pull (1)")
    add("--jitter", type=float, default=0.5, metavar="SHARE", help="by which share the rest varies (0.5)")
    add("--stop-file", metavar="FILE", help="no further pull begins once there is such a file")
    add("--limit-bytes", type=int, metavar="N", help="no further pull begins once so much was fetched")
    hosts = parser.add_argument_group("a campaign on many hosts (needs the extra: fleet)")
    where = hosts.add_mutually_exclusive_group()
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://10.0.0.1:8786"
    )
    where.add_argument("--local-cluster", type=int, metavar="N", help="N workers on this machine, for trying")
    add = hosts.add_argument
    add("--vantage", action="append", metavar="NAME", help="take part (default: all); may be repeated")
    add("--overlap", action="store_true", default=None, help="pulls on one host may run at the same time")
    add("--at-once", type=int, metavar="N", help="hosts that pull from a source at the same time (4)")
    add("--per-minute", type=float, metavar="N", help="pulls a minute that begin at a source (120)")
    add("--patience", type=float, metavar="S", help="seconds to wait for a host that has gone (60)")


def wanted(options: Namespace) -> bool:
    """Say whether a campaign is asked for."""
    return options.rounds is not None or options.journal is not None or _many(options)


def misuse(options: Namespace) -> str | None:
    """Say which option makes no sense beside the others."""
    care = [f"--{name.replace('_', '-')}" for name in _CARE if getattr(options, name) is not None]
    if care and not _many(options):
        return f"{', '.join(care)}: only with --scheduler or --local-cluster"
    return None


def run_rounds(options: Namespace, conf: RegistriesConf) -> int:
    """Carry the campaign out; give 0, or 1 where it is not done or a pull failed."""
    import shlex

    from regtools.campaigns.campaign import run_campaign
    from regtools.campaigns.survey import source_places

    names, places = source_places(options.images, conf)
    journal = options.journal or "pulls.jsonl"
    last: list[Progress] = []
    line = Line(lambda seconds: _line(last, seconds))
    try:
        with _fleet(options) as fleet, line:
            pulls = run_campaign(
                names,
                places,
                rounds=10 if options.rounds is None else options.rounds,
                journal=journal,
                engine=options.engine,
                client=fleet,
                seed=options.seed,
                platform=options.platform,
                workers=options.workers,
                cache_states=options.cache_state or ("unknown",),
                make_cold=shlex.split(options.make_cold or ""),
                probes=options.probes,
                pause_s=options.pause,
                jitter=options.jitter,
                stop_file=options.stop_file,
                limit_bytes=options.limit_bytes,
                progress=lambda now: last.__setitem__(slice(None), [now]),
            )
    except KeyboardInterrupt:
        print(f"stopped; every finished pull is in {journal}: the same command goes on", file=sys.stderr)
        raise
    _tell(options, pulls, journal)
    return OK if not pulls.attrs["stopped"] and len(pulls) and bool(pulls["ok"].all()) else NO


def _many(options: Namespace) -> bool:
    return options.scheduler is not None or options.local_cluster is not None


@contextmanager
def _fleet(options: Namespace) -> Iterator[Fleet | None]:
    """Connect to the hosts, or start some on this machine; None where nobody asked for any."""
    if not _many(options):
        yield None
        return
    from contextlib import ExitStack

    from regtools.campaigns.hosts.fleet import Fleet
    from regtools.campaigns.hosts.local import LocalFleet, connect

    care = {argument: getattr(options, name) for name, argument in _CARE.items()}
    if care["vantages"]:
        care["vantages"] = tuple(care["vantages"])
    with ExitStack() as stack:
        if options.scheduler is None:
            client = stack.enter_context(LocalFleet(options.local_cluster)).client()
        else:
            client = connect(options.scheduler)
        stack.enter_context(client)
        yield Fleet(client, **{name: value for name, value in care.items() if value is not None})


def _tell(options: Namespace, pulls: pd.DataFrame, journal: str) -> None:
    stopped = pulls.attrs["stopped"]
    if options.json:
        import json

        rows = json.loads(pulls.to_json(orient="records", date_format="iso"))
        told = {"format": 1, "journal": journal, "seed": pulls.attrs["seed"], "stopped": stopped}
        print(json.dumps({**told, "pulls": rows}, indent=2))
    elif len(pulls):
        from regtools.analysis.compare import compare

        print(compare(pulls, by="vantage" if _many(options) else None))
        print(f"{len(pulls)} pulls in {journal}, seed {pulls.attrs['seed']}")
    for at, (times, why) in pulls.attrs["refused"].items():
        print(
            f"{at}: {times} {'result' if times == 1 else 'results'} refused, at last: {why}", file=sys.stderr
        )
    if stopped:
        print(f"stopped early: {stopped}; the same command goes on", file=sys.stderr)


def _line(last: list[Progress], seconds: float) -> str:
    from regtools.display import size

    if not last:
        return f"first pull, {seconds:.0f} s"
    now = last[0]
    left = f", {duration(now.left_s)} left" if now.left_s is not None else ""
    failed = f", {now.failed} failed" if now.failed else ""
    where = f", at {now.vantage}" if now.vantage else ""
    done = f"{now.done} of {now.total} pulls, round {now.round} of {now.rounds}{where}, {size(now.bytes)}"
    return f"{bar(now.done / now.total)} {done}{failed}{left}"
