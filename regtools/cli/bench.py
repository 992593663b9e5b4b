"""``regtools bench``: which mirror, how fast, why; one look at every source, or a run for a verdict.

A run (``--rounds``) is made on this machine, or on every host of a Dask cluster.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import regtools
from regtools.campaigns.campaign import Progress, run_campaign
from regtools.campaigns.hosts.fleet import Fleet
from regtools.campaigns.hosts.local import LocalFleet, connect
from regtools.campaigns.journal import append, read_journal
from regtools.campaigns.sources import source_names, source_places
from regtools.campaigns.survey import Bench, bench
from regtools.display import size
from regtools.pull.manifests import parse_platform
from regtools.pull.meter import Meter
from regtools.registries.conf import RegistriesConf

from .options import configuration, load, misuse, pulling, release, transport
from .output import NO, OK, bar, complain, duration, progress, pull_line, say, say_json, say_verdict
from .parser import ending, file, number

if TYPE_CHECKING:
    import pandas as pd


# Option → argument of Fleet. An option that is not given is None, so that the defaults are Fleet's own.
FLEET = {
    "vantage": "vantages",
    "overlap": "overlap",
    "at_once": "at_once",
    "per_minute": "per_minute",
    "patience": "patience_s",
}
OPTIONS = {"vantage": "host"}  # what an option is called, where that is not the name of its value
# Options that have the name of the campaign's own argument.
AS_GIVEN = ("engine", "seed", "platform", "workers", "make_cold", "probes", "jitter", "stop_file")
MANY = 1_000_000


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``bench``."""
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="+", help="name as you would give it to podman pull")
    configuration(parser)
    pulling(parser)
    transport(parser)
    add("--json", action="store_true", help="print the answer as JSON")
    add = parser.add_argument_group(
        "a run of rounds: every source, many times, in shuffled order"
    ).add_argument
    add("--rounds", type=number(1, MANY), metavar="N", help="pulls from every source; 10 for a verdict")
    add(
        "--journal",
        metavar="FILE",
        type=file,
        help="keep every pull there; with --rounds the same command continues",
    )
    whole = number(0, 2**63 - 1)
    add("--seed", type=whole, metavar="N", help="of the shuffling (default: a new one, kept in the journal)")
    add("--cache-state", choices=("unknown", "cold", "warm"), action="append", help="may be repeated")
    add("--make-cold", metavar="COMMAND", type=_words, default=[], help="empty the cache of {place} by it")
    add("--probes", type=number(0, MANY), default=5, metavar="N", help="round trips measured a round (5)")
    time = number(0, MANY, whole=False)
    add("--pause", type=time, default=1.0, metavar="S", help="seconds of rest before each pull (1)")
    share = number(0, 1, whole=False)
    add("--jitter", type=share, default=0.5, metavar="SHARE", help="by which share the rest varies (0.5)")
    add("--stop-file", metavar="FILE", type=file, help="start no further pull once this file exists")
    add("--limit-bytes", type=whole, metavar="N", help="start no further pull once N bytes were fetched")
    hosts = parser.add_argument_group("a run on many hosts (needs the extra: fleet)")
    add = hosts.add_mutually_exclusive_group().add_argument
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://10.0.0.1:8786")
    add("--local-cluster", type=number(1, 1000), metavar="N", help="N workers on this machine, for practice")
    add = hosts.add_argument
    part = "the host takes part (default: all); may be repeated"
    add("--host", "--vantage", action="append", dest="vantage", metavar="NAME", help=part)
    add("--overlap", action="store_true", default=None, help="pulls on one host may run at the same time")
    add("--at-once", type=number(1, MANY), metavar="N", help="hosts that pull from a source at once (4)")
    rate = number(0.001, MANY, whole=False)
    add("--per-minute", type=rate, metavar="N", help="pulls a minute that start at a source (120)")
    add("--patience", type=time, metavar="S", help="seconds to wait for a host that has gone (60)")
    parser.epilog = ending(
        "0 podman would get every image (with --rounds: every pull was done), 1 not so, 2 wrong usage.",
        "regtools bench quay.io/team/app",
        "regtools bench quay.io/team/app --rounds 10 --journal pulls.jsonl",
        note="Without --rounds every source is asked once for the whole image; with --journal that is "
        "kept as one round. A source goes by the name of its link, which is a comment of one word behind the "
        "header ([[registry.mirror]]  # near), else by its host. With --scheduler the same run is made on "
        "every host of a Dask cluster, with that host's own logins.",
    )


def _words(text: str) -> list[str]:
    try:
        if words := shlex.split(text):
            return words
        raise ValueError("it is empty")
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a command: {str(error).lower()}") from None


def run(options: Namespace) -> int:
    """Ask every source once, or run the campaign."""
    many = options.scheduler is not None or options.local_cluster is not None
    given = [
        f"--{OPTIONS.get(name, name).replace('_', '-')}"
        for name in FLEET
        if getattr(options, name) is not None
    ]
    if given and not many:
        raise misuse(f"{', '.join(given)}: only with --scheduler or --local-cluster")
    conf = load(options, release(options))
    if many or options.rounds is not None:
        if options.plain_http or options.tls_verify is not None:
            raise misuse("a run of rounds asks as configured", "leave out --plain-http and --tls-verify")
        return _campaign(options, conf)
    if options.engine != "builtin":
        raise misuse("only a run of several rounds takes --engine", "add --rounds 10")
    found: list[Bench] = []
    for image in options.images:
        if found and not options.json:
            say()
        found.append(_look(options, image, conf))
    if options.json:
        say_json({"format": 1, "images": [each.to_dict() for each in found]})
    return OK if all(each.ok for each in found) else NO


