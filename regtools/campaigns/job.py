"""One pull of a campaign as a value, and the function that carries it out: job in, rows out.

A :class:`Job` can be pickled and :func:`carry_out` is at module level, so any executor can map one over the
other, on this machine or on many. Of a job's configuration only the settings in force travel, as text: no
comment, no environment, no login. The machine that receives it uses its own environment and its own logins.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from statistics import median
from typing import Any

from regtools.errors import RegtoolsError
from regtools.pull.failover import find_source
from regtools.pull.http.fetch import Lane, fetch
from regtools.pull.http.receiving import Body, Wanted
from regtools.pull.http.transport import Client, Limits
from regtools.pull.http.trust import find_trust
from regtools.pull.recorder import Run, utc
from regtools.pull.records import Pull, Request
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from regtools.registries.writing import effective_toml, quote

from .rows import COLUMNS, NEEDED, Row, bad_row, checked_row, pull_rows

CACHE_STATES = ("unknown", "cold", "warm")
_CHILL_S = 600  # a command that takes longer to empty a cache hangs


@dataclass(frozen=True, slots=True)
class How:
    """How a pull is made, in the words of :func:`~regtools.time_pull`."""

    engine: str = "builtin"
    platform: str | None = None
    workers: int = 4
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One pull to be measured, and what has to be done before it.

    Attributes:
        key: its name in the journal, unique within a campaign.
        image, place, conf: what to pull; the name of the place and the configuration that leads there.
        how: engine, platform, workers and time limit.
        round, order: its block, and its number in the block, both from 1.
        cache_state: ``cold`` runs ``make_cold`` first; ``warm`` pulls once unmeasured, unless ``is_warm``.
        is_warm: whether the job before has just pulled the same image from the same place.
        make_cold: program and arguments that empty the place's cache; ``{place}`` stands for its name.
        probes: round trips to measure before the pull, while nothing else runs; 0 for none.
        pause_s: seconds to rest before all this.
        vantage: the vantage point that carries it out; empty for this machine.
    """

    key: str
    image: str
    place: str
    conf: RegistriesConf = field(repr=False)
    how: How = How()
    round: int = 1
    order: int = 1
    cache_state: str = "unknown"
    is_warm: bool = False
    make_cold: tuple[str, ...] = field(default=(), repr=False)
    probes: int = 0
    pause_s: float = 0.0
    vantage: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "conf"}
        return _arrived, (values, self.conf.podman, effective_toml(self.conf), _aliases(self.conf))


def _arrived(values: dict[str, Any], podman: str, text: str, aliases: str | None) -> Job:
    return Job(conf=_conf(podman, text, aliases), **values)


@lru_cache(256)
def _conf(podman: str, text: str, aliases: str | None) -> RegistriesConf:
    return RegistriesConf.from_toml(text, podman=podman, short_name_aliases=aliases)


def _aliases(conf: RegistriesConf) -> str | None:
    """Write the remembered short names as TOML; None if there are none or their file cannot be read.

    A campaign whose short names depend on an unreadable file has failed before, in ``Plan.check``.
    """
    try:
        pairs = conf.remembered.items()
    except RegtoolsError:
        return None
    return "[aliases]\n" + "".join(f"{quote(name)} = {quote(to)}\n" for name, to in pairs) if pairs else None


def carry_out(job: Job) -> list[Row]:
    """Do a job; return its rows for the journal, the pull's own row last.

    Raises:
        RegtoolsError: the cache could not be emptied, or the engine's program is missing. A pull that fails
            on the network is a row.
    """
    time.sleep(job.pause_s)
    if job.cache_state == "cold":
        _make_cold(job)
    if job.cache_state == "warm" and not job.is_warm:
        _time(job)
    probes = [_probe(job)] if job.probes else []
    pull = _time(job).replace(
        vantage=job.vantage, round=job.round, order=job.order, cache_state=job.cache_state
    )
    return [*probes, *pull_rows(pull, job=job.key)]


def _time(job: Job) -> Pull:
    return time_pull(job.image, job.conf, place=job.place, **asdict(job.how))


