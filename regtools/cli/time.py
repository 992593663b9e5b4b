"""``regtools time``: pull an image for real, keep nothing of it, and show where the time went."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from functools import partial

import regtools
from regtools.display import seconds, terminal_width, text_table
from regtools.pull.meter import Meter
from regtools.pull.records import Pull, explained
from regtools.pull.timing import time_pull

from .options import configuration, load, misuse, pulling, release, transport
from .output import NO, OK, progress, pull_line, save_chart, say, say_json
from .parser import ending, file, number


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``time``."""
    add = parser.add_argument
    add("image", metavar="IMAGE", help="name as you would give it to podman pull")
    configuration(parser)
    pulling(parser)
    transport(parser)
    limit = number(0, 1_000_000, whole=False, above=True)
    add("--timeout", type=limit, metavar="S", help="kill podman or skopeo after S seconds (default 1800)")
    add("--rounds", type=number(1, 1_000_000), default=1, metavar="N", help="pull so many times (default 1)")
    add("--into", metavar="DIR", type=file, help="keep the image as an OCI layout; for one round only")
    add("--journal", metavar="FILE", type=file, help="append the times of every request, as JSON Lines")
    add("--plot", metavar="FILE", type=file, help="draw one pull, or the spread of several (.png, .svg, …)")
    add("--json", action="store_true", help="print the rows as JSON")
    parser.epilog = ending(
        "0 all pulled, 1 a pull failed, 2 wrong usage.",
        "regtools time quay.io/podman/hello",
        "regtools time nginx --rounds 5 --journal pulls.jsonl --plot times.svg",
        note="Nothing is kept, except with --into.",
    )


def run(options: Namespace) -> int:
    """Pull, print and record each pull."""
    if options.into is not None and options.rounds > 1:
        raise misuse("one folder cannot take several pulls", "leave out --into or --rounds")
    if options.into is not None and options.engine != "builtin":
        raise misuse("only the builtin engine takes --into", "leave out --into or --engine")
    if options.plain_http and options.engine != "builtin":
        raise misuse(f"{options.engine} has no --plain-http", "write --tls-verify=false")
    pulls = []
    for pull in _pulls(options):
        if options.journal is not None:
            from regtools.campaigns.journal import append

            where = (pull.served_by or (*pull.attempts, pull.image)[0]).partition("/")[0]
            append(options.journal, pull.replace(place=where))
        if not options.json:
            say(pull if options.rounds == 1 else _line(pull))
        pulls.append(pull)
    if options.json:
        say_json({"format": 1, "pulls": [pull.to_dict() for pull in pulls]})
    elif options.rounds > 1:
        say(_summary(pulls))
        failures = dict.fromkeys(each for pull in pulls for each in pull.failures)
        why = explained(list(failures), ok=any(pull.ok for pull in pulls))
        rows = [(f"{name}:", text) for name, text in why]
        for line in text_table(rows, indent="  ", width=terminal_width()):
            say(line)
    if options.plot is not None:
        save_chart(partial(_draw, pulls), options.plot)
    return OK if all(pull.ok for pull in pulls) else NO


def _pulls(options: Namespace) -> Iterator[Pull]:
    conf = load(options, release(options))
    for at in range(1, options.rounds + 1):
        meter = Meter()
        with progress(partial(_progress, options, meter)):
            pull = time_pull(
                options.image,
                conf,
                platform=options.platform,
                workers=options.workers,
                into=options.into,
                engine=options.engine,
                timeout_s=options.timeout,
                meter=meter if sys.stderr.isatty() else None,
                tls_verify=options.tls_verify,
                plain_http=options.plain_http,
            )
        yield pull.replace(round=at)


def _progress(options: Namespace, meter: Meter, seconds_so_far: float) -> str:
    if options.engine != "builtin":
        return f"{options.engine} pulls {options.image}, {seconds_so_far:.0f} s"
    return pull_line(meter, seconds_so_far)


def _line(pull: Pull) -> str:
    verdict = pull.served_by if pull.ok else f"failed: {pull.failures[-1]}" if pull.failures else "failed"
    return f"round {pull.round}: {seconds(pull.total_s):>9}  {verdict}"


def _summary(pulls: list[Pull]) -> str:
    times = sorted(pull.total_s for pull in pulls if pull.ok)
    if not times:
        return f"none of {len(pulls)} pulls succeeded"
    middle = (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2  # importing statistics takes 5 ms
    spread = f"from {seconds(times[0])} to {seconds(times[-1])}"
    return f"{len(times)} of {len(pulls)} pulled: median {seconds(middle)}, {spread}"


def _draw(pulls: list[Pull]) -> None:
    charts = regtools.charts  # loaded here: most calls draw nothing
    _ = charts.waterfall(pulls[0]) if len(pulls) == 1 else charts.ecdf(pulls)