# -- one look ----------------------------------------------------------------------------------------------


def _look(options: Namespace, image: str, conf: RegistriesConf) -> Bench:
    meter = Meter()
    with progress(partial(pull_line, meter)):
        found = bench(
            image,
            conf,
            platform=parse_platform(options.platform) if options.platform else None,
            workers=options.workers,
            meter=meter if sys.stderr.isatty() else None,
            tls_verify=options.tls_verify,
            plain_http=options.plain_http,
        )
    if not options.json:
        say_verdict(str(found), good=found.ok)
    if options.journal is not None:
        _keep(found, options.journal)
    return found


def _keep(found: Bench, journal: str) -> None:
    """Append the pulls of a look to a journal, as its next round."""
    last = read_journal(journal)[0]["round"].max() if os.path.exists(journal) else 0  # noqa: PTH110 - paths are text
    number = 1 + (int(last) if last == last else 0)  # NaN for a journal without a round
    for order, each in enumerate((each for each in found.tried if not each.source.blocked), 1):
        append(journal, each.pull.replace(round=number, order=order))
    complain(f"{journal}: round {number} is kept; regtools compare {journal} reads all of them")


# -- a campaign --------------------------------------------------------------------------------------------


def _campaign(options: Namespace, conf: RegistriesConf) -> int:
    names, places = source_places(options.images, conf)
    journal = options.journal or "pulls.jsonl"
    told: list[Progress] = []
    try:
        with ExitStack() as stack:
            client = _fleet(options, stack)
            stack.enter_context(progress(partial(_progress, told)))
            pulls = run_campaign(
                names,
                places,
                rounds=options.rounds or 10,
                journal=journal,
                client=client,
                cache_states=options.cache_state or ("unknown",),
                pause_s=options.pause,
                limit_bytes=options.limit_bytes,
                progress=told.append,
                **{name: getattr(options, name) for name in AS_GIVEN},
            )
    except KeyboardInterrupt:
        complain(f"stopped; every finished pull is in {journal}: the same command continues")
        raise
    _report(options, conf, pulls, journal)
    return OK if not pulls.attrs["stopped"] and len(pulls) and bool(pulls["ok"].all()) else NO


def _registry(image: str, conf: RegistriesConf) -> str | None:
    """Return the place that is the registry itself, without mirrors; None if podman does not contact it."""
    sources = next(each.sources for each in conf.resolve(image).candidates if each.sources)
    names = source_names(each for each in sources if not each.blocked)
    return None if sources[-1].blocked else names[-1]


def _fleet(options: Namespace, stack: ExitStack) -> Fleet | None:
    """Connect to the hosts, or start some on this machine; None for a campaign on this machine alone."""
    if options.local_cluster is not None:
        client = stack.enter_context(LocalFleet(options.local_cluster)).client()
    elif options.scheduler is not None:
        client = connect(options.scheduler)
    else:
        return None
    stack.enter_context(client)
    care = {argument: getattr(options, name) for name, argument in FLEET.items()}
    if options.vantage:
        care["vantages"] = tuple(options.vantage)
    return Fleet(client, **{name: value for name, value in care.items() if value is not None})


def _report(options: Namespace, conf: RegistriesConf, pulls: pd.DataFrame, journal: str) -> None:
    stopped, seed = pulls.attrs["stopped"], pulls.attrs["seed"]
    if options.json:
        rows = json.loads(pulls.to_json(orient="records", date_format="iso"))
        say_json({"format": 1, "journal": journal, "seed": seed, "stopped": stopped, "pulls": rows})
    elif len(pulls):
        one = options.scheduler is None and options.local_cluster is None
        compared = regtools.compare(
            pulls, by=None if one else "vantage"
        )  # loaded here: a look needs no pandas
        shown = replace(compared, registry=_registry(options.images[0], conf))
        say_verdict(str(shown), good=bool(compared.pairs()["differs"].any()))
        say(f"{len(pulls)} pull{'' if len(pulls) == 1 else 's'} in {journal}, seed {seed}")
    for at, (times, why) in pulls.attrs["refused"].items():
        complain(f"{at}: {times} {'result' if times == 1 else 'results'} refused, at last: {why}")
    if stopped:
        complain(f"stopped early: {stopped}; the same command continues")


def _progress(told: list[Progress], seconds: float) -> str:
    if not told:
        return f"first pull, {seconds:.0f} s"
    now = told[-1]
    left = f", {duration(now.left_s)} left" if now.left_s is not None else ""
    failed = f", {now.failed} failed" if now.failed else ""
    where = f", at {now.vantage}" if now.vantage else ""
    done = f"{now.done} of {now.total} pulls, round {now.round} of {now.rounds}{where}, {size(now.bytes)}"
    return f"{bar(now.done / now.total)} {done}{failed}{left}"
