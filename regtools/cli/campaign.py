"""``regtools bench --rounds``: a campaign on this machine, or on all hosts of a Dask cluster."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from regtools.cli import NO, OK
from regtools.cli.progress import Line, bar, duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    import pandas as pd

    from regtools.pull.campaign import Progress
    from regtools.pull.fleet import Fleet
    from regtools.registries.config import RegistriesConf

__all__ = ["configure", "misuse", "run", "wanted"]

# Option → argument of Fleet. None stands for "not given", so that the defaults are Fleet's own.
_CARE = {
    "vantage": "vantages",
    "overlap": "overlap",
    "at_once": "at_once",
    "per_minute": "per_minute",
    "patience": "patience_s",
}


def configure(parser: ArgumentParser) -> None:
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


def run(options: Namespace, conf: RegistriesConf) -> int:
    """Carry the campaign out; give 0, or 1 where it is not done or a pull failed."""
    import shlex

    from regtools.pull.campaign import run_campaign
    from regtools.pull.places import source_places

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

    from regtools.pull.fleet import Fleet
    from regtools.pull.localfleet import LocalFleet, connect

    care = {argument: getattr(options, name) for name, argument in _CARE.items()}
    if care["vantages"]:
        care["vantages"] = tuple(care["vantages"])
    with ExitStack() as stack:
        address = options.scheduler
        if address is None:
            address = stack.enter_context(LocalFleet(options.local_cluster)).address
        client = stack.enter_context(connect(address))
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
    if stopped:
        print(f"stopped early: {stopped}; the same command goes on", file=sys.stderr)


def _line(last: list[Progress], seconds: float) -> str:
    from regtools.pull.display import size

    if not last:
        return f"first pull, {seconds:.0f} s"
    now = last[0]
    left = f", {duration(now.left_s)} left" if now.left_s is not None else ""
    failed = f", {now.failed} failed" if now.failed else ""
    where = f", at {now.vantage}" if now.vantage else ""
    done = f"{now.done} of {now.total} pulls, round {now.round} of {now.rounds}{where}, {size(now.bytes)}"
    return f"{bar(now.done / now.total)} {done}{failed}{left}"