def _make_cold(job: Job) -> None:
    command = [part.replace("{place}", job.place) for part in job.make_cold]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=_CHILL_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or f"it took longer than {_CHILL_S} s"
        if isinstance(error, subprocess.CalledProcessError):
            reason = f"status {error.returncode}: {error.stderr.strip()[-300:]}"
        message = f"the cache of {job.place} could not be emptied by {job.make_cold[0]}: {reason}"
        hint = "nothing was measured, because the pull would not have been a cold one"
        raise RegtoolsError(message, kind="not-cold", stage="pull", hint=hint) from error


# -- rows of a job that another process has done ---------------------------------------------------------


def checked_rows(found: object, job: Job) -> list[Row]:
    """Return what a job has brought if it is the rows of this job, and a journal can hold them.

    Raises:
        RegtoolsError: kind ``bad-row``.
    """
    if type(found) is not list or not found:
        raise bad_row("no rows")
    rows = [checked_row(each) for each in found]
    pull = rows[-1]
    kinds = [row["row"] for row in rows]
    if kinds[-1] != "pull" or not set(kinds[:-1]) <= {"probe", "request"}:
        raise bad_row("not the rows of one pull")
    strange = [name for name, value in _marks(job).items() if pull.get(name) != value]
    strange += [row["row"] for row in rows[:-1] if row.get("run_id", pull["run_id"]) != pull["run_id"]]
    strange += [row["row"] for row in rows[:-1] if row.get("job", job.key) != job.key]
    if strange:
        raise bad_row(f"rows of another job: {', '.join(dict.fromkeys(strange))}")
    return rows


def lost_row(job: Job, error_kind: str) -> Row:
    """Return the row of a failed pull for a job that never came back."""
    empty = {"string": "", "Int64": 0, "float64": 0.0, "boolean": False, "object": []}
    cells = {
        name: empty.get(dtype) if name in NEEDED["pull"] else None for name, dtype in COLUMNS["pull"].items()
    }
    own: Row = {"run_id": os.urandom(8).hex(), "started_at": utc(time.time()), "client": job.how.engine}
    own |= {"workers": job.how.workers, "error_kind": error_kind}
    return {"row": "pull", **cells, **own, **_marks(job)}


def _marks(job: Job) -> Row:
    """Return the cells by which a pull's row belongs to a job."""
    names = ("vantage", "round", "order", "place", "image", "cache_state")
    return {"job": job.key, **{name: getattr(job, name) for name in names}}


# -- latency, while nothing else runs --------------------------------------------------------------------


def _probe(job: Job) -> Row:
    """Measure round trips to a place: small requests over one connection."""
    row: Row = {
        **dict.fromkeys(COLUMNS["probe"]),
        "row": "probe",
        "job": job.key,
        "vantage": job.vantage,
        "round": job.round,
        "place": job.place,
        "started_at": utc(time.time()),
        "n": 0,
    }
    sources = (each for each in job.conf.resolve(job.image).sources if not each.blocked)
    source = next(sources, None)
    if source is None:
        return row | {"error_kind": "no-candidates"}
    run = Run(Limits(retries=0))
    client = Client(run.origin, limits=run.limits, environ=job.conf.surroundings.environ)
    lane = Lane(0, client, run)
    try:
        find_source(job.conf, source, lane, patient=False).open(lane)
        last = run.requests()[-1]
        scheme = "https" if last.tls_version else "http"
        wanted = Wanted("ping", f"{scheme}://{_pings(run)[-1].url_host}/v2/", limit=1 << 16, patient=False)
        trust = find_trust(job.conf, source.reference, insecure=source.insecure)
        for _ in range(job.probes):
            fetch(lane, wanted, Body(wanted), trust)
    except RegtoolsError as error:
        row["error_kind"] = error.kind
    finally:
        client.close()
    pings = _pings(run)
    connects = [sum(filter(None, (each.dns_s, each.tcp_s, each.tls_s))) for each in pings if not each.reused]
    trips = [each.ttfb_s for each in pings[-job.probes :] if each.reused and each.ttfb_s is not None]
    return row | {
        "url_host": pings[-1].url_host if pings else None,
        "n": len(trips),
        "connect_s": connects[-1] if connects else None,
        "rtt_s": median(trips) if trips else None,
        "rtt_low_s": min(trips, default=None),
    }


def _pings(run: Run) -> list[Request]:
    return [each for each in run.requests() if each.kind == "ping" and each.status is not None]
