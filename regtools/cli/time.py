"""``regtools time``: pull an image for real, keep nothing of it, and say where the time went."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from regtools.display import seconds
from regtools.errors import Place, RegtoolsError
from regtools.pull.meter import Meter
from regtools.pull.timing import time_pull

from . import NO, OK
from . import options as sources
from .output import Line, pull_line

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from regtools.pull.records import Pull

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("image", metavar="IMAGE", help="name as podman would be given it")
    sources.configure(parser)
    add(
        "--engine",
        choices=("builtin", "podman", "skopeo"),
        default="builtin",
        help="who pulls: our own client (default), or the program, into storage that is empty each time",
    )
    add("--timeout", type=_seconds, metavar="S", help="kill podman or skopeo after S seconds (default 1800)")
    add("--platform", metavar="OS/ARCH", help="for instance linux/arm64 (default: this machine's)")
    add("--workers", type=_count, default=4, metavar="N", help="blobs fetched at the same time (default 4)")
    add("--rounds", type=_count, default=1, metavar="N", help="pull so many times (default 1)")
    add("--into", metavar="DIR", help="keep the image as an OCI layout; with --rounds 1 only")
    add("--journal", metavar="FILE", help="add every request's times to this file, JSON Lines")
    add(
        "--plot",
        metavar="FILE",
        help="draw a waterfall of one pull, or the spread of several (.png, .svg, .pdf)",
    )
    add("--json", action="store_true", help="print the rows as JSON")
    parser.epilog = (
        "Exit status: 0 all pulled, 1 a pull failed, 2 wrong usage. Nothing is kept unless --into says so."
    )


def run(options: Namespace) -> int:
    """Pull, tell, keep; give 0, or 1 if a pull failed."""
    if options.into is not None and options.rounds > 1:
        raise RegtoolsError(
            "one folder cannot take several pulls",
            kind="usage",
            stage="pull",
            hint="leave out --into or --rounds",
        )
    if options.into is not None and options.engine != "builtin":
        raise RegtoolsError("only the builtin engine takes --into", kind="usage", stage="pull")
    pulls = []
    for pull in _pulls(options):
        if options.journal is not None:
            from regtools.campaigns.journal import append

            append(options.journal, pull)
        if not options.json:
            print(pull if options.rounds == 1 else _line(pull), flush=True)
        pulls.append(pull)
    if options.json:
        import json

        print(json.dumps({"format": 1, "pulls": [pull.to_dict() for pull in pulls]}, indent=2))
    elif options.rounds > 1:
        print(_summary(pulls))
    if options.plot is not None:
        _plot(pulls, options.plot)
    return OK if all(pull.ok for pull in pulls) else NO


def _pulls(options: Namespace) -> Iterator[Pull]:
    conf = sources.load(options, sources.release(options))
    for number in range(1, options.rounds + 1):
        meter = Meter()
        with Line(partial(_progress, options, meter)):
            pull = time_pull(
                options.image,
                conf,
                platform=options.platform,
                workers=options.workers,
                into=options.into,
                engine=options.engine,
                timeout_s=options.timeout,
                meter=meter if sys.stderr.isatty() else None,
            )
        yield replace(pull, round=number)


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
    from statistics import median

    spread = f"from {seconds(times[0])} to {seconds(times[-1])}"
    return f"{len(times)} of {len(pulls)} pulled: median {seconds(median(times))}, {spread}"


def _plot(pulls: list[Pull], path: str) -> None:
    import matplotlib

    matplotlib.use("agg")  # a file is wanted, no window
    import matplotlib.pyplot as plt

    from regtools.analysis import charts

    _ = charts.waterfall(pulls[0]) if len(pulls) == 1 else charts.ecdf(pulls)
    try:
        plt.savefig(path)
    except (OSError, ValueError) as error:  # ValueError: a format that matplotlib does not know
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RegtoolsError(
            f"the chart cannot be written: {reason}", kind="file-unwritable", stage="pull", where=Place(path)
        ) from error
    finally:
        plt.close()
    print(f"chart: {path}", file=sys.stderr)


def _count(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1_000_000:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return value
