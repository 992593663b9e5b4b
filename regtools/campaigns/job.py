"""One pull of a campaign as a value, and the function that carries it out: job in, rows out.

A :class:`Job` can be pickled and :func:`carry_out` stands at module level, so any executor can map one over
the other, on this machine or on many. What travels of a job's configuration is what is in force, as text:
no comment, no environment, no login. Where it arrives, that machine's environment counts, and logins are
looked up in that machine's files. Rows are plain data, ready for the journal.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.pull.failover import open_source
from regtools.pull.http.fetch import Lane, fetch
from regtools.pull.http.receiving import Body, Wanted
from regtools.pull.http.transport import Client, Limits
from regtools.pull.http.trust import find_trust
from regtools.pull.recorder import Run, utc
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from regtools.registries.writing import effective_toml, quote

if TYPE_CHECKING:
    from typing import Any

    from regtools.pull.records import Pull
    from regtools.registries.resolution import Source

__all__ = ["CACHE_STATES", "Job", "carry_out", "pull_rows"]

if TYPE_CHECKING:
    Row = dict[str, Any]

CACHE_STATES = ("unknown", "cold", "warm")
_CHILL_S = 600  # a cache that takes longer to be emptied hangs


@dataclass(frozen=True, slots=True)
class Job:
    """One pull to be measured, and what has to be done before it.

    Attributes:
        key: names it in the journal, unique within a campaign.
        image, place, conf: what to pull, and whence.
        round, order: its block, and its number in the block, both from 1.
        cache_state: ``cold`` runs ``make_cold`` first; ``warm`` pulls once unmeasured, unless ``is_warm``.
        is_warm: whether the job before has just pulled the same from the same place.
        make_cold: program and arguments that empty the place's cache; ``{place}`` stands for its name.
        probes: round trips to be measured before the pull, when nothing else runs; 0 for none.
        pause_s: seconds to rest before all this.
        vantage: where it is to be carried out; empty for here.
    """

    key: str
    image: str
    place: str
    conf: RegistriesConf = field(repr=False)
    round: int = 1
    order: int = 1
    engine: str = "builtin"
    platform: str | None = None
    workers: int = 4
    timeout_s: float | None = None
    cache_state: str = "unknown"
    is_warm: bool = False
    make_cold: tuple[str, ...] = field(default=(), repr=False)
    probes: int = 0
    pause_s: float = 0.0
    vantage: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "conf"}
        return _arrived, (values, self.conf.podman, effective_toml(self.conf), _remembered(self.conf))


def _arrived(values: dict[str, Any], podman: str, text: str, aliases: str) -> Job:
    return Job(conf=_conf(podman, text, aliases), **values)


@lru_cache(256)
def _conf(podman: str, text: str, aliases: str) -> RegistriesConf:
    return RegistriesConf.from_toml(text, podman=podman, short_name_aliases=aliases or None)


def _remembered(conf: RegistriesConf) -> str:
    """Write the remembered answers anew; a file of them that cannot be read fails short names here, too."""
    try:
        pairs = conf.remembered.items()
    except RegtoolsError:
        return ""
    return (
        "".join(["[aliases]\n", *(f"{quote(name)} = {quote(to)}\n" for name, to in pairs)]) if pairs else ""
    )


def carry_out(job: Job) -> list[Row]:
    """Do a job; give its rows for the journal, the pull's own row last.

    Raises:
        RegtoolsError: the cache could not be emptied, or the program is missing. A pull that fails on the
            network is a row.
    """
    time.sleep(job.pause_s)
    if job.cache_state == "cold":
        _make_cold(job)
    if job.cache_state == "warm" and not job.is_warm:
        _time(job)
    rows = [_probe(job)] if job.probes else []
    pull = replace(
        _time(job), vantage=job.vantage, round=job.round, order=job.order, cache_state=job.cache_state
    )
    return [*rows, *pull_rows(pull, job=job.key)]


def pull_rows(pull: Pull, **more: Any) -> list[Row]:
    """Give a pull's requests and, last, its own row, as they stand in a journal."""
    rows: list[Row] = [{"row": "request", **request.to_dict()} for request in pull.requests]
    return [*rows, {"row": "pull", **pull.row(), **more}]


def _time(job: Job) -> Pull:
    return time_pull(
        job.image,
        job.conf,
        platform=job.platform,
        workers=job.workers,
        place=job.place,
        engine=job.engine,
        timeout_s=job.timeout_s,
    )


def _make_cold(job: Job) -> None:
    command = [part.replace("{place}", job.place) for part in job.make_cold]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_CHILL_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise _not_cold(job, getattr(error, "strerror", None) or "it took too long") from error
    if done.returncode:
        raise _not_cold(job, f"status {done.returncode}: {done.stderr.strip()[-300:]}")


def _not_cold(job: Job, reason: str) -> RegtoolsError:
    return RegtoolsError(
        f"the cache of {job.place} could not be emptied by {job.make_cold[0]}: {reason}",
        kind="not-cold",
        stage="pull",
        hint="a pull that is not cold must not be called so; nothing was measured",
    )


# -- latency, when nothing else runs ---------------------------------------------------------------------


def _probe(job: Job) -> Row:
    """Measure round trips to a place: small requests over one connection, nothing beside them."""
    row: Row = {
        "row": "probe",
        "job": job.key,
        "vantage": job.vantage,
        "round": job.round,
        "place": job.place,
        "started_at": utc(time.time()),
        "url_host": None,
        "n": 0,
        "connect_s": None,
        "rtt_s": None,
        "rtt_low_s": None,
        "error_kind": None,
    }
    source = _first_source(job)
    if source is None:
        return row | {"error_kind": "no-candidates"}
    run = Run(Limits(retries=0))
    environ = job.conf.surroundings.environ
    client = Client(run.origin, limits=run.limits, environ=environ)
    lane = Lane(0, client, run)
    try:
        open_source(job.conf, source, lane, patient=False)
        last = run.requests()[-1]
        pings = [each for each in run.requests() if each.kind == "ping" and each.status is not None]
        scheme = "https" if last.tls_version else "http"
        wanted = Wanted("ping", f"{scheme}://{pings[-1].url_host}/v2/", limit=1 << 16, patient=False)
        trust = find_trust(job.conf, source.reference, insecure=source.insecure)
        for _ in range(job.probes):
            fetch(lane, wanted, Body(wanted), trust)
    except RegtoolsError as error:
        row["error_kind"] = error.kind
    finally:
        client.close()
    return row | _round_trips(run, job.probes)


def _round_trips(run: Run, wanted: int) -> Row:
    answered = [each for each in run.requests() if each.kind == "ping" and each.status is not None]
    fresh = [each for each in answered if not each.reused]
    trips = [each.ttfb_s for each in answered[-wanted:] if each.reused and each.ttfb_s is not None]
    connect = [sum(filter(None, (each.dns_s, each.tcp_s, each.tls_s))) for each in fresh]
    return {
        "url_host": answered[-1].url_host if answered else None,
        "n": len(trips),
        "connect_s": connect[-1] if connect else None,
        "rtt_s": median(trips) if trips else None,
        "rtt_low_s": min(trips, default=None),
    }


def _first_source(job: Job) -> Source | None:
    sources = job.conf.resolve(job.image).sources
    return next((each for each in sources if not each.blocked), None)
